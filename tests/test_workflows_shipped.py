"""The workflows that ship do what their scenarios say, every arrow of them, and each rule in them is needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.app import assemble
from engine.language.yaml_source import load
from engine.resources import workflows_dir
from engine.runtime.assembly import SCENARIO_SUFFIX
from engine.runtime.scenarios.scenario import ScenarioResult, coverage, run_file

SHIPPED = assemble().workflow_files()
WORKED_CASES = {"c01": 23, "c02": 48, "c03": 20, "c07": 30}
"""The worked cases whose dates, letters and levels are given, with their numbers of steps: none is cut short."""


@cache
def results_of(path: Path) -> list[ScenarioResult]:
    return run_file(path.with_name(path.stem + SCENARIO_SUFFIX), assemble())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_scenario_of_a_shipped_workflow_passes(path: Path) -> None:
    failures = [(one.place, one.what, one.expected, one.found) for r in results_of(path) for one in r.failures]
    assert not failures


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_arrow_of_a_shipped_workflow_and_of_its_tracks_is_taken(path: Path) -> None:
    (covered,) = coverage(results_of(path))
    assert [str(arrow) for arrow in covered.missing] == []
    assert covered.percent == 100
    assert covered.taken <= covered.arrows, "what was taken is an arrow of the workflow"


def test_the_worked_cases_are_told_to_their_end() -> None:
    results = {r.name[:3]: r.steps for r in results_of(workflows_dir() / "petition.yaml") if r.name[:3] in WORKED_CASES}
    assert results == WORKED_CASES


# ── each rule is needed ──────────────────────────────────────────────────────────────────────────────────────────────

Change = Callable[[Any], None]


def without(*path: str) -> Change:
    """Take a key away."""

    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return change


def said(value: object, *path: str) -> Change:
    """Say something else."""

    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        assert data[path[-1]] != value, "the change changes something"
        data[path[-1]] = value

    return change


def never(name: str, *upon: str) -> Change:
    """Let a reaction wait for fewer things."""

    def change(data: Any) -> None:
        reaction = data["reactions"][name]
        reaction["upon"] = [one for one in reaction["upon"] if one not in upon]

    return change


C01 = "c01_a_street_lamp"
C02 = "c02_late_then_accountability"
C03 = "c03_three_returns"
C04 = "c04_a_group_and_promises"
C06 = "c06_second_round"
C07 = "c07_limit_set_by_the_province"
C08 = "c08_the_accused_see_nothing"
C09 = "c09_hours_run_on_a_holiday"
C11 = "c11_the_petitioners_own_limit"
PROMISES = "promises_and_other_routes"
WHO = "who_may_not"

MUTATIONS: list[tuple[str, Change, str]] = [
    # reactions that are missing
    (C02, never("late", "deadline.notice.missed"), "letters.supervision"),
    (C02, never("late", "deadline.handling.missed"), "letters.supervision"),
    (C02, without("reactions", "supervision_unanswered"), "letters.risk_warning"),
    (C02, without("reactions", "serious_and_unanswered"), "letters.accountability"),
    (C02, without("reactions", "falsified"), "opened"),
    (C03, without("reactions", "third_objection"), "levels.sponsor"),
    (C03, without("reactions", "nothing_to_tell_after_a_return"), "tracks.notice"),
    (C04, without("reactions", "failed_to_execute"), "letters.supervision"),
    (C06, without("reactions", "dissatisfaction_founded"), "letters.supervision"),
    (C06, without("reactions", "dissatisfied_twice"), "levels.sponsor"),
    (C07, without("reactions", "sent_back"), "letters.supervision"),
    (C07, without("reactions", "returned_from_above"), "state"),
    (C07, without("reactions", "report_to_the_superior"), "tracks.report"),
    (C01, without("reactions", "tell_acceptance"), "opened"),
    (C01, without("reactions", "carry_out"), "tracks.execution"),
    (C01, without("reactions", "recheck_works"), "tracks.follow_up"),
    (C11, without("reactions", "page_the_desk"), "level"),
    # letters where none may be
    (C02, said("track.kind == 'supervision'", "reactions", "supervision_unanswered", "when"), "letters"),
    (PROMISES, without("reactions", "failed_to_execute", "when"), "letters"),
    # clocks that run otherwise
    (C02, said("16 days", "deadlines", "notice", "within"), "due.notice"),
    (C02, said("4 working days", "letters", "risk_warning", "reply_within"), "due.letter.reply"),
    (C01, said("none", "deadlines", "handling", "roll"), "due.handling"),
    (C03, said("restart", "deadlines", "forward", "again"), "due.forward"),
    (C03, said(["registered", "transition.uphold"], "deadlines", "forward", "from"), "missed"),
    (C03, without("deadlines", "notice", "cancel"), "cancelled"),
    (C07, without("deadlines", "set_by_superior", "remind"), "reminded"),
    (C07, said("none", "deadlines", "set_by_superior", "roll"), "due.set_by_superior"),
    (C07, said("14 working days", "deadlines", "rework", "within"), "due.rework"),
    (C09, said("30 working days", "tracks", "urgent", "deadlines", "oral", "within"), "due.urgent.oral"),
    (C11, without("deadlines", "own_limit", "after_close"), "running"),
    # conditions and people
    (C03, without("states", "dispatched", "transitions", "object", "unless"), "object"),
    (C03, without("states", "objected", "transitions", "uphold", "when"), "uphold"),
    (C07, without("states", "audit", "transitions", "pass", "when"), "pass"),
    (WHO, without("roles", "unit_head", "not_as"), "sign_opinion"),
    (WHO, without("roles", "auditor", "not_as"), "take_up"),
    (WHO, without("roles", "caller", "not_of"), "follow_up.record"),
    (C08, without("privacy", "accused"), "dispatch"),
    (C08, without("states", "handed_over", "sealed"), "urgent.open"),
]


@pytest.mark.parametrize(
    ("scenario", "change", "what"),
    MUTATIONS,
    ids=[f"{number}-{scenario}-{what}" for number, (scenario, _, what) in enumerate(MUTATIONS)],
)
def test_a_scenario_notices_when_the_rule_it_is_about_is_gone(
    scenario: str, change: Change, what: str, tmp_path: Path
) -> None:
    data = load((workflows_dir() / "petition.yaml").read_bytes(), "petition.yaml").data
    change(data)
    (tmp_path / "petition.yaml").write_bytes(orjson.dumps(data, default=str))
    scenarios = tmp_path / "petition.test.yaml"
    scenarios.write_bytes((workflows_dir() / "petition.test.yaml").read_bytes())
    (result,) = run_file(scenarios, assemble(), only=[scenario])
    assert not result.passed
    assert what in [one.what.split(" ", 2)[-1] for one in result.failures][:2]
