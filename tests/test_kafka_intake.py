"""The intake on a real broker: nothing lost, nothing twice, and never on from a place that nobody has decided."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from broker import Broker
from kafka import TopicPartition
from kafka_parts import PATIENCE_SECONDS, connected, kafka_worker, post, read_to_end, steps_until
from worker_parts import HandClock, assign, at, facts, open_line, register

from engine.bus import INTAKE
from engine.bus.kafka.connection import Connection
from engine.bus.kafka.topics import prepare
from engine.core.errors import LianxinError
from engine.core.model import JsonObject
from engine.runtime.handle import Line
from engine.runtime.incidents import close_one


def test_messages_on_the_topic_are_taken_in_once_and_after_a_restart_it_goes_on(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker)
    clock = HandClock(at("2026-04-01 12:00"))
    keys = [f"K{number}" for number in range(20)]
    post(connection, [register(key, "2026-04-01 09:00") for key in keys])
    with open_line(tmp_path) as line, kafka_worker(line, clock, connection, messages_max=7) as worker:
        read_to_end(worker)
        assert len(facts(line, "lianxin.case.received.v1")) == len(keys)
    post(connection, [assign(key, "2026-04-01 09:30") for key in keys], binary=True)
    post(connection, [register(key, "2026-04-01 09:00") for key in keys[:5]])
    with open_line(tmp_path) as line, kafka_worker(line, clock, connection) as worker:
        read_to_end(worker)
        assert len(facts(line, "lianxin.case.received.v1")) == len(keys)
        assert len(facts(line, "lianxin.case.assigned.v1")) == len(keys)
        with line.store.read() as reader:
            rows = [row for row in reader.offsets() if row["group"] == "intake"]
        assert sum(row["next"] for row in rows) == 45
        assert {row["epoch"] for row in rows} == {3}, "made known, then claimed by each of the two lives"


def test_a_topic_made_anew_is_not_read_before_somebody_has_said_so(kafka_broker: Broker, tmp_path: Path) -> None:
    connection = connected(kafka_broker)
    clock = HandClock(at("2026-04-01 12:00"))
    post(connection, [register(f"K{n}", "2026-04-01 09:00") for n in range(5)])
    with open_line(tmp_path) as line, kafka_worker(line, clock, connection) as worker:
        read_to_end(worker)
    with connection.admin() as admin:
        admin.delete_topics([connection.topic(INTAKE)])
    prepared_anew(connection)
    post(connection, [register(f"N{n}", "2026-04-01 09:00") for n in range(5)])
    with open_line(tmp_path) as line, kafka_worker(line, clock, connection) as worker:
        steps_until(worker, lambda: opened(line))
        ((incident, facts_of_it),) = opened(line)
        assert (incident["code"], facts_of_it["topic"]) == ("topic-anew", connection.topic(INTAKE))
        assert len(facts(line, "lianxin.case.received.v1")) == 5, "nothing of it was taken in"
        close_one(worker.writer, {**incident, "reason": "looked at", "by": {}}, worker.time.now())
        read_to_end(worker)
        assert len(facts(line, "lianxin.case.received.v1")) == 10


def test_what_was_thrown_away_unread_is_an_incident_and_the_rest_is_read_once_it_is_closed(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker, partitions=1)
    clock = HandClock(at("2026-04-01 12:00"))
    post(connection, [register(f"K{n}", "2026-04-01 09:00") for n in range(5)])
    with open_line(tmp_path) as line, kafka_worker(line, clock, connection) as worker:
        read_to_end(worker)
    post(connection, [register(f"L{n}", "2026-04-01 09:00") for n in range(5)])
    with connection.admin() as admin:
        admin.delete_records({TopicPartition(connection.topic(INTAKE), 0): 8})
    with open_line(tmp_path) as line, kafka_worker(line, clock, connection) as worker:
        steps_until(worker, lambda: opened(line))
        ((incident, told),) = opened(line)
        assert (incident["code"], told["offset"], told["begins"]) == ("offset-out-of-range", 5, 8)
        close_one(worker.writer, {**incident, "reason": "looked at", "by": {}}, worker.time.now())
        read_to_end(worker)
        assert len(facts(line, "lianxin.case.received.v1")) == 7


def prepared_anew(connection: Connection) -> None:
    until = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            prepare(connection)
            return
        except LianxinError:  # it is still being deleted
            assert monotonic() < until


def opened(line: Line) -> list[tuple[JsonObject, JsonObject]]:
    with line.store.read() as reader:
        return [(row, row["facts"]) for row in reader.incidents(open_only=True)]
