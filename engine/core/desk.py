"""The desk a command is decided at: the case as it stands, what conditions may see of it, and the drafts so far."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from engine.core.calendar import Calendar
from engine.core.directory import Directory, Lookups
from engine.core.evolve import apply
from engine.core.guards import Guard, GuardFailed
from engine.core.instants import Instant
from engine.core.model import ENGINE, Actor, Case, Command, Draft, JsonObject, Rejection
from engine.core.workflow import NamedCondition, Workflow


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The three editions in force, immutable: workflow, calendar, directory. `edition` names them in every event."""

    workflow: Workflow
    calendar: Calendar
    directory: Directory
    lookups: Lookups
    edition: str


class Refused(Exception):
    """The rules say no; caught by `decide`, which answers with the rejection."""

    def __init__(self, code: str, **facts: Any) -> None:
        self.rejection = Rejection(code, facts)
        super().__init__(code)


class Sight(dict[str, Any]):
    """What conditions see. Most look at one or two names, many at none: each is computed when first looked at."""

    __slots__ = ("_at", "_case", "_rules")

    def __init__(self, case: Case, rules: Rules, at: Instant) -> None:
        self._case = case
        self._rules = rules
        self._at = at

    def __missing__(self, name: str) -> Any:
        case = self._case
        if name == "case":
            found: Any = {**case.data, "id": case.case_id, "state": case.state, "phase": case.phase}
        elif name == "now":
            found = self._at
        elif name == "tracks":
            found = track_counters(case, self._rules.workflow)
        elif name == "counts":
            found = named_counts(case, self._rules, self._at)
        else:
            raise KeyError(name)
        self[name] = found
        return found

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


def track_counters(case: Case, workflow: Workflow) -> JsonObject:
    """`tracks.T.open`, `.count`, `.at.STATE` of every track the workflow knows. Shared: not to be changed."""
    if not case.tracks:
        return _no_tracks(workflow)
    found = _no_tracks.__wrapped__(workflow)
    for track in case.tracks.values():
        counter = found[track["track"]]
        counter["count"] += 1
        counter["open"] += track["open"]
        counter["at"][track["state"]] += 1
    return found


@lru_cache(maxsize=64)  # a case without tracks is the most frequent one
def _no_tracks(workflow: Workflow) -> JsonObject:
    return {
        name: {"open": 0, "count": 0, "at": dict.fromkeys(machine.states, 0)}
        for name, machine in workflow.tracks.items()
    }


def named_counts(case: Case, rules: Rules, at: Instant) -> JsonObject:
    """`counts.NAME`: how many tracks meet the condition."""
    return {name: _counted(case, rules, at, name) for name in rules.workflow.counts}


def _counted(case: Case, rules: Rules, at: Instant, name: str) -> int:
    count = rules.workflow.counts[name]
    found = 0
    for key, track in case.tracks.items():
        if track["track"] == count.of:
            sight = Sight(case, rules, at)
            sight["track"] = track_view(case, key)
            found += bool(count.where.evaluate(sight, rules.lookups).value)
    return found


def track_view(case: Case, track_id: str) -> JsonObject:
    """`track.` as conditions see it: its data, id, state, whether it is open, which of its deadlines were missed."""
    track = case.tracks[track_id]
    missed: dict[str, bool] = {}
    prefix = f"{track_id}/"
    for key, clock in case.clocks.items():
        if key.startswith(prefix):
            name = clock["deadline"]
            missed[name] = missed.get(name, False) or "missed_at" in clock
    return {**track["data"], "id": track_id, "state": track["state"], "open": track["open"], "missed": Missed(missed)}


class Missed(dict[str, bool]):
    """`track.missed.D`: a deadline that never ran was never missed."""

    def __missing__(self, name: str) -> bool:
        return False

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


