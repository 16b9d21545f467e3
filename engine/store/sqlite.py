"""SQLite: one file that one process writes and any number of processes read; or a database in memory."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.pool import QueuePool, StaticPool

from engine.core.errors import LianxinError
from engine.store import schema
from engine.store.database import Meanwhile
from engine.store.projection import months_in
from engine.store.reader import Reader
from engine.store.transaction import Remembered, Tx

SQLITE_OLDEST = (3, 51, 3)
"""Earlier ones can lose committed pages when the WAL is reset."""
BUSY_TIMEOUT_MS = 5_000
READERS_MAX = 32
READERS_KEPT = 4
CACHE_KIB = 65_536
PAGE_BYTES = 8_192
"""Of a new database. A batch writes fewer and larger pages than with SQLite's 4,096: a third less work in the commit,
while a message that comes alone waits no longer (with 16,384 it does, on a slow disk)."""
CHECKPOINT_PAGES = 32 * 1024 * 1024 // PAGE_BYTES
"""Pages in the WAL before they are moved to the database file."""


class SqliteDatabase:
    """An open file. Threads may share it: transactions run one at a time, readers beside them."""

    shared = False

    def __init__(self, path: Path | None, writer: Engine, readers: Engine | None) -> None:
        self.path = path
        """None: in memory."""
        self._engine = writer
        self._readers = readers
        self._connection = writer.connect()
        self.driver: Any = self._connection.connection.driver_connection
        self._turn = threading.RLock()
        self._remembered = Remembered()
        self._committer = ThreadPoolExecutor(1, "commit")  # its thread begins with the first commit that has company
        self._busy = ""  # what the thread that has the turn is in: a transaction, or (in memory) a reading
        self._lock_file: IO[str] | None = None

    @classmethod
    def open(cls, url: URL, *, durable: bool, create: bool, about: dict[str, str]) -> SqliteDatabase:
        """Open `sqlite:///path`, or `sqlite://` (in memory). Codes: see `Store.open`."""
        if sqlite.sqlite_version_info < SQLITE_OLDEST:
            raise LianxinError(
                "LX-525", exit_code=5, found=sqlite.sqlite_version, needed=".".join(map(str, SQLITE_OLDEST))
            )
        path = Path(url.database) if url.database not in {None, "", ":memory:"} else None
        if path is not None and not create and not path.exists():
            raise LianxinError("LX-520", exit_code=3, path=path)
        writer = _engine(lambda: _connect(path, durable=durable), StaticPool)
        readers = None if path is None else _engine(lambda: _connect_to_read(path), QueuePool)
        database = cls(path, writer, readers)
        try:
            database._prepare(create, about)
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def transaction(self, meanwhile: Meanwhile | None, turns: Sequence[str]) -> Iterator[Tx]:
        """Write. Nobody else does, so there are no turns to take."""
        with self._turn:
            assert not self._busy, f"a transaction inside a {self._busy}"
            self._lock()
            self._busy = "transaction"
            try:
                with self._begun("BEGIN IMMEDIATE", commit=False):
                    tx = self._tx()
                    yield tx
                    tx.finish()
                    failed = self._commit(meanwhile)
                tx.committed()
                if failed is not None:
                    raise failed
            finally:
                self._busy = ""

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Read one committed snapshot. In memory there is no second connection: it waits its turn."""
        if self._readers is not None:
            with self._readers.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("BEGIN")
                try:
                    yield Reader(connection)
                finally:
                    driver.rollback()
            return
        with self._turn:
            assert self._busy != "transaction", "reading inside a transaction: ask the transaction itself"
            self._busy = "reading"
            try:
                yield Reader(self._connection)
            finally:
                self._busy = ""
                self._connection.rollback()

    def announce(self, worker: str, seconds: float) -> None:
        """There is no other worker to be told."""

    def checkpoint(self) -> None:
        """Move the WAL into the database file and empty it."""
        with self._turn:
            (blocked, *_), *_ = self.driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if blocked:
            raise LianxinError("LX-526", exit_code=5, path=self.path)

    def close(self) -> None:
        """Close all connections; the write lock is free again."""
        self._committer.shutdown()
        self._connection.close()
        self._engine.dispose()
        self.driver.close()
        if self._readers is not None:
            self._readers.dispose()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _prepare(self, create: bool, about: dict[str, str]) -> None:
        found = self._about()
        if found is None:
            if not create:
                raise LianxinError("LX-522", exit_code=5, path=self.path)
            self._lock()
            with self._begun("BEGIN IMMEDIATE"):
                if self._about() is None:
                    schema.metadata.create_all(self._connection, checkfirst=False)
                    begun = {"schema_version": str(schema.SCHEMA_VERSION)} | about
                    self.driver.executemany("INSERT INTO about VALUES (?, ?)", begun.items())
            found = self._about()
            assert found is not None
        if int(found["schema_version"]) > schema.SCHEMA_VERSION:
            raise LianxinError(
                "LX-521", exit_code=5, path=self.path, found=found["schema_version"], known=schema.SCHEMA_VERSION
            )
        self.about = found
        self._month_of = months_in(found["time_zone"])

    def _tx(self) -> Tx:
        (version,) = self.driver.execute("PRAGMA data_version").fetchone()
        self._remembered.must_be_of(version)
        return Tx(self._connection, self._month_of, self._remembered)

    def _about(self) -> dict[str, str] | None:
        try:
            tables = {name for (name,) in self.driver.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        except sqlite.DatabaseError as error:
            raise LianxinError("LX-522", exit_code=5, path=self.path) from error
        if not tables:
            return None
        if not {"about", "log"} <= tables:
            raise LianxinError("LX-522", exit_code=5, path=self.path)
        return dict(self.driver.execute("SELECT name, value FROM about").fetchall())

    def _commit(self, meanwhile: Meanwhile | None) -> BaseException | None:
        """Commit, and do something else while it lasts; what went wrong with that."""
        if meanwhile is None:
            self.driver.commit()
            return None
        begun = threading.Event()

        def commit() -> None:
            begun.set()
            self.driver.commit()  # without the interpreter's lock, so that this thread and that one both run

        committing = self._committer.submit(commit)
        begun.wait()
        try:
            meanwhile()
        except BaseException as error:
            return error
        finally:
            committing.result()
        return None

    @contextmanager
    def _begun(self, begin: str, *, commit: bool = True) -> Iterator[None]:
        try:
            self.driver.execute(begin)
            yield
            if commit:
                self.driver.commit()
        except sqlite.OperationalError as error:
            self.driver.rollback()
            raise LianxinError("LX-524", exit_code=5, path=self.path, reason=error) from error
        except BaseException:
            self.driver.rollback()
            raise
        finally:
            self._connection.rollback()  # SQLAlchemy's own idea of a transaction

    def _lock(self) -> None:
        """Be the one process that writes; held until `close`. The kernel frees it when the process dies."""
        if self.path is None or self._lock_file is not None:
            return
        lock_path = Path(f"{self.path}.lock")
        file = open(lock_path, "a+", encoding="ascii")  # noqa: SIM115  held until close
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise LianxinError("LX-523", exit_code=5, path=self.path, process=holder or "?") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock_file = file
        if self._about() is not None:  # older than these tables: it gets them from the first process that writes
            schema.metadata.create_all(self._connection, tables=[schema.api_key, schema.kept_answer])
            self._connection.rollback()


def _engine(connect: Any, pool: Any) -> Engine:
    options = {"pool_size": READERS_KEPT, "max_overflow": READERS_MAX - READERS_KEPT} if pool is QueuePool else {}
    return create_engine("sqlite://", module=sqlite, creator=connect, poolclass=pool, **options)


def _connect(path: Path | None, *, durable: bool) -> Any:
    try:
        if path is not None and not path.exists():  # nobody but its owner reads a database of complaints
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite.connect(
            str(path) if path else ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            f"page_size={PAGE_BYTES}",  # before the first page is written
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'OFF'}",
            "secure_delete=ON",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except (OSError, sqlite.OperationalError) as error:
        raise LianxinError("LX-524", exit_code=5, path=path, reason=error) from error
    except sqlite.DatabaseError as error:
        raise LianxinError("LX-522", exit_code=5, path=path) from error
    return connection


def _connect_to_read(path: Path) -> Any:
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    connection = sqlite.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return connection
