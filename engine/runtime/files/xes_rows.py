"""XES event logs, event by event: a row is an event, the attributes of its trace stand beside as `case:NAME`.

The file is read in pieces by expat. A document type is refused before anything is expanded: entities are what XML bombs
are made of, and no XES needs one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from engine.core.errors import LianxinError
from engine.runtime.files.row import MAX_CELLS, MAX_ROW_CHARS, BadRow, Row

CHUNK_BYTES = 64 * 1024
MAX_LEVELS = 64
VALUES = frozenset({"string", "date", "int", "float", "boolean", "id"})


class _Refused(Exception):
    """What no XES has: a document type, or elements nested without end."""


def xes_rows(stream: BinaryIO, name: str) -> Iterator[Row | BadRow]:
    """The events in order, numbered from 1. A broken file ends in a BadRow; LianxinError LX-321 if it is no XES."""
    events = _Events()
    number = 0
    try:
        while True:
            piece = stream.read(CHUNK_BYTES)
            events.parser.Parse(piece, not piece)
            for row in events.found:
                number = row.number
                yield row
            events.found.clear()
            if not piece:
                return
    except (expat.ExpatError, _Refused) as fault:
        yield from events.found
        number = events.count
        if number == 0:
            raise LianxinError("LX-321", 1, file=name, reason=str(fault)) from fault
        yield BadRow(number + 1, "broken-file")


class _Events:
    """Collects rows while the parser walks: log > trace > event > attribute."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.found: list[Row | BadRow] = []
        self.count = 0
        self._path: list[str] = []
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        element = element.rpartition(":")[2]
        if not self._path and element != "log":
            raise _Refused(f"the root is <{element[:40]}>, not <log>")
        if len(self._path) >= MAX_LEVELS:
            raise _Refused(f"more than {MAX_LEVELS} levels")
        self._path.append(element)
        if self._path == ["log", "trace"]:
            self._trace = {}
        elif self._path == ["log", "trace", "event"]:
            self._event = {}
        elif element in VALUES and "key" in attributes:
            value = attributes.get("value", "")
            if self._path[:-1] == ["log", "trace", "event"]:
                self._event[attributes["key"]] = value
            elif self._path[:-1] == ["log", "trace"]:
                self._trace["case:" + attributes["key"]] = value

    def _end(self, _: str) -> None:
        if self._path == ["log", "trace", "event"]:
            self.count += 1
            cells = {**self._trace, **self._event}
            if len(cells) > MAX_CELLS or sum(map(len, cells.values())) > MAX_ROW_CHARS:
                self.found.append(BadRow(self.count, "too-large"))
            else:
                self.found.append(Row(self.count, cells))
        self._path.pop()

    def _doctype(self, *_: object) -> None:
        raise _Refused("a document type (DTD) is not accepted")
