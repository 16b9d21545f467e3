"""Rows of other people's files: CSV, XLSX, NDJSON and XES, each plain or as .gz.

A row that cannot be read is a `BadRow` with its number and a fixed word, and the rest goes on. Only a file that is none
(no header, no such format, a bomb) raises. What a row means is the map's business (engine.runtime.files.maps).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from engine.core.errors import LianxinError
from engine.runtime.files.row import (
    EXPANSION_FREE_BYTES,
    MAX_CELLS,
    MAX_EXPANDED_BYTES,
    MAX_EXPANSION,
    BadRow,
    Row,
    excerpt,
)
from schemas.json_text import BOM, MAX_MESSAGE_BYTES, JsonFault, read_json

Format = Literal["csv", "xlsx", "ndjson", "xes"]


def read_rows(
    path: Path, format: Format, *, encoding: str = "utf-8", delimiter: str = ",", sheet: str = "", header: int = 1
) -> Iterator[Row | BadRow]:
    """The rows of a file in order, read as they are asked for.

    `encoding` and `delimiter` are of CSV, `sheet` of XLSX (the first by default), `header` is the number of the row
    with the columns' names. LianxinError LX-320…LX-323 if the file cannot be read as a whole.
    """
    if format == "csv":
        from engine.runtime.files.csv_rows import csv_rows

        return _to_its_end(path, lambda stream: csv_rows(stream, path.name, encoding, delimiter, header))
    if format == "xlsx":
        from engine.runtime.files.xlsx_rows import xlsx_rows

        return _to_its_end(path, lambda stream: xlsx_rows(stream, path.name, sheet, header))
    if format == "xes":
        from engine.runtime.files.xes_rows import xes_rows

        return _to_its_end(path, lambda stream: xes_rows(stream, path.name))
    return _to_its_end(path, _ndjson_rows)


def read_lines(path: Path) -> Iterator[tuple[int, bytes] | BadRow]:
    """The lines of a file of messages, one a line, with their numbers from 1; empty lines are left out."""
    return _to_its_end(path, _lines)


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes] | BadRow]:
    number = 0
    while line := stream.readline(MAX_MESSAGE_BYTES + 2):
        number += 1
        if len(line) > MAX_MESSAGE_BYTES + 1:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_MESSAGE_BYTES)
            yield BadRow(number, "too-large")
        elif line := line.strip(b" \t\r\n"):
            yield number, line.removeprefix(BOM) if number == 1 else line


def _ndjson_rows(stream: BinaryIO) -> Iterator[Row | BadRow]:
    for line in _lines(stream):
        if isinstance(line, BadRow):
            yield line
            continue
        number, raw = line
        try:
            value = read_json(raw)
        except JsonFault as fault:
            yield BadRow(number, fault.reason, fault.field, excerpt(raw.decode("utf-8", "backslashreplace")))
            continue
        if not isinstance(value, dict):
            yield BadRow(number, "not-an-object", None, excerpt(raw.decode()))
        elif len(value) > MAX_CELLS:
            yield BadRow(number, "too-large", None, excerpt(raw.decode()))
        else:
            yield Row(number, value)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ExpandsTooMuch(Exception):
    """An archive that grows beyond all measure while it is read."""


class _Bounded(io.RawIOBase):
    """The unpacked bytes of a .gz, as long as they stay in proportion to the packed ones."""

    def __init__(self, packed: BinaryIO, packed_bytes: int) -> None:
        self._unpacked = gzip.GzipFile(fileobj=packed)
        self._left = min(MAX_EXPANDED_BYTES, max(EXPANSION_FREE_BYTES, packed_bytes * MAX_EXPANSION))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._unpacked.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise ExpandsTooMuch
        buffer[: len(data)] = data
        return len(data)


def _to_its_end(path: Path, read: Callable[[BinaryIO], Iterator[Any]]) -> Iterator[Any]:
    """What `read` finds in the file; where the file breaks off, a last `BadRow` says so."""
    number = 0
    with _opened(path) as stream:
        try:
            for row in read(stream):
                number = row[0] if isinstance(row, tuple) else row.number
                yield row
        except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
            if number == 0:
                raise LianxinError("LX-321", 1, file=path.name, reason="broken .gz") from fault
            yield BadRow(number + 1, "broken-file")
        except ExpandsTooMuch as fault:
            if number == 0:
                raise LianxinError("LX-323", 1, file=path.name, times=MAX_EXPANSION) from fault
            yield BadRow(number + 1, "expands-too-much")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is a .gz (told by its first two bytes)."""
    try:
        packed = path.open("rb")
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise LianxinError("LX-320", 3, file=str(path), reason=reason) from fault
    with packed:
        magic = packed.read(2)
        packed.seek(0)
        if magic != b"\x1f\x8b":
            yield packed
            return
        with io.BufferedReader(_Bounded(packed, path.stat().st_size)) as unpacked:
            yield cast(BinaryIO, unpacked)
