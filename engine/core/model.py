"""The nouns of the straight line: case, command, event, and the three ways a command can end.

    intake event ─► decode ─► decide ─► append ─► project ─► relay ─► react ─► new commands ─► (the same line again)

`decide(case, command, rules)` answers with an `Outcome`; `stamp` turns accepted drafts into `Event`s;
`evolve(case, event)` folds them. Nobody changes one of these objects once it was handed on; those that are made for
every event are not `frozen` only because that would triple the time to make one. A case's tracks and clocks are plain
JSON objects, because they live in the log, in the `case` table and in people's exports in just this form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

import orjson
from msgspec import Struct
from msgspec import field as made

from engine.core.instants import Instant

JsonObject = dict[str, Any]

ClockStatus = Literal["running", "met", "missed", "lapsed", "cancelled"]
ENGINE = "engine"
"""The role of whatever the engine does by itself; a transition must list it."""


class Rung(TypedDict):
    """A point on a clock's way: a reminder, or the end (`missed`, `lapsed`, or `due` of a delayed reaction)."""

    at: Instant
    name: str


class Clock(TypedDict):
    """One run of one deadline: a budget and a ledger; the due instants are derived from them.

    `budget` is the whole allowance `{amount, unit}`, `used` what was consumed before `since` (days for day units,
    microseconds for hours and minutes); `since` is absent while the clock stands still.
    """

    deadline: str
    track: str  # "" for the main line, else the track's id
    run: int
    status: ClockStatus
    started_at: Instant
    due_at: Instant
    due_raw_at: Instant
    rungs: list[Rung]  # not yet fired, oldest first; empty once ended
    calendar: str  # digest of the edition the due instants were computed with
    owner: NotRequired[str]
    budget: NotRequired[JsonObject]  # absent where the due instant was given
    used: NotRequired[int]
    since: NotRequired[Instant]
    pauses: NotRequired[list[list[str]]]  # [from, until, law]
    provisional: NotRequired[bool]
    right: NotRequired[bool]
    extended: NotRequired[int]
    asked: NotRequired[bool]
    missed_at: NotRequired[Instant]
    ended_at: NotRequired[Instant]
    corrected: NotRequired[bool]
    keep: NotRequired[bool]  # goes on after the case is closed
    armed: NotRequired[JsonObject]  # of a delayed reaction: what it was armed by


class Track(TypedDict):
    """A small machine inside a case: a letter, a follow-up, a sponsor."""

    track: str  # name of its definition
    state: str
    open: bool
    opened_at: Instant
    entered: dict[str, Instant]  # when each state was entered last
    data: JsonObject
    came_from: NotRequired[str]
    fact_at: NotRequired[Instant]  # of the last fact that was not the engine's own
    corrected: NotRequired[bool]  # of a letter: the breach it was drawn by was none; it keeps its number
    number: NotRequired[JsonObject]  # of a letter: {mark, year, number}; filled by stamp


NO_LEVELS = {"supervision": "none", "sponsor": "none"}


class Case(Struct):
    """The fold of one case's events. Never changed in place: `evolve` returns a new one."""

    case_id: str
    workflow: str = ""  # digest of the workflow it began with, and stays on
    version: int = 0
    digest: bytes = b""  # of its last record
    phase: str = ""
    state: str = ""
    came_from: str = ""
    last_fact_at: Instant = ""
    levels: dict[str, str] = made(default_factory=lambda: NO_LEVELS)
    data: JsonObject = made(default_factory=dict)
    tracks: dict[str, Track] = made(default_factory=dict)
    clocks: dict[str, Clock] = made(default_factory=dict)
    acted: dict[str, list[str]] = made(default_factory=dict)  # role → who has acted in it
    approvals: dict[str, list[list[str]]] = made(default_factory=dict)  # transition → [role, person] so far
    fired: dict[str, int] = made(default_factory=dict)  # reactions marked `once` → version of the fact they fired upon

    if TYPE_CHECKING:  # every Struct has it

        def __copy__(self) -> Case: ...

    @property
    def exists(self) -> bool:
        return self.version > 0

    def state_bytes(self) -> bytes:
        """What the `case` table keeps beside id, workflow, version and digest, as canonical JSON: what is empty is
        left out, because every fact writes this again."""
        said: JsonObject = {"data": self.data, "last_fact_at": self.last_fact_at, "phase": self.phase}
        said["state"] = self.state
        if self.came_from:
            said["came_from"] = self.came_from
        if self.levels != NO_LEVELS:
            said["levels"] = self.levels
        if self.tracks:
            said["tracks"] = self.tracks
        if self.clocks:
            said["clocks"] = self.clocks
        if self.acted:
            said["acted"] = self.acted
        if self.approvals:
            said["approvals"] = self.approvals
        if self.fired:
            said["fired"] = self.fired
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def from_state(cls, case_id: str, workflow: str, version: int, digest: bytes, state: bytes) -> Case:
        """The case as the `case` table keeps it."""
        return cls(case_id, workflow, version, digest, **orjson.loads(state))


