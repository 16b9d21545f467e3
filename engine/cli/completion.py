"""What a shell offers at TAB: case ids and names of workflows. Where nothing can be read, nothing is offered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.store.reader import Reader

OFFERED_MAX = 50


def case_ids(ctx: Any, incomplete: str) -> list[str]:
    """The ids that begin so; asked for without anything to begin with, the first ones."""
    with _reader(ctx) as reader:
        if reader is None:
            return []
        exact = [incomplete] if incomplete and reader.case(incomplete) else []
        rows = reader.cases(after=incomplete, limit=OFFERED_MAX)
        return exact + [row["case_id"] for row in rows if row["case_id"].startswith(incomplete)]


def workflow_names(ctx: Any, incomplete: str) -> list[str]:
    """The workflows that the database has used."""
    with _reader(ctx) as reader:
        names = {row["name"] for row in reader.editions("workflow")} if reader is not None else set()
        return sorted(name for name in names if name.startswith(incomplete))


@contextmanager
def _reader(ctx: Any) -> Iterator[Reader | None]:
    """The project's database, or None: a shell that is completing has no place for an error."""
    from engine.cli.installation import Installation
    from engine.core.errors import LianxinError

    session = ctx.find_root().obj
    try:
        store = Installation(session).store() if session is not None else None
    except LianxinError:
        store = None
    if store is None:
        yield None
        return
    with store, store.read() as reader:
        yield reader
