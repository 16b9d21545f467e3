"""Replay: what is looked at is what the log says, byte for byte, however the log came into being."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_streams import Invented, clock, stamp
from pysqlite3 import dbapi2 as sqlite

from engine.audit.digests import digests
from engine.core.evolve import evolve
from engine.core.model import Case, Event
from engine.runtime.replay import replay
from engine.store.batch import Batch, DeadLetterRow
from engine.store.schema import REBUILT, key_of
from engine.store.store import Store

AT = "2026-04-01T01:00:00.000000Z"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a few hundred records of every shape, closed."""
    path = tmp_path_factory.mktemp("history") / "lianxin.db"
    with Store.open(f"sqlite:///{path}") as store:
        invent(store, seed=5, batches=(60,) * 12)
        store.checkpoint()
    return path


@given(st.integers(0, 2**32), st.lists(st.integers(1, 60), min_size=1, max_size=8))
@settings(max_examples=25)
def test_the_tables_equal_a_rebuild_whatever_happened(seed: int, batches: list[int]) -> None:
    with Store.open("sqlite://") as store:
        invent(store, seed, batches)
        replayed = replay(store)
        assert replayed.equal, replayed.as_json()
        with store.read() as reader:
            counts = reader.counts()
            tallied = sum(1 for row in reader.tallies(limit=10_000) if row["amount"])
        rebuilt = {table.name: counts[table.name] for table in REBUILT} | {"tally": tallied}
        assert replayed.rows == rebuilt
        assert replayed.events == counts["log"]


@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_in_which_batches_the_records_came_leaves_no_trace(seed: int) -> None:
    with Store.open("sqlite://") as one, Store.open("sqlite://") as other:
        invent(one, seed, (40,) * 5)
        with one.read() as reader:
            records = reader.log(0, 10_000)
        append_in_pieces(other, records, random.Random(seed))
        assert replay(other).equal
        assert rebuilt_rows(one) == rebuilt_rows(other)


@pytest.mark.parametrize("table", [table.name for table in REBUILT])
@pytest.mark.parametrize("tamper", ["change", "remove", "add"])
def test_a_row_that_the_log_does_not_bear_out_is_named(history: Path, tmp_path: Path, table: str, tamper: str) -> None:
    path = tmp_path / "lianxin.db"
    path.write_bytes(history.read_bytes())
    column, value = CHANGES[table]
    with sqlite3.connect(path) as connection:
        key = [name for _, name, _, _, _, primary in connection.execute(f'PRAGMA table_info("{table}")') if primary]
        rowid = ", ".join(f'"{name}"' for name in key)
        nonzero = "WHERE amount <> 0" if table == "tally" else ""
        chosen = connection.execute(
            f'SELECT {rowid} FROM "{table}" {nonzero} ORDER BY {rowid} LIMIT 1 OFFSET 1'
        ).fetchone()
        where = " AND ".join(f'"{name}" = ?' for name in key)
        if tamper == "change":
            connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (value, *chosen))
        elif tamper == "remove":
            connection.execute(f'DELETE FROM "{table}" WHERE {where}', chosen)
        else:
            chosen = add_a_row(connection, table, key, chosen)
    connection.close()
    with Store.open(f"sqlite:///{path}", create=False) as store:
        replayed = replay(store)
    assert not replayed.equal
    assert replayed.differences == {table: 1}
    found = replayed.first[table]
    assert tuple(found.key.values()) == tuple(chosen)
    assert (found.stored is None) == (tamper == "remove")
    assert (found.rebuilt is None) == (tamper == "add")
    if tamper == "change":
        assert found.stored == {column: value}
        assert found.rebuilt is not None
        assert found.rebuilt.keys() == {column}
    assert orjson.dumps(replayed.as_json())


