"""The store: one database, SQLite or PostgreSQL, behind one set of names.

`write()` and `transaction()` are the only ways in; everything a batch writes is committed together or not at all. On
SQLite one process writes. On PostgreSQL any number do, each against what it has seen: where somebody else was quicker,
nothing is written, and `write()` has it decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from engine.core.errors import LianxinError
from engine.store.batch import Moved
from engine.store.database import Database, Meanwhile
from engine.store.reader import Reader
from engine.store.transaction import Tx
from engine.store.vault import Vault

__all__ = ["DECISIONS_MAX", "DEFAULT_TIME_ZONE", "Meanwhile", "Moved", "Store"]

DEFAULT_TIME_ZONE = "Asia/Shanghai"
DECISIONS_MAX = 4
"""How often one batch is decided: once, and three times more where others have moved its cases meanwhile."""

Written = TypeVar("Written")


class Store:
    """An open database. Threads may share it."""

    def __init__(self, database: Database, vault: Vault | None) -> None:
        self._database = database
        self._vault = vault

    @classmethod
    def open(
        cls,
        url: str,
        *,
        vault: Vault | None = None,
        durable: bool = True,
        create: bool = True,
        time_zone: str = DEFAULT_TIME_ZONE,
    ) -> Store:
        """Open `sqlite:///path`, `sqlite://` (in memory) or `postgresql+psycopg://user@host/name`.

        `durable=False` does not wait for the disk (simulations). `time_zone` says what a month is in reports; kept from
        the creation on, like the id of the `vault`'s key file. `create` also brings an older schema up to date. LX-508
        another key file, before anything is written; LX-520 no database (without `create`), LX-521
        written by a newer lianxin, LX-522 not a database of lianxin, LX-523 another process writes to it, LX-524 it
        cannot be reached, LX-525 SQLite too old, LX-528 another kind of database, LX-580 its schema is too old.
        """
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise LianxinError("LX-528", exit_code=2, url=url.partition(":")[0]) from error
        about = {"time_zone": time_zone} | ({"key_id": vault.key_id} if vault is not None else {})
        database = _opened(parsed, durable, create, about)
        try:
            if vault is not None and "key_id" in database.about:
                vault.must_be_for(database.about["key_id"])
        except BaseException:
            database.close()
            raise
        return cls(database, vault)

    @property
    def path(self) -> Path | None:
        """The database's file; None in memory, and on PostgreSQL."""
        return self._database.path

    @property
    def shared(self) -> bool:
        """Whether several processes may write to it at once."""
        return self._database.shared

    def write(self, work: Callable[[Tx], Written], meanwhile: Meanwhile | None = None) -> Written:
        """What `work` returns, once all it has appended is committed; nothing is where it raises.

        It is done anew, at most `DECISIONS_MAX` times in all, where another process has moved what it looked at: so it
        may change nothing but its transaction. LX-529 where others were quicker each time. `meanwhile`: as in
        `transaction`.
        """
        turns: Sequence[str] = ()
        for _ in range(DECISIONS_MAX - 1):
            try:
                with self._database.transaction(meanwhile, turns) as tx:
                    return work(tx)
            except Moved as moved:
                turns = moved.turns
        with self._database.transaction(meanwhile, turns) as tx:
            return work(tx)

    def transaction(self, meanwhile: Meanwhile | None = None) -> AbstractContextManager[Tx]:
        """Write: commit at the end, roll back on any exception. Inside another transaction an AssertionError.

        `meanwhile` is called while another thread waits for the disk: what it does must not need this store, and must
        not count on the commit. What it raises is raised after the commit. LX-529 (`Moved`) where another process has
        moved what was looked at: nothing was written, and the same may be tried again.
        """
        return self._database.transaction(meanwhile, ())

    def read(self) -> AbstractContextManager[Reader]:
        """Read one committed snapshot. In memory there is no second connection: it waits its turn."""
        return self._database.read()

    def erase(self, case_id: str, person: str) -> None:
        """Destroy a person's key and vault entries, and see that their bytes leave the files too.

        LX-526 (exit 5): erased, but a reader still holds an older snapshot; `checkpoint()` again later.
        """
        assert self._vault is not None, "erasing needs the vault"
        with self.transaction() as tx:
            tx.erase(self._vault, case_id, person)
        self.checkpoint()

    def announce(self, worker: str, seconds: float) -> None:
        """Say that a worker with this code lives, for so long from now: nothing it cannot read is written meanwhile.

        Said again before that is over, and with 0 when the worker ends. On SQLite one process does all.
        """
        self._database.announce(worker, seconds)

    def checkpoint(self) -> None:
        """Move the WAL into the database file and empty it. On PostgreSQL that is the server's affair."""
        self._database.checkpoint()

    def close(self) -> None:
        """Close all connections; the write lock is free again."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(url: URL, durable: bool, create: bool, about: dict[str, str]) -> Database:
    if url.drivername == "postgresql+psycopg":
        from engine.store.postgres import PostgresDatabase  # a command that needs no psycopg waits for none

        return PostgresDatabase.open(url, durable=durable, create=create, about=about)
    if url.get_backend_name() != "sqlite":
        raise LianxinError("LX-528", exit_code=2, url=url.render_as_string())
    from engine.store.sqlite import SqliteDatabase

    return SqliteDatabase.open(url, durable=durable, create=create, about=about)
