"""The intake read from a topic: which partitions are ours, from where on, and what an operator must decide first.

Offsets and epochs are in our database, in one transaction with what the messages do; the topic's own id is part of a
partition's name there (`lianxin.intake/3@9c1f…`). So a topic that was made anew is seen to be another one, and is never
read from its beginning in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

from engine.bus import Delivery, OutOfRange, TopicReader
from engine.bus.kafka import events
from engine.core.instants import MICROSECOND, Instant, plus
from engine.core.model import JsonObject
from engine.log import Log
from engine.runtime.asks import Ask, Unusable
from engine.runtime.batching import Item
from engine.runtime.writer import Writer
from engine.store.batch import Batch, StaleEpoch
from engine.store.reader import Reader
from engine.store.transaction import Tx
from schemas.intake import Unreadable

GROUP = "intake"
MARK = "kafka/"
"""Beginning of the watermarks of partitions."""
ANEW, OUT_OF_RANGE, RESIZED = "topic-anew", "offset-out-of-range", "partitions-changed"
"""Incidents that stop the partitions they are about. Whoever closes one has looked at it: reading goes on."""
ASK_SECONDS = 1.0
"""Between two questions where the partitions end, while there is other work."""
UNANSWERED_SECONDS = 5.0
"""After a question that the broker did not answer."""
DECIDED_SECONDS = 1.0
"""Between two looks whether an incident was closed."""
RECLAIM_SECONDS = 3.0
"""Before a partition that another worker has taken from us, but that is still ours by the group, is claimed again."""
COMMIT_SECONDS = 1.0
WATCHDOG_SECONDS = 60.0
"""A partition that has more for us but gives nothing for so long: the connection is made anew."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition that we read: under which epoch, the offset to go on from, its number in the assignment."""

    name: str
    epoch: int
    offset: int
    number: int


