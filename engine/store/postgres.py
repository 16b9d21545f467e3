"""PostgreSQL: any number of processes write, each decides for itself, and one after the other appends.

A transaction reads without locks; its commit is described in engine.store.staging. Where the connection is lost in the
midst of it, the server is asked on a new one what became of the transaction: it is never guessed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import orjson
import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, TimeoutError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from engine.core.errors import LianxinError
from engine.store import migrate, schema
from engine.store.batch import Moved, StaleEpoch
from engine.store.database import Meanwhile
from engine.store.postgres_driver import PostgresDriver
from engine.store.projection import months_in
from engine.store.reader import Reader
from engine.store.staged import StagedTx
from engine.store.staging import CREATE_STAGE, StageRow, append_and_commit, stage
from engine.store.transaction import Remembered, Tx

CONNECTIONS_KEPT = 4
CONNECTIONS_MAX = 32
POOL_WAIT_SECONDS = 10
STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_MS = 60_000
CONNECT_SECONDS = 5
KEEPALIVE_SECONDS = 10
KEEPALIVES_MAX = 3
ANSWER_SECONDS_MAX = 60
"""How long the server is asked what became of a commit whose connection was lost."""
ANSWER_WAIT_SECONDS = 0.1
RECORD_LEVEL = 1
"""The newest kind of record this code writes and reads; raised with each new one (engine.store.staging)."""
ANNOUNCED_KEPT_SECONDS = 86_400
_AT = """to_char((clock_timestamp() + make_interval(secs => ?)) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
ANNOUNCE = f"""WITH gone AS (DELETE FROM reading WHERE until < {_AT.replace("+", "-")})
    INSERT INTO reading (worker, level, until) VALUES (?, ?, {_AT})
    ON CONFLICT (worker) DO UPDATE SET level = excluded.level, until = excluded.until RETURNING level"""
UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError)
UPGRADE_REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


