"""Whoever has the database file in his hands, and what he may do to its log."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.audit.verify import GENESIS

TRIGGERS = {
    verb: f"CREATE TRIGGER log_no_{verb} BEFORE {verb} ON log BEGIN SELECT RAISE(ABORT, 'no'); END"
    for verb in ("update", "delete")
}
ROW = "number, version, type, reacts, body, digest"


class Log:
    """Somebody with the database file in his hands."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        self.chance = chance
        self.connection = sqlite3.connect(path)
        for verb in TRIGGERS:
            self.connection.execute(f"DROP TRIGGER log_no_{verb}")
        self.last: int = self.one("SELECT max(position) FROM log")

    def close(self) -> None:
        """Leave no trace that the triggers were gone."""
        for sql in TRIGGERS.values():
            self.connection.execute(sql)
        self.connection.commit()
        self.connection.close()

    def one(self, sql: str, *values: object) -> Any:
        return self.connection.execute(sql, values).fetchone()[0]

    def row(self, position: int) -> list[Any]:
        return list(self.connection.execute(f"SELECT {ROW} FROM log WHERE position = ?", (position,)).fetchone())

    def put(self, position: int, row: list[Any]) -> None:
        values = ", ".join("?" * len(row))
        self.connection.execute(f"INSERT OR REPLACE INTO log (position, {ROW}) VALUES (?, {values})", (position, *row))

    def remove(self, position: int) -> None:
        self.connection.execute("DELETE FROM log WHERE position = ?", (position,))

    def shift(self, after: int, by: int) -> None:
        """Close or open a gap in the positions behind a record."""
        self.connection.execute("UPDATE log SET position = -(position + ?) WHERE position > ?", (by, after))
        self.connection.execute("UPDATE log SET position = -position WHERE position < 0")

    def a_position(self, where: str = "1") -> int:
        found: list[int] = [
            position for (position,) in self.connection.execute(f"SELECT position FROM log WHERE {where}")
        ]
        return self.chance.choice(found)

    def case_of(self, position: int) -> str:
        return str(json.loads(bytes(self.row(position)[4]))["case"])


Tamper = Callable[[Log], tuple[set[int], str | None]]
"""Does something to a log; the positions of which one must be named first, and the case if it must be named."""


def edit_the_body(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position()
    row = log.row(position)
    body = bytearray(row[4])
    at = log.chance.randrange(len(body))
    body[at] = log.chance.choice([byte for byte in range(32, 127) if byte != body[at]])
    row[4] = bytes(body)
    log.put(position, row)
    return {position}, None


def edit_the_body_and_its_digest(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position("version IS NOT NULL")
    number, version, *_ = row = log.row(position)
    said = json.loads(bytes(row[4]))
    said["occurred_at"] = "2026-01-01T00:00:00.000000Z"
    row[4] = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    sql = "SELECT digest FROM log WHERE number = ? AND version = ?"
    before = log.connection.execute(sql, (number, version - 1)).fetchone()
    row[5] = hashlib.sha256((before[0] if before else GENESIS) + row[4]).digest()
    log.put(position, row)
    return {position}, said["case"]


def edit_a_column(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position()
    row = log.row(position)
    column = log.chance.choice([0, 1, 2, 5])
    row[column] = {0: 100_000, 1: 100_000, 2: "lianxin.case.closed.v2", 5: hashlib.sha256(b"another").digest()}[column]
    log.put(position, row)
    return {position}, None


def delete(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position(f"position < {log.last}")
    log.remove(position)
    return {position}, None


def delete_and_close_the_gap(log: Log) -> tuple[set[int], str | None]:
    # Not the last of its case: then it is the case table that tells, and it names the end of the log.
    position = log.a_position(
        "EXISTS (SELECT 1 FROM log l WHERE l.number = log.number AND l.version = log.version + 1)"
    )
    case = log.case_of(position)
    log.remove(position)
    log.shift(position, -1)
    return set(range(position, log.last)), case


def insert_at_the_end(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position("version = (SELECT max(version) FROM log l WHERE l.number = log.number)")
    number, version, kind, reacts, body, digest = log.row(position)
    said = json.loads(bytes(body)) | {"version": version + 1}
    forged = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    row = [number, said["version"], kind, reacts, forged, hashlib.sha256(bytes(digest) + forged).digest()]
    log.put(log.last + 1, row)
    return {log.last + 1}, said["case"]


def insert_between(log: Log) -> tuple[set[int], str | None]:
    position = log.a_position(f"version IS NOT NULL AND position < {log.last}")
    row = log.row(position)
    row[1] = 1000 + log.chance.randrange(1000)
    log.shift(position, 1)
    log.put(position + 1, row)
    return {position + 1}, None


def exchange_two_records_of_a_case(log: Log) -> tuple[set[int], str | None]:
    one, other = two_of_a_case(log)
    rows = log.row(one), log.row(other)
    log.remove(one)
    log.remove(other)
    log.put(one, rows[1])
    log.put(other, rows[0])
    return {min(one, other)}, log.case_of(one)


def exchange_two_bodies_of_a_case(log: Log) -> tuple[set[int], str | None]:
    one, other = two_of_a_case(log)
    first, second = log.row(one), log.row(other)
    first[4:], second[4:] = second[4:], first[4:]
    log.put(one, first)
    log.put(other, second)
    return {min(one, other)}, log.case_of(one)


def cut_the_end(log: Log) -> tuple[set[int], str | None]:
    versioned = log.one("SELECT max(position) FROM log WHERE version IS NOT NULL")
    first = versioned - log.chance.randrange(60)
    for position in range(first, log.last + 1):
        log.remove(position)
    return {first}, None


def two_of_a_case(log: Log) -> tuple[int, int]:
    one = log.a_position(
        "version IS NOT NULL AND EXISTS (SELECT 1 FROM log l WHERE l.number = log.number AND l.version > 1)"
    )
    number = log.row(one)[0]
    other = log.a_position(f"number = {number} AND version IS NOT NULL AND position <> {one}")
    return one, other


TAMPERS: list[Tamper] = [
    edit_the_body, edit_the_body_and_its_digest, edit_a_column, delete, delete_and_close_the_gap, insert_at_the_end,
    insert_between, exchange_two_records_of_a_case, exchange_two_bodies_of_a_case, cut_the_end,
]  # fmt: skip