class Actor(Struct):
    """Who acts: a reference to a person (never a name), the unit they act for, the role they act in.

    A system speaks with `person` = "" and its `source` vouches for the role.
    """

    role: str
    person: str = ""
    unit: str = ""

    def as_json(self) -> JsonObject:
        if not self.person and not self.unit:
            return {"role": self.role}
        found: JsonObject = {"role": self.role}
        if self.person:
            found["person"] = self.person
        if self.unit:
            found["unit"] = self.unit
        return found


CommandKind = Literal[
    "transition", "open_case", "open_track", "rung", "escalate", "remind", "arm", "calendar", "undecided"
]  # fmt: skip


class Command(Struct):
    """A wish about one case, from a system, a person, a due clock or a reaction. All go through the same door.

    `values` are of the workflow's types already; a personal value is its commitment `{"sealed": …}`, the value itself
    having gone to the vault. `at` is the instant that clocks use; `claimed_at` what a source said and was not believed.
    """

    source: str
    id: str
    case_id: str
    workflow: str  # name of the workflow, or digest once the case exists
    kind: CommandKind
    name: str  # transition, opening, track, or clock key
    actor: Actor
    at: Instant
    values: JsonObject = made(default_factory=dict)
    track_id: str = ""
    where: str = ""  # a condition choosing the tracks that `fire: T.transition` means
    sequence: int = 0
    intake: bool = False  # a fact from a system: may be early, may be late
    claimed_at: Instant = ""
    cause: JsonObject = made(default_factory=dict)  # of a reaction: {version, reaction, index}
    once: str = ""
    contact: JsonObject = made(default_factory=dict)  # commitments to a petitioner's identity, by vault person
    notes: tuple[str, ...] = ()  # `intake_incomplete`, `imported`: letters of such a breach stay drafts


class Draft(Struct):
    """A fact as decided, before `stamp` gives it version, recorded time and letter number."""

    type: str
    occurred_at: Instant
    actor: Actor
    data: JsonObject
    letter_number: tuple[str, str] | None = None  # (kind, track id): take the next number of its series
    reacts: bool = False  # some reaction of the workflow waits for one of its names


WAITS, ANSWERED = 1, 2
"""Of a fact that some reaction is for: somebody must still react to it; it was reacted to in its own transaction."""


class Event(Struct):
    """A fact in the log. `body` is the canonical JSON that was hashed; `data` is its part that `evolve` obeys."""

    case_id: str
    version: int
    type: str
    occurred_at: Instant
    recorded_at: Instant
    actor: JsonObject
    data: JsonObject
    body: bytes
    digest: bytes
    reacts: int = 0  # some reaction of the workflow waits for it: WAITS, or ANSWERED in the transaction of the fact
    position: int = 0


class Accepted(Struct):
    """The rules say yes: these facts, in this order."""

    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """The rules say no. Recorded in the log and answered; `facts` say what was compared, never a personal value."""

    code: str
    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Early:
    """An intake fact that came before the one it needs: parked, and tried again after each append to its case."""

    needs: str


Outcome = Accepted | Rejection | Early

GENESIS = b"\0" * 32
"""The previous digest of a case's first record."""