class Desk:
    """One command, decided step by step: whoever looks at the case sees it with all drafts so far folded in."""

    __slots__ = ("_before", "_first", "_folded", "case", "command", "drafts", "ends_followed", "rules")

    case: Case

    def __init__(self, case: Case, command: Command, rules: Rules) -> None:
        self.case = self._before = self._first = case
        self._folded = 0
        self.command = command
        self.rules = rules
        self.drafts: list[Draft] = []
        self.ends_followed = 0  # moves that the ends of deadlines have made upon this command

    def take_back(self, drafts: int) -> None:
        """Forget all but the first so many drafts: what was tried was refused."""
        if drafts < len(self.drafts):
            del self.drafts[drafts:]
            self._folded, self._before = 0, self._first
            self.case = self._first
            if self.drafts:
                _out_of_date(self)

    def sight(self, track_id: str = "", **more: Any) -> Sight:
        sight = Sight(self.case, self.rules, self.command.at)
        if more:
            sight.update(more)
        if track_id:
            sight["track"] = track_view(self.case, track_id)
        return sight

    def value(self, guard: Guard, sight: Sight, inputs: JsonObject | None = None) -> Any:
        """The value of an expression; one that cannot be computed is a rejection, never a silent false."""
        try:
            evaluation = guard.evaluate(sight, self.rules.lookups)
        except GuardFailed as failed:
            raise Refused("guard-failed", expression=guard.text, reason=failed.reason) from failed
        if inputs is not None:
            inputs.update(evaluation.inputs)
        return evaluation.value

    def check(self, conditions: tuple[NamedCondition, ...], sight: Sight, inputs: JsonObject) -> None:
        """All must hold; the first that does not is the rejection's name, with what it read."""
        for condition in conditions:
            seen: JsonObject = {}
            if bool(self.value(condition.guard, sight, seen)) is condition.unless:
                raise Refused(
                    "guard",
                    guard=condition.name,
                    expression=("unless " if condition.unless else "") + condition.guard.text,
                    inputs=seen,
                    place=condition.place,
                )
            inputs.update(seen)

    def holds(self, conditions: tuple[NamedCondition, ...], sight: Sight) -> bool:
        """Whether a clock's or reaction's conditions hold."""
        return all(bool(self.value(c.guard, sight)) is not c.unless for c in conditions)

    def emit(
        self,
        type_: str,
        data: JsonObject,
        names: Sequence[str],
        *,
        at: Instant = "",
        actor: Actor | None = None,
        letter_number: tuple[str, str] | None = None,
    ) -> None:
        """One more fact. Where a reaction waits for one of its names, the fact carries the case's summary."""
        command = self.command
        if command.notes:
            data["notes"] = list(command.notes)
        listened = self.rules.workflow.listened
        heard = not listened.isdisjoint(names)
        draft = Draft(type_, at or command.at, actor or command.actor, data, letter_number, heard)
        self.drafts.append(draft)
        if self._folded == len(self.drafts) - 1:
            _out_of_date(self)
        if heard:
            data["names"] = sorted(listened.intersection(names))
            data["summary"] = summary(self.case, self.rules, draft.occurred_at, str(data.get("track", "")))

    def incident(self, data: JsonObject, code: str, **facts: Any) -> None:
        """Something a person must look at, on record with the fact it came with."""
        data.setdefault("incidents", []).append({"code": code, "facts": facts})

    def denied(self, who: str, accused: Sequence[str] | None = None) -> bool:
        """The rule that overrides all others: is this unit accused in this case, or under one that is?

        Of a person: has he a post in such a unit? `accused`: those that a command is about to name.
        """
        field = self.rules.workflow.accused
        if not field or not who:
            return False
        accused = self.case.data.get(field) if accused is None else accused
        if not accused:
            return False
        directory = self.rules.directory
        return any(directory.in_or_under(unit, accused) for unit in (who, *posts_of(directory).get(who, ())))


class _WithoutCase(Desk):
    """A desk whose case a draft has made out of date: folded when asked for, because most last drafts nobody looks at.

    A class of its own, because whatever has a `__getattr__` is slow in all its attributes.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # to the type checker `case` is an attribute like any other

        def __getattr__(self, name: str) -> Case:
            if name != "case":
                raise AttributeError(name)
            for draft in self.drafts[self._folded :]:
                self._before = folded(self._before, draft)
            self._folded = len(self.drafts)
            self.__class__ = Desk
            self.case = self._before
            return self._before


def _out_of_date(desk: Desk) -> None:
    del desk.case
    desk.__class__ = _WithoutCase


@lru_cache(maxsize=8)
def posts_of(directory: Directory) -> dict[str, tuple[str, ...]]:
    """By person: the units in which the directory gives him a post."""
    found: dict[str, tuple[str, ...]] = {}
    for person in directory.people:
        found[person.ref] = (*found.get(person.ref, ()), person.unit)
    return found


def summary(case: Case, rules: Rules, at: Instant, track_id: str) -> JsonObject:
    """The case as reactions and other systems may see it: no personal field, no commitment, no key."""
    workflow = rules.workflow
    found: JsonObject = {
        "workflow": case.workflow,
        "state": case.state,
        "phase": case.phase,
        "levels": case.levels,
        "data": {n: v for n, v in case.data.items() if n in workflow.fields and not workflow.fields[n].personal},
    }
    if workflow.tracks:
        found["tracks"] = track_counters(case, workflow)
    if workflow.counts:
        found["counts"] = counts = {}
        for name in workflow.counts:
            with suppress(GuardFailed):  # a reaction that asks for it is refused, on record; the fact itself stands
                counts[name] = _counted(case, rules, at, name)
    if case.fired:
        found["fired"] = case.fired
    if track_id in case.tracks:
        fields = workflow.tracks[case.tracks[track_id]["track"]].fields
        found["track"] = {
            n: v for n, v in track_view(case, track_id).items() if n not in fields or not fields[n].personal
        }
    return found


def folded(case: Case, draft: Draft) -> Case:
    """The case after a fact that has no number, digest or position yet."""
    after: Case = case.__copy__()
    apply(after, draft.data, case.version + 1, b"", draft.actor.person, draft.actor.role)
    return after


ENGINE_ACTOR = Actor(role=ENGINE)


def by_engine(command: Command, at: Instant) -> Command:
    """The engine's own command, for a move that follows by itself at an instant; nothing else that came with this."""
    return replace(
        command, actor=ENGINE_ACTOR, at=at, values={}, track_id="", where="", intake=False, claimed_at="", cause={},
        once="", contact={},
    )  # fmt: skip
