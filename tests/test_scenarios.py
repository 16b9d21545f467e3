"""Scenario files: what they say is done on the real line, and what is not so is told with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.app import assemble
from engine.core.catalogue import CODES
from engine.core.errors import LianxinError, Problem
from engine.core.model import Case
from engine.runtime.scenarios.scenario import Failure, ScenarioResult, coverage, run_file
from engine.store.transaction import Tx

WORKFLOW = """
lianxin: 1
workflow: small
title: 小
calendar: cn
case:
  unit:    {type: unit, optional: true}
  accused: {type: list, of: unit, default: []}
  level:   {type: int, min: 1, max: 5, default: 2}
  within:  {type: duration, optional: true}
  day:     {type: date, optional: true}
  text:    {type: text, optional: true}
  twin:    {type: case, optional: true}
privacy: {petitioner: {name: text}, accused: case.accused}
roles:
  clerk:   登记员
  desk:    分办员
  handler: {title: 承办人, of: case.unit}
  head:    {title: 负责人, of: case.unit, not_as: [handler]}
  caller:  {title: 回访员, not_of: case.unit}
opens: {register: {by: clerk}}
states:
  received:
    initial: true
    transitions:
      assign:
        to: assigned
        by: desk
        needs: [unit]
        takes: [accused, within, day, twin]
        when: {not_the_lowest: case.level > 1}
      note:   {by: [clerk, desk], needs: [note]}
  assigned:
    transitions:
      answer: {to: handled, by: handler}
      close:  {to: closed, by: {two: head}, needs: [reason]}
  handled:
    transitions:
      approve: {to: closed, by: {all: [head, caller]}, when: tracks.check.at.open == 0}
      redo:    {to: assigned, by: head}
  closed: {final: true}
deadlines:
  handling:
    within: 5 working days
    from: assigned
    until: [handled]
    again: never
    owner: =case.unit
    else_to: office
    remind: [2 working days before]
  objection: {within: 1 days, roll: none, from: assigned, until: [handled], again: never, right: true}
  oral: {within: 30 minutes, from: received, until: [assigned], again: never, owner: office}
letters:
  supervision:
    {title: 督办函, mark: 试督, template: supervision, sign: office_head, auto: true, reply_within: 5 working days}
tracks:
  letter: {use: letter}
  check:
    many: true
    data: {item: {type: int}, unit: {type: unit, optional: true}}
    opens: {by: [desk]}
    states:
      open:   {initial: true, transitions: {finish: {to: done, by: desk}, renew: {by: desk}}}
      done:   {final: true}
    deadlines:
      done_by: {within: 3 days, roll: next working day, from: open, until: [done], again: never, owner: office}
reactions:
  late: {upon: deadline.handling.missed, do: [issue_letter: {kind: supervision, to: =event.owner, else_to: office}]}
