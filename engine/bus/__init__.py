"""The bus: how facts reach consumers and how other systems' messages reach us, without a broker or with one.

Embedded, in this process: the topic of case events is a cursor over the log itself (engine.runtime.react), so it has no
rows of its own; messages come over HTTP, the local socket, an import, or a folder of files (engine.bus.spool).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.core.instants import Instant

INTAKE = "lianxin.intake"
CASE_EVENTS = "lianxin.case-events"
CASE_SEALED = "lianxin.case-sealed"
DEAD_LETTERS = "lianxin.dead-letters"


@dataclass(slots=True)
class Delivery:
    """One message of the intake as it came. `following` is the offset to go on from once it is settled."""

    partition: str
    offset: int
    following: int
    raw: bytes
    received_at: Instant
    """The instant it reached a door that we trust; no source can write it."""
    last: bool = False
    """Nothing comes after it in its partition, as far as is known."""
    file: str = ""
    row: int = 0


class Intake(Protocol):
    """A bus as the worker reads it. Offsets are kept in our database, never here: `take` begins where it is told."""

    def waiting(self, now: Instant) -> list[str]:
        """The partitions with messages that arrived by now, the one with the oldest first."""
        ...

    def take(self, partition: str, offset: int, limit: int) -> list[Delivery]:
        """Up to so many messages from an offset on; fewer only at the end."""
        ...

    def settled(self, partition: str) -> None:
        """Everything in it is committed: what the bus keeps of it may go."""
        ...
