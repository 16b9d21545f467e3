"""Copies of a SQLite database: one committed snapshot in one file, taken while another process writes.

The pages are copied under one reading transaction, so the copy is the database as it was at one instant, whatever
commits meanwhile. Until the copy is done the WAL cannot be emptied: it grows by what is written in that time.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from pysqlite3 import dbapi2 as sqlite

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.store import schema

STEP_PAGES = 1024
"""Copied between two words to whoever waits (8 MiB)."""
BESIDE = ("", "-wal", "-shm", "-journal")
"""The files of a database. Any of them in the place of a restore means that there is something to lose."""
RESTORED = "restored "
"""Rows of `about` that begin so say when this database was restored, and from what."""
PART = ".part"
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
"""What file systems of USB sticks and Windows shares answer to a hard link."""

Advance = Callable[[int, int], None]
"""Called with (pages copied, pages in all)."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, as far as whoever restores it must know."""

    position: int
    """Of the last record; 0 where there is none"""
    cases: int
    last_recorded_at: Instant | None
    numbers: list[JsonObject]
    """The last letter number of each organisation, kind and year"""
    offsets: list[JsonObject]
    """Where reading the bus and the files goes on"""
    restored: list[Instant]
    key_id: str
    """Of the key file it was begun with; empty where nobody noted it"""


@contextmanager
def copied(source: Path, folder: Path, advance: Advance) -> Iterator[Path]:
    """A snapshot of `source` as a new file in `folder`, mode 0600, on the disk; removed at the end unless `placed`.

    LX-520 there is no source, LX-522 it is damaged, LX-571 the copy cannot be written.
    """
    if not source.is_file():
        raise LianxinError("LX-520", exit_code=3, path=source)
    try:
        handle, name = tempfile.mkstemp(prefix=f"{source.name}.", suffix=PART, dir=folder)
    except OSError as error:
        raise LianxinError("LX-571", exit_code=5, path=folder, reason=error.strerror) from error
    os.close(handle)
    part = Path(name)
    try:
        _copy(source, part, advance)
        yield part
    finally:
        for suffix in BESIDE:
            Path(f"{part}{suffix}").unlink(missing_ok=True)


def placed(part: Path, path: Path) -> None:
    """Give a copy its name, for good. FileExistsError where the name is taken: nothing is ever overwritten."""
    _flush(part)
    try:
        os.link(part, path)  # unlike a rename it replaces nothing
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(path) from error
        os.rename(part, path)
    _flush(path.parent)


def whole(path: Path) -> bool:
    """Whether SQLite finds every page of the file in order."""
    try:
        with closing(_to_read(path)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite.DatabaseError:
        return False
    return bool(found == [("ok",)])


def contents(path: Path) -> Contents:
    """What the database in a file holds. LX-522 where it is none of ours."""
    try:
        with closing(_to_read(path)) as connection:
            position, body = connection.execute(
                "SELECT position, body FROM log ORDER BY position DESC LIMIT 1"
            ).fetchone() or (0, None)
            about = dict(connection.execute("SELECT name, value FROM about"))
            return Contents(
                position,
                connection.execute('SELECT count(*) FROM "case"').fetchone()[0],
                orjson.loads(body)["recorded_at"] if body is not None else None,
                _rows(connection, schema.letter_number),
                _rows(connection, schema.offset),
                sorted(name.removeprefix(RESTORED) for name in about if name.startswith(RESTORED)),
                about.get("key_id", ""),
            )
    except sqlite.DatabaseError as error:
        raise LianxinError("LX-522", exit_code=5, path=path) from error


def wrapped_key(path: Path) -> tuple[str, str, bytes] | None:
    """(case, person, wrapped key) of some entry of the vault; None where it holds nothing."""
    with closing(_to_read(path)) as connection:
        found: tuple[str, str, bytes] | None = connection.execute(
            "SELECT case_id, person, wrapped FROM vault_key LIMIT 1"
        ).fetchone()
        return found


def note_restored(part: Path, at: Instant, position: int, sha256: str) -> None:
    """Write into a copy that it was restored: the database itself says it from then on, and so do its backups."""
    with closing(sqlite.connect(str(part), isolation_level=None)) as connection:
        said = orjson.dumps({"position": position, "sha256": sha256}).decode()
        connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (f"{RESTORED}{at}", said))


def _copy(source: Path, part: Path, advance: Advance) -> None:
    try:
        with closing(_to_read(source)) as reading, closing(sqlite.connect(str(part), isolation_level=None)) as writing:
            writing.execute("PRAGMA journal_mode=OFF")  # a copy that was cut off is thrown away
            writing.execute("PRAGMA synchronous=OFF")  # `placed` flushes it, once
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on one snapshot
            reading.backup(writing, pages=STEP_PAGES, progress=lambda _, left, total: advance(total - left, total))
            writing.execute("PRAGMA journal_mode=DELETE")  # one file in itself, readable where nothing can be written
    except sqlite.OperationalError as error:  # no space, no permission
        raise LianxinError("LX-571", exit_code=5, path=part.parent, reason=error) from error
    except sqlite.DatabaseError as error:
        raise LianxinError("LX-522", exit_code=5, path=source) from error


def _to_read(path: Path) -> Any:
    return sqlite.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True, isolation_level=None)


def _rows(connection: Any, table: Any) -> list[JsonObject]:
    names = schema.names_of(table)
    columns, order = (", ".join(f'"{name}"' for name in some) for some in (names, schema.key_of(table)))
    rows = connection.execute(f'SELECT {columns} FROM "{table.name}" ORDER BY {order}')
    return [dict(zip(names, row, strict=True)) for row in rows]


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
