"""Copies of CSV files in which some rows are broken, each in one of the ways in which rows are broken."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SHARE = 0.01
"""Of the rows of a file."""
ANY_COLUMN = ""
"""A fault of the whole row: it has no column."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a file can be broken how. `times` and `keys` are filled in each row that is broken in them."""

    times: Sequence[str]
    keys: Sequence[str]
    typed: Sequence[str] = ()
    """Columns of enums, numbers and the like."""


@dataclass(frozen=True)
class Broken:
    """One broken row: its line in the file, the column its dead letter names, the words it may give as a reason."""

    row: int
    column: str
    reasons: frozenset[str]


def broken_copy(source: Path, target: Path, columns: Columns, seed: int) -> list[Broken]:
    """Write `target` with one row in a hundred of `source` broken (at least five), in all ways by turns."""
    chance = random.Random(seed)
    raw = source.read_bytes()
    lines = (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode().splitlines()
    header = _cells(lines[0])
    chosen = sorted(chance.sample(range(1, len(lines)), max(5, round((len(lines) - 1) * SHARE))))
    ways = [way for way in WAYS if columns.typed or way is not _wrong_type]
    broken, written = [], [line.encode() for line in lines]
    for turn, index in enumerate(chosen):
        way = ways[turn % len(ways)]
        written[index], column, reasons = way(_cells(lines[index]), header, columns, chance)
        broken.append(Broken(index + 1, column, frozenset(reasons)))
    target.write_bytes(b"\n".join(written) + b"\n")
    return broken


Way = Callable[[list[str], list[str], Columns, random.Random], tuple[bytes, str, tuple[str, ...]]]
"""(cells, header, columns, chance) → the row as it is written, the column at fault, the reasons that fit."""


def _bad_time(
    cells: list[str], header: list[str], columns: Columns, chance: random.Random
) -> tuple[bytes, str, tuple[str, ...]]:
    column = chance.choice([name for name in columns.times if cells[header.index(name)]])
    cells[header.index(column)] = chance.choice(("2019-02-30 10:00:00", "tomorrow", "31/31/2019", "00:00"))
    return _line(cells), column, ("bad-time",)


def _no_key(
    cells: list[str], header: list[str], columns: Columns, chance: random.Random
) -> tuple[bytes, str, tuple[str, ...]]:
    column = chance.choice(columns.keys)
    cells[header.index(column)] = chance.choice(("", "  "))
    return _line(cells), column, ("missing-value",)


def _wrong_width(
    cells: list[str], header: list[str], columns: Columns, chance: random.Random
) -> tuple[bytes, str, tuple[str, ...]]:
    changed = cells[:-1] if chance.random() < 0.5 else [*cells, "one more"]
    return _line(changed), ANY_COLUMN, ("wrong-number-of-cells",)


def _wrong_type(
    cells: list[str], header: list[str], columns: Columns, chance: random.Random
) -> tuple[bytes, str, tuple[str, ...]]:
    column = chance.choice(columns.typed)
    cells[header.index(column)] = "none of these"
    return _line(cells), column, ("not-one-of", "not-an-int", "not-a-bool", "not-a-decimal")


def _undecodable(
    cells: list[str], header: list[str], columns: Columns, chance: random.Random
) -> tuple[bytes, str, tuple[str, ...]]:
    at = chance.randrange(len(cells))
    cells[at] += MARK
    bytes_of_no_text = chance.choice((b"\xff\xfe", b"\xc3\x28", b"\xb4"))
    return _line(cells).replace(MARK.encode(), bytes_of_no_text), header[at], ("undecodable",)


def _stray_quote(
    cells: list[str], header: list[str], columns: Columns, chance: random.Random
) -> tuple[bytes, str, tuple[str, ...]]:
    cells[chance.randrange(len(cells))] = '"never closed'
    return ",".join(cells).encode(), ANY_COLUMN, ("bad-quotes", "wrong-number-of-cells")


MARK = "\x01"
WAYS: Sequence[Way] = (_bad_time, _no_key, _wrong_width, _wrong_type, _undecodable, _stray_quote)


def _cells(line: str) -> list[str]:
    return next(csv.reader([line]))


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()
