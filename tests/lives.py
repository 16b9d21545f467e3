"""Lives of processes for tests: born by fork, killed at a statement or from outside, watched to their end."""

from __future__ import annotations

import io
import os
import select
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from worker_parts import open_line, shipped

from engine.app import assemble
from engine.core.errors import LianxinError
from engine.core.workflow import Workflow
from engine.log import Log
from engine.runtime.handle import Line
from engine.runtime.importer import import_file
from engine.runtime.office import Here, reach
from engine.runtime.timekeeper import timekeeper
from engine.runtime.worker import Worker, WorkerSettings, stopped_by_signals
from engine.runtime.writer import Writer
from engine.store.store import Store

NAMES = "lianxin.db"


def workflows() -> dict[str, Workflow]:
    """The hotline's complaints, and the old system's under a name of their own."""
    if "archive" not in _COMPILED:
        assembly = assemble()
        folder = assembly.folder
        text = (folder / "complaint.yaml").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as written:
            path = Path(written) / "archive.yaml"
            path.write_text(text.replace("workflow: complaint", "workflow: archive"), encoding="utf-8")
            _COMPILED["archive"] = assembly.workflow(path)
    return {**shipped(), **_COMPILED}


_COMPILED: dict[str, Workflow] = {}


# ── processes ────────────────────────────────────────────────────────────────────────────────────────────────────


def born(life: Callable[[Callable[[], None]], None]) -> tuple[int, int]:
    """A process of its own that lives this life: (its pid, a pipe on which it says that it has begun)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 1
    try:
        os.close(reading)
        life(lambda: os.close(writing))
        code = 0
    finally:
        os._exit(code)
    raise AssertionError("a process that has ended goes on")


def begun(pipe: int) -> None:
    """Wait until the process says that it works (or has ended)."""
    os.read(pipe, 1)
    os.close(pipe)


def ended(pid: int, within_ms: int | None = None) -> int | None:
    """The exit code (negative: of a signal); None where it lives on after so many milliseconds."""
    handle = os.pidfd_open(pid)
    try:
        if not select.select([handle], [], [], None if within_ms is None else within_ms / 1000)[0]:
            return None
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dies_at(store: Store, statement: int) -> None:
    """The process kills itself at its n-th SQL statement from here."""
    each_time(store, statement, lambda: os.kill(os.getpid(), signal.SIGKILL))


def each_time(store: Store, statements: int, do: Callable[[], None]) -> None:
    """Do something at every n-th SQL statement of the writer."""
    left = [statements]

    def count(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            left[0] = statements
            do()

    store._database.driver.set_trace_callback(count)


@contextmanager
def at_work(folder: Path, batch: int = 25) -> Iterator[tuple[Line, Worker]]:
    settings = WorkerSettings(spool=folder / "intake", messages_max=batch, listen=False)
    with open_line(folder, workflows=workflows()) as line:
        log = Log(io.StringIO(), silent=True)
        with Worker(line, assemble().consumers, settings, timekeeper(folder / "clock"), log) as worker:
            yield line, worker


def works(folder: Path, statement: int = 0) -> Callable[[Callable[[], None]], None]:
    """The life of `lianxin run all`, until everything is done."""

    def life(tell: Callable[[], None]) -> None:
        with at_work(folder) as (line, worker):
            if statement:
                dies_at(line.store, statement)
            tell()
            worker.drain()

    return life


def imports(folder: Path, statement: int = 0) -> Callable[[Callable[[], None]], None]:
    """The life of `lianxin import`, to its last row."""

    def life(tell: Callable[[], None]) -> None:
        with at_work(folder) as (line, worker):
            if statement:
                dies_at(line.store, statement)
            tell()
            import_file(Here(worker.writer), folder / "old.csv", folder / "old.map.yaml")

    return life


def listens(folder: Path, statement: int) -> Callable[[Callable[[], None]], None]:
    """The life of `lianxin run all` until SIGTERM, or until its n-th statement."""

    def life(tell: Callable[[], None]) -> None:
        settings = WorkerSettings(messages_max=25)
        with stopped_by_signals() as stop, open_line(folder, workflows=workflows()) as line:
            log = Log(io.StringIO(), silent=True)
            with Worker(line, assemble().consumers, settings, timekeeper(folder / "clock"), log) as worker:
                if statement:
                    dies_at(line.store, statement)
                tell()
                worker.run(stop)

    return life


def asks_to_import(folder: Path) -> Callable[[Callable[[], None]], None]:
    """The life of `lianxin import` beside a worker. It asks it, and never becomes the writer itself."""

    def life(tell: Callable[[], None]) -> None:
        with reach(f"sqlite:///{folder / NAMES}", nobody) as office:
            import_file(office, folder / "old.csv", folder / "old.map.yaml")

    return life


@contextmanager
def nobody() -> Iterator[Writer]:
    raise LianxinError("LX-534", exit_code=5)
    yield


def lived_through(life: Callable[[Callable[[], None]], None]) -> int | None:
    """The exit code of a process that lives this life to its end."""
    pid, pipe = born(life)
    begun(pipe)
    return ended(pid)
