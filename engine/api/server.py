"""uvicorn in a thread, with the bounds it lacks: connections that say nothing are closed, and so are too many."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
from http import HTTPStatus
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.api.problems import MEDIA_TYPE, RETRY_SECONDS, problem
from engine.core.errors import LianxinError

CONNECTIONS_MAX = 2_048
FILES_WANTED = 4_096
"""Open files of the process: those connections, and what the store needs."""
HEADERS_SECONDS_MAX = 10.0
"""From the first byte of a request, or the opening of its connection, to the end of its headers."""
HEADERS_BYTES_MAX = 64 * 1024
IDLE_SECONDS_MAX = 30
LINGER_SECONDS = 1.0
STOP_SECONDS_MAX = 5
START_SECONDS_MAX = 30.0
BACKLOG = 1_024


def bound(listen: str) -> socket.socket:
    """A socket that listens on `host:port`; port 0 takes a free one. LX-564 where it cannot be had."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        if listener is not None:
            listener.close()
        raise LianxinError("LX-564", exit_code=5, listen=listen, reason=error) from error
    return listener


logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # its lines hold paths; engine.log tells what matters


class Server:
    """Runs an application on a listening socket until `stop`."""

    def __init__(self, app: Any, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            timeout_keep_alive=IDLE_SECONDS_MAX,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )
        self._listener = listener
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Listen from here on. AssertionError where the loop does not start."""
        _raise_file_limit()
        self._thread.start()
        assert self._server.ready.wait(START_SECONDS_MAX), "the HTTP server did not start"

    def stop(self) -> None:
        """Take nothing more, let what is under way end, and close."""
        self._server.should_exit = True
        self._thread.join(2 * STOP_SECONDS_MAX)
        self._listener.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Lingering(asyncio.Transport):
    """A transport that, when it is closed, lets the other side read what was said to it.

    Whoever is refused may still be sending: to close on unread bytes would reset the connection, answer and all.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport, self._loop, self._left = transport, loop, False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._left or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._left = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._transport.write(data)

    def pause_reading(self) -> None:
        if not self._left:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()


class Connection(HttpToolsProtocol):
    """One connection. uvicorn has no bound on how long, or how large, headers may be on their way."""

    _waiting: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Lingering(transport, self.loop))
        if len(self.connections) > CONNECTIONS_MAX:
            self.transport.write(TOO_MANY)
            self.transport.close()
            return
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            end = data.find(b"\r\n\r\n")
            self._head_bytes += len(data) if end < 0 else end
            if self._head_bytes > HEADERS_BYTES_MAX:
                self.send_400_response("")
                return
        super().data_received(data)

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()

    def on_message_begin(self) -> None:
        self._begin_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or uses a method that nobody knows."""
        self.transport.write(NO_HTTP)
        self.transport.close()

    def _begin_head(self) -> None:
        self._end_head()
        self._in_head, self._head_bytes = True, 0
        self._waiting = self.loop.call_later(HEADERS_SECONDS_MAX, self._give_up)

    def _end_head(self) -> None:
        self._in_head = False
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _written(status: HTTPStatus, code: str, facts: dict[str, str], *headers: str) -> bytes:
    """A whole answer, for a connection that has no request yet."""
    body = orjson.dumps(problem(status, code, facts=facts))
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "connection: close",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


TOO_MANY = _written(HTTPStatus.SERVICE_UNAVAILABLE, "LX-398", {}, f"retry-after: {RETRY_SECONDS}")
NO_HTTP = _written(HTTPStatus.BAD_REQUEST, "LX-394", {"reason": "不是 HTTP no HTTP"})
