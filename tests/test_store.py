"""The store's contract: all of a batch or nothing, each message and number once, the oldest rung first."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_streams import Invented, clock, stamp
from pysqlite3 import dbapi2 as sqlite

from engine.audit.verify import verify
from engine.core.catalogue_database import CODES
from engine.core.errors import LianxinError
from engine.core.evolve import evolve
from engine.core.instants import Instant
from engine.core.model import Case, Event
from engine.runtime.replay import replay
from engine.store import store as store_module
from engine.store.batch import (
    ACCEPTED,
    DEAD_LETTER,
    NO_EVENT,
    PARKED,
    Batch,
    DeadLetterRow,
    ParkedRow,
    Seen,
    StaleEpoch,
)
from engine.store.keys import fixed_keys
from engine.store.schema import SCHEMA_VERSION
from engine.store.store import Store
from engine.store.transaction import Tx
from engine.store.vault import Secret, Vault

AT = "2026-04-01T01:00:00.000000Z"
LATER = "2026-04-02T01:00:00.000000Z"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/lianxin.db"
    with Store.open(url, vault=Vault(fixed_keys())) as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lianxin.db"


# ── what one batch writes ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_appended_case_is_read_back_as_it_was_folded(store: Store) -> None:
    case, batch = a_case("c1", unit="水务局")
    assert append(store, batch) == 1
    with store.read() as reader:
        assert reader.case("c1") == case
        assert reader.history("c1") == [replace(batch.events[0], position=1)]
        (row,) = reader.cases(unit="水务局")
        assert (row["state"], row["version"], row["updated_at"]) == ("received", 1, AT)


def test_a_case_that_does_not_exist_loads_as_an_empty_one(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.load(["nobody"]) == {"nobody": Case("nobody")}
    with store.read() as reader:
        assert reader.case("nobody") is None


def test_positions_go_on_from_the_end_of_the_log_without_a_gap(store: Store) -> None:
    assert append(store, merged(a_case("c1")[1], a_case("c2")[1])) == 1
    assert append(store, Batch()) == 3
    assert append(store, a_case("c3")[1]) == 3
    with store.read() as reader:
        assert [event.position for event in reader.log(0)] == [1, 2, 3]
        assert [event.case_id for event in reader.log(1, 1)] == ["c2"]


def test_a_refusal_has_a_position_but_no_case_version_and_is_found_with_its_case(store: Store) -> None:
    case, batch = a_case("c1")
    append(store, batch)
    append(store, Batch(events=[stamp(case, "lianxin.case.rejected.v1", LATER, {"code": "no"}, version=0)]))
    with store.read() as reader:
        assert [(event.version, event.type) for event in reader.history("c1")][1] == (0, "lianxin.case.rejected.v1")
        assert reader.case("c1") == case


def test_only_records_that_some_reaction_waits_for_are_tailed_by_consumers(store: Store) -> None:
    events = [stamp(Case(f"c{n}"), "x", AT, {"workflow": "w"}, reacts=n % 2 == 0) for n in range(6)]
    append(store, Batch(events=events, cases={event.case_id: evolve(Case(event.case_id), event) for event in events}))
    with store.read() as reader:
        assert [event.case_id for event in reader.log(0, reacts_only=True)] == ["c0", "c2", "c4"]
        assert [event.case_id for event in reader.log(3, reacts_only=True)] == ["c4"]


def test_an_exception_leaves_nothing_behind(store: Store) -> None:
    append(store, a_case("c1")[1])
    before = counts(store)
    with pytest.raises(RuntimeError), store.transaction() as tx:  # noqa: PT012  the transaction is what is tested
        full_batch(tx)
        raise RuntimeError
    assert counts(store) == before
    with store.transaction() as tx:
        assert tx.load(["c2"]) == {"c2": Case("c2")}, "what was rolled back is not remembered"


def test_a_committed_batch_is_there_whole(store: Store) -> None:
    with store.transaction() as tx:
        full_batch(tx)
    found = counts(store)
    written = ("log", "case", "inbox", "deadline", "letter", "letter_number", "parked", "dead_letter", "watermark")
    assert {name: found[name] for name in written} == {
        "log": 2, "case": 1, "inbox": 3, "deadline": 1, "letter": 1, "letter_number": 1, "parked": 1, "dead_letter": 1,
        "watermark": 1,
    }  # fmt: skip


def test_a_transaction_inside_another_is_a_programming_error(store: Store) -> None:
    with store.transaction(), pytest.raises(AssertionError), store.transaction():
        pass


def test_a_reader_sees_what_was_committed_when_it_began(path: Path) -> None:
    with Store.open(f"sqlite:///{path}") as store:
        append(store, a_case("c1")[1])
        with store.read() as reader:
            assert reader.head() == 1
            with store.transaction() as tx:
                tx.append(a_case("c2")[1])
                with store.read() as beside:
                    assert beside.head() == 1, "what is not committed is not seen"
            assert reader.head() == 1
        with store.read() as reader:
            assert reader.head() == 2


def test_threads_take_turns_to_write(store: Store) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 10):
            append(store, a_case(f"c{number}")[1])

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as reader:
        assert [event.position for event in reader.log(0)] == list(range(1, 31))


# ── each once ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_inbox_says_what_became_of_a_message(store: Store) -> None:
    _, batch = a_case("c1")
    batch.inbox = [("s", "m1", b"d1", ACCEPTED, 0), ("s", "m2", b"d2", DEAD_LETTER, NO_EVENT)]
    append(store, batch)
    with store.transaction() as tx:
        assert tx.seen([("s", "m1"), ("s", "m2"), ("s", "m3"), ("t", "m1")]) == {
            ("s", "m1"): Seen(ACCEPTED, b"d1", 1),
            ("s", "m2"): Seen(DEAD_LETTER, b"d2", 0),
        }
        assert tx.seen([]) == {}


def test_a_settled_message_is_never_settled_again(store: Store) -> None:
    append(store, Batch(inbox=[("s", "m1", b"d", ACCEPTED, NO_EVENT)]))
    before = counts(store)
    with pytest.raises(AssertionError, match="settled"):
        append(store, merged(a_case("c1")[1], Batch(inbox=[("s", "m1", b"d", ACCEPTED, NO_EVENT)])))
    assert counts(store) == before


@pytest.mark.parametrize("unsettled", [PARKED, DEAD_LETTER])
def test_a_parked_message_or_dead_letter_may_still_come_to_another_end(store: Store, unsettled: int) -> None:
    append(store, Batch(inbox=[("s", "m1", b"old", unsettled, NO_EVENT)]))
    _, batch = a_case("c1")
    batch.inbox = [("s", "m1", b"new", ACCEPTED, 0)]
    append(store, batch)
    with store.transaction() as tx:
        assert tx.seen([("s", "m1")]) == {("s", "m1"): Seen(ACCEPTED, b"new", 1)}


def test_the_same_version_of_a_case_is_never_written_twice(store: Store) -> None:
    case, batch = a_case("c1")
    append(store, batch)
    again = stamp(replace(case, version=0, digest=b""), "y", LATER, {"workflow": "w"})
    with pytest.raises(AssertionError):
        append(store, Batch(events=[again], cases={"c1": case}))
    with store.read() as reader:
        assert reader.head() == 1


def test_the_log_refuses_to_be_changed(store: Store) -> None:
    append(store, a_case("c1")[1])
    for sql in ("UPDATE log SET body = x'00'", "DELETE FROM log"):
        with pytest.raises(sqlite.IntegrityError, match="append only"), store.transaction() as tx:
            tx._driver.execute(sql)


def test_letter_numbers_are_dense_across_rollbacks_series_and_batches(store: Store) -> None:
    numbered: list[int] = []
    for attempt in range(6):
        try:
            with store.transaction() as tx:
                taken = [tx.next_number("示信局", "supervision", 2026) for _ in range(attempt)]
                assert tx.next_number("示信局", "supervision", 2027) == 1 + len([n for n in range(attempt) if n % 2])
                tx.append(Batch())
                if attempt % 2 == 0:
                    raise RuntimeError
            numbered += taken
        except RuntimeError:
            pass
    assert numbered == list(range(1, 1 + 1 + 3 + 5))


def test_a_number_that_was_taken_and_not_written_stops_the_commit(store: Store) -> None:
    with pytest.raises(AssertionError, match="numbers"), store.transaction() as tx:
        tx.next_number("示信局", "supervision", 2026)


def test_two_letters_never_share_a_number(store: Store) -> None:
    letters = [signed_letter(f"c{n}", number=7) for n in range(2)]
    append(store, letters[0])
    with pytest.raises(AssertionError):
        append(store, letters[1])


# ── the fence ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_goes_on_from_its_offset(store: Store) -> None:
    with store.transaction() as tx:
        assert tx.claim("supervision", "0") == (1, 0)
        tx.append(Batch(offsets=[("supervision", "0", 1, 0, 25)]))
    with store.transaction() as tx:
        assert tx.claim("supervision", "0") == (2, 25)
        assert tx.claim("supervision", "1") == (1, 0), "each partition has its own"


@pytest.mark.parametrize(("epoch", "expected"), [(1, 0), (2, 5), (3, 0), (2, -1)])
def test_a_worker_that_lost_its_partition_writes_nothing(store: Store, epoch: int, expected: int) -> None:
    with store.transaction() as tx:
        tx.claim("g", "0")
    with store.transaction() as tx:
        tx.claim("g", "0")
    before = counts(store)
    _, batch = a_case("c1")
    batch.offsets = [("g", "0", epoch, expected, 9)]
    with pytest.raises(StaleEpoch):
        append(store, batch)
    assert counts(store) == before
    with store.read() as reader:
        assert reader.offsets() == [{"group": "g", "partition": "0", "epoch": 2, "next": 0}]


def test_watermarks_never_go_back(store: Store) -> None:
    append(store, Batch(watermarks=[("0", LATER), ("1", AT)]))
    append(store, Batch(watermarks=[("0", AT), ("1", LATER)]))
    with store.read() as reader:
        assert reader.watermarks() == {"0": LATER, "1": LATER}


# ── what is due ──────────────────────────────────────────────────────────────────────────────────────────────────────


RUNGS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from("abc"),
        st.sampled_from(["", "t1"]),
        st.sampled_from(["d", "e"]),
        st.integers(1, 12),
    ),
    unique_by=lambda rung: rung[1:],
)
"""day, case, track, deadline, run"""


@given(RUNGS, st.integers(1, 4))
def test_rungs_come_oldest_first_then_by_case_track_deadline_and_run(
    rungs: list[tuple[int, str, str, str, int]], limit: int
) -> None:
    with Store.open("sqlite://") as store:
        expected = []
        for day, case_id, track, name, run in rungs:
            at = f"2026-04-{day:02}T16:00:00.000000Z"
            with store.transaction() as tx:
                case = tx.load([case_id])[case_id]
                tracks = {track: {"track": "co_handling", "data": {}, "state": "x", "open": True, "entered": {}}}
                armed = {**clock(AT, track=track, deadline=name, run=run), "rungs": [{"at": at, "name": "end"}]}
                data = {"clocks": {f"{track}/{name}#{run}": armed}} | ({"tracks": tracks} if track else {})
                event = stamp(case, "x", AT, data)
                tx.append(Batch(events=[event], cases={case_id: evolve(case, event)}))
            if day < 3:
                expected.append((at, case_id, track, name, run))
        expected.sort()
        until = "2026-04-02T16:00:00.000000Z"
        with store.transaction() as tx:
            found, after = [], None
            while page := tx.due(until, limit, after):
                found += page
                after = expected[len(found) - 1]
            assert found == [(at, case_id, f"{track}/{name}#{run}") for at, case_id, track, name, run in expected]
            earliest = min((day for day, *_ in rungs), default=None)
            assert tx.next_due() == (None if earliest is None else f"2026-04-{earliest:02}T16:00:00.000000Z")


def test_a_clock_that_stands_still_or_has_ended_rings_no_more(store: Store) -> None:
    running = clock(AT, days=1)
    for change in ({}, {"since": None}, {"status": "met", "rungs": []}):
        changed = {name: value for name, value in {**running, **change}.items() if value is not None}
        with store.transaction() as tx:
            case = tx.load(["c1"])["c1"]
            event = stamp(case, "x", AT, {"clocks": {"handling#1": changed}})
            tx.append(Batch(events=[event], cases={"c1": evolve(case, event)}))
            rings = tx.due("2027-01-01T00:00:00.000000Z")
        assert bool(rings) == (not change)


def test_the_clock_never_reads_past_its_rows(store: Store) -> None:
    with store.transaction() as tx:
        sql = "EXPLAIN QUERY PLAN SELECT next_rung_at FROM deadline WHERE next_rung_at <> '' AND next_rung_at <= '2026'"
        assert "deadline_due" in str(tx._driver.execute(sql).fetchall())


# ── what waits, what is dead ─────────────────────────────────────────────────────────────────────────────────────────


def test_parked_messages_come_oldest_first_and_leave_when_they_are_taken_up(store: Store) -> None:
    rows = [parked("m1", LATER, 0), parked("m2", AT, 5), parked("m3", AT, 1), parked("m4", AT, 1, case_id="c2")]
    append(store, Batch(parked=rows))
    with store.transaction() as tx:
        assert [row.id for row in tx.parked_for(["c1"])] == ["m3", "m2", "m1"]
        tx.append(Batch(parked=[replace(rows[0], attempts=2)], unpark=[("s", "m2")]))
        assert [(row.id, row.attempts) for row in tx.parked_for(["c1", "c2"])] == [("m3", 1), ("m4", 1), ("m1", 2)]
        assert [row.id for row in tx.parked(give_up_until=AT)] == []
        assert len(tx.parked(give_up_until=LATER)) == 3


def test_dead_letters_are_kept_also_under_one_id_and_may_be_settled(store: Store) -> None:
    letter = DeadLetterRow("s", "m1", "unreadable", "…", "data.level", "x.csv", 7, AT, b"sealed")
    append(store, Batch(dead_letters=[letter, replace(letter, reason="id-reused")]))
    append(store, Batch(settled=[(1, "discarded")]))
    with store.read() as reader:
        assert reader.dead_letters() == [
            replace(letter, number=1, state="discarded"),
            replace(letter, number=2, reason="id-reused"),
        ]
        assert [found.number for found in reader.dead_letters(state="open")] == [2]


def test_editions_are_kept_once(store: Store) -> None:
    with store.transaction() as tx:
        tx.add_edition("d1", "workflow", "complaint", b"text")
        tx.add_edition("d1", "workflow", "complaint", b"text")
    with store.read() as reader:
        assert reader.edition("d1") == b"text"
        assert reader.edition("d2") is None
        assert reader.editions("workflow") == [{"digest": "d1", "kind": "workflow", "name": "complaint"}]


# ── people's data ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_vault_is_written_with_the_batch_and_erased_for_good(path: Path) -> None:
    vault = Vault(fixed_keys())
    with Store.open(f"sqlite:///{path}", vault=vault) as store:
        kept, gone = (
            vault.protect([Secret("c1", person, "name", 1, '"张三"')], {}) for person in ("case", "contact:1")
        )
        append(store, Batch(vault_keys=[*kept.keys, *gone.keys], vault_entries=[*kept.entries, *gone.entries]))
        with store.read() as reader:
            found = reader.wrapped_keys([("c1", "contact:1"), ("c1", "nobody")])
            assert found == {("c1", "contact:1"): gone.keys[0][2]}
        assert gone.keys[0][2] in on_disk(path)
        store.erase("c1", "contact:1")
        for secret in (gone.keys[0][2], gone.entries[0][4]):
            assert secret not in on_disk(path), "not in the database file, not in the WAL"
        assert kept.keys[0][2] in on_disk(path)
        with store.read() as reader:
            assert [person for person, *_ in reader.vault_entries("c1")] == ["case"]


def test_erasing_says_so_when_a_reader_keeps_the_old_bytes_alive(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.store.BUSY_TIMEOUT_MS", 10)
    with Store.open(f"sqlite:///{path}", vault=Vault(fixed_keys())) as store:
        append(store, a_case("c1")[1])
        with store.read() as reader:
            reader.head()
            with pytest.raises(LianxinError) as caught:
                store.erase("c1", "case")
        assert caught.value.code == "LX-526"
        store.checkpoint()


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_database_opens_again_with_all_that_was_written(path: Path) -> None:
    with Store.open(f"sqlite:///{path}", time_zone="Europe/Rome") as store:
        append(store, a_case("c1")[1])
    with Store.open(f"sqlite:///{path}", create=False) as store, store.read() as reader:
        assert reader.head() == 1
        assert reader.about() == {"schema_version": str(SCHEMA_VERSION), "time_zone": "Europe/Rome"}


def test_a_missing_database_is_not_made_by_accident(path: Path) -> None:
    assert refusal(path, create=False) == "LX-520"
    assert not path.exists()


def test_a_database_of_a_newer_lianxin_is_refused(path: Path) -> None:
    Store.open(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE about SET value = ? WHERE name = 'schema_version'", (SCHEMA_VERSION + 1,))
    connection.close()
    assert refusal(path) == "LX-521"


def test_a_file_that_is_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"not a database, and long enough to look at" * 99)
    assert refusal(path) == "LX-522"
    assert path.read_bytes().startswith(b"not a database")
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (name)")
    connection.close()
    assert refusal(path) == "LX-522"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere" / "lianxin.db") == "LX-524"


def test_other_databases_are_not_spoken_yet() -> None:
    with pytest.raises(LianxinError) as caught:
        Store.open("postgresql+psycopg://somebody:secret@localhost/db")
    assert caught.value.code == "LX-528"
    assert "secret" not in str(caught.value.facts)


def test_every_refusal_of_the_database_has_a_sentence_that_its_facts_fill() -> None:
    source = "".join(file.read_text() for file in Path(store_module.__file__).parent.glob("*.py"))
    raised = set(re.findall(r"LX-52\d", source))
    assert raised == CODES.keys()
    for entry in CODES.values():
        wanted = set(re.findall(r"{(\w+)}", entry.zh + entry.en + entry.remedy_zh + entry.remedy_en))
        assert wanted <= {"path", "found", "known", "needed", "process", "reason", "url"} | {
            "group", "partition", "epoch", "expected",
        }  # fmt: skip


def test_a_second_process_may_read_but_not_write(path: Path) -> None:
    with Store.open(f"sqlite:///{path}") as store:
        append(store, a_case("c1")[1])
        with Store.open(f"sqlite:///{path}") as second:
            with second.read() as reader:
                assert reader.head() == 1
            with pytest.raises(LianxinError) as caught, second.transaction():
                pass
            assert caught.value.code == "LX-523"
            assert caught.value.facts["process"] == str(os.getpid())
    with Store.open(f"sqlite:///{path}") as next_one, next_one.transaction() as tx:
        assert tx.head() == 1, "the lock goes with its holder"


def test_what_somebody_else_wrote_is_not_answered_from_memory(path: Path) -> None:
    with Store.open(f"sqlite:///{path}") as store:
        append(store, a_case("c1")[1])
        with sqlite3.connect(path) as connection:
            change = "CAST(replace(state_json, 'received', 'repaired') AS BLOB)"
            connection.execute(f'UPDATE "case" SET state_json = {change}')
        connection.close()
        with store.transaction() as tx:
            assert tx.load(["c1"])["c1"].state == "repaired"


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CRASH = """
import os, signal, sys
from invented_streams import Invented
from engine.store.store import Store