def test_a_log_that_was_changed_is_no_ground_to_rebuild_on(history: Path, tmp_path: Path) -> None:
    path = tmp_path / "lianxin.db"
    path.write_bytes(history.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER log_no_update")
        sql = "UPDATE log SET body = CAST(replace(body, 'handled', 'closed') || ' ' AS BLOB) WHERE position = 7"
        connection.execute(sql)
    connection.close()
    with Store.open(f"sqlite:///{path}", create=False) as store:
        replayed = replay(store)
    assert not replayed.equal
    assert replayed.faults[0].startswith("position 7,")


def test_the_rebuild_reads_the_log_along_its_index_and_sorts_nothing() -> None:
    with Store.open("sqlite://") as store, store.transaction() as tx:
        sql = "EXPLAIN QUERY PLAN SELECT body FROM log WHERE version IS NOT NULL ORDER BY number, version"
        plan = str(tx._driver.execute(sql).fetchall())
        assert "INDEX" in plan
        assert "TEMP B-TREE" not in plan


# ── units and their months ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_corrected_breach_no_longer_counts_against_its_unit() -> None:
    missed = {**clock(AT), "status": "missed", "missed_at": AT, "owner": "水务局", "rungs": []}
    met = {**missed, "status": "met", "ended_at": AT, "corrected": True}
    del met["missed_at"]
    with Store.open("sqlite://") as store:
        append(store, {"clocks": {"handling#1": missed}})
        assert tallies(store) == {("水务局", "2026-04", "missed"): 1}
        append(store, {"clocks": {"handling#1": met}})
        assert tallies(store) == {("水务局", "2026-04", "met"): 1}
        assert replay(store).equal


def test_a_month_is_that_of_the_databases_time_zone() -> None:
    last_evening = "2026-03-31T16:00:00.000000Z"
    for zone, month in (("Asia/Shanghai", "2026-04"), ("America/New_York", "2026-03")):
        with Store.open("sqlite://", time_zone=zone) as store:
            append(store, {"with": {"case": {"unit": "水务局"}}}, at=last_evening)
            assert ("水务局", month, "assigned") in tallies(store)
            assert replay(store).equal


def test_the_clock_of_a_delayed_reaction_is_nobodys_promise() -> None:
    armed = {**clock(AT, deadline="reaction.remind"), "armed": {"event": {}}, "status": "met", "ended_at": AT}
    with Store.open("sqlite://") as store:
        append(store, {"clocks": {"reaction.remind#1": armed}})
        assert tallies(store) == {}
        with_it = digests_of(store)
    with Store.open("sqlite://") as store:
        append(store, {})
        assert digests_of(store) == with_it


# ── digests ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_digests_leave_out_salts_versions_times_of_recording_and_duplicate_dead_letters() -> None:
    found = set()
    for salt, positions, twice in (("a", 0, 1), ("b", 3, 2)):
        with Store.open("sqlite://") as store:
            for _ in range(positions):
                event = stamp(Case(""), "lianxin.case.rejected.v1", AT, {}, version=0)
                with store.transaction() as tx:
                    tx.append(Batch(events=[event]))
            append(store, {"with": {"case": {"text": {"sealed": salt * 43}}}})
            dead = DeadLetterRow("s", "m", "unreadable", "", "", "", 0, AT, salt.encode())
            with store.transaction() as tx:
                tx.append(Batch(dead_letters=[dead] * twice))
            found.add(digests_of(store))
    assert len(found) == 1


def test_the_state_digest_leaves_out_letter_numbers_and_the_letters_digest_does_not() -> None:
    found = [digests_of(numbered) for numbered in (lettered(1), lettered(2))]
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


def test_the_state_digest_tells_two_states_apart() -> None:
    found = set()
    for data in (
        {"to": "received"},
        {"to": "assigned"},
        {"with": {"case": {"unit": "水务局"}}},
        {"levels": {"supervision": "reminded"}},
        {"clocks": {"handling#1": clock(AT)}},
        {"clocks": {"handling#1": clock(AT, provisional=True)}},
    ):
        with Store.open("sqlite://") as store:
            append(store, data)
            found.add(digests_of(store)[0])
    assert len(found) == 6


def test_a_dead_letter_that_was_mended_is_none() -> None:
    with Store.open("sqlite://") as store:
        append(store, {})
        before = digests_of(store)
        with store.transaction() as tx:
            tx.append(Batch(dead_letters=[DeadLetterRow("s", "m", "unreadable", "", "", "", 0, AT, b"")]))
        assert digests_of(store) != before
        with store.transaction() as tx:
            tx.append(Batch(settled=[(1, "retried")]))
        assert digests_of(store) == before


# ── invented ─────────────────────────────────────────────────────────────────────────────────────────────────────────

CHANGES: dict[str, tuple[str, Any]] = {
    "case": ("state", "elsewhere"),
    "deadline": ("due_at", "2030-01-01T00:00:00.000000Z"),
    "letter_number": ("last", 999),
    "letter": ("recipient", "别的单位"),
    "followup": ("state", "done"),
    "incident": ("code", "nothing"),
    "tally": ("amount", 999),
}


def add_a_row(connection: sqlite3.Connection, table: str, key: Sequence[str], like: Sequence[Any]) -> tuple[Any, ...]:
    """A copy of a row under a key that comes after it."""
    columns = [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
    where = " AND ".join(f'"{name}" = ?' for name in key)
    row = dict(zip(columns, connection.execute(f'SELECT * FROM "{table}" WHERE {where}', like).fetchone(), strict=True))
    last = key[-1]
    row[last] = 10_000 if isinstance(row[last], int) else f"{row[last]}~"
    if table == "case":
        row["case_id"] = "added"
    if table == "letter":
        row["serial"] = None
    connection.execute(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(row))})', tuple(row.values()))
    return tuple(row[name] for name in key)


