"""The append to PostgreSQL: everything is staged first, in a table of the session's own; then one call appends it.

    rows of all tables ─► lianxin_stage (COPY, or arrays for a few) ─► one message: SELECT lianxin_append_v1(…); COMMIT

Nothing is locked while rows travel. The call and the COMMIT are one message, so a process that is stopped at any moment
has either not asked for the append lock yet, or the server goes on to the commit without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import psycopg

COPY_ROWS_MIN = 50
"""From here on COPY is quicker than arrays, although it takes a round trip more."""

StageRow = tuple[Any, ...]

_TEXTS, _INTS, _BLOBS = 12, 4, 2
_TYPES = ("text", *["int8"] * _INTS, *["text"] * _TEXTS, *["bytea"] * _BLOBS)
_NAMES = (
    "kind",
    *(f"i{n}" for n in range(1, _INTS + 1)),
    *(f"t{n}" for n in range(1, _TEXTS + 1)),
    *(f"b{n}" for n in range(1, _BLOBS + 1)),
)
_COLLATED = {"text": 'text COLLATE "C"'}
CREATE_STAGE = (
    "CREATE TEMP TABLE IF NOT EXISTS lianxin_stage ("
    + ", ".join(f"{name} {_COLLATED.get(kind, kind)}" for name, kind in zip(_NAMES, _TYPES, strict=True))
    + ") ON COMMIT DELETE ROWS"
)
_UNNEST = (
    "WITH staged AS (INSERT INTO lianxin_stage SELECT * FROM unnest("
    + ", ".join(f"%s::{kind}[]" for kind in _TYPES)
    + ")) SELECT pg_current_xact_id()::text"
)
_COPY = "COPY lianxin_stage FROM STDIN (FORMAT BINARY)"
_NO_INTS, _NO_TEXTS, _NO_BLOBS = ([(None,) * (most - n) for n in range(most + 1)] for most in (_INTS, _TEXTS, _BLOBS))


def stage_row(kind: str, ints: StageRow = (), texts: StageRow = (), blobs: StageRow = ()) -> StageRow:
    """A row of any table, in the columns that the stage has for all of them, each kind in the order of its table."""
    return (kind, *ints, *_NO_INTS[len(ints)], *texts, *_NO_TEXTS[len(texts)], *blobs, *_NO_BLOBS[len(blobs)])


def stage(connection: psycopg.Connection[Any], rows: Sequence[StageRow]) -> str:
    """Bring the rows to the server, inside the open transaction; the transaction's id."""
    cursor = connection.cursor()
    if len(rows) < COPY_ROWS_MIN:
        cursor.execute(_UNNEST, [list(column) for column in zip(*rows, strict=True)])
    else:
        with cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
        cursor.execute("SELECT pg_current_xact_id()::text")
    found = cursor.fetchone()
    assert found is not None
    return str(found[0])


def append_and_commit(rows: Iterable[StageRow], head: int | None, level: int) -> bytes:
    """The one message that appends what is staged and commits it. Its first result is the first record's position."""
    counts = orjson.dumps(Counter(row[0] for row in rows)).decode()
    return f"SELECT lianxin_append_v1('{counts}', {'NULL' if head is None else head}, {level}); COMMIT".encode()
