"""The process that writes: what goes in comes out once, in order; clocks wait for the intake; a bug holds one case."""

from __future__ import annotations

import io
import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_complaints import Story, as_events, stories
from pysqlite3 import dbapi2 as sqlite
from worker_parts import (
    HandClock,
    a_worker,
    answer,
    approve,
    assign,
    at,
    case_id,
    close,
    compiled,
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
from engine.runtime.asks import UNLIMITED, Ask, Source, from_event
from engine.runtime.handle import Line
from engine.runtime.local_socket import Caller, Gone, receive, socket_path
from engine.runtime.local_socket import send as send_frame
from engine.runtime.office import Here, reach, submit
from engine.runtime.react import Consumer
from engine.runtime.simulate import Simulation
from engine.runtime.timekeeper import FileClock, Timekeeper
from engine.runtime.worker import Worker, WorkerSettings
from engine.store.store import Store
from schemas.intake import read_event

QUIET = WorkerSettings(listen=False)


def digest(line: Line) -> str:
    with line.store.read() as reader:
        return state_digest(reader)


def moves(line: Line, key: str) -> list[str]:
    """The types of a case's facts, without the common part."""
    mine = [event for event in facts(line) if event.case_id == case_id(line, key)]
    return [event.type.removeprefix("lianxin.").removesuffix(".v1") for event in mine]


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_answered_after_its_commit_and_again_as_a_duplicate() -> None:
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        first = send(worker, [register("K1", "2026-04-01 09:00")])
        again = send(worker, [register("K1", "2026-04-01 09:00")])
    assert first[0]["status"] == "accepted"
    assert again[0]["status"] == "duplicate"


def test_what_follows_from_a_fact_comes_before_the_next_message_of_its_case_even_in_one_batch() -> None:
    history = [
        register("K1", "2026-04-01 09:00", severity=5),
        assign("K1", "2026-04-01 10:00"),
        answer("K1", "2026-04-01 11:00"),
        approve("K1", "2026-04-01 11:30"),
        close("K1", "2026-04-01 11:45"),
    ]
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 12:00"))) as worker:
        answers = send(worker, history)
        assert moves(line, "K1")[:4] == ["case.received", "case.assigned", "case.handled", "follow_up.scheduled"]
    assert [a["status"] for a in answers] == ["accepted"] * 4 + ["rejected"]
    assert answers[4]["code"] == "guard", "a call back is owed, so the case cannot be closed"


@settings(max_examples=25)
@given(stories(), st.data())
def test_however_messages_are_cut_into_batches_the_state_is_the_same(told: list[Story], data: st.DataObject) -> None:
    events = as_events(told)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(events)), max_size=6)) | {0, len(events)})
    found = []
    for bounds in ([0, len(events)], cuts, list(range(len(events) + 1))):
        with open_line(None) as line, a_worker(line, HandClock(at("2026-12-31 00:00"))) as worker:
            for start, end in pairwise(bounds):
                send(worker, events[start:end], drain=False)
            worker.drain()
            found.append(digest(line))
    assert len(set(found)) == 1


@settings(max_examples=25)
@given(stories())
def test_a_worker_whose_messages_arrive_as_they_happen_ends_where_simulate_ends(told: list[Story]) -> None:
    events = sorted(as_events(told), key=lambda event: str(event["time"]))
    with open_line(None) as line, a_worker(line, HandClock(at("2026-03-01 00:00"))) as worker:
        for event in events:
            turned_by_and_by(worker, str(event["time"]))
            send(worker, [event])
        turned_by_and_by(worker, at("2026-08-01 00:00"))
        lived = digest(line)
    with open_line(None) as line:
        asks = [from_event(read_event(orjson.dumps(e)), line.book, line.sources, "") for e in events]
        Simulation(line, assemble().consumers).run(asks, until=HandClock(at("2026-08-01 00:00")).at)
        assert digest(line) == lived


def turned_by_and_by(worker: Worker, to: str) -> None:
    """The clock goes on; whatever is due on the way is done at its own instant, as by a worker that never slept."""
    clock = worker.time._clock
    assert isinstance(clock, HandClock)
    goal = HandClock(to).at
    while True:
        with worker.writer.line.store.transaction() as tx:
            due = tx.next_due()
        if due is None or due >= goal:
            break
        clock.at = max(due, clock.at)
        worker.drain()
    clock.at = max(goal, clock.at)


