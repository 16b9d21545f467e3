"""Many writers on one PostgreSQL: each thing once, each case in order, whoever comes between."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import orjson
import psycopg
import pytest
from invented_batches import AT, LATER, a_case, append, parked
from invented_streams import stamp
from msgspec.structs import replace
from postgres import Cluster
from postgres_writers import OFFICE, fact

from engine.core.evolve import evolve
from engine.runtime.replay import replay
from engine.store.batch import ACCEPTED, NO_EVENT, PARKED, Batch
from engine.store.keys import fixed_keys
from engine.store.store import DECISIONS_MAX, Moved, Store
from engine.store.transaction import Tx
from engine.store.vault import Secret, Vault

WRITERS, ROUNDS, CASES = 4, 60, 5
SIGNERS, SIGNATURES = 16, 8
JOIN_SECONDS_MAX = 120


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    with Store.open(postgres_url, vault=Vault(fixed_keys())) as opened:
        yield opened


@pytest.fixture
def other(postgres_url: str) -> Iterator[Store]:
    """Another process's, as far as the database can tell."""
    with Store.open(postgres_url) as opened:
        yield opened


# ── several processes ────────────────────────────────────────────────────────────────────────────────────────────────


def test_several_processes_append_and_who_tails_by_position_misses_nothing(postgres: Cluster) -> None:
    with postgres.database() as name, Store.open(postgres.url(name)) as store, postgres.connect(name) as connection:
        connection.execute("CREATE TABLE naive (number bigserial PRIMARY KEY, message text)")
        writers = [writer(postgres.url(name), "append", f"w{n}", CASES, ROUNDS) for n in range(WRITERS)]
        ours: list[str] = []
        theirs: list[str] = []
        position = last = 0
        while True:
            ended = all(one.poll() is not None for one in writers)
            with store.read() as reader:
                for event in reader.log(position):
                    assert event.position == position + 1, "positions are dense at every moment"
                    position = event.position
                    ours.append(event.data["by"])
            for number, message in connection.execute(
                "SELECT number, message FROM naive WHERE number > %s ORDER BY number", (last,)
            ).fetchall():
                last = number
                theirs.append(message)
            if ended:
                break
        assert [one.returncode for one in writers] == [0] * WRITERS
        sent = {f"w{n}/{number}" for n in range(WRITERS) for number in range(ROUNDS)}
        assert (set(ours), len(ours)) == (sent, len(sent)), "nothing is lost and nothing comes twice"
        assert len(set(theirs)) < len(sent), (
            "a number that counts by itself is given before the commit: rows are missed"
        )
        with store.read() as reader:
            events = reader.log(0)
            assert in_order(event.data["by"] for event in events), "of one writer each thing comes after the one before"
            for case in reader.cases():
                assert [event.version for event in reader.history(case["case_id"])] == [*range(1, case["version"] + 1)]
            signed = [next(iter(event.data["tracks"].values()))["number"]["number"] for event in events
                      if "tracks" in event.data]  # fmt: skip
            assert signed == [*range(1, len(signed) + 1)], "dense, and in the order of the log"
        found = replay(store)
        assert found.equal, found.first


def in_order(messages: Iterator[str]) -> bool:
    last: dict[str, int] = {}
    for message in messages:
        name, _, number = message.partition("/")
        if int(number) <= last.get(name, -1):
            return False
        last[name] = int(number)
    return True


