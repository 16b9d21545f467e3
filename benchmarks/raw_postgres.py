"""The raw limit on PostgreSQL: the plain rows of the workload, 500 a transaction, COPY and arrays. No engine."""

from __future__ import annotations

from typing import Any

import psycopg
import raw_sqlite
import workload
from measure import Measure

BATCH = raw_sqlite.BATCH
TABLES = (
    'CREATE TABLE event (seq int8 PRIMARY KEY, case_id text COLLATE "C" NOT NULL, version int4 NOT NULL,'
    " type text NOT NULL, at text NOT NULL, body bytea NOT NULL, hash bytea NOT NULL, UNIQUE (case_id, version))",
    'CREATE TABLE state (case_id text COLLATE "C" PRIMARY KEY, state text NOT NULL, version int4 NOT NULL)',
    'CREATE TABLE inbox (id text COLLATE "C" PRIMARY KEY)',
)
STATE = (
    "INSERT INTO state SELECT * FROM unnest(%s::text[], %s::text[], %s::int4[])"
    " ON CONFLICT (case_id) DO UPDATE SET state = excluded.state, version = excluded.version"
)
INBOX = "INSERT INTO inbox SELECT * FROM unnest(%s::text[]) ON CONFLICT DO NOTHING"
TYPES = ("int8", "text", "int4", "text", "text", "bytea", "bytea")


def run(cases: int, address: str) -> dict[str, Any]:
    """Rows are made beforehand; only the writing is timed. `address`: of an empty database, as libpq takes it."""
    rows = list(raw_sqlite._rows(cases))
    with psycopg.connect(address, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(table)
        connection.execute("CHECKPOINT")
        cursor = connection.cursor()
        with Measure(len(rows)) as measure:
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                with connection.transaction():
                    with cursor.copy("COPY event FROM STDIN (FORMAT BINARY)") as copy:
                        copy.set_types(TYPES)
                        for row in batch:
                            copy.write_row(row[:7])
                    last = {row[1]: row for row in batch}.values()
                    cursor.execute(STATE, [[row[place] for row in last] for place in (1, 7, 2)])
                    cursor.execute(INBOX, [[row[8] for row in batch]])
        found = connection.execute("SELECT count(*) FROM event").fetchone()
        assert found == (cases * len(workload.STEPS),)
    return measure.figures()