def test_reading_the_log_again_from_its_beginning_changes_nothing(tmp_path: Path) -> None:
    clock = HandClock(at("2026-04-01 10:00"))
    with open_line(tmp_path) as line, a_worker(line, clock) as worker:
        send(worker, [register("K1", "2026-04-01 09:00", severity=5), assign("K1", "2026-04-01 09:30")])
        clock.turn(at("2026-04-24 00:00"))
        worker.drain()
        before, length = digest(line), len(facts(line))
    with sqlite.connect(str(tmp_path / "lianxin.db")) as raw:
        raw.execute('UPDATE "offset" SET next = 0')
    with open_line(tmp_path) as line, a_worker(line, clock) as worker:
        worker.drain()
        assert digest(line) == before
        assert len(facts(line)) == length


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_points_of_clocks_fire_once_and_oldest_first_also_after_a_restart(tmp_path: Path) -> None:
    clock = HandClock(at("2026-04-01 08:00"))
    keys = [f"K{number}" for number in range(30)]
    with open_line(tmp_path) as line, a_worker(line, clock) as worker:
        clock.turn(at("2026-04-22 08:00"))
        for number, key in enumerate(keys):
            day = f"2026-04-{number % 20 + 1:02}"
            send(worker, [register(key, f"{day} 09:00"), assign(key, f"{day} 10:00")], drain=False)
        clock.turn(at("2026-06-01 00:00"))
        worker.step()  # one page of points; then the process ends
    with open_line(tmp_path) as line, a_worker(line, clock) as worker:
        worker.drain()
        fired = [e for e in facts(line) if e.type.startswith("lianxin.deadline.") and "handling" in e.data["deadline"]]
        assert [e.occurred_at for e in fired] == sorted(e.occurred_at for e in fired)
        claims = [(e.case_id, e.data["deadline"], e.data["run"], e.data.get("reminder", e.type)) for e in fired]
        assert len(set(claims)) == len(claims) == 3 * len(keys)
        assert all(e.occurred_at <= e.recorded_at for e in fired)


def test_two_reminders_at_one_instant_both_come(tmp_path: Path) -> None:
    """Six working days: half of them, and three before the end, are the same midnight."""
    text = (assemble().folder / "complaint.yaml").read_text(encoding="utf-8")
    workflows = compiled(tmp_path, text.replace("within: 15 working days", "within: 6 working days"))
    clock = HandClock(at("2026-04-01 10:00"))
    with open_line(None, workflows=workflows) as line, a_worker(line, clock) as worker:
        send(worker, [register("K1", "2026-04-01 09:00")])
        clock.turn(at("2026-04-12 00:00"))
        worker.drain()
        reminders = facts(line, "lianxin.deadline.reminder.v1")
    assert [e.data["reminder"] for e in reminders] == ["3 working days before", "50%"]
    assert len({e.occurred_at for e in reminders}) == 1


def test_three_days_down_with_answers_waiting_give_no_letter_that_should_not_be(tmp_path: Path) -> None:
    """Registered on 1 April, due on the 23rd. The worker is down from the 21st to the 27th; answers wait as files."""
    waiting = WorkerSettings(spool=tmp_path / "intake", listen=False)
    sources = {"*": Source()}  # may date back one hour, not three days
    clock = HandClock(at("2026-04-01 12:00"))
    with open_line(tmp_path, sources=sources) as line, a_worker(line, clock, waiting) as worker:
        drop(
            tmp_path / "intake",
            "a.ndjson",
            [
                m
                for key in ("K1", "K2", "K3")
                for m in (register(key, "2026-04-01 11:30"), assign(key, "2026-04-01 11:40"))
            ],
            "2026-04-01 11:45",
        )
        worker.drain()
        clock.turn(at("2026-04-21 18:00"))
        worker.drain()
        assert not facts(line, "lianxin.deadline.missed.v1")
    drop(tmp_path / "intake", "b.ndjson", [answer("K1", "2026-04-22 09:00")], "2026-04-22 09:01")
    drop(tmp_path / "intake", "c.ndjson", [answer("K2", "2026-04-23 23:30")], "2026-04-24 00:15")
    drop(tmp_path / "intake", "d.ndjson", [answer("K3", "2026-04-24 09:00")], "2026-04-24 09:01")
    clock.turn(at("2026-04-27 08:00"))
    with open_line(tmp_path, sources=sources) as line, a_worker(line, clock, waiting) as worker:
        worker.drain()
        with line.store.read() as reader:
            status = {row["case_id"]: row["status"] for row in reader.deadlines() if row["deadline"] == "handling"}
            letters = reader.letters()
            open_ones = reader.incidents(open_only=True)
    assert status == {case_id(line, "K1"): "met", case_id(line, "K2"): "met", case_id(line, "K3"): "missed"}
    assert [row["case_id"] for row in letters] == [case_id(line, "K3")]
    assert not open_ones
    assert not list((tmp_path / "intake").iterdir()), "what is committed is taken away"


