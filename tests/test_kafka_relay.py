"""What happens goes out on the topics: each fact, in order per case, again after a fault, and nothing about persons."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import orjson
import pytest
from broker import Broker
from kafka_parts import PATIENCE_SECONDS, connected, kafka_worker, on_topic, post, read_to_end
from worker_parts import SOURCE, HandClock, answer, approve, assign, at, compiled, open_line, register

from engine.app import assemble
from engine.bus import CASE_EVENTS, CASE_SEALED, DEAD_LETTERS, Outgoing, Outlet
from engine.bus.kafka import events
from engine.bus.kafka.connection import Connection
from engine.bus.kafka.writer import KafkaWriter
from engine.core.errors import LianxinError
from engine.log import Log
from engine.runtime.handle import Line
from engine.runtime.relay import Relay
from engine.store.batch import StaleEpoch
from schemas.asyncapi import CaseEvent, DeadLetter

LIANXIN = Path(sys.executable).parent / "lianxin"
NOON = "2026-04-01 12:00"


@contextmanager
def a_relay(line: Line, connection: Connection, sender: object = None) -> Iterator[Relay]:
    outlet = Outlet(sender or KafkaWriter(connection), connection.topic, events.structured)  # type: ignore[arg-type]
    relay = Relay(line, outlet, Log(io.StringIO()))
    try:
        yield relay
    finally:
        relay.close()


def to_the_end(relay: Relay) -> int:
    sent = 0
    while page := relay.step():
        sent += page
    return sent


def taken_in(line: Line, connection: Connection, keys: Sequence[str]) -> None:
    post(connection, [register(key, "2026-04-01 09:00") for key in keys])
    post(connection, [assign(key, "2026-04-01 09:30") for key in keys])
    post(connection, [b'{"specversion": "1.0", "name": "\xe8\xb5\xb5"}'])
    with kafka_worker(line, HandClock(at(NOON)), connection) as worker:
        read_to_end(worker)


def test_every_fact_of_a_case_goes_out_once_in_order_and_dead_letters_without_what_they_said(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker)
    with open_line(tmp_path) as line:
        taken_in(line, connection, [f"K{number}" for number in range(9)])
        with a_relay(line, connection) as relay:
            assert to_the_end(relay) > 0
            assert relay.step() == 0
        with line.store.read() as reader:
            logged = [(e.case_id, str(e.position)) for e in reader.log(0, 10_000) if e.case_id]
        sent = [CaseEvent.model_validate(event) for _, _, event in on_topic(connection, CASE_EVENTS)]
        assert sorted((e.subject, e.id) for e in sent) == sorted(logged)
        for case_id in {e.subject for e in sent}:
            positions = [int(e.id) for e in sent if e.subject == case_id]
            assert positions == sorted(positions)
        ((_, _, dead),) = on_topic(connection, DEAD_LETTERS)
        DeadLetter.model_validate(dead)
        assert dead["data"]["reason"]
        assert "赵" not in orjson.dumps(dead).decode()


class Losing:
    """Sends for real, and then says that it was not acknowledged, so often."""

    def __init__(self, sender: KafkaWriter, times: int) -> None:
        self.sender, self.times = sender, times

    def send(self, messages: Sequence[Outgoing]) -> None:
        self.sender.send(messages)
        if self.times:
            self.times -= 1
            raise LianxinError("LX-557", exit_code=5, reason="lost")

    def close(self) -> None:
        self.sender.close()


def test_what_was_not_acknowledged_is_sent_again_under_the_same_id(kafka_broker: Broker, tmp_path: Path) -> None:
    connection = connected(kafka_broker)
    with open_line(tmp_path) as line:
        taken_in(line, connection, ["K1", "K2"])
        with a_relay(line, connection, Losing(KafkaWriter(connection), 1)) as relay:
            with pytest.raises(LianxinError) as lost:
                relay.step()
            assert lost.value.code == "LX-557"
            to_the_end(relay)
        ids = [event["id"] for _, _, event in on_topic(connection, CASE_EVENTS)]
        assert len(ids) == 2 * len(set(ids)), "both sendings arrived"
        with line.store.read() as reader:
            assert set(ids) == {str(e.position) for e in reader.log(0, 10_000) if e.case_id}


def test_a_second_relay_takes_over_where_the_first_has_ended_and_the_first_can_settle_no_more(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker)
    with open_line(tmp_path) as line:
        taken_in(line, connection, ["K1"])
        with a_relay(line, connection) as first, a_relay(line, connection) as second:
            to_the_end(first)
            taken_in(line, connection, ["K2"])
            assert to_the_end(second) > 0
            taken_in(line, connection, ["K3"])
            with pytest.raises(StaleEpoch):
                first.step()


def test_nothing_about_a_person_is_on_the_topics(kafka_broker: Broker, tmp_path: Path) -> None:
    connection = connected(kafka_broker)
    who = {"name": "欧阳测试", "phone": "13900001234", "id_number": "110101190001010011", "address": "测试路一号"}
    with open_line(tmp_path) as line:
        post(connection, [register("K-4711", "2026-04-01 09:00", petitioner=who, text="水管爆裂三天无人修")])
        with kafka_worker(line, HandClock(at(NOON)), connection) as worker:
            read_to_end(worker)
        with a_relay(line, connection) as relay:
            assert to_the_end(relay) > 0
        said = orjson.dumps([event for _, _, event in on_topic(connection, CASE_EVENTS)]).decode()
        for canary in (*who.values(), "水管爆裂", "sealed", "K-4711"):
            assert canary not in said


def test_what_happens_while_a_matter_is_sealed_goes_out_on_the_topic_for_sealed_ones_also_when_it_no_longer_is(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker)
    text = (assemble().folder / "complaint.yaml").read_text(encoding="utf-8")
    marked = text.replace("  assigned:\n", "  assigned:\n    sealed: {to: handler}\n", 1)
    assert marked != text
    folder = tmp_path / "workflows"
    shutil.copytree(assemble().folder, folder)
    with open_line(tmp_path, workflows=compiled(folder, marked)) as line:
        said = [register("K1", "2026-04-01 09:00"), assign("K1", "2026-04-01 09:30")]
        post(connection, [*said, answer("K1", "2026-04-01 10:00"), approve("K1", "2026-04-01 10:30")])
        with kafka_worker(line, HandClock(at(NOON)), connection) as worker:
            read_to_end(worker)
        with a_relay(line, connection) as relay:
            to_the_end(relay)
    moves = {f"lianxin.case.{state}.v1" for state in ("received", "assigned", "handled", "reviewed")}
    opened = [event["type"] for _, _, event in on_topic(connection, CASE_EVENTS) if event["type"] in moves]
    sealed = [event["type"] for _, _, event in on_topic(connection, CASE_SEALED) if event["type"] in moves]
    assert opened == ["lianxin.case.received.v1", "lianxin.case.reviewed.v1"]
    assert sealed == ["lianxin.case.assigned.v1", "lianxin.case.handled.v1"]


def test_a_fault_of_ours_in_the_relay_stops_the_worker_that_would_go_on_without_it(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker)
    with open_line(tmp_path) as line:
        taken_in(line, connection, ["K1"])
        outlet = Outlet(KafkaWriter(connection), connection.topic, lambda event: ([], event["no such key"]))
        relay = Relay(line, outlet, Log(io.StringIO()))
        relay.allow(True)
        relay.start()
        relay._thread.join(PATIENCE_SECONDS)
        with pytest.raises(KeyError):
            relay.allow(True)
        relay.close()


def test_run_all_on_kafka_takes_messages_in_and_sends_what_follows_until_it_is_told_to_stop(
    kafka_broker: Broker, tmp_path: Path
) -> None:
    connection = connected(kafka_broker, prefix="office")
    project = tmp_path / "office"
    subprocess.run([LIANXIN, "init", project], check=True, capture_output=True)
    settings = project / "lianxin.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8")
        + f'''
[kafka]
prefix = "office"
group = "office"
session_timeout = "6s"

[sources."{SOURCE}"]
commands = "*"
roles = "*"
max_backdate = "10000d"
''',
        encoding="utf-8",
    )
    environment = {**os.environ, "LIANXIN_BUS": f"kafka://{kafka_broker.address}"}
    with subprocess.Popen(
        [LIANXIN, "run", "all"], cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            post(connection, [register("K1", "2026-04-01 09:00"), assign("K1", "2026-04-01 09:30")])
            until = monotonic() + PATIENCE_SECONDS
            while len(on_topic(connection, CASE_EVENTS)) < 2:
                assert process.poll() is None, "it has ended"
                assert monotonic() < until, "nothing came out"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, said.decode()
    sent = [event["type"] for _, _, event in on_topic(connection, CASE_EVENTS)]
    assert sent[:2] == ["lianxin.case.received.v1", "lianxin.case.assigned.v1"]
