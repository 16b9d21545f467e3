"""Several processes on one PostgreSQL database: each is born by fork, does its duties, and may be killed or stopped."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lives import begun, born, ended, workflows

from engine.app import assemble
from engine.core.workflow import Workflow
from engine.log import Log
from engine.runtime.asks import UNLIMITED
from engine.runtime.duties import ALL, Duty
from engine.runtime.handle import Line
from engine.runtime.timekeeper import timekeeper
from engine.runtime.worker import Worker, WorkerSettings, stopped_by_signals
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault

WAIT_SECONDS_MAX = 120
"""Longer than anything here takes on a busy machine; a test that waits so long has failed."""
LOOK_SECONDS = 0.05


@contextmanager
def line_at(url: str, flows: dict[str, Workflow] | None = None) -> Iterator[Line]:
    """The straight line over a database, with keys that everybody knows."""
    assembly, keys = assemble(), fixed_keys(b"tests of the worker")
    vault = Vault(keys)
    with Store.open(url, vault=vault) as store:
        book = assembly.book(workflows() if flows is None else flows, assembly.directory(), store)
        yield assembly.line(store, keys, vault, book, {"*": UNLIMITED})


@dataclass
class Fleet:
    """The processes of a database; those that live still are killed at the end."""

    url: str
    folder: Path
    batch: int = 25
    prepare: Callable[[], None] = lambda: None
    pids: list[int] = field(default_factory=list)

    def run(self, *duties: Duty, until_done: bool = False) -> int:
        """One more process, as by `lianxin run`; its pid."""

        def life(tell: Callable[[], None]) -> None:
            self.prepare()
            spool = self.folder / "intake"
            settings = WorkerSettings(
                spool if not duties or Duty.INTAKE in duties else None,
                messages_max=self.batch, listen=False, duties=frozenset(duties) or ALL,
            )  # fmt: skip
            log = Log(open(self.folder / f"log.{os.getpid()}", "w", encoding="utf-8"))  # noqa: SIM115  ends with us
            with stopped_by_signals() as stop, line_at(self.url) as line:
                time_ = timekeeper(self.folder / "clock")
                with Worker(line, assemble().consumers, settings, time_, log) as worker:
                    tell()
                    worker.run(stop)

        return self.live(life)

    def live(self, life: Callable[[Callable[[], None]], None]) -> int:
        """A process that lives this life; its pid."""
        pid, pipe = born(life)
        begun(pipe)
        self.pids.append(pid)
        return pid

    def kill(self, pid: int, number: int = signal.SIGKILL) -> int | None:
        """End it; its exit code."""
        os.kill(pid, number)
        code = ended(pid, 30_000)
        self.pids.remove(pid)
        return code

    def close(self) -> None:
        for pid in [*self.pids]:
            os.kill(pid, signal.SIGKILL)
            os.kill(pid, signal.SIGCONT)
            ended(pid)
        self.pids.clear()

    def said(self) -> str:
        """What all of them have logged."""
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("log.*")))


@contextmanager
def fleet(url: str, folder: Path, batch: int = 25) -> Iterator[Fleet]:
    """Processes that are gone afterwards."""
    found = Fleet(url, folder, batch)
    try:
        yield found
    finally:
        found.close()


def wait_until(done: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS_MAX) -> None:
    """Look again and again; AssertionError after a while."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, f"waited in vain for: {what}"
        time.sleep(LOOK_SECONDS)


def silent() -> Log:
    """A log that nobody reads."""
    return Log(io.StringIO(), silent=True)


def all_of(checks: Sequence[Callable[[], bool]]) -> Callable[[], bool]:
    """Whether everything holds."""
    return lambda: all(check() for check in checks)
