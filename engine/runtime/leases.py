"""The leases of a process: taken when somebody asks for them, renewed by a thread, let go at the end.

On a database that one process writes there are none, and everything is this process's own.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from engine.core.errors import LianxinError
from engine.log import Log
from engine.runtime.batching import Fence
from engine.store import leases as store_leases
from engine.store.leases import GROUP
from engine.store.store import Store

LEASE_SECONDS = 5.0
"""A process that stands still is replaced after so long; one that dies, too."""
RENEWED_PER_TERM = 4
ASKED_PER_TERM = 4
"""How often, in the term of a lease, somebody who waits for it asks again."""


@dataclass(slots=True)
class _Held:
    epoch: int
    fence: int
    until: float  # by this process's monotonic clock: never later than by the database's


class Leases:
    """What this process holds. Threads may share it."""

    def __init__(self, store: Store, log: Log, *, seconds: float = LEASE_SECONDS) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._store, self._log, self._seconds = store, log, seconds
        self._held: dict[str, _Held] = {}
        self._ask_at: dict[str, float] = {}
        self._turn = threading.Lock()
        self._stop = threading.Event()
        store.announce(self.holder, seconds)
        self._renewing = threading.Thread(target=self._renew_all, name="leases", daemon=True)
        self._renewing.start()

    def take(self, name: str) -> bool:
        """Whether this process holds it. Where another one does, it is asked for now and then, never waited for."""
        if self.holds(name):
            return True
        if monotonic() < self._ask_at.get(name, 0.0):
            return False
        began = monotonic()
        self._ask_at[name] = began + self._seconds / ASKED_PER_TERM
        with self._store.transaction() as tx:
            taken = store_leases.take(tx, name, self.holder, self._seconds)
        if taken is None:
            return False
        with self._turn:
            self._held[name] = _Held(*taken, began + self._seconds)
        self._log.tell("lease.taken", lease=name, epoch=taken[0])
        return True

    def holds(self, name: str) -> bool:
        """Whether this process may go on; what it writes is fenced all the same."""
        with self._turn:
            held = self._held.get(name)
            return held is not None and monotonic() < held.until

    def fence(self, name: str) -> Fence:
        """What is written under a lease must be written with it: (group, partition, epoch, offset from, to)."""
        with self._turn:
            return (GROUP, name, self._held[name].fence, 0, 0)

    def fences(self, name: str) -> list[Fence]:
        """The same where the lease is held, else nothing: for what any process may do, and one should."""
        return [self.fence(name)] if self.holds(name) else []

    def lost(self) -> None:
        """A fence has failed: nothing is held any more; what is free is taken anew."""
        with self._turn:
            names = sorted(self._held)
            self._held.clear()
        for name in names:
            self._log.tell("lease.lost", lease=name)

    def close(self) -> None:
        """Let go of everything, so that others need not wait for the end of the term."""
        self._stop.set()
        self._renewing.join()
        self._announce(0)
        with self._turn:
            held, self._held = dict(self._held), {}
        for name, one in held.items():
            try:
                with self._store.transaction() as tx:
                    store_leases.let_go(tx, name, self.holder, one.epoch)
            except LianxinError as error:  # it runs out by itself
                self._log.tell("store.unavailable", code=error.code)
                return

    def _renew_all(self) -> None:
        while not self._stop.wait(self._seconds / RENEWED_PER_TERM):
            with self._turn:
                held = dict(self._held)
            self._announce(self._seconds)
            for name, one in held.items():
                self._renew(name, one)

    def _announce(self, seconds: float) -> None:
        """That this process lives, and what its code can read."""
        with suppress(LianxinError):  # the worker meets the same, and says so
            self._store.announce(self.holder, seconds)

    def _renew(self, name: str, held: _Held) -> None:
        began = monotonic()
        try:
            with self._store.transaction() as tx:
                kept = store_leases.renew(tx, name, self.holder, held.epoch, self._seconds)
        except LianxinError:  # the worker meets the same, and says so; the term goes on running
            return
        with self._turn:
            if self._held.get(name) is not held:
                return
            if kept:
                held.until = began + self._seconds
                return
            del self._held[name]
        self._log.tell("lease.lost", lease=name)
