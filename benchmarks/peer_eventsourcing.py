"""The same workload on pyeventsourcing (extra `bench`): an aggregate a case, dedupe by event id kept on the aggregate.

It has no guards, working-day clocks, vault, read models or chain; one save a command, WAL and synchronous FULL, on the
same SQLite library as ours.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
import workload
from measure import Measure, cpu, fresh
from pysqlite3 import dbapi2

sys.modules["sqlite3"] = dbapi2  # one SQLite for both sides of a ratio

from eventsourcing.application import Application  # noqa: E402
from eventsourcing.domain import Aggregate, event  # noqa: E402


class Case(Aggregate):
    @event("Received")
    def __init__(self, id: UUID, body: dict[str, Any]) -> None:
        self._id = id
        self.state = "received"
        self.seen = {body["id"]}
        self.due = ""

    @event("Assigned")
    def assign(self, body: dict[str, Any], due: str) -> None:
        self.state, self.due = "assigned", due
        self.seen.add(body["id"])

    @event("Handled")
    def handle(self, body: dict[str, Any]) -> None:
        self.state, self.due = "handled", ""
        self.seen.add(body["id"])

    @event("Reviewed")
    def review(self, body: dict[str, Any]) -> None:
        self.state = "reviewed"
        self.seen.add(body["id"])

    @event("Closed")
    def close(self, body: dict[str, Any]) -> None:
        self.state = "closed"
        self.seen.add(body["id"])


class Cases(Application):  # type: ignore[misc]
    def take(self, raw: bytes) -> bool:
        body = orjson.loads(raw)
        key = uuid5(NAMESPACE_URL, body["subject"])
        step = body["type"].rpartition(".")[2]
        if step == "receive":
            try:
                self.save(Case(id=key, body=body))
            except Exception as error:
                if "ntegrity" in type(error).__name__:
                    return False
                raise
            return True
        case = self.repository.get(key)
        if body["id"] in case.seen:
            return False
        if step == "assign":
            case.assign(body, datetime.fromisoformat(body["time"]).isoformat())
        else:
            getattr(case, step)(body)
        self.save(case)
        return True


def run(cases: int, folder: Path) -> dict[str, Any]:
    """Every event taken, one commit each; then every aggregate rebuilt from its events."""
    path = fresh(folder / "peer.db")
    application = Cases(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)})
    messages = list(workload.messages(cases))
    with Measure(len(messages)) as measure:
        taken = sum(application.take(raw) for raw in messages)
    assert taken == cases * len(workload.STEPS), "the peer lost or doubled an event"
    begun, spent = time.perf_counter(), cpu()
    for number in range(cases):
        assert application.repository.get(uuid5(NAMESPACE_URL, f"LX{number:012d}")).state == "closed"
    wall = time.perf_counter() - begun
    return measure.figures() | {
        "fold_events_per_s": taken / wall,
        "fold_cpu_s_per_1000": (cpu() - spent) / taken * 1000,
        "bytes_per_case": sum(os.stat(p).st_size for p in folder.glob("peer.db*")) / cases,
    }
