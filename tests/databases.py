"""Where a test's database is. A module whose tests say `usefixtures("on_both")` runs on SQLite, and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from postgres import Cluster


class _Postgres:
    """A database for each place in which SQLite would have a file; one without a place is new each time."""

    def __init__(self, cluster: Cluster, opened: ExitStack) -> None:
        self._cluster, self._opened = cluster, opened
        self._names: dict[Path, str] = {}

    def url(self, path: Path | None) -> str:
        name = self._names.get(path) if path is not None else None
        if name is None:
            name = self._opened.enter_context(self._cluster.database())
            if path is not None:
                self._names[path] = name
        return self._cluster.url(name)


_postgres: list[_Postgres] = []


def url_of(path: Path | None) -> str:
    """The address of the database that a test keeps at this place; None: of one that nobody opens again."""
    if _postgres:
        return _postgres[-1].url(path)
    return "sqlite://" if path is None else f"sqlite:///{path}"


def on_postgres() -> bool:
    """Whether this test runs on PostgreSQL just now."""
    return bool(_postgres)


@contextmanager
def databases_on(cluster: Cluster) -> Iterator[None]:
    """Within it databases are made on PostgreSQL."""
    with ExitStack() as opened:
        _postgres.append(_Postgres(cluster, opened))
        try:
            yield
        finally:
            _postgres.pop()
