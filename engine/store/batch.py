"""What one transaction writes, and the rows that handle and store pass to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import Case, Event
from engine.store.vault import EntryRow, KeyRow

ACCEPTED = 1
REJECTED = 2
PARKED = 3
DEAD_LETTER = 4
REUSED_ID = 5
"""Outcomes as the inbox keeps them. A message that was parked or is a dead letter may still come to another end."""

UNSETTLED = (PARKED, DEAD_LETTER)

NO_EVENT = -1
"""In `Batch.inbox`: the message produced no record."""


class StaleEpoch(LianxinError):
    """Another worker has taken this partition: nothing of the batch was written, and this worker leaves it."""

    def __init__(self, group: str, partition: str, epoch: int, expected: int) -> None:
        super().__init__("LX-527", exit_code=4, group=group, partition=partition, epoch=epoch, expected=expected)


class Moved(LianxinError):
    """Another process has moved what this batch was decided on: nothing of it was written; it may be decided again."""

    def __init__(self, cases: Sequence[str], messages: int, series: Sequence[str], *, head: bool) -> None:
        super().__init__("LX-529", exit_code=4, cases=len(cases), messages=messages, series=len(series))
        self.cases = tuple(cases)
        self.turns = sorted({*cases, *series, *(["log"] if head else [])})
        """What it is about, sorted, so that all who want several take turns in one order."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a message: its outcome, content digest, and the first record it produced (0: none)."""

    outcome: int
    digest: bytes
    position: int


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """An intake fact that waits for the one it needs. `sealed` is the message."""

    source: str
    id: str
    case_id: str
    occurred_at: Instant
    sequence: int
    sealed: bytes
    needs: str
    parked_at: Instant
    give_up_at: Instant
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A message kept because it could not be used. `row` 0 and `file` "" where it came from no file.

    `state` is open, retried or discarded; `number` is given by the store.
    """

    source: str
    id: str
    reason: str
    detail: str
    field: str
    file: str
    row: int
    received_at: Instant
    sealed: bytes
    attempts: int = 1
    state: str = "open"
    number: int = 0


@dataclass(slots=True)
class Batch:
    """Everything one transaction writes. An event of version 0 is a record without one: rejection, incident."""

    events: list[Event] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    """The folds of all touched cases, as they stand after the batch."""
    inbox: list[tuple[str, str, bytes, int, int]] = field(default_factory=list)
    """source, id, digest of the content, outcome, index of its first event in `events` or NO_EVENT"""
    vault_keys: Sequence[KeyRow] = field(default_factory=list)
    vault_entries: Sequence[EntryRow] = field(default_factory=list)
    parked: list[ParkedRow] = field(default_factory=list)
    """New ones, and those tried once more in vain: the row replaces the earlier one."""
    unpark: list[tuple[str, str]] = field(default_factory=list)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    settled: list[tuple[int, str]] = field(default_factory=list)
    """Dead letters: number, and `retried`, `discarded`, or `open` where it was tried again in vain"""
    offsets: list[tuple[str, str, int, int, int]] = field(default_factory=list)
    """group, partition, epoch we hold, offset we expect, offset to write: the fence"""
    watermarks: list[tuple[str, Instant]] = field(default_factory=list)
