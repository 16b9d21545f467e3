"""The HTTP door: a server in a thread of its own, with its own event loop, beside the one writer.

caller ─► key ─► room for it ─► body ─► messages ─► queue of the writer ─► commit ─► answer
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.api.application import application
from engine.api.server import Server, bound
from engine.api.tracing import Tracing
from engine.runtime.assembly import Assembly
from engine.runtime.doors import Door, Hall
from schemas.settings import ApiSettings


def door(settings: ApiSettings, assembly: Assembly) -> Door:
    """The door of these settings. Entered it listens; what it gives is the address it listens on.

    LX-564 (exit 5) where it cannot listen.
    """

    @contextmanager
    def opened(hall: Hall) -> Iterator[tuple[str, int]]:
        listener = bound(settings.listen)
        with Tracing(settings.otlp) as tracing:
            server = Server(application(hall, assembly, tracing), listener)
            host, port = listener.getsockname()[:2]
            server.start()
            hall.log.tell("http.listening", port=port)
            try:
                yield host, port
            finally:
                server.stop()
                hall.log.tell("http.closed", port=port)

    return opened
