"""What tests on a real broker are made of: topics of their own, messages sent, a worker that reads to their ends."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic

import orjson
from broker import Broker
from kafka import KafkaConsumer, TopicPartition
from worker_parts import HandClock

from engine.app import assemble
from engine.bus import INTAKE, Outgoing
from engine.bus.kafka import events
from engine.bus.kafka.connection import Connection
from engine.bus.kafka.reader import KafkaReader
from engine.bus.kafka.topics import Topic, prepare
from engine.bus.kafka.writer import KafkaWriter
from engine.core.model import JsonObject
from engine.log import Log
from engine.runtime.handle import Line
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.watermarks import MAX_WAIT
from engine.runtime.worker import Worker, WorkerSettings
from schemas.settings import KafkaSettings

SESSION = timedelta(seconds=6)
PATIENCE_SECONDS = 60
"""Until a test gives up waiting for the broker: nothing takes so long, on a busy machine either."""
_NUMBERS = itertools.count(1)


def connected(broker: Broker, prefix: str = "", partitions: int = 3) -> Connection:
    """Topics of its own on the broker, made."""
    name = prefix or f"test{next(_NUMBERS)}"
    settings = KafkaSettings(prefix=name, group=name, partitions=partitions, session_timeout=SESSION)
    connection = Connection(broker.address, settings)
    prepare(connection)
    return connection


def topics(connection: Connection) -> dict[str, Topic]:
    return prepare(connection)


def post(connection: Connection, messages: Sequence[JsonObject | bytes], *, binary: bool = False) -> None:
    """Send messages to the intake as an integrating system does: in order, by the case's key."""
    writer = KafkaWriter(connection)
    try:
        writer.send([outgoing(connection.topic(INTAKE), message, binary=binary) for message in messages])
    finally:
        writer.close()


def outgoing(topic: str, message: JsonObject | bytes, *, binary: bool = False) -> Outgoing:
    if isinstance(message, bytes):
        return Outgoing(topic, b"", (), message)
    headers, value = events.binary(message) if binary else events.structured(message)
    return Outgoing(topic, str(message.get("subject", "")).encode(), tuple(headers), value)


@contextmanager
def kafka_worker(
    line: Line,
    clock: HandClock | Timekeeper,
    connection: Connection,
    *,
    messages_max: int = 500,
    log: io.StringIO | None = None,
    spool: Path | None = None,
    max_wait: timedelta = MAX_WAIT,
) -> Iterator[Worker]:
    """The worker with the intake on Kafka, to be driven step by step."""
    reader = KafkaReader(connection, connection.topic(INTAKE))
    settings = WorkerSettings(spool=spool, topic=reader, messages_max=messages_max, listen=False, max_wait=max_wait)
    time = clock if isinstance(clock, Timekeeper) else Timekeeper(clock)
    with Worker(line, assemble().consumers, settings, time, Log(log or io.StringIO())) as worker:
        yield worker


def read_to_end(worker: Worker, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Steps until every partition is ours and read to its end, and nothing is left to do at this instant."""
    assert worker.topic is not None
    until = monotonic() + within_seconds
    while worker.step() or not worker.topic.at_end:
        assert monotonic() < until, "the topic was not read to its end"


def steps_until(worker: Worker, done: object, within_seconds: float = PATIENCE_SECONDS) -> None:
    """Steps until something holds."""
    assert callable(done)
    until = monotonic() + within_seconds
    while not done():
        assert monotonic() < until, "it did not come to that"
        worker.step()


def on_topic(connection: Connection, name: str) -> list[tuple[int, str, JsonObject]]:
    """Everything that stands on a topic, by partition: (partition, key, event)."""
    topic = connection.topic(name)
    consumer = KafkaConsumer(bootstrap_servers=connection.servers, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning()
        found: list[tuple[int, str, JsonObject]] = []
        until = monotonic() + PATIENCE_SECONDS
        while any(consumer.position(tp) < ends[tp] for tp in partitions):
            assert monotonic() < until
            for tp, records in consumer.poll(timeout_ms=200).items():
                found += [(tp.partition, (r.key or b"").decode(), orjson.loads(r.value)) for r in records]
        return sorted(found, key=lambda one: one[0])
    finally:
        consumer.close()
