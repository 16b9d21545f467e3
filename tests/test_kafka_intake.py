"""The intake on a real broker: nothing lost, nothing twice, and never on from a place that nobody has decided."""

from __future__ import annotations

from pathlib import Path

from broker import Broker
from kafka_parts import connected, kafka_worker, post, read_to_end
from worker_parts import HandClock, assign, at, facts, open_line, register


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
