"""The raw limit: the plain rows of the workload into SQLite, 500 a transaction, WAL, synchronous FULL. No engine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson
import workload
from measure import Measure, fresh
from pysqlite3 import dbapi2 as sqlite

BATCH = 500
TABLES = (
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, case_id TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,"
    " at TEXT NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL, UNIQUE (case_id, version))",
    "CREATE TABLE state (case_id TEXT PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE inbox (id TEXT PRIMARY KEY) WITHOUT ROWID",
)
EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)"
STATE = (
    "INSERT INTO state VALUES (?, ?, ?)"
    " ON CONFLICT (case_id) DO UPDATE SET state = excluded.state, version = excluded.version"
)
INBOX = "INSERT INTO inbox VALUES (?) ON CONFLICT DO NOTHING"


def run(cases: int, folder: Path) -> dict[str, Any]:
    """Rows are made beforehand; only the writing is timed."""
    rows = list(_rows(cases))
    db = sqlite.connect(str(fresh(folder / "raw.db")), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
        db.execute(f"PRAGMA {pragma}")
    for table in TABLES:
        db.execute(table)
    with Measure(len(rows)) as measure:
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            db.execute("BEGIN IMMEDIATE")
            db.executemany(EVENT, [row[:7] for row in batch])
            db.executemany(STATE, [(row[1], row[7], row[2]) for row in batch])
            db.executemany(INBOX, [(row[8],) for row in batch])
            db.execute("COMMIT")
    (count,) = db.execute("SELECT count(*) FROM event").fetchone()
    assert count == cases * len(workload.STEPS)
    db.close()
    return measure.figures()


def _rows(cases: int) -> Any:
    digest = bytes(32)
    for seq, raw in enumerate(workload.messages(cases, duplicates=0), start=1):
        event = orjson.loads(raw)
        digest = hashlib.sha256(digest + raw).digest()
        step = event["data"]["step"]
        yield seq, event["subject"], step, event["type"], event["time"], raw, digest, workload.STATES[step], event["id"]
