"""The store's contract: all of a batch or nothing, each message and number once, the oldest rung first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_batches import AT, LATER, a_case, append, counts, full_batch, merged, opening, parked, signed_letter
from invented_streams import Invented, clock, stamp
from msgspec import structs
from pysqlite3 import dbapi2 as sqlite

from engine.core.evolve import evolve
from engine.core.model import Case
from engine.store.batch import ACCEPTED, DEAD_LETTER, NO_EVENT, PARKED, Batch, DeadLetterRow, Seen, StaleEpoch
from engine.store.keys import fixed_keys
from engine.store.reader import NO_DUE
from engine.store.store import Store
from engine.store.vault import Vault


@pytest.fixture(params=["file", "memory", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    urls = {"memory": "sqlite://", "file": f"sqlite:///{tmp_path}/lianxin.db"}
    url = urls.get(request.param) or request.getfixturevalue("postgres_url")
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
        assert reader.history("c1") == [structs.replace(batch.events[0], position=1)]
        (row,) = reader.cases(unit="水务局")
        assert (row["state"], row["version"], row["updated_at"]) == ("received", 1, AT)


def test_cases_come_in_the_order_of_what_is_due_first_page_by_page_and_filtered(store: Store) -> None:
    dues = {"c1": ["2026-04-09"], "c2": ["2026-04-20", "2026-04-03"], "c3": [], "c4": ["2026-04-03"], "c5": []}
    for case_id, days in dues.items():
        clocks = {f"d{n}#1": clock(f"{day}T15:59:59.999999Z", deadline=f"d{n}", days=0) for n, day in enumerate(days)}
        clocks["reaction.r#1"] = clock("2026-04-01T00:00:00.000000Z", deadline="reaction.r", days=0)
        if case_id == "c3":
            clocks["d0#1"] = clock(AT, deadline="d0", status="missed")
        unit = "水务局" if case_id in ("c1", "c3") else ""
        event = stamp(Case(case_id), "x", AT, opening(unit=unit) | {"clocks": clocks})
        append(store, Batch(events=[event], cases={case_id: evolve(Case(case_id), event)}))
    with store.read() as reader:
        found = reader.cases_by_due()
        assert [case_id for _, _, case_id in found] == ["c2", "c4", "c1", "c3", "c5"]
        assert [at for at, _, _ in found][-2:] == [NO_DUE, NO_DUE]
        paged: list[tuple[str, int, str]] = []
        after = ("", 0)
        while page := reader.cases_by_due(after=after, limit=2):
            paged += page
            after = page[-1][:2]
        assert paged == found
        assert all(reader.place_by_due(case_id) == (at, number) for at, number, case_id in found)
        assert reader.place_by_due("nobody") is None
        assert [case_id for *_, case_id in reader.cases_by_due(unit="水务局")] == ["c1", "c3"]
        assert [case_id for *_, case_id in reader.cases_by_due(late_at="2026-04-05")] == ["c2", "c4", "c3"]
        assert reader.cases_by_due(workflows=["other"]) == []


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
    again = stamp(structs.replace(case, version=0, digest=b""), "y", LATER, {"workflow": "w"})
    with pytest.raises(AssertionError):
        append(store, Batch(events=[again], cases={"c1": case}))
    with store.read() as reader:
        assert reader.head() == 1


def test_the_log_refuses_to_be_changed(store: Store) -> None:
    append(store, a_case("c1")[1])
    for sql in ("UPDATE log SET type = 'another'", "DELETE FROM log"):
        refusals = (sqlite.IntegrityError, psycopg.DatabaseError)
        with pytest.raises(refusals, match="append only"), store.transaction() as tx:
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
        with store.transaction() as tx:
            rings = tx.due("2027-01-01T00:00:00.000000Z")
        assert bool(rings) == (not change)


def test_the_clock_never_reads_past_its_rows(store: Store) -> None:
    with store.transaction() as tx:
        if store.shared:
            tx._driver.execute("SET LOCAL enable_seqscan = off")  # it would read an empty table without an index
        explain = "EXPLAIN" if store.shared else "EXPLAIN QUERY PLAN"
        sql = f"{explain} SELECT next_rung_at FROM deadline WHERE next_rung_at <> '' AND next_rung_at <= '2026'"
        assert "deadline_due" in str(tx._driver.execute(sql).fetchall())


# ── what waits, what is dead ─────────────────────────────────────────────────────────────────────────────────────────


def test_parked_messages_come_oldest_first_and_leave_when_they_are_taken_up(store: Store) -> None:
    rows = [parked("m1", LATER, 0), parked("m2", AT, 5), parked("m3", AT, 1), parked("m4", AT, 1, case_id="c2")]
    append(store, Batch(parked=rows))
    with store.transaction() as tx:
        assert [row.id for row in tx.parked_for(["c1"])] == ["m3", "m2", "m1"]
        tx.append(Batch(parked=[replace(rows[0], attempts=2)], unpark=[("s", "m2")]))
        assert [(row.id, row.attempts) for row in tx.parked_for(["c1", "c2"])] == [("m3", 1), ("m4", 1), ("m1", 2)]
    with store.transaction() as tx:
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


def test_a_stream_of_every_shape_is_written_and_read(store: Store) -> None:
    stream = Invented(1)
    for _ in range(10):
        with store.transaction() as tx:
            stream.append(tx, 50)
    found = counts(store)
    assert all(found[name] for name in ("letter", "followup", "incident", "tally", "parked", "dead_letter"))