class PostgresDatabase:
    """A pool of connections. Threads may share it, and write at the same time."""

    path: Path | None = None
    shared = True

    def __init__(self, url: URL, *, durable: bool = True) -> None:
        self.place = url.render_as_string()  # without the password
        self._engine = _engine(url, durable=durable)
        self._remembered = Remembered()
        self._remembering = threading.Lock()
        self._inside = threading.local()
        self._committer = ThreadPoolExecutor(CONNECTIONS_MAX, "commit")

    @classmethod
    def open(cls, url: URL, *, durable: bool, create: bool, about: dict[str, str]) -> PostgresDatabase:
        """Open a database that exists; its tables are made or brought up to date where `create` says so."""
        database = cls(url, durable=durable)
        try:
            with database._connected() as connection:
                database._prepare(connection, create, about)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def driver(self) -> Any:
        """For tests: a connection that stays open until the database is closed."""
        return PostgresDriver(_psycopg(self._engine.connect()))

    @contextmanager
    def transaction(self, meanwhile: Meanwhile | None, turns: Sequence[str]) -> Iterator[Tx]:
        """Write. `turns`: others who were told to take turns for these wait, if not for long."""
        assert not getattr(self._inside, "busy", False), "a transaction inside a transaction"
        self._inside.busy = True
        try:
            with self._begun("BEGIN") as connection:
                driver = PostgresDriver(_psycopg(connection))
                if turns:
                    driver.execute("SELECT lianxin_turn_v1(?::text[])", (list(turns),))
                tx = StagedTx(connection, driver, self._month_of, self._remembered, self._apart)
                yield tx
                tx.finish()
                first, failed = self._commit(driver, tx, meanwhile)
            with self._remembering:
                tx.appended(first)
            if failed is not None:
                raise failed
        except Moved as moved:
            with self._remembering:
                for case_id in moved.cases:
                    self._remembered.cases.pop(case_id, None)
            raise
        finally:
            self._inside.busy = False

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """Read one committed snapshot."""
        with self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
            yield PostgresReader(connection, PostgresDriver(_psycopg(connection)))

    def announce(self, worker: str, seconds: float) -> None:
        """Keep for so long, by the server's clock, what this code can read; forget those who ended long ago."""
        self._apart(ANNOUNCE, (ANNOUNCED_KEPT_SECONDS, worker, RECORD_LEVEL, seconds))

    def checkpoint(self) -> None:
        """The key that opens what was erased is gone; its row's bytes go with the server's next vacuum."""

    def close(self) -> None:
        """Close all connections."""
        self._committer.shutdown()
        self._engine.dispose()

    # ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, connection: Connection, create: bool, about: dict[str, str]) -> None:
        tables = set(inspect(connection).get_table_names())
        revision = migrate.current(connection)
        if revision is None and tables:
            raise LianxinError("LX-522", exit_code=5, path=self.place)
        if revision is None and not create:
            raise LianxinError("LX-520", exit_code=3, path=self.place)
        if revision is not None and not migrate.known(revision):
            raise LianxinError("LX-521", exit_code=5, path=self.place, found=revision, known=migrate.newest())
        if revision != migrate.newest():
            if not create:
                raise LianxinError("LX-580", exit_code=5, path=self.place, found=revision, needed=migrate.newest())
            self._upgrade(connection, about)
        self.about: dict[str, str] = dict(
            PostgresDriver(_psycopg(connection)).execute("SELECT name, value FROM about").fetchall()
        )
        self._month_of = months_in(self.about["time_zone"])

    def _upgrade(self, connection: Connection, about: dict[str, str]) -> None:
        driver = PostgresDriver(_psycopg(connection))
        driver.connection.execute("BEGIN")
        try:
            migrate.upgrade(connection)
            for item in ({"schema_version": str(schema.SCHEMA_VERSION)} | about).items():
                driver.execute("INSERT INTO about VALUES (?, ?) ON CONFLICT DO NOTHING", item)
            driver.connection.execute("COMMIT")
        except (*UPGRADE_REFUSED, DBAPIError) as error:
            driver.rollback()
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, UPGRADE_REFUSED):
                needed = migrate.newest()
                raise LianxinError("LX-580", exit_code=5, path=self.place, found="-", needed=needed) from error
            raise

    # ── transactions ─────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._said():
            connection = self._engine.connect()
            try:
                yield connection
            finally:
                connection.rollback()  # SQLAlchemy's own idea of a transaction
                if _psycopg(connection).broken:
                    connection.invalidate()
                connection.close()

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        """A connection in an open transaction, rolled back at the end unless it was committed."""
        with self._said():
            connection = self._begin(begin)
            driver = _psycopg(connection)
            try:
                yield connection
            finally:
                if driver.broken or driver.closed:
                    connection.invalidate()
                else:
                    try:
                        driver.rollback()
                    except psycopg.OperationalError:
                        connection.invalidate()
                connection.close()

    def _begin(self, begin: str) -> Connection:
        for _ in range(CONNECTIONS_MAX):
            connection = self._engine.connect()
            try:
                _psycopg(connection).execute(begin)
                return connection
            except psycopg.OperationalError:  # it was lost while it lay in the pool, and so, perhaps, were others
                connection.invalidate()
                connection.close()
        raise psycopg.OperationalError("every connection is lost as soon as it is made")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What the server says, as errors of lianxin."""
        try:
            yield
        except (psycopg.Error, DBAPIError, TimeoutError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise self._meant(cast(Exception, cause)) from error

    def _meant(self, error: Exception) -> Exception:
        """The error of lianxin that says what PostgreSQL has said; a bug of ours stays what it is."""
        state = getattr(error, "sqlstate", None)
        detail = error.diag.message_detail if isinstance(error, psycopg.Error) and error.diag else None
        if state == "LXM01":
            return Moved(**orjson.loads(detail or "{}"))
        if state == "LXF01":
            return StaleEpoch(*orjson.loads(detail or "[]"))
        if state == "LXL01":
            return LianxinError("LX-581", exit_code=5)
        if state == "LXS01" or isinstance(error, psycopg.IntegrityError):
            return AssertionError(f"the store was asked to break a key: {error}")
        if isinstance(error, psycopg.errors.InvalidPassword | psycopg.errors.InvalidAuthorizationSpecification):
            return LianxinError("LX-524", exit_code=5, path=self.place, reason=_one_line(error))
        if isinstance(error, UNREACHABLE):
            return LianxinError("LX-524", exit_code=5, path=self.place, reason=_one_line(error))
        return error

    def _apart(self, sql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        """One statement on a connection of its own, committed at once; its first row, if there is one."""
        with self._connected() as connection:
            found = PostgresDriver(_psycopg(connection)).execute(sql, parameters).fetchone()
            return tuple(found) if found is not None else None

    # ── the commit ───────────────────────────────────────────────────────────────────────────────────────────────

    def _commit(
        self, driver: PostgresDriver, tx: StagedTx, meanwhile: Meanwhile | None
    ) -> tuple[int | None, BaseException | None]:
        """Stage, append, commit; the first record's position, if known, and what went wrong with `meanwhile`."""
        rows = tx.staged()
        if not rows:
            driver.connection.execute("COMMIT")  # of what was said past `append`: keys of systems, kept answers
            if meanwhile is not None:
                meanwhile()
            return 0, None
        xid = stage(driver.connection, rows)
        if meanwhile is None:
            return self._append(driver, rows, tx.counted_on, xid), None
        begun = threading.Event()

        def append() -> int | None:
            begun.set()
            return self._append(driver, rows, tx.counted_on, xid)

        appending = self._committer.submit(append)
        begun.wait()
        failed: BaseException | None = None
        try:
            meanwhile()
        except BaseException as error:
            failed = error
        return appending.result(), failed

    def _append(self, driver: PostgresDriver, rows: Sequence[StageRow], head: int | None, xid: str) -> int | None:
        pid = driver.connection.info.backend_pid
        try:
            cursor = driver.connection.execute(append_and_commit(rows, head, RECORD_LEVEL))
        except psycopg.OperationalError:
            if not driver.connection.broken and not driver.connection.closed:
                raise  # the server has answered, and undone it
            if not self._was_committed(xid, pid):
                raise
            return None
        found = cursor.fetchone()
        assert found is not None
        return int(found[0])

    def _was_committed(self, xid: str, pid: int) -> bool:
        """What became of a transaction whose connection was lost. LX-582 where the server does not come back in time.

        One that is still under way is ended, so that it can be told.
        """
        patient = Retrying(
            retry=retry_if_exception_type((*UNREACHABLE, _UnderWay)),
            stop=stop_after_delay(ANSWER_SECONDS_MAX),
            wait=wait_fixed(ANSWER_WAIT_SECONDS),
            reraise=True,
        )
        try:
            return patient(self._status, xid, pid) == "committed"
        except (*UNREACHABLE, _UnderWay, DBAPIError) as error:
            raise LianxinError("LX-582", exit_code=5, path=self.place, reason=_one_line(error)) from error

    def _status(self, xid: str, pid: int) -> str:
        try:
            connection = self._begin("SELECT 1")
        except DBAPIError as error:
            raise cast(Exception, error.orig) from error
        with connection:
            asked = _psycopg(connection)
            found = asked.execute("SELECT pg_xact_status(%s::xid8)", (xid,)).fetchone()
            assert found is not None
            if found[0] == "in progress":
                asked.execute("SELECT pg_terminate_backend(%s)", (pid,))
                raise _UnderWay
            return str(found[0])


