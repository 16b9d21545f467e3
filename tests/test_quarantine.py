"""A bug in handling one message holds one case back; a full disk loses nothing; a broken invariant stops it all."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from worker_parts import (
    HandClock,
    a_worker,
    answer,
    approve,
    assign,
    at,
    case_id,
    drop,
    facts,
    open_line,
    register,
    send,
)

from engine.app import assemble
from engine.audit.digests import state_digest
from engine.core.desk import Rules
from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import Command, Event, JsonObject
from engine.log import Log
from engine.runtime import incidents
from engine.runtime.asks import UNLIMITED, Source
from engine.runtime.handle import Line
from engine.runtime.office import Here
from engine.runtime.react import Consumer
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.worker import Worker, WorkerSettings
from engine.store.store import Store

pytestmark = pytest.mark.usefixtures("on_both")

QUIET = WorkerSettings(listen=False)


def digest(line: Line) -> str:
    with line.store.read() as reader:
        return state_digest(reader)


def moves(line: Line, key: str) -> list[str]:
    """The types of a case's facts, without the common part."""
    mine = [event for event in facts(line) if event.case_id == case_id(line, key)]
    return [event.type.removeprefix("lianxin.").removesuffix(".v1") for event in mine]


# ── bugs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Fragile:
    """A consumer with a bug: it cannot bear a severity of 5. `mended` once somebody has repaired it."""

    def __init__(self, kind: type[BaseException] = ZeroDivisionError) -> None:
        self.kind = kind
        self.mended = False

    def react(self, event: Event, rules: Rules, at: Instant) -> Sequence[Command]:
        if not self.mended and event.data["summary"]["data"].get("severity") == 5:
            raise self.kind(f"cannot bear {event.data['summary']['data']}")
        return ()


@contextmanager
def with_a_bug(line: Line, clock: HandClock, fragile: Fragile, log: io.StringIO | None = None) -> Iterator[Worker]:
    consumers = [*assemble().consumers, Consumer("fragile", (), fragile.react)]
    with Worker(line, consumers, QUIET, Timekeeper(clock), Log(log or io.StringIO())) as worker:
        yield worker


def story(key: str, **more: JsonObject | int) -> list[JsonObject]:
    return [
        register(key, "2026-04-01 09:00", **more),
        assign(key, "2026-04-01 09:10"),
        answer(key, "2026-04-01 09:20"),
        approve(key, "2026-04-01 09:30"),
    ]


def test_a_bug_in_one_message_quarantines_its_case_and_delays_nobody_else() -> None:
    log = io.StringIO()
    with open_line(None) as line, with_a_bug(line, HandClock(at("2026-04-01 10:00")), Fragile(), log) as worker:
        batch = [m for number in range(20) for m in story(f"K{number}", severity=5 if number == 13 else 2)]
        answers = send(worker, batch)
        assert [a["status"] for a in answers[52:56]] == ["accepted", "accepted", "early", "early"]
        assert all(a["status"] == "accepted" for a in answers[:52] + answers[56:])
        with line.store.read() as reader:
            (incident,) = reader.incidents(open_only=True)
            assert [row.needs for row in reader.parked()] == ["quarantine", "quarantine"]
    assert incident["code"] == "quarantine"
    assert incident["case_id"] == case_id(line, "K13")
    assert incident["facts"]["error"] == "ZeroDivisionError"
    assert "tests/test_quarantine.py:" in incident["facts"]["place"]
    assert "cannot bear" not in orjson.dumps(incident).decode() + log.getvalue()


def test_a_case_in_quarantine_goes_on_where_it_stood_once_the_bug_is_mended(tmp_path: Path) -> None:
    clock, fragile = HandClock(at("2026-04-01 10:00")), Fragile()
    by = {"role": "operator", "person": "p-1"}
    with open_line(tmp_path) as line, with_a_bug(line, clock, fragile) as worker:
        send(worker, story("K1", severity=5)[:3])
    with open_line(tmp_path) as line, with_a_bug(line, clock, fragile) as worker:  # held after a restart as well
        assert send(worker, story("K1", severity=5))[3]["status"] == "early"
        clock.turn(at("2026-04-25 00:00"))
        worker.drain()
        assert not facts(line, "lianxin.deadline.missed.v1"), "its clocks wait too"
        with pytest.raises(LianxinError) as refused:
            incidents.release(Here(worker.writer), case_id(line, "K1"), "I think so", by)
        assert refused.value.code == "LX-431"
        fragile.mended = True
        assert incidents.release(Here(worker.writer), case_id(line, "K1"), "mended in 0.1.1", by) == 2
        worker.drain()
        assert moves(line, "K1")[:4] == ["case.received", "case.assigned", "incident.opened", "incident.closed"]
        mended = digest(line)
        with line.store.read() as reader:
            assert not reader.parked()
            assert not reader.incidents(open_only=True)
            assert [row["status"] for row in reader.deadlines() if row["deadline"] == "handling"] == ["met"]
        assert send(worker, story("K1", severity=5))[0]["status"] == "duplicate"
        assert digest(line) == mended