def test_where_the_intake_stands_still_clocks_go_on_after_a_while_marked_and_letters_stay_drafts(
    tmp_path: Path,
) -> None:
    spool = tmp_path / "intake"
    spool.mkdir()
    clock = HandClock(at("2026-04-01 12:00"))
    with open_line(None) as line, a_worker(line, clock, WorkerSettings(spool=spool, listen=False)) as worker:
        send(worker, [register("K1", "2026-04-01 11:30"), assign("K1", "2026-04-01 11:40")])
        clock.turn(at("2026-04-23 23:50"))
        worker.drain()
        shutil.rmtree(spool)  # the disk is gone
        clock.turn(at("2026-04-24 00:00"))
        worker.drain()
        assert not facts(line, "lianxin.deadline.missed.v1"), "answers may be waiting there"
        for local in ("2026-04-24 00:06", "2026-04-24 00:10", "2026-04-24 09:00"):
            clock.turn(at(local))
            worker.drain()
        (missed,) = facts(line, "lianxin.deadline.missed.v1")
        assert missed.data["notes"] == ["intake_incomplete"]
        assert missed.occurred_at == HandClock(at("2026-04-24 00:00")).at
        with line.store.read() as reader:
            assert [row["state"] for row in reader.letters()] == ["drafted"]
            assert [row["code"] for row in reader.incidents(open_only=True)] == ["intake-incomplete"]
        spool.mkdir()
        worker.drain()
        assert worker.writer.marks.reach(clock.at).until == clock.at


def test_a_clock_that_jumps_back_stands_still_and_time_on_record_never_decreases(tmp_path: Path) -> None:
    clock = HandClock(at("2026-04-01 12:00"))
    with open_line(tmp_path) as line, a_worker(line, clock) as worker:
        send(worker, [register("K1", "2026-04-01 11:30")])
        clock.turn(at("2026-03-01 12:00"))
        send(worker, [register("K2", "2026-04-01 11:30")])
    with open_line(tmp_path) as line, a_worker(line, clock) as worker:
        send(worker, [register("K3", "2026-04-01 11:30")])
        assert {event.recorded_at for event in facts(line)} == {HandClock(at("2026-04-01 12:00")).at}


def test_a_fact_that_waits_too_long_is_an_incident_once_and_is_taken_up_all_the_same() -> None:
    clock = HandClock(at("2026-04-01 12:00"))
    with open_line(None) as line, a_worker(line, clock) as worker:
        assert send(worker, [assign("K1", "2026-04-01 11:40")])[0]["status"] == "early"
        for local in ("2026-04-04 12:00", "2026-04-05 12:00", "2026-04-09 12:00"):
            clock.turn(at(local))
            worker.drain()
        with line.store.read() as reader:
            (incident,) = reader.incidents(open_only=True)
            assert len(reader.parked()) == 1, "it stays to be seen"
        assert incident["code"] == "early-gave-up"
        assert incident["facts"]["needs"] == "case"
        assert send(worker, [register("K1", "2026-04-01 11:30")])[0]["status"] == "accepted"
        assert moves(line, "K1")[-2:] == ["case.received", "case.assigned"]
        with line.store.read() as reader:
            assert not reader.parked()


def test_a_file_clock_keeps_the_last_instant_while_it_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    with pytest.raises(LianxinError) as refused:
        FileClock(path).now()
    assert refused.value.code == "LX-530"
    path.write_text("2026-04-01T09:00:00+08:00\n")
    clock = FileClock(path)
    assert clock.now() == "2026-04-01T01:00:00.000000Z"
    path.write_text("")
    assert clock.now() == "2026-04-01T01:00:00.000000Z"


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
    assert incident["facts"]["place"].startswith("main/tests/test_worker.py:")
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
    driver = store._driver
    (now,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {now + more if more is not None else 2**30}")


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


# ── one writer, many callers ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def running(folder: Path, clock: HandClock) -> Iterator[Line]:
    """A worker at work in a thread of its own, listening."""
    stop = threading.Event()
    with open_line(folder) as line, a_worker(line, clock, WorkerSettings()) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            yield line
        finally:
            stop.set()
            thread.join()


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'lianxin.db'}"


def no_writer_here() -> object:
    raise AssertionError("a writer runs: nobody opens another")


def wish(key: str, does: str = "register", **values: str) -> Ask:
    content = orjson.dumps({"key": key, "does": does})
    return Ask("cli", f"{key}-{does}", "complaint", does, "clerk", key, "", values, content, intake=False)


