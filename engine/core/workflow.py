"""A workflow as the engine runs it: everything resolved, typed and looked up once, when the file is loaded.

Made by engine.language.compile from a file; identified by its digest (sha256 of the file's canonical content). A case
stays on the version it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.guards import Guard
from engine.core.lengths import Length

MAIN = ""
"""The name of the machine that is the case itself, beside its tracks."""


@dataclass(frozen=True, slots=True)
class Field:
    """A typed field. A personal one lives in the vault; the log and the case hold its commitment only."""

    name: str
    type: str
    of: tuple[str, ...] = ()
    many: bool = False
    optional: bool = False
    default: Any = None
    min: int | None = None
    max: int | None = None
    personal: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    title: str = ""
    of: Guard | None = None
    not_of: Guard | None = None
    is_: Guard | None = None
    not_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class By:
    """Who may: one of `any`; each of `all`, different people; two in the role `two`; who signs such a letter."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    two: str = ""
    of_kind: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        return self.any or self.all or ((self.two,) if self.two else ())


@dataclass(frozen=True, slots=True)
class NamedCondition:
    """A condition that must hold (or, `unless`, must not)."""

    name: str
    guard: Guard
    unless: bool = False
    place: str = ""  # file:line, for "why not"


@dataclass(frozen=True, slots=True, eq=False)
class Transition:
    name: str
    to: str | None  # None stays; "back" returns to the state before
    by: By
    case_needs: tuple[Field, ...] = ()  # fields of the case (or, in a track, of the track) laid over it
    event_needs: tuple[Field, ...] = ()  # kept with the event only
    takes: tuple[Field, ...] = ()  # fields of the case that may be given too
    conditions: tuple[NamedCondition, ...] = ()
    before: tuple[str, str] | None = None  # (machine, deadline) that must be running
    sets: tuple[tuple[Field, Any], ...] = ()  # a value or a Guard
    not_as: tuple[str, ...] = ()
    title: str = ""
    extension: tuple[str, str] | None = None  # (ask | grant | refuse, deadline): made from `extend:`


@dataclass(frozen=True, slots=True)
class State:
    name: str
    phase: str
    title: str = ""
    initial: bool = False
    final: bool = False
    sealed_to: str = ""


@dataclass(frozen=True, slots=True)
class Extension:
    by: Length
    times: int
    asked_by: tuple[str, ...]
    approved_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Deadline:
    """A promise with a clock. `starts`, `stops`, `cancels` are names that moves fire (see `names_of`)."""

    name: str
    machine: str
    title: str
    starts: frozenset[str]
    stops: frozenset[str]
    cancels: frozenset[str]
    again: str
    start_field: Guard | None = None  # `from: =a date field`
    any_event: bool = False
    within: Length | None = None
    within_expression: Guard | None = None
    within_by: tuple[Guard, Mapping[str, Length]] | None = None
    due: Guard | None = None
    owner: str = ""
    owner_expression: Guard | None = None
    else_to: str = ""
    remind: tuple[str, ...] = ()
    roll: bool = False
    right: bool = False
    then: str = ""
    conditions: tuple[NamedCondition, ...] = ()
    pause_states: frozenset[str] = frozenset()
    pause_conditions: tuple[NamedCondition, ...] = ()
    pause_law: str = ""
    law: str = ""
    extension: Extension | None = None
    keep_after_close: bool = False
    on_breach: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """The main line, or one kind of track: states, the table of moves, clocks."""

    name: str
    states: Mapping[str, State]
    initial: str
    table: Mapping[tuple[str, str], Transition]  # (state, transition) → what it does there
    deadlines: Mapping[str, Deadline]
    fields: Mapping[str, Field]
    title: str = ""
    many: bool = False
    opens_by: tuple[str, ...] = ()
    opens_from: frozenset[str] = frozenset()
    opens_when: tuple[NamedCondition, ...] = ()
    after_close: str = "keep"
    reachable: Mapping[str, frozenset[str]] = field(default_factory=dict)  # state → transitions that may come later


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A move from one state to another, with all that can be said of it before any case is known."""

    names: tuple[str, ...]  # that it fires
    type: str  # of its record
    ends: bool  # it enters a final state
    said: Mapping[str, Any]  # what its record says whatever the case: transition, from, to, phase


@dataclass(frozen=True, slots=True)
class LetterKind:
    name: str
    title: str
    mark: str
    template: str
    sign: By
    auto: bool
    reply_within: str
    level: int


@dataclass(frozen=True, slots=True)
class Count:
    of: str
    where: Guard


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of a reaction's `do`. `params` are values or Guards; `where` chooses tracks for `fire: T.move`."""

    name: str
    params: Mapping[str, Any]
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Reaction:
    name: str
    upon: frozenset[str]
    conditions: tuple[NamedCondition, ...]
    do: tuple[Action, ...]
    after: Length | None = None
    once: bool = False
    place: str = ""

    @property
    def due_name(self) -> str:
        """What fires when a delayed reaction's time has come."""
        return f"reaction.{self.name}.due"