class PostgresReader(Reader):
    """One snapshot; long tables come in portions."""

    def _streamed(self, sql: str) -> Iterator[tuple[Any, ...]]:
        found: Iterator[tuple[Any, ...]] = self._driver.stream(sql)
        return found


class _UnderWay(Exception):
    """A transaction whose end is not known yet."""


def _engine(url: URL, *, durable: bool) -> Engine:
    options = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
        "synchronous_commit": "on" if durable else "off",
        "jit": "off",
        "enable_seqscan": "off",  # along an index from the first row on, before there are any statistics to plan by
        "random_page_cost": "1.1",
    }
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",  # transactions are begun and ended by what is said in this file
        pool_size=CONNECTIONS_KEPT,
        max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
        pool_timeout=POOL_WAIT_SECONDS,
        connect_args={
            "application_name": "lianxin",
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": KEEPALIVE_SECONDS,
            "keepalives_interval": KEEPALIVE_SECONDS,
            "keepalives_count": KEEPALIVES_MAX,
            "tcp_user_timeout": KEEPALIVE_SECONDS * (KEEPALIVES_MAX + 1) * 1000,
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )
    event.listen(engine, "connect", _prepare_session)
    return engine


def _prepare_session(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.execute(CREATE_STAGE)


def _psycopg(connection: Connection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
