"""uvicorn in a thread, with the bounds it lacks: connections that say nothing are closed, and so are too many."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from http import HTTPStatus
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.api.problems import MEDIA_TYPE, RETRY_SECONDS, problem
from engine.core.errors import LianxinError

CONNECTIONS_MAX = 1_024
HEADERS_SECONDS_MAX = 10.0
"""From the first byte of a request, or the opening of its connection, to the end of its headers."""
HEADERS_BYTES_MAX = 64 * 1024
IDLE_SECONDS_MAX = 30
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


class Connection(HttpToolsProtocol):
    """One connection. uvicorn has no bound on how long, or how large, headers may be on their way."""

    _waiting: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.write(TOO_MANY)
            transport.close()
            return
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEADERS_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("Headers are too large.")

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
