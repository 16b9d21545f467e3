"""The process that writes: what goes in comes out once, in order; clocks wait for the intake; a bug holds one case."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta
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
    turned_by_and_by,
)

from engine.app import assemble
from engine.audit.digests import state_digest
from engine.core.errors import LianxinError
from engine.core.instants import MICROSECOND, plus
from engine.core.model import ANSWERED
from engine.log import Log
from engine.runtime.asks import Source, from_event
from engine.runtime.handle import Line
from engine.runtime.simulate import Simulation
from engine.runtime.timekeeper import FileClock, Timekeeper
from engine.runtime.worker import Worker, WorkerSettings
from schemas.intake import read_event

pytestmark = pytest.mark.usefixtures("on_both")

ZERO = timedelta(0)


def digest(line: Line) -> str:
    with line.store.read() as reader:
        return state_digest(reader)


def mute_worker(line: Line, clock: HandClock) -> Worker:
    """A process without consumers."""
    return Worker(line, [], WorkerSettings(listen=False), Timekeeper(clock), Log(silent=True))


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


@pytest.mark.on_sqlite
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


@pytest.mark.on_sqlite
@settings(max_examples=25)
@given(stories(least_hours=1))
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


@pytest.mark.on_sqlite
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


def test_what_follows_from_a_fact_commits_with_it_and_its_record_says_so(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-24 00:00"))) as worker:
        send(worker, [register("K1", "2026-04-01 09:00"), assign("K1", "2026-04-01 09:30")])
        with line.store.read() as reader:
            heard = [event for event in reader.log(0) if event.reacts]
            assert heard
            assert {event.reacts for event in heard} == {ANSWERED}
            assert reader.log(0, reacts_only=True) == []
            assert [row["state"] for row in reader.letters()] == ["delivered"]


@pytest.mark.on_sqlite  # on PostgreSQL whoever lost the place takes it again: tests of several workers
def test_the_last_instant_of_the_due_day_is_in_time_and_the_next_one_is_not(tmp_path: Path) -> None:
    with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-05-24 00:00"))) as worker:
        for key in ("K1", "K2"):
            send(worker, [register(key, "2026-04-01 09:00"), assign(key, "2026-04-01 09:30")], drain=False)
        with line.store.read() as reader:
            (due,) = {row["due_at"] for row in reader.deadlines()}
        answers = [
            {**answer(key, "2026-04-01 10:00"), "time": plus(due, late)}
            for key, late in (("K1", ZERO), ("K2", MICROSECOND))
        ]
        send(worker, answers, drain=False)
        with line.store.read() as reader:
            ended = {row["case_id"]: row["status"] for row in reader.deadlines() if row["deadline"] == "handling"}
        assert ended == {case_id(line, "K1"): "met", case_id(line, "K2"): "missed"}
        breaches = {event.case_id for event in facts(line, "lianxin.deadline.missed.v1")}
        assert breaches == {case_id(line, "K2")}, "nobody was late and corrected"


def test_facts_of_a_process_without_consumers_are_followed_by_one_that_has_them(tmp_path: Path) -> None:
    clock = HandClock(at("2026-04-24 00:00"))
    with open_line(tmp_path) as line:
        with mute_worker(line, clock) as mute:
            send(mute, [register("K1", "2026-04-01 09:00"), assign("K1", "2026-04-01 09:30")])
        with a_worker(line, clock) as worker:
            with line.store.read() as reader:
                waiting = [event.position for event in reader.log(0, reacts_only=True)]
            assert waiting
            worker.drain()
            with line.store.read() as reader:
                (held,) = [row for row in reader.offsets() if row["group"] == "reactions"]
                letters = reader.letters()
            assert held["next"] == waiting[-1]
            assert len(letters) == 1
            with line.store.transaction() as tx:
                assert tx.claim("reactions", "log") == (held["epoch"] + 1, waiting[-1])
            with mute_worker(line, clock) as mute:
                send(mute, [register("K2", "2026-04-01 09:00"), assign("K2", "2026-04-01 09:30")])
                while mute.writer.ring(clock.now()):
                    pass
            length = len(facts(line))
            if line.store.shared:  # it notices that another one has the log, and asks for it anew
                worker.step()
            else:
                with pytest.raises(LianxinError) as refused:
                    worker.drain()
                assert refused.value.code == "LX-527"
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


def test_one_line_a_batch_and_no_personal_value_in_it() -> None:
    log = io.StringIO()
    person = {"name": "欧阳秋水", "phone": "13900001111"}
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 10:00")), log=log) as worker:
        send(worker, [register(f"K{n}", "2026-04-01 09:00", petitioner=person, text="楼道积水") for n in range(50)])
    lines = [orjson.loads(text) for text in log.getvalue().splitlines()]
    lines = [text for text in lines if text["event"] != "lease.taken"]
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
