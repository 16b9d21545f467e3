"""What the store asks of the two databases it stands on: SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from engine.store.reader import Reader
from engine.store.transaction import Tx

Meanwhile = Callable[[], None]


class Database(Protocol):
    """An open database."""

    @property
    def shared(self) -> bool:
        """Whether several processes may write to it at once."""
        ...

    @property
    def about(self) -> Mapping[str, str]:
        """What the database was begun with: schema_version, time_zone, key_id."""
        ...

    @property
    def driver(self) -> Any:
        """For tests: a driver-level connection on which SQL can be said."""
        ...

    @property
    def path(self) -> Path | None:
        """The file; None in memory, and where it is no file."""
        ...

    def transaction(self, meanwhile: Meanwhile | None, turns: Sequence[str]) -> AbstractContextManager[Tx]:
        """Write: all of it or nothing. `turns`: what others have moved, for which turns are taken first."""
        ...

    def read(self) -> AbstractContextManager[Reader]:
        """Read one committed snapshot."""
        ...

    def announce(self, worker: str, seconds: float) -> None:
        """Say how long a worker with this code lives, from now."""
        ...

    def checkpoint(self) -> None:
        """Let nothing that was erased stay behind in files that lianxin can reach."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