"""

BEGIN = """
      - {at: 2026-03-02 09:00, do: register}
      - {at: 2026-03-02 09:10, do: assign, with: {unit: 住建局}}"""


def ran(folder: Path, steps: str, given: str = "") -> ScenarioResult:
    """One scenario of these steps, run."""
    write(folder, f"scenarios:\n  one:\n{given}    steps:{steps}\n")
    (result,) = run_file(folder / "small.test.yaml", assemble())
    return result


def write(folder: Path, scenarios: str) -> None:
    (folder / "small.yaml").write_text(WORKFLOW, encoding="utf-8")
    (folder / "small.test.yaml").write_text(scenarios, encoding="utf-8")


def problems(folder: Path, scenarios: str) -> list[Problem]:
    write(folder, scenarios)
    with pytest.raises(LianxinError) as raised:
        run_file(folder / "small.test.yaml", assemble())
    assert raised.value.code == "LX-230"
    assert raised.value.problems, "a file that is refused says why"
    return list(raised.value.problems)


def only_failure(result: ScenarioResult) -> Failure:
    (failure,) = result.failures
    return failure


# ── what is not so is told ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_failure_names_scenario_step_place_what_was_expected_and_what_was_found(tmp_path: Path) -> None:
    failure = only_failure(ran(tmp_path, BEGIN + "\n      - {expect: {state: handled}}"))
    assert (failure.scenario, failure.step) == ("one", 3)
    assert failure.place == f"{tmp_path / 'small.test.yaml'}:6:26"
    assert (failure.what, failure.expected, failure.found) == ("2026-03-02 09:10 state", "handled", "assigned")


@pytest.mark.parametrize(
    ("expect", "what", "found"),
    [
        ("phase: handled", "phase", "assigned"),
        ("due: {handling: 2026-03-10}", "due.handling", "2026-03-09"),
        ("due: {handling: 2026-03-09 12:00}", "due.handling", "2026-03-09"),
        ("due_raw: {handling: 2026-03-08}", "due_raw.handling", "2026-03-09"),
        ("due: {oral: 2026-03-02}", "due.oral", "2026-03-02 09:30"),
        ("due: {check.done_by: 2026-03-05}", "due.check.done_by", "—（never started）"),
        ("missed: [handling]", "missed", "[]"),
        ("running: []", "running", "[handling, objection]"),
        ("running: [oral]", "running", "[handling, objection]"),
        ("met: {oral: 2}", "met.oral", "1"),
        ("met: {oral: false}", "met.oral", "1"),
        ("reminded: [handling]", "reminded", "[]"),
        ("letters: 1", "letters", "{}"),
        ("letters: {supervision: delivered}", "letters.supervision", "—"),
        ("tracks: {check: {open: 2}}", "tracks.check", "—"),
        ("letter: {number: 1}", "letter", "—"),
        ("level: L2", "level", "none"),
        ("levels: {supervision: reminded}", "levels.supervision", "none"),
        ("incidents: [no-owner]", "incidents", "[]"),
        ("opened: check", "opened", "[]"),
        ("unit: 水务局", "unit", "住建局"),
        ("day: 2026-03-02", "day", "—"),
        ("as: 某人@住建局, sees: []", "sees", "[case]"),
    ],
)
def test_every_expectation_can_fail(tmp_path: Path, expect: str, what: str, found: str) -> None:
    failure = only_failure(ran(tmp_path, BEGIN + f"\n      - {{expect: {{{expect}}}}}"))
    assert (failure.what, failure.found) == (f"2026-03-02 09:10 {what}", found)
    assert failure.span is not None
    assert failure.span.line == 6


@pytest.mark.parametrize(
    "expect",
    [
        "state: assigned, phase: assigned, unit: 住建局, accused: [], within: null",
        "due: {handling: 2026-03-09, objection: 2026-03-03, oral: 2026-03-02 09:30}",
        "running: [handling], met: [oral], missed: [], lapsed: [], cancelled: [], paused: []",
        "running: {handling: 1, oral: 0, check.done_by: false}",
        "letters: 0, tracks: {check: 0}, level: none, incidents: []",
        "letters: {}",
    ],
)
def test_an_expectation_that_holds_says_nothing(tmp_path: Path, expect: str) -> None:
    assert ran(tmp_path, BEGIN + f"\n      - {{expect: {{{expect}}}}}").passed


def test_what_was_missed_is_listed_exactly_and_what_runs_by_those_that_are_named(tmp_path: Path) -> None:
    result = ran(
        tmp_path,
        BEGIN
        + """
      - {at: 2026-03-10, expect: {missed: [], running: [letter.reply]}}
      - {at: 2026-03-18, expect: {missed: [handling]}}
      - {expect: {missed: [handling, letter.reply]}}""",
    )
    assert [(f.step, f.what, f.found) for f in result.failures] == [
        (3, "2026-03-10 00:00 missed", "[handling]"),
        (4, "2026-03-18 00:00 missed", "[handling, letter.reply]"),
    ]


def test_an_unexpected_refusal_ends_the_scenario_and_says_why(tmp_path: Path) -> None:
    steps = BEGIN + "\n      - {at: 2026-03-03 09:00, do: approve, by: head}\n      - {expect: {state: closed}}"
    failure = only_failure(ran(tmp_path, steps))
    assert (failure.step, failure.what, failure.expected) == (3, "2026-03-03 09:00 approve", "accepted")
    assert failure.found.startswith("refused: no-transition {state: assigned, transition: approve")


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        ("do: assign, with: {unit: 水务局}", "{code: no-transition}"),
        ("do: answer, as: 某人@水务局", "{code: role-not-allowed}"),
        ("do: answer, by: clerk", "role-not-allowed"),
        ("do: close, by: head", "{code: needs, field: reason}"),
        ("do: close, with: {reason: 误, unit: 水务局}", "{code: unknown-field, field: unit}"),
        ("do: letter.check, by: supervisor", "{code: no-transition}"),
        ("open: check, by: desk", "{field: item}"),
        ("open: check, by: desk, with: {item: many}", "{code: bad-value, field: item}"),
        ("open: check, by: desk, with: {item: 1, unit: 某局}", "{code: bad-value, field: unit}"),
        ("open: check, by: clerk, with: {item: 1}", "{code: role-not-allowed}"),
    ],
)
def test_a_refused_step_is_compared_with_how_it_was_to_be_refused(tmp_path: Path, step: str, refused: str) -> None:
    at = "\n      - {at: 2026-03-03 09:00, "
    assert ran(tmp_path, f"{BEGIN}{at}{step}, refused: {refused}}}").passed
    failure = only_failure(ran(tmp_path, f"{BEGIN}{at}{step}, refused: {{code: once}}}}"))
    assert failure.expected == "{code: once}"


def test_a_condition_refuses_by_its_name(tmp_path: Path) -> None:
    steps = """
      - {at: 2026-03-02 09:00, do: register, with: {level: 1}}
      - {at: 2026-03-02 09:10, do: assign, with: {unit: 住建局}, refused: {guard: %s}}"""
    assert ran(tmp_path, steps % "not_the_lowest").passed
    failure = only_failure(ran(tmp_path, steps % "another"))
    assert failure.expected == "{guard: another}"
    assert failure.found.startswith("guard {guard: not_the_lowest, expression: case.level > 1, inputs: {case.level: 1}")


def test_a_step_that_was_to_be_refused_and_is_not_fails(tmp_path: Path) -> None:
    failure = only_failure(ran(tmp_path, BEGIN + "\n      - {at: 2026-03-03 09:00, do: answer, refused: needs}"))
    assert (failure.expected, failure.found) == ("{code: needs}", "accepted")


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_date_alone_is_its_first_instant_and_whatever_was_due_before_has_happened(tmp_path: Path) -> None:
    result = ran(
        tmp_path,
        BEGIN
        + """
      - {at: 2026-03-04 23:59, expect: {reminded: []}}
      - {at: 2026-03-05, expect: {reminded: [handling]}}
      - {at: 2026-03-09 23:59, expect: {missed: [], letters: 0}}
      - {at: 2026-03-10, expect: {missed: [handling], letters: {supervision: delivered}}}
      - {expect: {due: {letter.reply: 2026-03-17}}}""",
    )
    assert result.passed


def test_a_step_at_the_last_instant_is_in_time_and_one_after_it_is_late(tmp_path: Path) -> None:
    steps = BEGIN + "\n      - {at: %s, do: answer, expect: {missed: %s, letters: %s}}"
    assert ran(tmp_path, steps % ("2026-03-09 23:59:59", "[]", "0")).passed
    assert ran(tmp_path, steps % ("2026-03-10 00:00", "[handling]", "1")).passed


def test_minutes_are_in_time_up_to_the_minute(tmp_path: Path) -> None:
    begin = "\n      - {at: 2026-03-01 23:45, do: register}"  # a Sunday
    assert ran(tmp_path, begin + "\n      - {at: 2026-03-02 00:15, expect: {missed: []}}").passed
    assert ran(tmp_path, begin + "\n      - {at: 2026-03-02 00:16, expect: {missed: [oral]}}").passed


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def acted(monkeypatch: pytest.MonkeyPatch, folder: Path, steps: str) -> dict[str, list[str]]:
    """Who acted in which role in the case of a scenario that passes."""
    seen: dict[str, Case] = {}
    append = Tx.append

    def remembering(self: Tx, batch: Any) -> None:
        seen.update(batch.cases)
        append(self, batch)

    monkeypatch.setattr(Tx, "append", remembering)
    result = ran(folder, steps)
    assert result.passed, result.failures
    (case,) = seen.values()
    return case.acted


def test_a_role_alone_is_one_fitting_person_of_the_directory_the_same_throughout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = acted(
        monkeypatch,
        tmp_path,
        """
      - {at: 2026-03-02 09:00, do: register}
      - {at: 2026-03-02 09:05, do: note, by: desk, with: {note: 一}}
      - {at: 2026-03-02 09:10, do: assign, with: {unit: 住建局}}
      - {at: 2026-03-02 09:20, do: answer}
      - {at: 2026-03-02 09:30, do: redo, by: head}
      - {at: 2026-03-02 09:40, do: answer}
      - {at: 2026-03-02 09:50, do: approve, by: {all: [head, caller]}}""",
    )
    assert people == {
        "clerk": ["p-1026"],
        "desk": ["p-1028"],
        "handler": ["p-1043"],
        "head": ["p-head"],
        "caller": ["p-1037"],
    }


def test_two_people_sign_in_one_step_or_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = BEGIN + "\n      - {at: 2026-03-03 09:00, do: close, by: {two: head}, with: {reason: 误}}"
    assert len(acted(monkeypatch, tmp_path, together)["head"]) == 2
    apart = (
        BEGIN
        + """
      - {at: 2026-03-03 09:00, do: close, by: head, with: {reason: 误}, expect: {state: assigned}}
      - {at: 2026-03-03 09:01, do: close, by: head, with: {reason: 误}, refused: same-person}
      - {at: 2026-03-03 09:02, do: close, as: 李四@住建局, with: {reason: 误}, expect: {state: closed}}"""
    )
    assert acted(monkeypatch, tmp_path, apart)["head"] == ["p-head", "李四"]


def test_somebody_who_may_not_is_refused_by_the_engine_itself(tmp_path: Path) -> None:
    steps = (
        BEGIN
        + """
      - {at: 2026-03-03 09:00, do: answer, as: 李四@住建局}
      - {at: 2026-03-03 09:10, do: redo, as: 李四@住建局, refused: role-not-allowed}
      - {at: 2026-03-03 09:20, do: approve, as: 王五@质量安全站, by: caller, refused: role-not-allowed}"""
    )
    assert ran(tmp_path, steps).passed


def test_a_case_is_seen_by_all_but_the_accused_and_those_under_them(tmp_path: Path) -> None:
    steps = """
      - {at: 2026-03-02 09:00, case: a, do: register, with: {accused: [城管局]}}
      - {at: 2026-03-02 09:00, case: b, do: register}
      - {expect: {as: 某人@执法大队, sees: [b]}}
      - {expect: {as: 某人@区委区政府, sees: [b, a]}}"""
    assert ran(tmp_path, steps).passed


# ── cases, tracks, letters ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_is_about_the_case_it_names_or_that_of_the_step_above(tmp_path: Path) -> None:
    steps = """
      - {at: 2026-03-02 09:00, case: a, do: register}
      - {at: 2026-03-02 09:05, case: b, do: register}
      - {at: 2026-03-02 09:10, do: assign, with: {unit: 住建局, twin: a}, expect: {state: assigned, twin: a}}
      - {expect: {case: a, state: received}}
      - {case: a, expect: {state: received}}"""
    assert ran(tmp_path, steps).passed


def test_a_track_is_chosen_by_what_it_is(tmp_path: Path) -> None:
    steps = (
        BEGIN
        + """
      - {at: 2026-03-03 09:00, open: check, with: {item: 1}, expect: {track: {item: 1}, opened: [check]}}
      - {at: 2026-03-03 09:01, open: check, with: {item: 2}}
      - {at: 2026-03-03 09:02, open: check, with: {item: 2, unit: 水务局}}
      - {at: 2026-03-03 10:00, do: check.finish, refused: which-track}
      - {at: 2026-03-03 10:01, do: check.finish, track: {item: 1}, expect: {tracks: {check: {open: 2, done: 1}}}}
      - {at: 2026-03-03 10:02, do: check.renew, track: {item: 2, nth: 2}, expect: {track: {unit: 水务局, state: open}}}
      - {at: 2026-03-03 10:03, do: check.finish, track: {unit: 水务局}}
      - {at: 2026-03-03 10:04, do: check.finish, expect: {tracks: {check: {done: 3}}}}
      - {expect: {due: {check.done_by: 2026-03-06}}}"""
    )
    assert ran(tmp_path, steps).passed
    failure = only_failure(ran(tmp_path, steps.replace("finish, track: {item: 1}", "finish, track: {item: 3}")))
    assert failure.expected == "one check with {item: 3}"
    assert "item: 1" in failure.found


def test_letter_numbers_go_on_from_those_that_are_given(tmp_path: Path) -> None:
    letter = "{number: 试督〔2026〕42号, recipient: 住建局, state: delivered}"
    steps = f"{BEGIN}\n      - {{at: 2026-03-10, expect: {{letter: {letter}}}}}"
    assert ran(tmp_path, steps, "    given: {numbers: {supervision: 41}}\n").passed
    failure = only_failure(ran(tmp_path, steps))
    assert (failure.what, failure.found) == ("2026-03-10 00:00 letter.number", "试督〔2026〕1号")


def test_a_scenario_may_have_a_directory_of_its_own(tmp_path: Path) -> None:
    units = "units:\n  总局: {head: 长, posts: {长: {holder: p-9, roles: [clerk, desk, handler]}}}\n"
    (tmp_path / "village.yaml").write_text(f"lianxin: 1\ndirectory: village\noffice: 总局\n{units}", encoding="utf-8")
    steps = """
      - {at: 2026-03-02 09:00, do: register}
      - {at: 2026-03-02 09:10, do: assign, with: {unit: 总局}}
      - {at: 2026-03-02 09:20, do: answer, as: p-9, expect: {state: handled}}"""
    given = "    given: {directory: village.yaml}\n"
    assert ran(tmp_path, steps, given).passed
    failure = only_failure(ran(tmp_path, steps.replace("总局", "住建局"), given))
    assert "no such unit" in failure.found


def test_what_is_personal_goes_to_the_vault_and_stands_in_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    vaults: list[int] = []
    append = Tx.append

    def reading(self: Tx, batch: Any) -> None:
        bodies.extend(event.body for event in batch.events)
        vaults.append(len(batch.vault_entries))
        append(self, batch)

    monkeypatch.setattr(Tx, "append", reading)
    steps = "\n      - {at: 2026-03-02 09:00, do: register, with: {text: 门前积水}, petitioner: {name: 孙某}}"
    assert ran(tmp_path, steps).passed
    written = b"".join(bodies).decode()
    assert "sealed" in written
    assert "积水" not in written
    assert "孙某" not in written
    assert sum(vaults) == 3, "text, name and the key of the case"


# ── arrows ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_arrows_taken_are_those_of_the_log_the_engines_own_among_them(tmp_path: Path) -> None:
    result = ran(tmp_path, BEGIN + "\n      - {at: 2026-03-10, expect: {letters: 1}}")
    assert sorted(map(str, result.taken)) == [
        "letter.checked → sign",
        "letter.drafted → check",
        "letter.signed → deliver",
        "received → assign",
        "→ register",
    ]
    (covered,) = coverage([result, result])
    assert covered.percent == 100 * 5 // len(covered.arrows)
    assert "assigned → answer" in map(str, covered.missing)


def test_a_first_signature_of_two_takes_no_arrow(tmp_path: Path) -> None:
    steps = BEGIN + "\n      - {at: 2026-03-03 09:00, do: close, by: head, with: {reason: 误}}"
    assert "assigned → close" not in map(str, ran(tmp_path, steps).taken)


# ── faults of the file itself ────────────────────────────────────────────────────────────────────────────────────────

STEP = "scenarios:\n  one:\n    steps:\n      - {at: 2026-03-02 09:00, do: register}\n      - "


@pytest.mark.parametrize(
    ("step", "code", "suggestion", "column"),
    [
        ("{at: 2026-03-03, do: asign}", "LX-232", "assign", 30),
        ("{at: 2026-03-03, do: check.finnish}", "LX-232", "check.finish", 30),
        ("{at: 2026-03-03, open: chek}", "LX-232", "check", 32),
        ("{at: 2026-03-03, do: answer, by: handel}", "LX-232", "handler", 42),
        ("{at: 2026-03-03, do: note, with: {note: x}}", "LX-237", None, 9),
        ("{at: 2026-03-03, do: assign, with: {unti: x}}", "LX-232", "unit", 45),
        ("{at: 2026-03-03, do: assign, wiht: {unit: x}}", "LX-233", "with", 38),
        ("{at: 2026-03-03, do: answer, case: b}", "LX-232", None, 44),
        ("{at: 2026-03-03, do: answer, as: 某人@住建}", "LX-232", "住建局", 42),
        ("{at: 2026-03-03, do: answer, as: 某人}", "LX-231", None, 42),
        ("{at: 2026-03-03, do: check.finish, track: {itme: 1}}", "LX-232", "item", 52),
        ("{at: 2026-03-03, do: check.finish, track: {nth: 0}}", "LX-231", None, 57),
        ("{at: 2026-03-03, do: register, petitioner: {nam: x}}", "LX-232", "name", 53),
        ("{at: 2026-03-01, do: answer}", "LX-234", None, 14),
        ("{at: soon, do: answer}", "LX-231", None, 14),
        ("{do: answer}", "LX-235", None, 9),
        ("{at: 2026-03-03}", "LX-236", None, 9),
        ("{at: 2026-03-03, do: answer, open: check}", "LX-236", None, 9),
        ("{at: 2026-03-03, refused: needs, expect: {missed: []}}", "LX-236", None, 9),
        ("{expect: {stat: x}}", "LX-232", "state", 19),
        ("{expect: {state: handeld}}", "LX-232", "handled", 26),
        ("{expect: {phase: handeld}}", "LX-232", "handled", 26),
        ("{expect: {due: {handlin: 2026-03-03}}}", "LX-232", "handling", 25),
        ("{expect: {due: {handling: soon}}}", "LX-231", None, 35),
        ("{expect: {missed: [letter.repl]}}", "LX-232", "letter.reply", 28),
        ("{expect: {missed: 3}}", "LX-231", None, 27),
        ("{expect: {letters: {supervison: drafted}}}", "LX-232", "supervision", 29),
        ("{expect: {letters: {supervision: draft}}}", "LX-232", "drafted", 42),
        ("{expect: {tracks: {check: [open]}}}", "LX-231", None, 35),
        ("{expect: {level: L9}}", "LX-232", None, 26),
        ("{expect: {levels: {sponsor: reminded}}}", "LX-232", None, 37),
        ("{expect: {sees: [b]}}", "LX-232", None, 26),
        ("{expect: {opened: {case: b, workflow: remedy}}}", "LX-239", None, 27),
        ("{expect: {text: 门前积水}}", "LX-239", None, 19),
    ],
)
def test_a_fault_of_the_file_is_told_with_its_place_and_did_you_mean(
    tmp_path: Path, step: str, code: str, suggestion: str | None, column: int
) -> None:
    found = problems(tmp_path, STEP + step + "\n")
    assert [(p.code, p.suggestion) for p in found] == [(code, suggestion)]
    assert found[0].span is not None
    assert (found[0].span.line, found[0].span.column) == (5, column)


def test_all_faults_of_a_file_are_told_in_one_run(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """scenarios:
  one:
    given: {numbers: {supervison: 1}, directory: nowhere.yaml}
    steps:
      - {do: register}
  two:
    steps:
      - {at: 2026-03-02, do: register, by: clark}
      - {at: 2026-03-02, expect: {state: x, lapsed: [z]}}