store = Store.open(f"sqlite:///{sys.argv[1]}")
stream, statements = Invented(7), 0

def die(sql):
    global statements
    statements += 1
    if statements == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

store._driver.set_trace_callback(die)
while True:
    with store.transaction() as tx:
        stream.append(tx, 20)
    print(store._driver.execute("SELECT max(position) FROM log").fetchone()[0], flush=True)
"""


@pytest.mark.parametrize("statement", [1, 3, 12, 40, 77, 78, 79, 80, 160, 251, 333, 502])
def test_a_process_killed_in_the_middle_of_an_append_loses_nothing_and_leaves_no_half(
    path: Path, statement: int
) -> None:
    Store.open(f"sqlite:///{path}").close()
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parent.parent}"}
    child = subprocess.run(
        [sys.executable, "-c", CRASH, path, str(statement)],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    committed = [int(line) for line in child.stdout.split()]
    with Store.open(f"sqlite:///{path}") as store:
        with store.read() as reader:
            assert reader.head() >= (committed[-1] if committed else 0), "what was reported is there"
        assert replay(store).equal
        assert verify(path).ok
        stream = Invented(8)
        with store.transaction() as tx:
            stream.append(tx, 20)
        assert replay(store).equal


# ── invented rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def a_case(case_id: str, **data: object) -> tuple[Case, Batch]:
    event = stamp(Case(case_id), "lianxin.case.received.v1", AT, opening(**data))
    case = evolve(Case(case_id), event)
    return case, Batch(events=[event], cases={case_id: case})


def opening(**data: object) -> dict[str, object]:
    return {"workflow": "w", "to": "received", "phase": "received", "with": {"case": data}}


def signed_letter(case_id: str, number: int) -> Batch:
    track = {"track": "letter", "state": "signed", "open": True, "opened_at": AT, "entered": {"signed": AT}}
    track["data"] = {"kind": "supervision", "organisation": "示信局", "recipient": "水务局"}
    track["number"] = {"mark": "示信督", "year": 2026, "number": number}
    event = stamp(Case(case_id), "x", AT, opening() | {"tracks": {f"letter-{case_id}": track}})
    return Batch(events=[event], cases={case_id: evolve(Case(case_id), event)})


def full_batch(tx: Tx) -> None:
    number = tx.next_number("示信局", "supervision", 2026)
    batch = signed_letter("c2", number)
    case = batch.cases["c2"]
    more: Event = stamp(case, "y", LATER, {"clocks": {"handling#1": clock(LATER)}, "incidents": [{"code": "odd"}]})
    batch.events.append(more)
    batch.cases["c2"] = evolve(case, more)
    batch.inbox = [("s", f"m{n}", b"d", outcome, NO_EVENT) for n, outcome in enumerate((ACCEPTED, PARKED, DEAD_LETTER))]
    batch.parked = [parked("m1", AT, 0)]
    batch.dead_letters = [DeadLetterRow("s", "m2", "unreadable", "", "", "", 0, AT, b"sealed")]
    batch.watermarks = [("0", AT)]
    tx.append(batch)


def parked(message_id: str, at: Instant, sequence: int, case_id: str = "c1") -> ParkedRow:
    return ParkedRow("s", message_id, case_id, at, sequence, b"sealed", "case", AT, LATER)


def merged(one: Batch, other: Batch) -> Batch:
    return Batch(
        events=one.events + other.events, cases={**one.cases, **other.cases}, inbox=[*one.inbox, *other.inbox]
    )  # fmt: skip


def append(store: Store, batch: Batch) -> int:
    with store.transaction() as tx:
        return tx.append(batch)


def counts(store: Store) -> dict[str, int]:
    with store.read() as reader:
        return reader.counts()


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def refusal(path: Path, *, create: bool = True) -> str:
    with pytest.raises(LianxinError) as caught:
        Store.open(f"sqlite:///{path}", create=create)
    return caught.value.code


def test_a_stream_of_every_shape_is_written_and_read(store: Store) -> None:
    stream = Invented(1)
    for _ in range(10):
        with store.transaction() as tx:
            stream.append(tx, 50)
    found = counts(store)
    assert all(found[name] for name in ("letter", "followup", "incident", "tally", "parked", "dead_letter"))
