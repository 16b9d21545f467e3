"""PostgreSQL's connection, spoken to as the reader speaks to SQLite's: `?` for values, a few words of SQLite's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import psycopg

ROWS_PER_FETCH = 2_000
STATEMENTS_REMEMBERED_MAX = 512

IN_OTHER_WORDS = (
    ("NOT IN (SELECT value FROM json_each(?))", "<> ALL (ARRAY(SELECT json_array_elements_text(?::json)))"),
    ("IN (SELECT value FROM json_each(?))", "= ANY (ARRAY(SELECT json_array_elements_text(?::json)))"),
    ("json_each(?) AS j\n", "json_array_elements(?::json) AS j(value)\n"),
    ("CROSS JOIN vault_key AS k ON", "JOIN vault_key AS k ON"),  # SQLite's way to say: in this order
)
"""What the questions of engine.store.reader and transaction say on SQLite, and how PostgreSQL says the same."""


class PostgresDriver:
    """What the reader needs of a DB-API connection, on psycopg's."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Any]:
        """Run one statement; its rows are all here."""
        return self.connection.cursor(binary=True).execute(translated(sql), parameters or None)

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement, fetched as they are asked for. Inside a transaction."""
        with self.connection.cursor(f"stream-{id(object())}-{hash(sql)}", binary=True) as cursor:
            cursor.itersize = ROWS_PER_FETCH
            cursor.execute(translated(sql))
            yield from cursor

    def rollback(self) -> None:
        """End the transaction, if there is one and the connection lives."""
        self.connection.rollback()


@lru_cache(maxsize=STATEMENTS_REMEMBERED_MAX)
def translated(sql: str) -> str:
    """A statement for SQLite, as psycopg and PostgreSQL understand it."""
    for said, meant in IN_OTHER_WORDS:
        sql = sql.replace(said, meant)
    return sql.replace("%", "%%").replace("?", "%s")
