"""The way from the command line to the process that writes: a Unix socket beside the database, for the same user alone.

A message is four bytes of length (big-endian) and that much JSON; one request, one answer, as often as wished.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson

from engine.core.errors import LianxinError
from engine.core.model import JsonObject
from engine.log import Log

FRAME_BYTES_MAX = 16 * 1024**2
CONNECTIONS_MAX = 64
BACKLOG = 64
ANSWER_SECONDS_MAX = 600.0
"""How long a caller waits for its answer; an import's batch that rings thousands of clocks may take a while."""
HEADER = struct.Struct(">I")
PEER = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED


def socket_path(database: Path) -> Path:
    """Where the process that writes a database listens."""
    return Path(f"{database}.sock")


class Gone(Exception):
    """Nobody listens: no process writes, or the one that did has ended."""


class Server:
    """Listens while the worker runs. `perform` is called in a thread of each connection and waits for the worker."""

    def __init__(self, path: Path, perform: Callable[[JsonObject], JsonObject], log: Log) -> None:
        self.path = path
        self._perform = perform
        self._log = log
        self._places = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._open: set[socket.socket] = set()
        self._turn = threading.Lock()
        # Whoever holds the lock of the database is the only writer: a socket that is there already is a dead one's.
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            with _short(path) as address:
                self._listener.bind(address)
        finally:
            os.umask(before)
        self._listener.listen(BACKLOG)
        self._thread = threading.Thread(target=self._accept, name="local-socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests, and end the connections that are open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)
        with self._turn:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self) -> None:
        while True:
            self._places.acquire()
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            if not _same_user(connection):
                self._log.tell("socket.refused")
                connection.close()
                self._places.release()
                continue
            with self._turn:
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="local-caller", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                while (request := receive(connection)) is not None:
                    send(connection, self._answered(request))
        except (OSError, LianxinError):  # the caller has gone, or does not speak our language
            return
        finally:
            with self._turn:
                self._open.discard(connection)
            self._places.release()

    def _answered(self, request: JsonObject) -> JsonObject:
        try:
            return {"answer": self._perform(request)}
        except LianxinError as error:
            return {"error": {"code": error.code, "exit_code": error.exit_code, "facts": error.facts}}


class Caller:
    """A connection to the process that writes. `Gone` where there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(ANSWER_SECONDS_MAX)
        try:
            with _short(path) as address:
                self._connection.connect(address)
        except OSError as error:
            self._connection.close()
            raise Gone from error

    def call(self, request: JsonObject) -> JsonObject:
        """The answer, or the LianxinError of the other side. LX-534: it has gone without one; ask again."""
        try:
            send(self._connection, request)
            reply = receive(self._connection)
        except OSError:
            reply = None
        if reply is None:
            raise LianxinError("LX-534", exit_code=5, path=self._path)
        if "error" in reply:
            said = reply["error"]
            raise LianxinError(said["code"], exit_code=said["exit_code"], **said["facts"])
        answer: JsonObject = reply["answer"]
        return answer

    def close(self) -> None:
        self._connection.close()


def send(connection: socket.socket, message: JsonObject) -> None:
    """One message. LX-533 where it is too large to be one."""
    packed = orjson.dumps(message)
    if len(packed) > FRAME_BYTES_MAX:
        raise LianxinError("LX-533", exit_code=2, size=len(packed), max=FRAME_BYTES_MAX)
    connection.sendall(HEADER.pack(len(packed)) + packed)


def receive(connection: socket.socket) -> JsonObject | None:
    """The next message; None at the end. LX-533 for one that is too large, or is none."""
    header = _exactly(connection, HEADER.size)
    if header is None:
        return None
    (size,) = HEADER.unpack(header)
    if size > FRAME_BYTES_MAX:
        raise LianxinError("LX-533", exit_code=2, size=size, max=FRAME_BYTES_MAX)
    packed = _exactly(connection, size)
    if packed is None:
        return None
    try:
        message: Any = orjson.loads(packed)
    except orjson.JSONDecodeError as error:
        raise LianxinError("LX-533", exit_code=2, size=size, max=FRAME_BYTES_MAX) from error
    if not isinstance(message, dict):
        raise LianxinError("LX-533", exit_code=2, size=size, max=FRAME_BYTES_MAX)
    return message


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(min(size - len(found), 1 << 20))
        if not part:
            return None
        found += part
    return bytes(found)


def _same_user(connection: socket.socket) -> bool:
    _, user, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    return bool(user == os.getuid())


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The socket's address: at most 107 bytes fit into one, and folders may be deeper than that."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
