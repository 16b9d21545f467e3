"""The intake's topic read with kafka-python: a member of a consumer group whose offsets are ours.

kafka-python runs its connections, heartbeats and rebalances on a thread of its own; it calls `_Listener` there.
Everything else is called by the one thread that owns the reader.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import kafka.errors
from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from engine.bus import Delivery, OutOfRange
from engine.bus.kafka.connection import Connection, answered
from engine.core.instants import Instant, from_datetime

ANSWER_MS = 2_000
"""Until a question about offsets counts as not answered."""
CLOSE_MS = 3_000
JOIN_MS = 50
"""A poll takes at least so long while no partition is ours: joining a group needs it."""
METADATA_MS = 5_000
"""How old what is known of the topic may be: its id, its partitions."""
FETCH_BYTES_MAX = 16 * 1024 * 1024
FETCH_WAIT_MS = 100
"""How long the broker waits for messages before it answers that there are none."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KafkaReader:
    """A `TopicReader` (engine.bus) on kafka-python. LX-550, LX-551 where the broker is not there for us."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self.topic = topic
        self._connection = connection
        self._held = _Assignment()
        self._begun: dict[int, int] = {}  # partition: its number when it was begun
        self._buffers: dict[int, deque[Any]] = {}
        self._stamped: tuple[int, Instant] = (0, "")
        self._consumer = self._opened()

    # ── which partitions ─────────────────────────────────────────────────────────────────────────────────────────

    def topic_id(self) -> str:
        # The client's own copy of the metadata, younger than METADATA_MS: asking the broker would take time.
        found = self._consumer._cluster.topic_id(self.topic)
        return str(found).replace("-", "") if found is not None else ""

    def partitions(self) -> int:
        return len(self._consumer._cluster.partitions_for_topic(self.topic) or ())

    def assignment(self) -> dict[int, int]:
        return self._held.copy()

    def begin(self, partition: int, offset: int) -> None:
        number = self._held.copy().get(partition)
        if number is None:  # taken away this moment
            return
        self._buffers.pop(partition, None)
        try:
            self._consumer.seek(self._tp(partition), offset)
            self._consumer.resume(self._tp(partition))
        except (AssertionError, KeyError, ValueError, kafka.errors.IllegalStateError):
            return  # taken away in between: it is begun when it comes back
        self._begun[partition] = number

    def hold(self, partition: int) -> None:
        self._begun.pop(partition, None)
        self._buffers.pop(partition, None)
        if self._tp(partition) in self._consumer.assignment():
            self._consumer.pause(self._tp(partition))

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def poll(self, room: int, seconds: float = 0.0) -> None:
        self._forget_what_left()
        active = [self._tp(partition) for partition in self._begun]
        paused = self._consumer.paused()
        if room <= 0:  # back-pressure: the group must see us, and no more may come
            self._consumer.pause(*(tp for tp in active if tp not in paused))
        else:
            self._consumer.resume(*(tp for tp in active if tp in paused))
        wait = round(seconds * 1000) if self._held else max(JOIN_MS, round(seconds * 1000))
        try:
            with answered(self._connection.servers, self.topic):
                found = self._poll(wait, max(1, room))
        except OutOfRange as error:
            self.hold(error.partition)
            raise
        for tp, records in found.items():
            if tp.partition in self._begun:
                self._buffers.setdefault(tp.partition, deque()).extend(records)
        self._forget_what_left()

    def waiting(self) -> list[int]:
        found = [(buffer[0].timestamp, partition) for partition, buffer in self._buffers.items() if buffer]
        return [partition for _, partition in sorted(found)]

    def take(self, partition: int, limit: int) -> list[Delivery]:
        buffer = self._buffers.get(partition) or deque()
        name = f"{self.topic}/{partition}"
        found: list[Delivery] = []
        while buffer and len(found) < limit:
            record = buffer.popleft()
            arrived = self._instant(record.timestamp)
            headers = tuple((key, value or b"") for key, value in record.headers)
            found.append(Delivery(name, record.offset, record.offset + 1, record.value or b"", arrived, False, name,
                                  record.offset, headers))  # fmt: skip
        return found

    # ── offsets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def position(self, partition: int) -> int:
        found = self._consumer.position(self._tp(partition), timeout_ms=ANSWER_MS)
        return int(found) if found is not None else 0

    def range(self, partition: int) -> tuple[int, int] | None:
        tp = self._tp(partition)
        try:
            first = self._consumer.beginning_offsets([tp], timeout_ms=ANSWER_MS)
            return first[tp], self._consumer.end_offsets([tp], timeout_ms=ANSWER_MS)[tp]
        except kafka.errors.RetriableError:
            return None

    def ends(self, partitions: Collection[int]) -> dict[int, int] | None:
        try:
            found = self._consumer.end_offsets([self._tp(p) for p in partitions], timeout_ms=ANSWER_MS)
        except kafka.errors.RetriableError:
            return None
        return {tp.partition: offset for tp, offset in found.items()}

    def commit(self, offsets: Mapping[int, int]) -> None:
        told = {self._tp(p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items() if p in self._begun}
        if told:
            self._consumer.commit_async(told)

    # ── the connection ───────────────────────────────────────────────────────────────────────────────────────────

    def reopen(self) -> None:
        self.close()
        self._held.clear()
        self._begun.clear()
        self._buffers.clear()
        self._consumer = self._opened()

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=CLOSE_MS)

    def _opened(self) -> Any:
        settings = self._connection.settings
        session_ms = round(settings.session_timeout / timedelta(milliseconds=1))
        with answered(self._connection.servers, self.topic):
            consumer = KafkaConsumer(
                **self._connection.kafka_python(),
                group_id=settings.group,
                enable_auto_commit=False,
                auto_offset_reset="none",  # where we stand is ours to say; what is out of range is an incident
                partition_assignment_strategy=[CooperativeStickyAssignor],
                session_timeout_ms=session_ms,
                heartbeat_interval_ms=session_ms // 5,
                metadata_max_age_ms=METADATA_MS,
                allow_auto_create_topics=False,
                fetch_max_bytes=FETCH_BYTES_MAX,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                metrics_enabled=False,
            )
        self._held.watch(consumer)
        consumer.subscribe([self.topic], listener=_Listener(self._held))
        return consumer

    def _poll(self, wait_ms: int, records: int) -> Any:
        try:
            return self._consumer.poll(timeout_ms=wait_ms, max_records=records)
        except kafka.errors.OffsetOutOfRangeError as error:
            ((tp, offset),) = error.args[0].items()
            raise OutOfRange(tp.partition, offset) from error
        except kafka.errors.LogTruncationError as error:  # the broker has forgotten what we have read
            (tp, *_) = error.divergent_offsets
            raise OutOfRange(tp.partition, self.position(tp.partition)) from error
        except kafka.errors.RetriableError:
            return {}

    def _forget_what_left(self) -> None:
        held = self._held.copy()
        for partition in [p for p, number in self._begun.items() if held.get(p) != number]:
            del self._begun[partition]
            self._buffers.pop(partition, None)

    def _tp(self, partition: int) -> Any:
        return TopicPartition(self.topic, partition)

    def _instant(self, timestamp_ms: int) -> Instant:
        if self._stamped[0] != timestamp_ms:  # all of one append have the same
            self._stamped = timestamp_ms, from_datetime(EPOCH + timedelta(milliseconds=timestamp_ms))
        return self._stamped[1]


class _Assignment:
    """What is ours at this moment; two threads look at it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._held: dict[int, int] = {}
        self._count = 0
        self._consumer: Any = None

    def watch(self, consumer: Any) -> None:
        self._consumer = consumer

    def came(self, partitions: Collection[Any]) -> None:
        # A place to stand on, and no reading from it: where reading begins is said by `begin`.
        for tp in partitions:
            self._consumer.pause(tp)
            self._consumer.seek(tp, 0)
        with self._turn:
            for tp in partitions:
                self._count += 1
                self._held[tp.partition] = self._count

    def left(self, partitions: Collection[Any]) -> None:
        with self._turn:
            for tp in partitions:
                self._held.pop(tp.partition, None)

    def clear(self) -> None:
        with self._turn:
            self._held.clear()

    def copy(self) -> dict[int, int]:
        with self._turn:
            return dict(self._held)

    def __bool__(self) -> bool:
        return bool(self._held)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python publishes no types
    """Called on kafka-python's own thread."""

    def __init__(self, held: _Assignment) -> None:
        self._held = held

    def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        self._held.came(assigned)

    def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        self._held.left(revoked)

    def on_partitions_lost(self, lost: Collection[Any]) -> None:
        self._held.left(lost)
