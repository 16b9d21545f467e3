"""The bus: how facts reach consumers and how other systems' messages reach us, without a broker or with one.

On Kafka (engine.bus.kafka): systems write to a topic, and what happens goes out on others. A `TopicReader` reads the
intake, a `TopicWriter` sends.

Embedded, in this process: the topic of case events is a cursor over the log itself (engine.runtime.react), so it has no
rows of its own; messages come over HTTP, the local socket, an import, or a folder of files (engine.bus.spool).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
    headers: tuple[tuple[str, bytes], ...] = ()
    """What came beside the body: attributes of a binary CloudEvent."""


class OutOfRange(Exception):
    """A partition does not hold the offset that comes next: it was thrown away unread, or the partition is another."""

    def __init__(self, partition: int, offset: int) -> None:
        super().__init__(f"partition {partition} holds no offset {offset}")
        self.partition, self.offset = partition, offset


class TopicReader(Protocol):
    """A member of the group that reads the intake's topic. Used by one thread alone.

    It holds no offsets: a partition that comes to it waits until `begin` says where. LX-550, LX-551, LX-556 where the
    broker is gone for good; a broker that is away for a while is waited for in silence (`ends` says None).
    """

    topic: str

    def topic_id(self) -> str:
        """The topic's own id, as far as is known: another one where it was made anew."""
        ...

    def partitions(self) -> int:
        """How many the topic has, as far as is known."""
        ...

    def assignment(self) -> dict[int, int]:
        """The partitions that are ours, and for each a number that is another one each time it comes to us."""
        ...

    def begin(self, partition: int, offset: int) -> None:
        """Read a partition from here on."""
        ...

    def hold(self, partition: int) -> None:
        """Read no more of a partition until it is begun anew."""
        ...

    def poll(self, room: int, seconds: float = 0.0) -> None:
        """Fetch up to so many messages; 0 fetches none, and says only that we are alive. OutOfRange: see there."""
        ...

    def waiting(self) -> list[int]:
        """The partitions of which messages were fetched, the one with the oldest first."""
        ...

    def take(self, partition: int, limit: int) -> list[Delivery]:
        """Up to so many of the fetched messages, in order."""
        ...

    def position(self, partition: int) -> int:
        """The offset that will be fetched next."""
        ...

    def range(self, partition: int) -> tuple[int, int] | None:
        """The first offset that a partition still holds, and the next one to be written; None: no answer."""
        ...

    def ends(self, partitions: Collection[int]) -> dict[int, int] | None:
        """The offset of each that will be written next, asked for now; None where the broker gives no answer."""
        ...

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Tell the broker how far we are, for tools that show it. Ours is what counts: nobody waits for an answer."""
        ...

    def reopen(self) -> None:
        """Leave the group and join it again, with connections of their own."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent. All of one key keep their order."""

    topic: str
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class TopicWriter(Protocol):
    """Sends, each message at least once. Used by one thread alone."""

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send them in order, and return once all are acknowledged by as many copies as must have them.

        LX-557 where some were not: then nobody knows which arrived, and the caller sends all of them again.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where facts go: who sends them, what our topics are called there, and how an event is written."""

    sender: TopicWriter
    topic: Callable[[str], str]
    """`lianxin.case-events` as it is called on this broker."""
    encode: Callable[[Mapping[str, Any]], tuple[Sequence[tuple[str, bytes]], bytes]]
    """Headers and value of an event given as its JSON object."""
