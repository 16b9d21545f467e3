"""SQLite and PostgreSQL, without a broker and with Kafka: the same messages come to the same state."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import groupby

import pytest
from broker import Broker
from databases import on_postgres
from invented_complaints import UNITS, Story, as_events
from kafka_parts import connected, kafka_worker, post, read_to_end
from worker_parts import HandClock, a_worker, at, open_line, send, turned_by_and_by

from engine.audit.digests import letters_digest, state_digest
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime.handle import Line
from engine.runtime.replay import replay
from engine.runtime.worker import Worker

SEED = 20261124
CASES = 8
END = "2026-07-01 09:00"

pytestmark = pytest.mark.usefixtures("on_both")


def told() -> list[list[JsonObject]]:
    """Invented complaints, some late, some never answered; the messages of each instant together."""
    chance = random.Random(SEED)
    stories = [
        Story(
            key=f"K{number}",
            began=chance.randrange(200),
            steps=tuple(chance.choice([chance.randrange(1, 30), chance.randrange(300, 900), None]) for _ in range(4)),
            severity=chance.randrange(1, 6),
            satisfied=chance.choice([True, False, None]),
            unit=chance.choice(UNITS),
        )
        for number in range(CASES)
    ]
    messages = sorted(as_events(stories), key=lambda message: (message["time"], message["id"]))
    return [list(together) for _, together in groupby(messages, key=lambda message: str(message["time"]))]


def lived(
    worker: Worker, give: Callable[[Worker, Sequence[JsonObject]], object], settle: Callable[[Worker], object]
) -> None:
    """A worker that is given the messages of each instant when it has come."""
    for together in told():
        turned_by_and_by(worker, together[0]["time"], settle)
        give(worker, together)
    turned_by_and_by(worker, at(END), settle)
    settle(worker)


def came_to(line: Line) -> tuple[str, int]:
    """The state's digest and how many letters there are; the tables are those of a replay."""
    assert replay(line.store).equal
    with line.store.read() as reader:
        assert letters_digest(reader)
        return state_digest(reader), len(reader.letters())


def begins() -> Instant:
    return str(told()[0][0]["time"])


def test_without_a_broker_and_with_kafka_the_same_messages_come_to_the_same_state(
    kafka_broker: Broker, came_to_first: list[tuple[str, int]]
) -> None:
    with open_line(None) as line, a_worker(line, HandClock(begins())) as worker:
        lived(worker, lambda w, together: send(w, together, drain=False), Worker.drain)
        embedded = came_to(line)
    connection = connected(kafka_broker)

    def posted(worker: Worker, together: Sequence[JsonObject]) -> None:
        post(connection, together)
        read_to_end(worker)

    clock = HandClock(begins())  # it jumps by weeks, and a broker answers in milliseconds of ours
    with open_line(None) as line, kafka_worker(line, clock, connection, max_wait=timedelta(days=999)) as worker:
        lived(worker, posted, read_to_end)
        on_kafka = came_to(line)
    assert on_kafka == embedded
    assert embedded[1] > 0, "some are late, or the test shows little"
    came_to_first.append(embedded)
    assert len(set(came_to_first)) == 1, "and on the other database as well"
    assert len(came_to_first) == 1 + on_postgres()


@pytest.fixture(scope="module")
def came_to_first() -> list[tuple[str, int]]:
    """What the databases tried before came to."""
    return []