def invent(store: Store, seed: int, batches: Sequence[int]) -> None:
    stream = Invented(seed)
    for events in batches:
        with store.transaction() as tx:
            stream.append(tx, events)


def append_in_pieces(store: Store, records: Sequence[Event], chance: random.Random) -> None:
    at = 0
    while at < len(records):
        piece = records[at : at + chance.randint(1, 30)]
        at += len(piece)
        with store.transaction() as tx:
            cases = tx.load({event.case_id for event in piece if event.version})
            for event in piece:
                if not event.version:
                    continue
                before = cases[event.case_id]
                cases[event.case_id] = evolve(before, event)
                for track_id, track in event.data.get("tracks", {}).items():
                    if "number" in track and "number" not in before.tracks[track_id]:
                        series = (track["data"]["organisation"], track["data"]["kind"], track["number"]["year"])
                        assert tx.next_number(*series) == track["number"]["number"]
            tx.append(Batch(events=list(piece), cases=cases))


def rebuilt_rows(store: Store) -> dict[str, list[Any]]:
    with store.read() as reader:
        return {
            table.name: [row for row in reader.rows(table, key_of(table)) if row[-1] or table.name != "tally"]
            for table in REBUILT
        }


def append(store: Store, data: dict[str, Any], at: str = AT) -> None:
    with store.transaction() as tx:
        case = tx.load(["c1"])["c1"]
        event = stamp(case, "x", at, {"workflow": "w", "phase": "received", **data})
        tx.append(Batch(events=[event], cases={"c1": evolve(case, event)}))


def lettered(number: int) -> Store:
    track = {"track": "letter", "state": "signed", "open": True, "opened_at": AT, "entered": {"signed": AT}}
    track["data"] = {"kind": "supervision", "organisation": "示信局", "recipient": "水务局"}
    track["number"] = {"mark": "示信督", "year": 2026, "number": number}
    store = Store.open("sqlite://")
    append(store, {"tracks": {"letter-1": track}})
    return store


def tallies(store: Store) -> dict[tuple[str, str, str], int]:
    with store.read() as reader:
        rows = reader.tallies()
    found = {(row["unit"], row["month"], row["what"]): row["amount"] for row in rows if row["amount"]}
    return {key: amount for key, amount in found.items() if key[2] != "opened"}


def digests_of(store: Store) -> tuple[str, str]:
    with store.read() as reader:
        return digests(reader)


def test_sqlite_is_the_one_that_came_with_us() -> None:
    assert sqlite.sqlite_version_info >= (3, 51, 3)