@dataclass(frozen=True, slots=True)
class IntakeRule:
    """A foreign event type and the command it becomes; values are constants or untyped expressions over `event`."""

    type: str
    does: str
    role: str
    case_key: Any
    values: Mapping[str, Any]
    petitioner: Mapping[str, Any]
    unit: Any = None
    when: Any = None


@dataclass(frozen=True, slots=True)
class Opening:
    name: str
    by: By
    case_needs: tuple[Field, ...]
    event_needs: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Workflow:
    """One version of one workflow."""

    name: str
    digest: str
    title: str
    calendar: str
    fields: Mapping[str, Field]
    roles: Mapping[str, Role]
    opens: Mapping[str, Opening]
    intake: Mapping[str, tuple[IntakeRule, ...]]
    main: Machine
    tracks: Mapping[str, Machine]
    letters: Mapping[str, LetterKind]
    counts: Mapping[str, Count]
    reactions: tuple[Reaction, ...]
    petitioner: Mapping[str, str]
    accused: str  # name of the case field that lists the accused units, or ""
    content: bytes  # canonical JSON of the file; what the digest is of
    listened: frozenset[str] = frozenset()  # names some reaction waits for
    wheres: Mapping[tuple[str, str], Guard] = field(default_factory=dict)  # (track, text of `where`) → condition
    clock_index: Mapping[str, tuple[tuple[str, Deadline], ...]] = field(default_factory=dict)  # name → what it does
    any_event: tuple[Deadline, ...] = ()  # deadlines that start again at each event
    start_fields: tuple[Deadline, ...] = ()  # deadlines that start when a date is known
    pausing: tuple[Deadline, ...] = ()
    restless: frozenset[str] = frozenset()  # machines whose every fact may move a clock (pauses, `any event`, dates)
    by_name: Mapping[str, tuple[Reaction, ...]] = field(default_factory=dict)
    _names: dict[tuple[str, str, str, str], tuple[str, ...]] = field(default_factory=dict)
    _steps: dict[tuple[str, str, str, str | None], Step] = field(default_factory=dict)
    _effects: dict[tuple[str, ...], tuple[tuple[str, Deadline], ...]] = field(default_factory=dict)
    _inputs: dict[tuple[str, str], Mapping[str, Field]] = field(default_factory=dict)

    def machine(self, name: str) -> Machine:
        return self.main if name == MAIN else self.tracks[name]

    def moves(self, name: str) -> bool:
        """Whether a name is one of the main line's moves. An opening may be one too: it opens a case that is not there
        yet, and moves one that is."""
        return any(move == name for _, move in self.main.table)

    def inputs(self, kind: str, name: str) -> Mapping[str, Field]:
        """Every field that a command of this kind and name may bring: what a door converts and protects by."""
        found = self._inputs.get((kind, name))
        if found is None:
            head, _, tail = name.partition(".")
            machine = self.tracks[head] if tail else self.main
            move = tail or name
            if kind == "open_track":
                found = dict(self.tracks[name].fields)
            else:
                rows = [row for (_, row_name), row in machine.table.items() if row_name == move]
                found = {**machine.fields, **{f.name: f for row in rows for f in row.event_needs}}
                if kind == "open_case":
                    found |= {f.name: f for f in self.opens[name].event_needs}
            self._inputs[kind, name] = found
        return found

    def clock_effects(self, names: tuple[str, ...]) -> tuple[tuple[str, Deadline], ...]:
        """What a fact that fires these names does to clocks: (start, stop or cancel; deadline), each once."""
        found = self._effects.get(names)
        if found is None:
            entries = dict.fromkeys(entry for name in names for entry in self.clock_index.get(name, ()))
            found = self._effects[names] = tuple(entries)
        return found

    def step(self, machine: Machine, transition: str, before: str, to: str | None) -> Step:
        """A move of a machine, out of a state, into one (None: it stays). Prepared when it is first made."""
        key = (machine.name, transition, before, to)
        found = self._steps.get(key)
        if found is None:
            said = {"transition": f"{machine.name}.{transition}" if machine.name else transition}
            if to is not None and not machine.name:
                said |= {"from": before, "to": to, "phase": machine.states[to].phase}
            found = self._steps[key] = Step(
                self.names_of(machine.name, transition, before, to),
                f"lianxin.{machine.name or 'case'}.{to or transition}.v1",
                to is not None and machine.states[to].final,
                said,
            )
        return found

    def names_of(self, machine: str, transition: str, before: str, to: str | None) -> tuple[str, ...]:
        """The names a move fires: `transition.X`, and where it enters a state `state.S.left`, `state.S.entered`.

        A track's are prefixed with its name; entering a final state of the main line fires `case.closed` too.
        """
        key = (machine, transition, before, to or "")
        found = self._names.get(key)
        if found is None:
            prefix = f"{machine}." if machine else ""
            names = [f"{prefix}transition.{transition}"]
            if to is not None:
                if before:
                    names.append(f"{prefix}state.{before}.left")
                names.append(f"{prefix}state.{to}.entered")
                if machine == MAIN and self.main.states[to].final:
                    names.append("case.closed")
            found = self._names[key] = tuple(names)
        return found
