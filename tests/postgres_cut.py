"""A wire between a test and its server that can be cut at the commit: before the server hears of it, or after."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CHUNK_BYTES = 65_536


class Wire:
    """Passes bytes on. `cut` is "before", "after" or "": what becomes of the next message that commits."""

    def __init__(self, port: int) -> None:
        self.server = port
        self.cut = ""
        self.cuts = 0
        self._open: list[socket.socket] = []
        self._unheard: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut everything, and take no more."""
        for one in [self._listening, *self._open]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.server))
                self._open += [client, server]
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := client.recv(CHUNK_BYTES):
                if self.cut and b"; COMMIT" in said:
                    cut, self.cut = self.cut, ""
                    self.cuts += 1
                    if cut == "before":
                        break
                    self._unheard.add(server)
                server.sendall(said)
        self._cut(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := server.recv(CHUNK_BYTES):
                if server in self._unheard:
                    break  # it has committed, and says so to nobody
                client.sendall(said)
        self._cut(client, server)

    def _cut(self, *ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A wire to the server on that port, cut at the end."""
    made = Wire(port)
    try:
        yield made
    finally:
        made.close()
