"""What tests of the worker are made of: a project in a folder, a clock turned by hand, messages of complaints."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from databases import url_of

from engine.app import assemble
from engine.core.directory import Directory
from engine.core.instants import Instant, parse
from engine.core.model import Event, JsonObject
from engine.core.workflow import Workflow
from engine.log import Log
from engine.runtime.asks import UNLIMITED, Source
from engine.runtime.handle import Line
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.worker import Worker, WorkerSettings
from engine.store.keys import Keys, fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault

SOURCE = "urn:test:hotline"
HANDLER = "住建局"


class HandClock:
    """A clock that stands until it is turned."""

    def __init__(self, at: str) -> None:
        self.at = parse(at)

    def now(self) -> Instant:
        return self.at

    def turn(self, at: str) -> None:
        self.at = parse(at)


def at(local: str) -> str:
    """`2026-04-01 09:00` in China, as RFC 3339."""
    return datetime.fromisoformat(local).isoformat() + "+08:00"


@contextmanager
def open_line(
    folder: Path | None,
    *,
    sources: dict[str, Source] | None = None,
    workflows: dict[str, Workflow] | None = None,
    directory: Directory | None = None,
    keys: Keys | None = None,
) -> Iterator[Line]:
    """The straight line over the folder's database (in memory without one), with keys that everybody knows."""
    assembly = assemble()
    keys = keys or fixed_keys(b"tests of the worker")
    vault = Vault(keys)
    with Store.open(url_of(folder and folder / "lianxin.db"), vault=vault) as store:
        book = assembly.book(
            workflows if workflows is not None else shipped(), directory or assembly.directory(), store
        )
        yield assembly.line(store, keys, vault, book, sources if sources is not None else {"*": UNLIMITED})


_SHIPPED: dict[str, Workflow] = {}


def shipped() -> dict[str, Workflow]:
    """The complaint workflow, compiled once for all tests."""
    if not _SHIPPED:
        assembly = assemble()
        _SHIPPED["complaint"] = assembly.workflow(assembly.folder / "complaint.yaml")
    return _SHIPPED


def compiled(folder: Path, text: str) -> dict[str, Workflow]:
    """A workflow written for one test."""
    path = folder / "written.yaml"
    path.write_text(text, encoding="utf-8")
    workflow = assemble().workflow(path)
    return {workflow.name: workflow}


@contextmanager
def a_worker(
    line: Line, clock: HandClock, settings: WorkerSettings | None = None, log: io.StringIO | None = None
) -> Iterator[Worker]:
    """The worker itself, to be driven step by step."""
    settings = settings or WorkerSettings(listen=False)
    with Worker(line, assemble().consumers, settings, Timekeeper(clock), Log(log or io.StringIO())) as worker:
        yield worker


def said(
    id: str, does: str, key: str, local: str, *, role: str, source: str = SOURCE, sequence: int = 0,
    person: str = "", petitioner: JsonObject | None = None, **values: Any,
) -> JsonObject:  # fmt: skip
    """A command as a CloudEvent."""
    data: JsonObject = {"workflow": "complaint", "actor": {"role": role, "person_ref": person}, "with": values}
    if petitioner:
        data["petitioner"] = petitioner
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": f"lianxin.case.{does}",
        "subject": key,
        "time": at(local),
        "sequence": sequence,
        "data": data,
    }


def register(key: str, local: str, **more: Any) -> JsonObject:
    return said(f"{key}-1", "register", key, local, role="clerk", channel="phone", **more)


def assign(key: str, local: str, unit: str = HANDLER, **more: Any) -> JsonObject:
    return said(f"{key}-2", "assign", key, local, role="desk", unit=unit, **more)


def answer(key: str, local: str, **more: Any) -> JsonObject:
    return said(f"{key}-3", "answer", key, local, role="handler", opinion="已办理", **more)


def approve(key: str, local: str, **more: Any) -> JsonObject:
    return said(f"{key}-4", "approve", key, local, role="unit_head", **more)


def close(key: str, local: str, **more: Any) -> JsonObject:
    return said(f"{key}-5", "close", key, local, role="office", ending="解决", **more)


def send(worker: Worker, messages: Sequence[JsonObject | bytes], *, drain: bool = True) -> list[JsonObject]:
    """Bring messages in as one batch, and (with `drain`) let the clocks ring; the answers."""
    from engine.runtime.operations import operate

    lines = [m.decode() if isinstance(m, bytes) else orjson.dumps(m).decode() for m in messages]
    now = worker.time.now()
    found: list[JsonObject] = operate(worker.writer, {"do": "submit", "messages": lines}, now)["answers"]
    if drain:
        worker.drain()
    return found


def drop(folder: Path, name: str, messages: Sequence[JsonObject | bytes], local: str) -> Path:
    """A file in a spool folder that was written at an instant."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join((m if isinstance(m, bytes) else orjson.dumps(m)) + b"\n" for m in messages))
    written = datetime.fromisoformat(at(local)).timestamp()
    os.utime(path, (written, written))
    return path


def facts(line: Line, type_: str = "") -> list[Event]:
    """The log, or its records of a type."""
    with line.store.read() as reader:
        events = reader.log(0, 100_000)
    return [event for event in events if not type_ or event.type == type_]


def case_id(line: Line, key: str) -> str:
    return line.keys.case_id("complaint", key)


def turned_by_and_by(worker: Worker, to: str, settle: Callable[[Worker], object] = Worker.drain) -> None:
    """The clock goes on; whatever is due on the way is done at its own instant, as by a worker that never slept."""
    clock = worker.time._clock
    assert isinstance(clock, HandClock)
    goal = HandClock(to).at
    while True:
        with worker.writer.line.store.transaction() as tx:
            due = tx.next_due()
        if due is None or due >= goal:
            break
        clock.at = max(due, clock.at)
        settle(worker)
    clock.at = max(goal, clock.at)
