"""XLSX workbooks, row by row, as the texts a person would have typed."""

from __future__ import annotations

import math
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO
from xml.parsers import expat

from openpyxl import load_workbook

from engine.core.errors import LianxinError
from engine.runtime.files.csv_rows import named
from engine.runtime.files.row import (
    EXPANSION_FREE_BYTES,
    MAX_EXPANSION,
    MAX_ROW_CHARS,
    BadRow,
    Row,
)

MAX_COLUMNS = 1_000
MAX_ROWS = 1_048_576
"""As many as the format itself allows; a row's own number is a claim of the file."""
MAX_WORKBOOK_BYTES = 512 * 1024**2
"""Unpacked. All the workbook's texts are held in memory while it is read."""
MAX_PARTS = 10_000
ERRORS = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})


def xlsx_rows(stream: BinaryIO, name: str, sheet: str = "", header: int = 1) -> Iterator[Row | BadRow]:
    """The rows below the header of a sheet (the first one by default); rows without any cell are left out.

    Numbers, dates and bools become texts (`17`, `2026-04-01T09:00:00`, `true`), formulas their last value. LianxinError
    LX-321…LX-323 if the workbook cannot be used.
    """
    with tempfile.SpooledTemporaryFile(max_size=MAX_ROW_CHARS) as copy:
        if not stream.seekable():  # a workbook inside a .gz: its table of contents is at the end
            while piece := stream.read(MAX_ROW_CHARS):
                copy.write(piece)
            stream = copy  # type: ignore[assignment]  # it is one since Python 3.11
        _refuse_bombs(stream, name)
        yield from _sheet_rows(stream, name, sheet, header)


def _sheet_rows(stream: BinaryIO, name: str, sheet: str, header: int) -> Iterator[Row | BadRow]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that do not concern the cells
        try:
            book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            chosen = book[sheet] if sheet else book.worksheets[0]
            chosen.reset_dimensions()
            first = next(chosen.iter_rows(min_row=header, max_row=header, max_col=MAX_COLUMNS, values_only=True), ())
        except Exception as fault:  # a file made by anybody makes the library fail in any way: the file is refused
            reason = f"{type(fault).__name__}: {fault}"[:200]
            raise LianxinError("LX-321", 1, file=name, reason=reason) from fault
    texts = [_text(value) or "" for value in first]
    while texts and not texts[-1]:
        texts.pop()
    columns = named(texts, name)
    cells = chosen.iter_rows(min_row=header + 1, max_row=MAX_ROWS, max_col=len(columns), values_only=True)
    number = header
    while True:
        number += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a date beyond Excel's own calendar; the cell reads #VALUE!
                values = next(cells, None)
        except Exception:  # as above, in mid-file
            yield BadRow(number, "broken-file")
            return
        if values is None:
            return
        if any(value is not None for value in values):
            yield _row(number, columns, values)


def _row(number: int, columns: list[str], values: tuple[Any, ...]) -> Row | BadRow:
    row: dict[str, str] = {}
    chars = 0
    for column, value in zip(columns, values, strict=True):
        if not column:
            continue
        text = _text(value)
        if text is None or text in ERRORS:
            return BadRow(number, "cell-error", column)
        if "\0" in text:
            return BadRow(number, "control-character", column)
        chars += len(text)
        row[column] = text
    return BadRow(number, "too-large") if chars > MAX_ROW_CHARS else Row(number, row)


def _text(value: Any) -> str | None:
    """A cell as a text; None for what cannot be one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


# ── bombs ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_bombs(stream: BinaryIO, name: str) -> None:
    """Look at the archive before the library does: sizes from its table of contents, and no DTD in any part."""
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
            unpacked = sum(part.file_size for part in parts)
            packed = sum(part.compress_size for part in parts)
            bound = min(MAX_WORKBOOK_BYTES, max(EXPANSION_FREE_BYTES, packed * MAX_EXPANSION))
            if unpacked > bound or len(parts) > MAX_PARTS:
                raise LianxinError("LX-323", 1, file=name, times=MAX_EXPANSION)
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as content:
                        _refuse_dtd(content.read(CHUNK_BYTES), name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError, zlib.error) as fault:
        stream.seek(0)
        old = stream.read(4) == b"\xd0\xcf\x11\xe0"
        reason = "an old .xls, or protected by a password" if old else "not an .xlsx workbook"
        raise LianxinError("LX-321", 1, file=name, reason=reason) from fault
    stream.seek(0)


CHUNK_BYTES = 64 * 1024


class _Dtd(Exception):
    pass


class _Begun(Exception):
    pass


def _refuse_dtd(start: bytes, name: str) -> None:
    """A document type stands before the first element, or nowhere."""

    def doctype(*_: object) -> None:
        raise _Dtd

    def element(*_: object) -> None:
        raise _Begun

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = element
    try:
        parser.Parse(start, False)
    except _Dtd:
        raise LianxinError("LX-321", 1, file=name, reason="a document type (DTD) is not accepted") from None
    except (_Begun, expat.ExpatError):
        return  # what is no XML at all the workbook's reader will say
