"""Floods, kills and callers that mean no good: clear answers, nothing that was said to be taken is lost, memory bounded."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import orjson
import pytest
from cli_parts import ROOT, Cli
from http_parts import STRUCTURED, Town, problem, town
from worker_parts import register

from engine.api import bodies, server
from engine.api.room import REQUESTS_OF_ONE_KEY_MAX
from engine.store.store import Store

FLOOD_SECONDS = float(os.environ.get("LIANXIN_TEST_FLOOD_SECONDS", "3"))
FLOOD_CALLERS = 8 * REQUESTS_OF_ONE_KEY_MAX
GROWTH_KIB_MAX = 400 * 1024
"""What a flood may add to the memory of the process: the room for bodies, parsed, and the connections."""
KILLS = int(os.environ.get("LIANXIN_TEST_HTTP_KILLS", "3"))
CALLERS = 8
START_SECONDS_MAX = 60
SOURCE = "urn:test:hotline"


@dataclass
class Process:
    """`lianxin run all` in a process of its own."""

    running: subprocess.Popen[bytes]
    url: str
    key: str

    def post(self, client: httpx.Client, message: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}", "content-type": STRUCTURED}
        return client.post(f"{self.url}/v1/events", content=orjson.dumps(message), headers=headers)

    def memory_kib(self) -> int:
        """The most that was ever resident."""
        text = Path(f"/proc/{self.running.pid}/status").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmHWM")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """A project that listens on a free port and takes everything; and a key."""
    cli = Cli(tmp_path, monkeypatch, capsys)
    cli.ok("init", ".")
    settings = tmp_path / "lianxin.toml"
    text = settings.read_text() + '\n[sources."urn:test:*"]\ncommands = "*"\nroles = "*"\nmax_backdate = "unlimited"\n'
    settings.write_text(text + '\n[api]\nlisten = "127.0.0.1:0"\n')
    return tmp_path, str(cli.ok("key", "create", "test", "--source", "*", "--read", "--json").json["key"])


@contextmanager
def process(folder: Path, key: str) -> Iterator[Process]:
    """Started, and listening; killed at the end if it still runs."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("LIANXIN_", "LC_", "LANG"))}
    running = subprocess.Popen(
        [sys.executable, "-m", "engine.app", "run", "all", "--project", str(folder)],
        env={**outside, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert running.stderr is not None
    try:
        for line in running.stderr:
            said = orjson.loads(line) if line.startswith(b"{") else {}
            if said.get("event") == "http.listening":
                break
        else:
            raise AssertionError("it does not listen")
        drain = threading.Thread(target=running.stderr.read, daemon=True)  # so that it never waits for a full pipe
        drain.start()
        yield Process(running, f"http://127.0.0.1:{said['port']}", key)
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()
        drain.join()
        running.stderr.close()


def committed(folder: Path) -> set[str]:
    """The ids of the messages that the log says were done."""
    with Store.open(f"sqlite:///{folder / 'lianxin.db'}", create=False) as store, store.read() as reader:
        found: set[str] = set()
        after = 0
        while page := reader.log(after):
            after = page[-1].position
            found |= {orjson.loads(event.body).get("cause", {}).get("id", "") for event in page}
        return found


# ── kill -9 ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_was_said_to_be_taken_is_in_the_log_after_kill_9(project: tuple[Path, str]) -> None:
    folder, key = project
    chance = random.Random(20260401)
    answered: dict[str, Any] = {}
    for life in range(KILLS):
        with process(folder, key) as server_process:
            enough = threading.Event()
            wanted = len(answered) + chance.randrange(40, 160)

            def call(caller: int, life: int = life, enough: threading.Event = enough, wanted: int = wanted,
                     to: Process = server_process) -> None:  # fmt: skip
                with httpx.Client(timeout=30, trust_env=False) as client:
                    for number in range(100_000):
                        name = f"{life}-{caller}-{number}"
                        try:
                            response = to.post(client, register(name, "2026-04-01 09:00"))
                        except httpx.TransportError:  # killed
                            return
                        assert response.status_code in (202, 503), response.text
                        if response.status_code == 202:
                            (answered[f"{name}-1"],) = response.json()["outcomes"]
                        if len(answered) >= wanted:
                            enough.set()

            callers = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
            for caller in callers:
                caller.start()
            assert enough.wait(START_SECONDS_MAX)
            server_process.running.send_signal(signal.SIGKILL)
            for caller in callers:
                caller.join()
    assert len(answered) >= 40 * KILLS
    assert answered.keys() <= committed(folder)
    with process(folder, key) as server_process, httpx.Client(timeout=30, trust_env=False) as client:
        for name in chance.sample(sorted(answered), 20):  # and the same message has the same answer
            response = server_process.post(client, register(name.removesuffix("-1"), "2026-04-01 09:00"))
            (said,) = response.json()["outcomes"]
            assert said["outcome"] == "duplicate"
            assert said["first"] == {n: answered[name][n] for n in ("outcome", "case_id", "version")}
        server_process.running.send_signal(signal.SIGTERM)
        assert server_process.running.wait(30) == 0, "asked to stop, it stops, and says that all is well"


# ── floods ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Flood:
    """Callers that never wait: as soon as one has its answer it asks again."""

    port: int
    key: str
    until: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    without_retry: int = 0

    async def run(self, callers: int, seconds: float) -> None:
        self.until = monotonic() + seconds
        await asyncio.gather(*(self._call(caller) for caller in range(callers)))

    async def _call(self, caller: int) -> None:
        reader = writer = None
        number = 0
        while monotonic() < self.until:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            assert reader is not None
            name = f"f{caller}-{number}"
            number += 1
            body = orjson.dumps(register(name, "2026-04-01 09:00"))
            writer.write(
                b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-type: %s\r\n"
                b"content-length: %d\r\n\r\n%s" % (self.key.encode(), STRUCTURED.encode(), len(body), body)
            )
            try:
                status, headers, said = await self._answer(reader)
            except (ConnectionError, asyncio.IncompleteReadError):  # refused while it was still sending
                self.statuses[0] += 1
                status, headers, said = 0, b"connection: close", b""
            self.statuses[status] += 1
            if status == 202:
                self.taken |= {one["id"] for one in orjson.loads(said)["outcomes"] if one["outcome"] == "accepted"}
            elif status and b"retry-after: 1" not in headers:
                self.without_retry += 1
            if b"connection: close" in headers:
                writer.close()
                reader = writer = None
        if writer is not None:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return int(head.split(b" ", 2)[1]), head, await reader.readexactly(length)


def test_a_flood_is_told_to_come_again_and_nothing_taken_is_lost(project: tuple[Path, str]) -> None:
    folder, key = project
    with process(folder, key) as server_process:
        port = int(server_process.url.rpartition(":")[2])
        calm = Flood(port, key)
        asyncio.run(calm.run(4, 0.5))
        assert set(calm.statuses) == {202}
        before = server_process.memory_kib()
        flood = Flood(port, key)
        asyncio.run(flood.run(FLOOD_CALLERS, FLOOD_SECONDS))
        assert server_process.memory_kib() - before < GROWTH_KIB_MAX
        with httpx.Client(timeout=30, trust_env=False) as client:
            assert server_process.post(client, register("after", "2026-04-01 09:00")).status_code == 202
            assert client.get(f"{server_process.url}/readyz").status_code == 200
    assert set(flood.statuses) <= {0, 202, 429, 503}
    assert flood.statuses[429] + flood.statuses[503] > 0
    assert flood.statuses[202] > 0
    assert flood.without_retry == 0
    assert flood.taken <= committed(folder)


# ── callers that mean no good ────────────────────────────────────────────────────────────────────────────────────


def raw(running: Town, sent: bytes, *, close: bool = True) -> bytes:
    """What comes back on a connection of its own, until it is closed."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        if close:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65_536):
            found += part
        return found


HEAD = "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/cloudevents+json\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("content-length: 2000000", b"413"),
        ("content-length: 99999999999999999999", b"4"),
        ("content-length: -5", b"400"),
        ("content-length: 5\r\ncontent-length: 6", b"400"),
        ("content-length: 5\r\ntransfer-encoding: chunked", b"400"),
        (f"x-long: {'a' * 70_000}", b"400"),
        ("bad header without colon", b"400"),
    ],
)
def test_forged_heads_are_refused_and_the_connection_is_closed(head: str, status: bytes) -> None:
    with town() as running:
        said = raw(running, f"{HEAD.format(key=running.key)}{head}\r\n\r\n".encode(), close=False)
        assert said.split(b" ", 2)[1].startswith(status), said[:200]
        assert b"application/problem+json" in said
        assert running.post(register("A1", "2026-04-01 11:00")).status_code == 202


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 500, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, b"GET\r\n\r\n"]
)
def test_what_is_no_http_has_an_answer_and_an_end(garbage: bytes) -> None:
    with town() as running:
        assert raw(running, garbage, close=False).startswith(b"HTTP/1.1 400")


def test_who_says_nothing_or_speaks_too_slowly_is_cut_off_and_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "HEADERS_SECONDS_MAX", 0.3)
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.3)
    with town() as running:
        host, port = running.url.removeprefix("http://").split(":")
        silent = [socket.create_connection((host, int(port)), timeout=30) for _ in range(50)]
        for connection in silent[:25]:
            connection.sendall(b"POST /v1/events HTTP/1.1\r\nhost: ")
        assert running.post(register("A1", "2026-04-01 11:00")).status_code == 202
        for connection in silent:
            with connection:
                try:
                    assert connection.recv(1_000) == b""
                except ConnectionResetError:
                    continue
        said = raw(running, f"{HEAD.format(key=running.key)}content-length: 500\r\n\r\n{{".encode(), close=False)
        assert said.startswith(b"HTTP/1.1 408")
        assert b"LX-388" in said
        stranger = raw(running, b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{", close=False)
        assert stranger.startswith(b"HTTP/1.1 401"), "without a key no body is waited for"
        assert running.get("/readyz", "").status_code == 200


def test_too_many_connections_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 3)
    with town() as running:
        host, port = running.url.removeprefix("http://").split(":")
        held = [socket.create_connection((host, int(port)), timeout=30) for _ in range(3)]
        try:
            for _ in range(100):
                said = raw(running, b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", close=False)
                if said.startswith(b"HTTP/1.1 503"):
                    break
            assert b"retry-after: 1" in said
        finally:
            for connection in held:
                connection.close()


def test_what_waits_when_the_worker_stops_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with town() as running:
        running.worker.queue.close()
        refused = running.post(register("A1", "2026-04-01 11:00"))
        assert problem(refused, 503, "LX-398")
        assert refused.headers["retry-after"] == "1"