def test_a_bug_in_a_reaction_to_a_clock_quarantines_the_case_and_the_other_clocks_ring() -> None:
    clock = HandClock(at("2026-04-01 10:00"))
    with open_line(None) as line, with_a_bug(line, clock, Fragile()) as worker:
        for number in range(9):
            severity = 5 if number == 4 else 2
            send(worker, [register(f"K{number}", "2026-04-01 09:00", severity=severity)])
        clock.turn(at("2026-04-24 00:00"))
        worker.drain()
        worker.drain()
        assert len(facts(line, "lianxin.deadline.missed.v1")) == 8
        assert worker.writer.held == {case_id(line, "K4")}
        assert len(facts(line, "lianxin.incident.opened.v1")) == 1


def test_a_bug_in_reading_a_message_makes_a_dead_letter_and_an_incident() -> None:
    class Broken(dict[str, Source]):
        def get(self, name: str, default: object = None) -> Source:
            if name == "urn:test:broken":
                raise ZeroDivisionError(name)
            return UNLIMITED

    with open_line(None, sources=Broken()) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        bad = register("K1", "2026-04-01 09:00", source="urn:test:broken")
        answers = send(worker, [bad, register("K2", "2026-04-01 09:00")])
        assert [a["status"] for a in answers] == ["dead-letter", "accepted"]
        with line.store.read() as reader:
            assert [row["code"] for row in reader.incidents()] == ["our-bug"]
            assert [row.reason for row in reader.dead_letters()] == ["our-bug"]


def test_a_broken_invariant_stops_the_worker_and_commits_nothing() -> None:
    with (
        open_line(None) as line,
        with_a_bug(line, HandClock(at("2026-04-01 10:00")), Fragile(AssertionError)) as worker,
    ):
        with pytest.raises(AssertionError):
            send(worker, story("K1", severity=5))
        assert not facts(line)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────


def limit_pages(store: Store, more: int | None) -> None:
    """The database may grow by so many pages (None: as it likes): SQLite's own way to say that the disk is full."""
    driver = store._database.driver
    (now,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {now + more if more is not None else 2**30}")


@pytest.mark.on_sqlite
def test_while_the_disk_is_full_nothing_is_lost_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    messages = [m for number in range(300) for m in story(f"K{number}")]
    drop(tmp_path / "intake", "a.ndjson", messages, "2026-04-01 09:45")
    stop = threading.Event()

    class Watching(io.StringIO):
        """Makes room when the worker says that there is none, and stops it when the file is done."""

        def write(self, text: str) -> int:
            if '"store.unavailable"' in text and text.count("LX-524"):
                told.append("full")
                limit_pages(line.store, None)
            if '"intake.file_done"' in text:
                stop.set()
            return super().write(text)

    told: list[str] = []
    settings = WorkerSettings(spool=tmp_path / "intake", listen=False)
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 10:00")), settings, Watching()) as worker:
        limit_pages(line.store, 100)
        worker.run(stop)
        assert told == ["full"]
        assert len(facts(line)) == len(messages)
        with line.store.read() as reader:
            counts = reader.counts()
            assert counts["inbox"] == len(messages)
            assert not reader.dead_letters()


@pytest.mark.on_sqlite
def test_who_asks_while_the_disk_is_full_is_told_so_and_may_ask_again(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        limit_pages(line.store, 0)
        batch = [orjson.dumps(m).decode() for number in range(200) for m in story(f"K{number}")]
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(worker.queue.perform, {"do": "submit", "messages": batch})
            while not worker.queue.oldest():
                pass
            with pytest.raises(LianxinError) as unavailable:
                worker.step()
            assert unavailable.value.code == "LX-524"
            with pytest.raises(LianxinError) as refused:
                waiting.result()
            assert refused.value.exit_code == 5
        assert not facts(line)
        limit_pages(line.store, None)
        answers = send(worker, [orjson.loads(m) for m in batch])
        assert {a["status"] for a in answers} == {"accepted"}