class TopicIntake:
    """Step by step, by the thread that writes. The writer's marks of all partitions hold the clocks back."""

    def __init__(
        self,
        reader: TopicReader,
        writer: Writer,
        log: Log,
        *,
        messages_max: int,
        watchdog_seconds: float = WATCHDOG_SECONDS,
    ) -> None:
        self.reader, self.writer, self.log = reader, writer, log
        self.messages_max, self.watchdog_seconds = messages_max, watchdog_seconds
        self.at_end = False
        """Whether all partitions are ours and were read to their ends when this was asked last."""
        self._topic_id = ""
        self._known = 0  # partitions whose marks are waited for
        self._claims: dict[int, Claim] = {}
        self._ahead: list[Item] = []  # read while the disk wrote
        self._read_to: dict[int, int] = {}  # offset after the last message read
        self._not_before: dict[int, float] = {}  # partitions that wait: for an operator, for another worker
        self._out_of_range: dict[int, int] = {}
        self._still: dict[int, tuple[int, float]] = {}
        self._ask_at = self._commit_at = 0.0
        self._answers = True
        writer.marks.move(f"{MARK}{reader.topic}", "", writer.time.now())  # until the partitions are known

    def step(self, now: Instant) -> bool:
        """Take in one batch; whether there was anything to take."""
        self._assigned(now)
        items = self._ahead or self._gathered()
        self._ahead = []
        if items:
            self._take_in(items, now)
        if not items or monotonic() >= self._ask_at:
            self._ask(now)
        return bool(items)

    def arrived(self) -> bool:
        """Whether something has come, or a partition; without taking it."""
        self._poll()
        return bool(self.reader.waiting()) or self._changed()

    def close(self) -> None:
        """Leave the group: others may take our partitions at once."""
        if self._claims:
            self.reader.commit({partition: claim.offset for partition, claim in self._claims.items()})
        self.reader.close()

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_in(self, items: Sequence[Item], now: Instant) -> None:
        taken = {item.fence[1]: item for item in items if item.fence is not None}  # the last one of each partition
        mine = [partition for partition, claim in self._claims.items() if claim.name in taken]
        try:
            self.writer.take_in(items, now, meanwhile=self._read_ahead)
        except BaseException as error:  # a part of it may be committed: the database says where to go on
            self._ahead = []
            for partition in mine:
                self._leave(partition)
            if not isinstance(error, StaleEpoch) or error.facts["group"] != GROUP:
                raise
            self._lost(str(error.facts["partition"]))
            return
        for partition in [one for one in mine if one in self._claims]:
            item = taken[self._claims[partition].name]
            self._claims[partition] = replace(self._claims[partition], offset=item.following)
            self.writer.marks.progress(self._mark(partition), now)
            if item.watermark is not None:
                self.writer.marks.move(*item.watermark, now)
        self._tell_broker()

    def _gathered(self) -> list[Item]:
        """What has come, each message with the offset settled with it; the last of a partition with its mark."""
        self._poll()
        now = self.writer.time.now()
        found: list[Item] = []
        for partition in self.reader.waiting():
            claim = self._claims.get(partition)
            if claim is None or len(found) >= self.messages_max:
                continue
            offset = self._read_to[partition]
            deliveries = self.reader.take(partition, self.messages_max - len(found))
            for delivery in deliveries:
                fence = (GROUP, claim.name, claim.epoch, offset, delivery.following)
                found.append(Item(self._read(delivery, claim, now), fence))
                offset = delivery.following
            self._read_to[partition] = offset
            if deliveries and deliveries[-1].received_at <= now:
                # Others may bear the same instant. One that bears an instant to come says nothing about ours.
                mark = plus(deliveries[-1].received_at, -MICROSECOND)
                found[-1].watermark = (self._mark(partition), mark)
        return found

    def _read(self, delivery: Delivery, claim: Claim, now: Instant) -> Ask | Unusable:
        """A message; one without a readable id is known by its place, so that it is a dead letter once."""
        arrived = min(delivery.received_at, now)
        event = events.read(delivery.headers, delivery.raw, arrived)
        raw = events.kept(delivery.headers, delivery.raw) if isinstance(event, Unreadable) else b""
        message = self.writer.read_in(raw, arrived, event)
        if isinstance(message, Ask):
            message.file, message.row = delivery.file, delivery.row
            return message
        if not (message.source and message.id):
            source = message.source or f"kafka:{self.reader.topic}"
            message = replace(message, source=source, id=message.id or f"{claim.name}:{delivery.offset}")
        return replace(message, file=delivery.file, row=delivery.row)

    def _read_ahead(self) -> None:
        """While the disk writes one batch, the next one is read; at most that one."""
        self._ahead = self._gathered()

    def _poll(self) -> None:
        try:
            self.reader.poll(self.messages_max)
        except OutOfRange as error:
            self._out_of_range[error.partition] = error.offset
            self._leave(error.partition)

    def _tell_broker(self) -> None:
        if monotonic() >= self._commit_at:
            self._commit_at = monotonic() + COMMIT_SECONDS
            self.reader.commit({partition: claim.offset for partition, claim in self._claims.items()})

    # ── partitions ───────────────────────────────────────────────────────────────────────────────────────────────

    def _changed(self) -> bool:
        held = self.reader.assignment()
        return held != {partition: claim.number for partition, claim in self._claims.items()} and any(
            monotonic() >= self._not_before.get(partition, 0.0) for partition in held.keys() - self._claims.keys()
        )

    def _assigned(self, now: Instant) -> None:
        """Leave what is no longer ours, begin what has come to us."""
        id_ = self.reader.topic_id()
        held = self.reader.assignment()
        if id_ and id_ != self._topic_id:
            self._topic_id, self._known = id_, 0
            self._out_of_range.clear()
            self._not_before.clear()
            for partition in [*self._claims]:
                self._leave(partition)
        for partition in [p for p, claim in self._claims.items() if held.get(p) != claim.number]:
            self._leave(partition)
        due = monotonic()
        new = [p for p in sorted(held) if p not in self._claims and due >= self._not_before.get(p, 0.0)]
        if new and self._topic_id and self.reader.partitions():
            self._begin(new, held, now)

    def _begin(self, new: Sequence[int], held: Mapping[int, int], now: Instant) -> None:
        claims: dict[int, Claim] = {}
        ranges = {p: self.reader.range(p) for p in new if p in self._out_of_range}
        with self.writer.line.store.transaction() as tx:
            undecided = self._undecided(tx, new, ranges, now)
            for partition in new:
                if partition in undecided:
                    continue
                epoch, offset = tx.claim(GROUP, self._name(partition))
                if ranges.get(partition) is not None:  # somebody has decided that what is gone is gone
                    (begins, _), name = ranges[partition] or (0, 0), self._name(partition)
                    tx.append(Batch(offsets=[(GROUP, name, epoch, offset, begins)]))
                    offset = begins
                claims[partition] = Claim(self._name(partition), epoch, offset, held[partition])
        self._wait_for_all()
        for partition in undecided:
            self.reader.hold(partition)
            self._not_before[partition] = monotonic() + DECIDED_SECONDS
        for partition, claim in claims.items():
            self._claims[partition], self._read_to[partition] = claim, claim.offset
            self._out_of_range.pop(partition, None)
            self.reader.begin(partition, claim.offset)
        if claims:
            self.log.tell("bus.assigned", count=len(claims))

    def _undecided(
        self, tx: Tx, new: Sequence[int], ranges: Mapping[int, tuple[int, int] | None], now: Instant
    ) -> set[int]:
        """The partitions that must not be read before somebody has closed an incident. Opens it, once."""
        count = self.reader.partitions()
        rows = [str(row["partition"]) for row in tx.offsets() if row["group"] == GROUP]
        topic = [name for name in rows if name.rpartition("/")[0] == self.reader.topic]
        mine = {name for name in topic if name.endswith(f"@{self._topic_id}")}
        if not mine:
            if topic and not self._decided(tx, ANEW, {"topic": self.reader.topic, "id": self._topic_id}, {}, now):
                return set(new)
            mine = {self._name(partition) for partition in range(count)}
            for name in sorted(mine):  # from now on the partitions are known, whoever reads them
                tx.claim(GROUP, name)
        found = set()
        if strange := {partition for partition in new if self._name(partition) not in mine}:
            about = {"topic": self.reader.topic, "were": len(mine), "are": count}
            if not self._decided(tx, RESIZED, about, {}, now):
                found |= strange
        for partition in ranges.keys() - found:
            told = ranges[partition]
            about = {"topic": self.reader.topic, "partition": partition, "offset": self._out_of_range[partition]}
            extent = {"begins": told[0], "ends": told[1]} if told is not None else {}
            if told is None or not self._decided(tx, OUT_OF_RANGE, about, extent, now):
                found.add(partition)
        return found

    def _decided(self, tx: Tx, code: str, about: JsonObject, more: JsonObject, now: Instant) -> bool:
        """Whether somebody has closed the incident; opened where there is none yet."""
        known = [row for row in _incidents(tx) if row["code"] == code and about.items() <= row["facts"].items()]
        if not known:
            self.writer.open_incident(tx, "", code, {**about, **more}, now)
            self.log.tell("bus.undecided", code=code)
        return any(row["closed_at"] is not None for row in known)

    def _leave(self, partition: int) -> None:
        claim = self._claims.pop(partition, None)
        self._still.pop(partition, None)
        self.reader.hold(partition)
        if claim is not None:
            self._ahead = [item for item in self._ahead if item.fence is None or item.fence[1] != claim.name]

    def _lost(self, name: str) -> None:
        """Another worker has claimed it: ours by the group or not, it is left alone for a while."""
        partition = int(name.rpartition("@")[0].rpartition("/")[2])
        self._not_before[partition] = monotonic() + RECLAIM_SECONDS
        self.log.tell("bus.lost", partition=partition)

    def _wait_for_all(self) -> None:
        """No clock rings beyond what was read of any partition, ours or another worker's."""
        count = self.reader.partitions()
        if count != self._known:
            wanted = [self._mark(partition) for partition in range(count)]
            known = self.writer.marks.names(MARK)
            for name in sorted(known - set(wanted)):
                self.writer.marks.drop(name)  # of a topic that is no more
            for name in wanted:
                if name not in known:
                    self.writer.wait_for(name)
            self._known = count

    # ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, now: Instant) -> None:
        """How far the partitions go, asked after `now`: one that is read to its end is read up to now."""
        self.at_end = False
        if not self._claims or (monotonic() < self._ask_at and not self._answers):
            return
        ends = self.reader.ends(self._claims.keys())
        self._answers = ends is not None
        self._ask_at = monotonic() + (ASK_SECONDS if self._answers else UNANSWERED_SECONDS)
        if ends is None:
            self.log.tell("bus.unavailable", code="LX-550")
            return
        unread = {item.fence[1] for item in self._ahead if item.fence is not None} if self._ahead else set()
        waiting = set(self.reader.waiting())
        behind = False
        for partition, claim in [*self._claims.items()]:
            end = ends.get(partition, 0)
            fetched = partition in waiting or claim.name in unread
            if not fetched and max(claim.offset, self.reader.position(partition)) >= end:
                self.writer.marks.move(self._mark(partition), now, now)
                self._still.pop(partition, None)
            else:
                behind = True
                if not fetched and self._stands(partition, claim.offset):
                    self._again(partition)
                    return
        self.at_end = not behind and len(self._claims) == self.reader.partitions()

    def _stands(self, partition: int, offset: int) -> bool:
        """Whether it has had more for us for a long while, and gives nothing."""
        before, since = self._still.get(partition, (-1, 0.0))
        if before != offset:
            self._still[partition] = (offset, monotonic())
            return False
        return monotonic() - since > self.watchdog_seconds

    def _again(self, partition: int) -> None:
        self.log.tell("bus.partition_stuck", partition=partition)
        for each in [*self._claims]:
            self._leave(each)
        self._still.clear()
        self.reader.reopen()

    def _name(self, partition: int) -> str:
        return f"{self.reader.topic}/{partition}@{self._topic_id}"

    def _mark(self, partition: int) -> str:
        return f"{MARK}{self.reader.topic}/{partition}"


def _incidents(reader: Reader) -> Iterable[JsonObject]:
    """All incidents, open and closed."""
    after = (0, 0)
    while page := reader.incidents(after=after):
        yield from page
        after = (page[-1]["position"], page[-1]["ordinal"])
