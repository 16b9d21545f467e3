"""Leases: who does what only one process may do at a time. They expire by the database's clock, never by a machine's.

A lease says who should; that nobody else does is for the fence: whoever takes a lease claims the offset of its name as
well, and writes under it only together with that claim. A process that wakes up after its time finds its epoch gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.core.instants import Instant
from engine.store.reader import Reader
from engine.store.transaction import Tx

GROUP = "lease"
"""The group of the offsets that are the leases' fences."""
NOW = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')",
    "postgresql": """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}
LATER = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', ? || ' seconds')",
    "postgresql": """to_char((clock_timestamp() + make_interval(secs => ?)) AT TIME ZONE 'UTC',
                     'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


@dataclass(frozen=True, slots=True)
class Lease:
    """A row: `live` where it has not run out by the database's clock."""

    name: str
    holder: str
    epoch: int
    until: Instant
    live: bool


def take(tx: Tx, name: str, holder: str, seconds: float) -> tuple[int, int] | None:
    """Take a lease that is free, has run out, or is the holder's own: (its epoch, that of its fence); else None."""
    later, now = _clock(tx, LATER), _clock(tx, NOW)
    taken = tx.at_once(
        f"""INSERT INTO lease AS l (name, holder, epoch, until) VALUES (?, ?, 1, {later})
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = l.epoch + 1, until = excluded.until
            WHERE l.until < {now} OR l.holder = excluded.holder RETURNING epoch""",
        (name, holder, seconds),
    )
    return (taken[0], tx.claim(GROUP, name)[0]) if taken else None


def renew(tx: Tx, name: str, holder: str, epoch: int, seconds: float) -> bool:
    """Hold it for so long from now; False where somebody else has taken it."""
    sql = f"UPDATE lease SET until = {_clock(tx, LATER)} WHERE name = ? AND holder = ? AND epoch = ? RETURNING epoch"
    return tx.at_once(sql, (seconds, name, holder, epoch)) is not None


def let_go(tx: Tx, name: str, holder: str, epoch: int) -> None:
    """Leave it to whoever wants it next."""
    sql = "UPDATE lease SET until = '' WHERE name = ? AND holder = ? AND epoch = ? RETURNING epoch"
    tx.at_once(sql, (name, holder, epoch))


def leases(reader: Reader) -> list[Lease]:
    """All leases there ever were, by name."""
    sql = f"SELECT name, holder, epoch, until, until >= {_clock(reader, NOW)} FROM lease ORDER BY name"
    rows: Sequence[tuple[Any, ...]] = reader._driver.execute(sql).fetchall()
    return [Lease(name, holder, epoch, until, bool(live)) for name, holder, epoch, until, live in rows]


def _clock(reader: Reader, by: dict[str, str]) -> str:
    return by[reader._connection.dialect.name]
