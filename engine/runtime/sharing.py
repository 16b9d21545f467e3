"""What a worker does because there are others: who does what, how far everybody has come, who waits where.

Only on a database that several processes write. How far a partition was read is true whoever says it, so it is shared
without a fence; what is written under a lease goes with the lease's fence.
"""

from __future__ import annotations

from time import monotonic

from engine.core.instants import Instant
from engine.log import Log
from engine.runtime.duties import Duty
from engine.runtime.leases import Leases
from engine.runtime.watermarks import LIVE, SPOOL, Watermarks
from engine.runtime.writer import Writer
from engine.store.batch import Batch
from engine.store.leases import leases
from engine.store.reader import Reader

CLOCK_LEASE, CONSUMERS_LEASE = "clock", "consumers"
LIVE_SLOTS_MAX = 256
"""Processes that take requests at once."""
TELL_SECONDS = 0.5
"""Between two times that a process without work says how far it has read: the clocks are later by so much at most."""


class Sharing:
    """The leases of one worker, and what it tells and learns about the intake. Used by its one thread."""

    def __init__(self, writer: Writer, duties: frozenset[Duty], log: Log) -> None:
        self.leases = Leases(writer.line.store, log)
        self._writer, self._duties = writer, duties
        self._tell_at = 0.0
        self._told: dict[str, Instant] = {}
        self.live = ""
        """The name under which requests wait here; "" where none can."""
        writer.clock_fences = lambda: self.leases.fences(CLOCK_LEASE)
        writer.learn = self.learn
        if Duty.API in duties:
            self.live = next(name for n in range(LIVE_SLOTS_MAX) if self.leases.take(name := f"{LIVE}/{n}"))

    def may(self, name: str) -> bool:
        """Whether this process is the one to do it."""
        return self.leases.take(name)

    def tell(self, now: Instant, *, at_once: bool = False) -> None:
        """How far this process has read, for the clocks of all."""
        if not at_once and monotonic() < self._tell_at:
            return
        self._tell_at = monotonic() + TELL_SECONDS
        if self.live and not self.leases.take(self.live):
            return  # somebody else waits under this name by now
        rows = [(name, at) for name, at in self._writer.marks.as_rows() if self._told.get(name, "") < at]
        if rows:
            with self._writer.line.store.transaction() as tx:
                tx.append(Batch(watermarks=rows))
            self._told.update(rows)

    def learn(self, reader: Reader, marks: Watermarks, now: Instant) -> None:
        """How far the others have read. Requests that waited in a process that is gone wait no more."""
        alive = {lease.name for lease in leases(reader) if lease.live}
        rows = reader.watermarks()
        marks.learn({name: at for name, at in rows.items() if not _is_gone(name, alive)}, now)
        for name in marks.names(f"{LIVE}/"):
            if _is_gone(name, alive):
                marks.drop(name)
        lines = sum(row["next"] for row in reader.offsets() if row["group"] == SPOOL)
        marks.read_on(dict.fromkeys(marks.names(SPOOL), lines), now)

    def lost(self) -> None:
        """A fence has failed: whatever this process thought to hold, it asks for anew."""
        self.leases.lost()

    def close(self) -> None:
        """Others may go on at once."""
        if self.live:
            with self._writer.line.store.transaction() as tx:
                tx.append(Batch(watermarks=[(self.live, self._writer.time.now())]))
        self.leases.close()


def _is_gone(name: str, alive: set[str]) -> bool:
    return name == LIVE or (name.startswith(f"{LIVE}/") and name not in alive)