def writer(url: str, *arguments: object) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("postgres_writers.py")
    folders = os.pathsep.join([str(script.parent), str(script.parent.parent)])
    command = [sys.executable, str(script), url, *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": folders}, stdout=subprocess.DEVNULL)


def test_sixteen_who_sign_at_once_leave_no_gap_and_no_number_twice(store: Store) -> None:
    failed: list[BaseException] = []

    def sign(signer: int) -> None:
        try:
            for number in range(SIGNATURES):
                message = f"{signer}/{number}"
                store.write(lambda tx: fact(tx, f"case {message}", message, letter=True))  # noqa: B023
        except BaseException as error:
            failed.append(error)

    in_threads([lambda n=n: sign(n) for n in range(SIGNERS)])  # type: ignore[misc]
    assert not failed
    with store.read() as reader:
        assert sorted(row["serial"] for row in reader.letters()) == [*range(1, SIGNERS * SIGNATURES + 1)]
        assert reader.numbers() == [
            {"organisation": OFFICE, "kind": "supervision", "year": 2026, "last": SIGNERS * SIGNATURES}
        ]
    assert replay(store).equal


def in_threads(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_SECONDS_MAX)
        assert not thread.is_alive()


# ── what others have moved ───────────────────────────────────────────────────────────────────────────────────────────


def meddled(store: Store, decide: Callable[[Tx], object], meddle: Callable[[], object], times: int = 1) -> int:
    """Decide, with others who come between the decision and the commit the first `times`; how often it was decided."""
    decided = 0

    def work(tx: Tx) -> None:
        nonlocal decided
        decide(tx)
        decided += 1
        if decided <= times:
            meddle()

    store.write(work)
    return decided


def test_a_case_that_moved_meanwhile_is_decided_again(store: Store, other: Store) -> None:
    append(store, a_case("c1")[1])
    decided = meddled(
        store,
        lambda tx: fact(tx, "c1", "ours"),
        lambda: other.write(lambda tx: fact(tx, "c1", "theirs")),
    )
    assert decided == 2
    with store.read() as reader:
        assert [event.data.get("by") for event in reader.history("c1")] == [None, "theirs", "ours"]
    assert replay(store).equal


def test_two_who_open_one_case_open_it_once(store: Store, other: Store) -> None:
    decided = meddled(
        store,
        lambda tx: fact(tx, "c1", "ours"),
        lambda: other.write(lambda tx: fact(tx, "c1", "theirs")),
    )
    assert decided == 2
    with store.read() as reader:
        assert [event.version for event in reader.history("c1")] == [1, 2]


def test_a_message_that_was_settled_meanwhile_leaves_the_batch(store: Store, other: Store) -> None:
    decided = meddled(
        store,
        lambda tx: fact(tx, "c1", "the same"),
        lambda: other.write(lambda tx: fact(tx, "c2", "the same")),
    )
    assert decided == 2
    with store.read() as reader:
        assert [event.case_id for event in reader.log(0)] == ["c2"]


def test_a_refusal_is_decided_again_as_well_where_its_case_has_moved(store: Store, other: Store) -> None:
    append(store, a_case("c1")[1])
    seen: list[int] = []

    def refuse(tx: Tx) -> None:
        case = tx.load(["c1"])["c1"]
        seen.append(case.version)
        tx.append(Batch(events=[stamp(case, "lianxin.case.rejected.v1", LATER, {"code": "no"}, version=0)]))

    assert meddled(store, refuse, lambda: other.write(lambda tx: fact(tx, "c1", "theirs"))) == 2
    assert seen == [1, 2]


def test_what_was_parked_meanwhile_for_a_case_is_seen_by_who_moves_it(store: Store, other: Store) -> None:
    append(store, a_case("c1")[1])
    waiting: list[int] = []

    def move(tx: Tx) -> None:
        waiting.append(len(tx.parked_for(["c1"])))
        fact(tx, "c1", "ours")

    def park() -> None:
        append(other, Batch(parked=[parked("m1", AT, 0)], inbox=[("s", "m1", b"d", PARKED, NO_EVENT)]))

    assert meddled(store, move, park) == 2
    assert waiting == [0, 1]


def test_what_was_parked_is_taken_up_by_one_only(store: Store, other: Store) -> None:
    append(store, merged_parked())

    def take_up(tx: Tx) -> None:
        for row in tx.parked(give_up_until=LATER):
            tx.append(Batch(unpark=[(row.source, row.id)], inbox=[(row.source, row.id, b"d", ACCEPTED, NO_EVENT)]))

    assert meddled(store, take_up, lambda: other.write(take_up)) == 2
    with store.read() as reader:
        assert reader.parked() == []


def merged_parked() -> Batch:
    return replace_inbox(a_case("c1")[1])


def replace_inbox(batch: Batch) -> Batch:
    batch.parked = [parked("m1", AT, 0)]
    batch.inbox = [("s", "m1", b"d", PARKED, NO_EVENT)]
    return batch


def test_nothing_is_written_under_a_key_that_was_destroyed_meanwhile(store: Store, postgres_url: str) -> None:
    vault = Vault(fixed_keys())

    def tell(tx: Tx) -> None:
        case = tx.load(["c1"])["c1"]
        known = tx.wrapped_keys([("c1", "case")])
        protected = vault.protect([Secret("c1", "case", "wish", case.version + 1, '"x"')], known)
        event = stamp(case, "x", AT, {} if case.exists else {"workflow": "w"})
        folded = evolve(case, event)
        keys, entries = protected.keys, protected.entries
        tx.append(Batch(events=[event], cases={"c1": folded}, vault_keys=keys, vault_entries=entries))

    store.write(tell)
    with Store.open(postgres_url, vault=Vault(fixed_keys())) as other:
        assert meddled(store, tell, lambda: other.erase("c1", "case")) == 2
    with store.read() as reader:
        ((person, field, ref, sealed),) = reader.vault_entries("c1")
        wrapped = reader.wrapped_keys([("c1", "case")])["c1", "case"]
    assert Vault(fixed_keys()).reveal(wrapped, ("c1", person, field, ref, sealed))[0] == '"x"'


def test_whoever_is_always_slower_is_told_so_and_has_written_nothing(store: Store, other: Store) -> None:
    append(store, a_case("c1")[1])
    turns = iter(range(100))
    with pytest.raises(Moved) as caught:
        meddled(
            store,
            lambda tx: fact(tx, "c1", "ours"),
            lambda: other.write(lambda tx: fact(tx, "c1", f"theirs {next(turns)}")),
            times=100,
        )
    assert caught.value.code == "LX-529"
    with store.read() as reader:
        assert [event.data.get("by") for event in reader.history("c1")][1:] == [
            f"theirs {n}" for n in range(DECISIONS_MAX)
        ]


def test_who_counts_on_the_end_of_the_log_is_alone_or_decides_again(store: Store, other: Store) -> None:
    places: list[list[int]] = []

    def read_what_was_appended(tx: Tx) -> None:
        fact(tx, "c1", "ours")
        places.append([event.position for event in tx.log(0)])

    assert meddled(store, read_what_was_appended, lambda: other.write(lambda tx: fact(tx, "c2", "theirs"))) == 2
    assert places == [[1], [1, 2]]
    with store.read() as reader:
        assert [event.data["by"] for event in reader.log(0)] == ["theirs", "ours"]


def test_what_a_store_remembers_of_a_case_is_not_believed_where_it_is_old(store: Store, other: Store) -> None:
    store.write(lambda tx: fact(tx, "c1", "1"))
    other.write(lambda tx: fact(tx, "c1", "2"))
    store.write(lambda tx: fact(tx, "c1", "3"))
    with store.read() as reader:
        events = reader.history("c1")
    assert [event.data["by"] for event in events] == ["1", "2", "3"]
    for before, after in pairwise(events):
        assert after.digest == hashlib.sha256(before.digest + after.body).digest()
    assert all(orjson.loads(event.body)["version"] == number for number, event in enumerate(events, 1))


def test_a_transaction_that_only_reads_leaves_nothing(store: Store, postgres_url: str) -> None:
    with store.transaction() as tx:
        tx.load(["c1"])
        assert tx.head() == 0
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%%' AND datname = current_database()"
        assert connection.execute(idle).fetchone() == (0,)


def test_no_session_waits_for_ever(store: Store) -> None:
    with store.transaction() as tx:
        said = {name: tx._driver.execute(f"SHOW {name}").fetchone()[0] for name in BOUNDS}
    assert said == BOUNDS


BOUNDS = {
    "statement_timeout": "1min",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "1min",
    "synchronous_commit": "on",
}


def test_a_long_batch_goes_by_copy_and_says_the_same(store: Store) -> None:
    def many(tx: Tx) -> None:
        for number in range(300):
            fact(tx, f"c{number % 7}", f"m{number}", letter=number % 50 == 0)

    store.write(many)
    with store.read() as reader:
        assert reader.head() == 300
        assert replace(reader.log(299)[0], position=0).data["by"] == "m299"
    assert replay(store).equal
