"""Scenario files beside the workflows, on the real line with a virtual clock: `lianxin test`.

    petition.test.yaml ─► steps ─► the same door as everything else ─► expectations ─► results, arrows taken

Each scenario has a database of its own in memory, fixed keys, and a clock that its steps turn. A step at an instant
comes after everything that was due before it; then reactions and the points due at that instant follow, then its
expectations are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.core.desk import Desk
from engine.core.errors import Span
from engine.core.instants import Instant
from engine.core.model import Actor, Case, Command, CommandKind, Event, Track
from engine.core.workflow import Machine, Transition
from engine.runtime.asks import Ask
from engine.runtime.assembly import Assembly
from engine.runtime.handle import Answer, Line
from engine.runtime.rulebook import RuleBook
from engine.runtime.scenarios.checks import NTH
from engine.runtime.scenarios.coverage import Arrow, Coverage, arrows_of, arrows_taken, joined
from engine.runtime.scenarios.expect import Look, shown, unmet, value_of, written
from engine.runtime.scenarios.people import People
from engine.runtime.scenarios.reading import OPEN, Scenario, ScenarioFile, Step, read_scenarios
from engine.runtime.simulate import Simulation
from engine.store.batch import Batch
from engine.store.keys import Keys, fixed_keys
from engine.store.store import Store
from engine.store.transaction import Tx
from engine.store.vault import Vault

SOURCE = "scenario"
RECORDS_MAX = 100_000
"""Records of one case that a scenario reads back."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that was not as the scenario says. `step` counts from 1."""

    scenario: str
    step: int
    file: str
    span: Span | None
    what: str
    expected: str
    found: str

    @property
    def place(self) -> str:
        """`file:line:column`."""
        return f"{self.file}:{self.span.line}:{self.span.column}" if self.span else self.file


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario, run: its failures, and the arrows it took of all that its workflow has."""

    workflow: str
    name: str
    file: str
    steps: int
    failures: tuple[Failure, ...]
    taken: frozenset[Arrow]
    arrows: frozenset[Arrow]

    @property
    def passed(self) -> bool:
        return not self.failures


def run_file(path: Path, assembly: Assembly, *, only: Collection[str] = ()) -> list[ScenarioResult]:
    """Run the scenarios of `NAME.test.yaml` (only those named) on the workflow `NAME.yaml` beside it.

    LianxinError LX-230 with every fault of the scenario file, LX-200 with those of the workflow.
    """
    read = read_scenarios(path, assembly)
    calendars = assembly.calendars()
    books: dict[str, RuleBook] = {}
    results = []
    for scenario in read.scenarios:
        if only and scenario.name not in only:
            continue
        digest = scenario.directory.digest
        if digest not in books:
            books[digest] = RuleBook({read.workflow.name: read.workflow}, calendars, scenario.directory)
        results.append(_run(read, scenario, assembly, books[digest]))
    return results


def coverage(results: Collection[ScenarioResult]) -> list[Coverage]:
    """The arrows taken by all these scenarios together, for each workflow."""
    return joined([Coverage(one.workflow, one.arrows, one.taken) for one in results])


def _run(read: ScenarioFile, scenario: Scenario, assembly: Assembly, book: RuleBook) -> ScenarioResult:
    keys = fixed_keys()
    vault = Vault(keys)
    with Store.open("sqlite://", vault=vault, durable=False) as store:
        line = assembly.line(store, keys, vault, book)
        line.park = False
        with store.transaction() as tx:
            play = _Play(read, scenario, keys, tx, Simulation(line, assembly.consumers))
            play.run()
            taken = play.arrows()
    return ScenarioResult(
        read.workflow.name,
        scenario.name,
        read.file,
        len(scenario.steps),
        tuple(play.failures),
        frozenset(taken),
        arrows_of(read.workflow),
    )


class _Play:
    """One scenario on its way, inside one transaction."""

    def __init__(self, read: ScenarioFile, scenario: Scenario, keys: Keys, tx: Tx, simulation: Simulation) -> None:
        self.read, self.scenario, self.tx, self.simulation = read, scenario, tx, simulation
        rules = simulation.line.book.current(read.workflow.name)
        assert rules is not None, "the book was made for this workflow"
        self.rules = rules
        self.case_ids = {step.case: keys.case_id(read.workflow.name, step.case) for step in scenario.steps}
        self.people = People()
        self.failures: list[Failure] = []
        self.track_id = ""
        """The track that the last step with a command opened or moved."""
        self.head = 0
        """The log's last position before that step."""

    @property
    def line(self) -> Line:
        return self.simulation.line

    def run(self) -> None:
        """All steps in order. Where a command does not end as its step says, what would follow is not tried."""
        self._take_numbers()
        for step in self.scenario.steps:
            if not self._step(step):
                return
            if step.expect is not None:
                self._expect(step)

    def arrows(self) -> set[Arrow]:
        """Every arrow that some case of the scenario has taken."""
        return {arrow for case_id in self.case_ids.values() for arrow in arrows_taken(self._history(case_id), case_id)}

    def _take_numbers(self) -> None:
        """`given.numbers`: the series of the office stand there in the year of the first step."""
        year = self.rules.calendar.local_day(self.scenario.steps[0].at).year
        for kind, last in self.scenario.numbers.items():
            for _ in range(last):
                self.tx.next_number(self.rules.directory.office, kind, year)
        if self.scenario.numbers:
            self.tx.append(Batch())

    # ── doing ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, step: Step) -> bool:
        """Time up to the step's instant, then what it does, then all that follows. Whether to go on."""
        at = step.at or self.simulation.now
        if not step.does:
            self.simulation.step(self.tx, at, [])
            return True
        self.simulation.advance(self.tx, at)
        self.head, self.track_id = self.tx.head(), ""
        acted: list[str] = []
        answer = Answer("accepted")
        for ordinal, role in enumerate(step.roles):
            track_id = self._track_meant(step)
            if track_id is None:
                return False
            actor = self._actor(step, role, track_id, at, acted)
            acted.append(actor.person)
            (answer,) = self.simulation.step(self.tx, at, [self._ask(step, ordinal, actor, track_id, at)])
            if answer.status != "accepted":
                break
        self._find_track(step)
        return self._settled(step, answer)

    def _ask(self, step: Step, ordinal: int, actor: Actor, track_id: str, at: Instant) -> Ask:
        fields = self.rules.workflow.fields
        values = {
            name: self.case_ids.get(value, value) if name in fields and fields[name].type == "case" else value
            for name, value in step.values.items()
        }
        return Ask(
            source=SOURCE,
            id=f"{self.scenario.name}/{step.number}/{ordinal}",
            workflow=self.rules.workflow.name,
            does=step.does,
            role=actor.role,
            person=actor.person,
            unit=actor.unit,
            case_key=step.case,
            time=at,
            values=values,
            petitioner=step.petitioner,
            track=track_id,
            content=orjson.dumps([self.scenario.name, step.number, ordinal]),
            intake=False,
        )

    def _actor(self, step: Step, role: str, track_id: str, at: Instant, acted: Collection[str]) -> Actor:
        if step.person:
            return Actor(role, step.person, step.unit)
        case = self._case(step.case)
        head, _, tail = step.does.partition(".")
        machine: Machine = self.rules.workflow.tracks[head] if tail else self.rules.workflow.main
        kind: CommandKind = "open_track" if tail == OPEN else "transition"
        command = Command(SOURCE, "", case.case_id, "", kind, step.does, Actor(role), at)
        desk = Desk(case, command, self.rules)
        sight = desk.sight(track_id, machine=machine.name)
        return self.people.someone(
            desk, role, self._transition(case, machine, track_id, tail or step.does), sight, acted
        )

    @staticmethod
    def _transition(case: Case, machine: Machine, track_id: str, name: str) -> Transition | None:
        state = case.tracks[track_id]["state"] if track_id else case.state
        return machine.table.get((state, name))

    def _track_meant(self, step: Step) -> str | None:
        """The track that `track:` chooses, or the only one that can make the move; "" where the engine is to say so."""
        if not step.kind or step.does.endswith(f".{OPEN}"):
            return ""
        case, move = self._case(step.case), step.does.partition(".")[2]
        machine = self.rules.workflow.tracks[step.kind]
        mine = [key for key, track in case.tracks.items() if track["track"] == step.kind]
        able = [key for key in mine if (case.tracks[key]["state"], move) in machine.table]
        if not step.track:
            return able[0] if len(able) == 1 else ""
        criteria = {name: like for name, like in step.track.items() if name != NTH}
        found = [key for key in mine if _matches(case.tracks[key], criteria)]
        chosen = [key for key in found if key in able] if len(found) > 1 else found
        if NTH in step.track:
            oldest = sorted(found, key=lambda key: case.tracks[key]["opened_at"])
            chosen = oldest[int(step.track[NTH]) - 1 :][:1]
        if len(chosen) == 1:
            return chosen[0]
        there = shown([{"state": case.tracks[key]["state"], **case.tracks[key]["data"]} for key in chosen or mine])
        self._fail(step, ("track",), "track", f"one {step.kind} with {shown(step.track)}", there)
        return None

    def _find_track(self, step: Step) -> None:
        if not step.kind:
            return
        for event in self._history(self.case_ids[step.case], self.head):
            track_id = str(event.data.get("track", ""))
            if track_id.startswith(f"{step.kind}-"):
                self.track_id = track_id
                return

    def _settled(self, step: Step, answer: Answer) -> bool:
        """Whether the command ended as the step says."""
        wanted = step.refused
        found = f"{answer.code} {shown(answer.facts)}" if answer.code else answer.status
        if wanted is None:
            if answer.status != "accepted":
                self._fail(step, ("do",), step.does, "accepted", f"refused: {found}")
            return answer.status == "accepted"
        guard = answer.facts.get("guard") if answer.code == "guard" else None
        met = answer.status in ("rejected", "dead-letter") and all(
            expected is None or expected == got
            for expected, got in (
                (wanted.code, answer.code),
                (wanted.guard, guard),
                (wanted.field, answer.facts.get("field")),
            )
        )
        if not met:
            expected = shown(wanted.model_dump(exclude_none=True)) if wanted.model_fields_set else "refused"
            self._fail(step, ("refused",), step.does, expected, found)
        return met

    # ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────

    def _expect(self, step: Step) -> None:
        assert step.expect is not None
        name = step.expect.case or step.case
        case = self._case(name)
        if not case.exists:
            self._fail(step, ("expect",), "case", name, "it does not exist")
            return
        since = [event for event in self._history(case.case_id, self.head) if event.version]
        look = Look(
            case=case,
            rules=self.rules,
            events=self._history(case.case_id),
            kind=case.tracks[self.track_id]["track"] if self.track_id in case.tracks else "",
            track_id=self.track_id,
            opened=[case.tracks[key]["track"] for key in _opened(since)],
            cases={name: self._case(name) for name in self.case_ids},
        )
        for one in unmet(look, step.expect):
            self._fail(step, ("expect", *one.path), ".".join(map(str, one.path)), one.expected, one.found)

    def _case(self, name: str) -> Case:
        case_id = self.case_ids[name]
        return self.tx.load([case_id])[case_id]

    def _history(self, case_id: str, after: int = 0) -> list[Event]:
        found = self.tx.history(case_id, after, RECORDS_MAX)
        assert len(found) < RECORDS_MAX, "a scenario is a small thing"
        return found

    def _fail(self, step: Step, path: tuple[str | int, ...], what: str, expected: str, found: str) -> None:
        when = written(self.simulation.now, self.rules.calendar) if self.simulation.now else ""
        span = self.read.source.span((*step.path, *path))
        what = f"{when} {what}".strip()
        self.failures.append(Failure(self.scenario.name, step.number, self.read.file, span, what, expected, found))


def _matches(track: Track, criteria: Mapping[str, Any]) -> bool:
    return all(shown(value_of(track, name, like)) == shown(like) for name, like in criteria.items())


def _opened(events: Collection[Event]) -> list[str]:
    """The tracks that these records open: those that stand in their first state since just then."""
    found: Mapping[str, None] = {
        str(event.data["track"]): None
        for event in events
        if "track" in event.data and "to" in event.data and "from" not in event.data and "tracks" in event.data
    }
    return list(found)


__all__ = ["Arrow", "Coverage", "Failure", "ScenarioResult", "coverage", "run_file"]
