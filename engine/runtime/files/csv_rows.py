"""CSV, row by row. One broken row stays one broken row: a stray quote does not swallow what follows it."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from engine.core.errors import LianxinError
from engine.runtime.files.row import MAX_CELLS, MAX_ROW_CHARS, BadRow, Row, excerpt

ENCODINGS = {
    "utf-8": "utf-8-sig",  # with or without a byte order mark
    "utf-8-sig": "utf-8-sig",
    "utf-16": "utf-16",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5": "big5hkscs",
    "latin-1": "latin-1",
    "cp1252": "cp1252",
}
"""Names a map may use, and the codec each is read with."""
DELIMITERS = (",", ";", "\t", "|")

MAX_RECORD_LINES = 200
"""A quoted cell may go on over lines; one that never ends must not eat the file."""
PENDING_BLANKS_MAX = 1_000

UNDECODABLE = "\udc80"
"""Stands for bytes that are no text in the file's encoding, so that the row's borders stay where they are."""
codecs.register_error("lianxin.mark", lambda fault: (UNDECODABLE, fault.end))  # type: ignore[attr-defined]


def csv_rows(
    stream: BinaryIO, name: str, encoding: str = "utf-8", delimiter: str = ",", header: int = 1
) -> Iterator[Row | BadRow]:
    """The rows below the header. LianxinError LX-321 or LX-322 if there is no header that could be used."""
    lines = _Lines(stream, ENCODINGS[encoding])
    try:
        for _ in range(header - 1):
            lines.next()
        yield from _rows(lines, _columns(lines, name, delimiter), delimiter)
    finally:
        lines.let_go()


def _rows(lines: _Lines, columns: list[str], delimiter: str) -> Iterator[Row | BadRow]:
    blanks: list[int] = []
    while (line := lines.next()) is not None:
        if not line.text.strip("\r\n"):
            blanks.append(line.number)
            if len(blanks) < PENDING_BLANKS_MAX:
                continue
        # Blank lines at the end are an editor's habit; between rows one may be what is left of a row.
        yield from (BadRow(number, "empty-row") for number in blanks)
        blanks.clear()
        if line.text.strip("\r\n"):
            yield _row(line, lines, columns, delimiter)


def named(columns: Sequence[str], file: str) -> list[str]:
    """The names of a header, without blanks around them. LianxinError LX-322 if two are equal or all are empty."""
    names = [column.strip() for column in columns]
    twice = next((column for i, column in enumerate(names) if column and column in names[:i]), None)
    if twice is not None:
        raise LianxinError("LX-322", 1, file=file, column=twice)
    if not any(names):
        raise LianxinError("LX-321", 1, file=file, reason="no header")
    return names


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    too_long: bool = False


class _Lines:
    """The lines of a text, numbered; the last ones read may be put back."""

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._text = io.TextIOWrapper(stream, encoding=codec, errors="lianxin.mark", newline="\n")
        self._ahead: deque[_Line] = deque()
        self._number = 0

    def next(self) -> _Line | None:
        if self._ahead:
            return self._ahead.popleft()
        text = self._text.readline(MAX_ROW_CHARS + 1)
        if not text:
            return None
        self._number += 1
        if len(text) <= MAX_ROW_CHARS:
            return _Line(self._number, text)
        rest = text
        while rest and not rest.endswith("\n"):
            rest = self._text.readline(MAX_ROW_CHARS)
        return _Line(self._number, text, too_long=True)

    def let_go(self) -> None:
        """Leave the stream to its owner, who closes it."""
        self._text.detach()

    def put_back(self, lines: Sequence[_Line]) -> None:
        self._ahead.extendleft(reversed(lines))


def _columns(lines: _Lines, name: str, delimiter: str) -> list[str]:
    line = lines.next()
    if line is None:
        raise LianxinError("LX-321", 1, file=name, reason="empty file")
    cells, _, fault = _record(line, lines, delimiter)
    if cells is None or "\0" in line.text or UNDECODABLE in line.text:
        reason = fault or "header is not text in this encoding"
        raise LianxinError("LX-321", 1, file=name, reason=reason)
    if len(cells) > MAX_CELLS:
        raise LianxinError("LX-321", 1, file=name, reason=f"more than {MAX_CELLS} columns")
    return named(cells, name)


def _row(line: _Line, lines: _Lines, columns: list[str], delimiter: str) -> Row | BadRow:
    """The row that begins with `line`; what belongs to it is taken from `lines`."""
    cells, taken, fault = _record(line, lines, delimiter)
    if cells is None and len(taken) > 1:
        taken = _its_own(taken, lines, len(columns), delimiter)
    elif cells is not None and len(cells) != len(columns):
        fault = "wrong-number-of-cells"
    if fault is not None or cells is None:
        return BadRow(line.number, fault or "bad-quotes", None, excerpt("".join(one.text for one in taken)))
    row = {column: cell for column, cell in zip(columns, cells, strict=True) if column}
    text = "".join(one.text for one in taken) if len(taken) > 1 else line.text
    if "\0" in text or UNDECODABLE in text:
        return _bad_cell(line.number, row, text)
    return Row(line.number, row)


def _record(first: _Line, lines: _Lines, delimiter: str) -> tuple[list[str] | None, list[_Line], str | None]:
    """(cells, the lines they came from, None), or (None, the lines looked at, the reason)."""
    taken = [first]
    if first.too_long:
        return None, taken, "too-large"

    def feed() -> Iterator[str]:
        chars = len(first.text)
        yield first.text
        while len(taken) < MAX_RECORD_LINES and (line := lines.next()) is not None:
            taken.append(line)
            chars += len(line.text)
            if line.too_long or chars > MAX_ROW_CHARS:
                return
            yield line.text

    try:
        return next(csv.reader(feed(), delimiter=delimiter, strict=True)), taken, None
    except csv.Error as fault:
        return None, taken, "too-large" if "field larger" in str(fault) else "bad-quotes"


def _its_own(taken: list[_Line], lines: _Lines, width: int, delimiter: str) -> list[_Line]:
    """The lines that belong to a row whose quotes do not pair; those from the next row on are put back."""
    count = next((n for n in range(1, len(taken)) if _begins_a_row(taken[n].text, width, delimiter)), len(taken))
    lines.put_back(taken[count:])
    return taken[:count]


def _begins_a_row(text: str, width: int, delimiter: str) -> bool:
    """Whether a line looks like the start of a row, and not like what is left of a cell that goes on over lines.

    It has more than half of the cells, and its first quote opens a cell.
    """
    if 2 * (text.count(delimiter) + 1) <= width:
        return False
    quote = text.find('"')
    return quote <= 0 or text[quote - 1] == delimiter


def _bad_cell(number: int, row: dict[str, str], text: str) -> BadRow:
    for column, cell in row.items():
        if UNDECODABLE in cell:
            return BadRow(number, "undecodable", column, excerpt(text.replace(UNDECODABLE, "\ufffd")))
        if "\0" in cell:
            return BadRow(number, "control-character", column, excerpt(text))
    return BadRow(number, "undecodable" if UNDECODABLE in text else "control-character", None, excerpt(text))
