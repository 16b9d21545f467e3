"""What tests of HTTP are made of: a worker with its door open on a free port, and callers with keys."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from worker_parts import HandClock, at, open_line

from engine.api.door import door
from engine.app import assemble
from engine.core.model import JsonObject
from engine.log import Log
from engine.runtime import keys_of_systems
from engine.runtime.asks import Source
from engine.runtime.handle import Line
from engine.runtime.timekeeper import Timekeeper
from engine.runtime.worker import Worker, WorkerSettings
from schemas.settings import ApiSettings

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
NOW = at("2026-04-01 12:00")
START_SECONDS_MAX = 30


@dataclass
class Town:
    """A running worker, its line and clock, where its door is, and a key that may do everything."""

    line: Line
    worker: Worker
    clock: HandClock
    url: str
    key: str
    log: io.StringIO

    def make_key(self, name: str, **limits: Any) -> str:
        """One more key."""
        return keys_of_systems.create(self.worker.queue, name, **{"sources": ["*"], "reads": True, **limits})

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """Somebody who calls; `key` "" for nobody in particular."""
        key = self.key if key is None else key
        given = {**({"authorization": f"Bearer {key}"} if key else {}), **headers}
        return httpx.Client(base_url=self.url, headers=given, timeout=60, trust_env=False)

    def post(self, message: Any, key: str | None = None, kind: str = STRUCTURED, **headers: str) -> httpx.Response:
        """Send one message (or a batch, or bytes)."""
        body = message if isinstance(message, bytes) else orjson.dumps(message)
        with self.client(key, **{"content-type": kind, **headers}) as client:
            return client.post("/v1/events", content=body)

    def batch(self, messages: Sequence[Any], key: str | None = None, **headers: str) -> httpx.Response:
        """Send many."""
        return self.post(list(messages), key, BATCH, **headers)

    def get(self, path: str, key: str | None = None, **parameters: Any) -> httpx.Response:
        """Ask."""
        with self.client(key) as client:
            return client.get(path, params=parameters)


@contextmanager
def town(
    folder: Path | None = None,
    *,
    sources: dict[str, Source] | None = None,
    settings: WorkerSettings | None = None,
    **line_settings: Any,
) -> Iterator[Town]:
    """A worker that runs in a thread, with HTTP on a free port; in memory without a folder."""
    clock, log, stop = HandClock(NOW), io.StringIO(), threading.Event()
    addresses: list[tuple[str, int]] = []
    open_door = door(ApiSettings(listen="127.0.0.1:0"), assemble())

    @contextmanager
    def noted(hall: Any) -> Iterator[object]:
        with open_door(hall) as address:
            assert isinstance(address, tuple)
            addresses.append(address)
            yield address

    with open_line(folder, sources=sources, **line_settings) as line:
        settings = settings or WorkerSettings(listen=False)
        with Worker(line, assemble().consumers, settings, Timekeeper(clock), Log(log), [noted]) as worker:
            running = threading.Thread(target=worker.run, args=(stop,), name="worker")
            running.start()
            try:
                key = keys_of_systems.create(worker.queue, "everything", sources=["*"], reads=True)
                ((host, port),) = addresses
                yield Town(line, worker, clock, f"http://{host}:{port}", key, log)
            finally:
                stop.set()
                running.join(START_SECONDS_MAX)
                assert not running.is_alive(), "the worker did not stop"


def outcome(response: httpx.Response) -> JsonObject:
    """What became of the only message."""
    assert response.status_code == 202, response.text
    (found,) = response.json()["outcomes"]
    assert isinstance(found, dict)
    return found


def problem(response: httpx.Response, status: int, code: str) -> JsonObject:
    """The problem document; it must be one, of this status and code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found = response.json()
    assert (found["status"], found["code"]) == (status, code), found
    assert found["type"] == f"urn:lianxin:problem:{code}"
    assert found["title"]
    assert found["detail"]
    assert found["remedy"]
    assert isinstance(found, dict)
    return found