""",
    )
    assert [(p.code, p.span.line if p.span else 0) for p in found] == [
        ("LX-231", 3),
        ("LX-232", 3),
        ("LX-235", 5),
        ("LX-232", 8),
        ("LX-232", 9),
        ("LX-232", 9),
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("scenarios: {one: {steps: []}}", "LX-231"),
        ("scenarios: {One: {steps: [{at: 2026-03-02, do: register}]}}", "LX-231"),
        ("scenario: {}", "LX-233"),
        ("scenarios: {one: {stesp: []}}", "LX-233"),
        ("- one", "LX-231"),
        ("scenarios: {one: {steps: [{at: 2026-03-02, do: register, do: assign}]}}", "LX-104"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str, code: str) -> None:
    assert code in {p.code for p in problems(tmp_path, text + "\n")}


def test_a_scenario_file_needs_its_workflow_beside_it(tmp_path: Path) -> None:
    (tmp_path / "lost.test.yaml").write_text("scenarios: {}", encoding="utf-8")
    with pytest.raises(LianxinError) as raised:
        run_file(tmp_path / "lost.test.yaml", assemble())
    assert (raised.value.code, raised.value.exit_code) == ("LX-238", 3)


def test_only_the_named_scenarios_run(tmp_path: Path) -> None:
    steps = "{steps: [{at: 2026-03-02, do: register}]}"
    write(tmp_path, f"scenarios: {{one: {steps}, two: {steps}}}\n")
    assert [r.name for r in run_file(tmp_path / "small.test.yaml", assemble(), only=["two"])] == ["two"]


def test_every_code_of_scenario_files_has_its_sentences() -> None:
    assert [code for code in CODES if code.startswith("LX-23")] == [f"LX-23{digit}" for digit in range(10)]
