"""Reaching the process that writes: many callers, one socket, or being it oneself for a moment."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from worker_parts import (
    HandClock,
    a_worker,
    at,
    case_id,
    facts,
    open_line,
)

from engine.core.errors import LianxinError
from engine.runtime.asks import Ask
from engine.runtime.handle import Line
from engine.runtime.local_socket import Caller, Gone, receive, socket_path
from engine.runtime.local_socket import send as send_frame
from engine.runtime.office import reach, submit
from engine.runtime.worker import WorkerSettings

# ── one writer, many callers ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def running(folder: Path, clock: HandClock) -> Iterator[Line]:
    """A worker at work in a thread of its own, listening."""
    stop = threading.Event()
    with open_line(folder) as line, a_worker(line, clock, WorkerSettings()) as worker:
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            yield line
        finally:
            stop.set()
            thread.join()


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'lianxin.db'}"


def no_writer_here() -> object:
    raise AssertionError("a writer runs: nobody opens another")


def wish(key: str, does: str = "register", **values: str) -> Ask:
    content = orjson.dumps({"key": key, "does": does})
    return Ask("cli", f"{key}-{does}", "complaint", does, "clerk", key, "", values, content, intake=False)


def test_many_callers_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    def ask(number: int) -> list[str]:
        with reach(url(tmp_path), no_writer_here) as office:  # type: ignore[arg-type]
            answers = submit(office, [wish(f"K{number}", channel="phone"), wish(f"K{number}", "assign")])
            return [f"{a.status} {a.code} {a.case_id}" for a in answers]

    with running(tmp_path, HandClock(at("2026-04-01 10:00"))) as line:
        with ThreadPoolExecutor(16) as threads:
            found = list(threads.map(ask, range(60)))
        opened = facts(line, "lianxin.case.received.v1")
    assert len(opened) == 60
    assert {event.occurred_at for event in opened} == {HandClock(at("2026-04-01 10:00")).at}, "the server's time"
    for number, answers in enumerate(found):
        mine = case_id(line, f"K{number}")
        assert answers == [f"accepted  {mine}", f"rejected role-not-allowed {mine}"]


def test_the_socket_is_for_one_user_lies_beside_the_database_and_goes_with_the_worker(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)
    path = socket_path(deep / "lianxin.db")
    path.touch()  # left behind by a worker that was killed
    with running(deep, HandClock(at("2026-04-01 10:00"))):
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        caller = Caller(path)
        assert caller.call({"do": "status"})["now"] == HandClock(at("2026-04-01 10:00")).at
        with pytest.raises(LianxinError) as refused:
            caller.call({"do": "fly"})
        assert refused.value.code == "LX-535"
        caller.close()
    assert not path.exists()
    with pytest.raises(Gone):
        Caller(path)


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xff", b"\0\0\0\3abc", b"\0\0\0\2[]", b"\0\0\1\0half"])
def test_what_is_no_request_ends_that_connection_alone(tmp_path: Path, junk: bytes) -> None:
    with running(tmp_path, HandClock(at("2026-04-01 10:00"))):
        with socket.socket(socket.AF_UNIX) as connection:
            folder = os.open(tmp_path, os.O_PATH)
            connection.connect(f"/proc/self/fd/{folder}/lianxin.db.sock")
            os.close(folder)
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            assert receive(connection) is None
        caller = Caller(socket_path(tmp_path / "lianxin.db"))
        assert caller.call({"do": "status"})["quarantined"] == []
        with pytest.raises(LianxinError) as refused:
            send_frame(caller._connection, {"do": "x" * (17 * 1024**2)})
        assert refused.value.code == "LX-533"
        caller.close()


def test_where_no_worker_runs_the_caller_writes_itself(tmp_path: Path) -> None:
    @contextmanager
    def here() -> Iterator[object]:
        with open_line(tmp_path) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
            yield worker.writer

    with reach(url(tmp_path), here) as office:  # type: ignore[arg-type]
        (given,) = submit(office, [wish("K1", channel="phone")])
    assert given.status == "accepted"


def test_a_request_that_a_stopping_worker_does_not_reach_is_refused_not_forgotten() -> None:
    with open_line(None) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(worker.queue.perform, {"do": "status"})
            while not worker.queue.oldest():
                pass
            worker.queue.close()
            with pytest.raises(LianxinError) as refused:
                waiting.result()
        assert refused.value.code == "LX-532"