def test_many_callers_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    def ask(number: int) -> list[str]:
        with reach(url(tmp_path), no_writer_here) as office:  # type: ignore[arg-type]
            answers = submit(office, [wish(f"K{number}", channel="phone"), wish(f"K{number}", "assign")])
            return [f"{a.status} {a.code} {a.case_id}" for a in answers]

    with running(tmp_path, HandClock(at("2026-04-01 10:00"))) as line:
        with ThreadPoolExecutor(16) as threads:
            found = list(threads.map(ask, range(60)))
        opened = facts(line, "lianxin.case.received.v1")
    assert len(opened) == 60
    assert {event.occurred_at for event in opened} == {HandClock(at("2026-04-01 10:00")).at}, "the server's time"
    for number, answers in enumerate(found):
        mine = case_id(line, f"K{number}")
        assert answers == [f"accepted  {mine}", f"rejected role-not-allowed {mine}"]


def test_the_socket_is_for_one_user_lies_beside_the_database_and_goes_with_the_worker(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)
    path = socket_path(deep / "lianxin.db")
    path.touch()  # left behind by a worker that was killed
    with running(deep, HandClock(at("2026-04-01 10:00"))):
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        caller = Caller(path)
        assert caller.call({"do": "status"})["now"] == HandClock(at("2026-04-01 10:00")).at
        with pytest.raises(LianxinError) as refused:
            caller.call({"do": "fly"})
        assert refused.value.code == "LX-535"
        caller.close()
    assert not path.exists()
    with pytest.raises(Gone):
        Caller(path)


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xff", b"\0\0\0\3abc", b"\0\0\0\2[]", b"\0\0\1\0half"])
def test_what_is_no_request_ends_that_connection_alone(tmp_path: Path, junk: bytes) -> None:
    with running(tmp_path, HandClock(at("2026-04-01 10:00"))):
        with socket.socket(socket.AF_UNIX) as connection:
            folder = os.open(tmp_path, os.O_PATH)
            connection.connect(f"/proc/self/fd/{folder}/lianxin.db.sock")
            os.close(folder)
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            assert receive(connection) is None
        caller = Caller(socket_path(tmp_path / "lianxin.db"))
        assert caller.call({"do": "status"})["quarantined"] == []
        with pytest.raises(LianxinError) as refused:
            send_frame(caller._connection, {"do": "x" * (17 * 1024**2)})
        assert refused.value.code == "LX-533"
        caller.close()


def test_where_no_worker_runs_the_caller_writes_itself(tmp_path: Path) -> None:
    @contextmanager
    def here() -> Iterator[object]:
        with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
            yield worker.writer

    with reach(url(tmp_path), here) as office:  # type: ignore[arg-type]
        (given,) = submit(office, [wish("K1", channel="phone")])
    assert given.status == "accepted"


def test_a_request_that_a_stopping_worker_does_not_reach_is_refused_not_forgotten() -> None:
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(worker.queue.perform, {"do": "status"})
            while not worker.queue.oldest():
                pass
            worker.queue.close()
            with pytest.raises(LianxinError) as refused:
                waiting.result()
        assert refused.value.code == "LX-532"


def test_one_line_a_batch_and_no_personal_value_in_it() -> None:
    log = io.StringIO()
    person = {"name": "欧阳秋水", "phone": "13900001111"}
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 10:00")), log=log) as worker:
        send(worker, [register(f"K{n}", "2026-04-01 09:00", petitioner=person, text="楼道积水") for n in range(50)])
    lines = [orjson.loads(text) for text in log.getvalue().splitlines()]
    assert [text["event"] for text in lines] == ["batch.committed"]
    assert (lines[0]["messages"], lines[0]["accepted"]) == (50, 50)
    assert "欧阳" not in log.getvalue()
    with pytest.raises(AssertionError):
        Log(log).tell("batch.committed", name="欧阳秋水")
    with pytest.raises(AssertionError):
        Log(log).tell("欧阳秋水 has called")


def test_an_unlisted_source_is_a_dead_letter_and_a_claim_it_may_not_make_is_kept_beside() -> None:
    sources = {"urn:test:hotline": Source()}
    with open_line(None, sources=sources) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        old = register("K1", "2026-03-01 09:00")
        answers = send(worker, [old, register("K2", "2026-04-01 09:30", source="urn:test:unknown")])
        assert [a["status"] for a in answers] == ["accepted", "dead-letter"]
        (opened,) = facts(line, "lianxin.case.received.v1")
        assert opened.occurred_at == HandClock(at("2026-04-01 10:00")).at
        assert opened.data["backdated"] is True
        assert opened.data["claimed_at"] == HandClock(at("2026-03-01 09:00")).at


def test_nobody_takes_the_place_of_our_own_clocks_and_reactions() -> None:
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        forged = register("K1", "2026-04-01 09:00", source="lianxin:/clock")
        (given,) = send(worker, [forged])
    assert (given["status"], given["code"]) == ("dead-letter", "not-allowed")
