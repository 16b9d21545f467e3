"""Processes that write to one PostgreSQL database, for tests: run as `python postgres_writers.py URL WHAT …`.

append NAME CASES ROUNDS   facts about the same cases as everybody else's, and letters of one series
stop STEP                  one transaction that stops itself (SIGSTOP) at a step of the append
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import psycopg
from invented_batches import AT, opening
from invented_streams import stamp

from engine.core.evolve import evolve
from engine.store import postgres, staging
from engine.store.batch import ACCEPTED, Batch, Moved
from engine.store.store import Store
from engine.store.transaction import Tx

OFFICE = "示信局"
STEPS = ("begun", "numbered", "copying", "staged", "sent", "locked")


def fact(tx: Tx, case_id: str, message: str, *, letter: bool = False) -> int:
    """One fact about a case, with its message in the inbox, and a signed letter if wished: the case's new version."""
    if tx.seen([("s", message)]):
        return 0
    case = tx.load([case_id])[case_id]
    data: dict[str, Any] = {"by": message} if case.exists else opening() | {"by": message}
    if letter:
        number = tx.next_number(OFFICE, "supervision", 2026)
        track: dict[str, Any] = {"track": "letter", "state": "signed", "open": True, "opened_at": AT}
        track |= {"entered": {"signed": AT}, "number": {"mark": "示信督", "year": 2026, "number": number}}
        track["data"] = {"kind": "supervision", "organisation": OFFICE, "recipient": "水务局"}
        data |= {"tracks": {f"letter-{message}": track}}
    event = stamp(case, "lianxin.case.told.v1", AT, data)
    folded = evolve(case, event)
    tx.append(Batch(events=[event], cases={case_id: folded}, inbox=[("s", message, b"d", ACCEPTED, 0)]))
    return folded.version


def append(store: Store, url: str, name: str, cases: int, rounds: int) -> None:
    """Facts, and beside each a row of a table with a number that counts by itself, as people who tail often have it."""
    chance = random.Random(name)
    where = url.replace("+psycopg", "")
    with psycopg.connect(where) as beside:
        for number in range(rounds):
            message = f"{name}/{number}"
            case_id = f"c{chance.randrange(cases)}"
            letter = number % 4 == 0
            while True:
                try:
                    store.write(lambda tx: fact(tx, case_id, message, letter=letter))  # noqa: B023  called at once
                    break
                except Moved:  # others were quicker each time: as a worker does, once more
                    continue
            beside.execute("INSERT INTO naive (message) VALUES (%s)", (message,))
            beside.execute("SELECT pg_sleep(%s)", (chance.random() / 200,))
            beside.commit()


def stop(store: Store, step: str) -> None:
    """One transaction that stands still at a step, and never goes on by itself."""
    if step == "copying":
        before(psycopg.Copy, "write_row", stand_still, calls=30)
    if step == "staged":
        before(postgres.PostgresDatabase, "_append", stand_still)
    if step == "sent":
        setattr(postgres.PostgresDatabase, "_append", sent)  # noqa: B010
    with store.transaction() as tx:
        tx.load(["c0"])
        if step == "begun":
            stand_still()
        if step == "numbered":
            tx.next_number(OFFICE, "supervision", 2026)
            stand_still()
        if step == "locked":  # what the engine never does: ask for the lock, and then go on by oneself
            tx._driver.execute("SELECT lianxin_lock_v1()")
            stand_still()
        fact(tx, "c0", f"stopped/{step}", letter=True)
        for more in range(60):
            fact(tx, f"{step}-{more}", f"stopped/{step}/{more}")


def stand_still() -> None:
    print("standing", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


def before(of: type, name: str, do: Callable[[], None], calls: int = 1) -> None:
    """Do something in front of the call of that number."""
    real = getattr(of, name)
    counted = count(1)

    def counting(*args: Any) -> Any:
        if next(counted) == calls:
            do()
        return real(*args)

    setattr(of, name, counting)


def sent(self: Any, driver: Any, rows: Any, head: Any, xid: str) -> int:
    """The last message has gone out, and nobody reads the answer."""
    driver.connection.pgconn.send_query(staging.append_and_commit(rows, head, 1))
    driver.connection.pgconn.flush()
    stand_still()
    return 0


def main(arguments: list[str]) -> None:
    url, what, *rest = arguments
    with Store.open(url) as store:
        if what == "append":
            append(store, url, rest[0], int(rest[1]), int(rest[2]))
        else:
            stop(store, rest[0])


if __name__ == "__main__":
    main(sys.argv[1:])
