"""Mapping files at work: rows of other people's files become commands (`lianxin import`, `lianxin simulate --map`).

    rows:
      - {does: register, as: clerk, id: =row.No + '-open', case_key: =row.No, time: =row.Received, with: {unit: =row.U}}

Every rule whose `when` holds gives one command. A cell that cannot be used makes its whole row a `BadRow`, so that it
can be mended and sent again as one. Values stay raw here: their types are the workflow's (`convert`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from engine.core.conversion import convert, to_instant
from engine.core.errors import LianxinError, Problem
from engine.core.guards import GuardFailed
from engine.core.instants import Instant, from_datetime
from engine.core.report import suggest
from engine.runtime.files.map_reader import FIXED_COLUMNS, ROW, Map, Rule, Value, load_map, read_map
from engine.runtime.files.row import BadRow, Row, excerpt
from engine.runtime.files.rows import read_rows
from schemas.intake import MAX_ATTRIBUTE_CHARS
from schemas.json_text import MAX_INTEGER

__all__ = ["Map", "MappedCommand", "convert", "events_of", "load_map", "read_commands", "read_map"]

SEQUENCE_STEP = 1_000
"""Between two rows; a map has fewer rules, so `row * step + rule` keeps both orders."""


@dataclass(frozen=True, slots=True)
class MappedCommand:
    """One command of a row. `values` and `petitioner` hold what was in the cells, absent ones left out.

    `zone` and `time_formats` of the map come along, because a date among the values is written as its row's time is;
    `columns` too: from which column a value is, for whoever has to mend it.
    """

    source: str
    id: str
    case_key: str
    does: str
    role: str
    unit: str
    time: Instant
    values: dict[str, Any]
    petitioner: dict[str, str]
    workflow: str
    sequence: int
    row: int
    file: str
    zone: ZoneInfo | None = field(default=None, compare=False)
    time_formats: tuple[str, ...] = field(default=(), compare=False)
    columns: Mapping[str, str] = field(default_factory=dict, compare=False)

    def content(self) -> bytes:
        """What it says, as canonical bytes: the same wherever in a file the row stands."""
        said = {
            "case_key": self.case_key,
            "does": self.does,
            "id": self.id,
            "petitioner": self.petitioner,
            "role": self.role,
            "source": self.source,
            "time": self.time,
            "unit": self.unit,
            "values": self.values,
            "workflow": self.workflow,
        }
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def read_commands(path: Path, map_: Map) -> Iterator[MappedCommand | BadRow]:
    """The commands of a whole file in its order, and its bad rows. Rows for which no rule holds give nothing.

    LianxinError LX-316 if the map reads columns that the file does not have, LX-320…LX-323 if the file cannot be read.
    """
    rows = read_rows(
        path,
        map_.format,
        encoding=map_.encoding,
        delimiter=map_.delimiter,
        sheet=map_.sheet,
        header=map_.header,
    )
    checked = map_.format not in FIXED_COLUMNS
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        if not checked:
            _check_columns(map_, row.cells, path.name)
            checked = True
        yield from events_of(row, map_, path.name)


def events_of(row: Row, map_: Map, file: str) -> list[MappedCommand | BadRow]:
    """The commands of one row, or a single BadRow with the first thing in it that cannot be used."""
    cells = row.cells
    if map_.absent:
        cells = {**map_.absent, **{name: "" if cell is None else cell for name, cell in cells.items()}}
    seen = {ROW: cells}
    try:
        return [_command(rule, seen, row, map_, file) for rule in map_.rules if _holds(rule, seen)]
    except _Unusable as fault:
        return [BadRow(row.number, fault.reason, fault.field, excerpt(_as_text(row.cells)))]


class _Unusable(Exception):
    """A value of a row that cannot be used."""

    def __init__(self, reason: str, value: Value) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = value.about


def _holds(rule: Rule, seen: Mapping[str, Any]) -> bool:
    for condition in rule.when:
        answer = _evaluated(condition, seen)
        if answer is not True and answer is not False:
            raise _Unusable("not-a-bool", condition)
        if not answer:
            return False
    return True


def _command(rule: Rule, seen: Mapping[str, Any], row: Row, map_: Map, file: str) -> MappedCommand:
    return MappedCommand(
        source=map_.source or f"file:{file}",
        id=_name(rule.id, seen),
        case_key=_name(rule.case_key, seen),
        does=rule.does,
        role=rule.role,
        unit="" if rule.unit is None else _short(rule.unit, seen),
        time=_time(rule.time, seen, map_),
        values={name: given for name, _, given in _cells(rule.values, seen)},
        petitioner={name: _written(value, text) for name, value, text in _cells(rule.petitioner, seen)},
        workflow=map_.workflow,
        sequence=_sequence(rule, seen, row.number) * SEQUENCE_STEP + rule.number,
        row=row.number,
        file=file,
        zone=map_.zone,
        time_formats=map_.time_formats,
        columns=rule.columns,
    )


def _evaluated(value: Value, seen: Mapping[str, Any]) -> Any:
    if value.expression is None:
        return value.constant
    try:
        return _plain(value.expression.evaluate(seen))
    except GuardFailed:
        raise _Unusable("expression-failed", value) from None


def _plain(value: Any) -> Any:
    """What an expression gave, as JSON has it."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return from_datetime(value)
    if isinstance(value, timedelta):
        return convert("duration", value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _cells(values: tuple[tuple[str, Value], ...], seen: Mapping[str, Any]) -> Iterator[tuple[str, Value, Any]]:
    """Name, value and what it gives; an empty cell is an absent value."""
    for name, value in values:
        given = _evaluated(value, seen)
        if isinstance(given, list):
            given = [item for item in given if item is not None and item != ""]
        if given is not None and given not in ("", []):
            yield name, value, given


def _name(value: Value, seen: Mapping[str, Any]) -> str:
    """An id or a key: it must be there."""
    text = _short(value, seen)
    if not text:
        raise _Unusable("missing-value", value)
    return text


def _short(value: Value, seen: Mapping[str, Any]) -> str:
    text = _written(value, _evaluated(value, seen)).strip()
    if len(text) > MAX_ATTRIBUTE_CHARS:
        raise _Unusable("too-large", value)
    if not text.isprintable() and any(mark < " " or "\x7f" <= mark <= "\x9f" for mark in text):
        raise _Unusable("control-character", value)
    return text


def _written(value: Value, given: Any) -> str:
    if given is None:
        return ""
    try:
        return str(convert("text", given))
    except ValueError as fault:
        raise _Unusable(str(fault), value) from None


def _time(value: Value, seen: Mapping[str, Any], map_: Map) -> Instant:
    """The instant; of a list the earliest of those that are there."""
    found = [at for part in value.parts if (at := _instant(part, seen, map_)) is not None]
    if not found:
        raise _Unusable("missing-value", value)
    return min(found)


def _instant(value: Value, seen: Mapping[str, Any], map_: Map) -> Instant | None:
    given = _evaluated(value, seen)
    if given is None or given == "":
        return None
    try:
        return to_instant(given, map_.zone, map_.time_formats)
    except ValueError as fault:
        raise _Unusable(str(fault), value) from None


def _sequence(rule: Rule, seen: Mapping[str, Any], number: int) -> int:
    if rule.sequence is None:
        return number
    try:
        sequence = int(convert("int", _evaluated(rule.sequence, seen)))
    except ValueError as fault:
        raise _Unusable(str(fault), rule.sequence) from None
    if not 0 <= sequence <= MAX_INTEGER // SEQUENCE_STEP - 1:
        raise _Unusable("number-out-of-range", rule.sequence)
    return sequence


def _check_columns(map_: Map, cells: Mapping[str, Any], file: str) -> None:
    """A column that the file lacks is a fault of the map (or the wrong file), not of each of its rows."""
    problems = [
        Problem("LX-316", map_.file, span, {"column": column, "file": file}, suggestion=suggest(column, cells))
        for column, span in map_.columns.items()
        if column not in cells
    ]
    if problems:
        facts = {"column": problems[0].facts["column"], "file": file}
        raise LianxinError("LX-316", 1, tuple(problems), **facts)


def _as_text(cells: Mapping[str, Any]) -> str:
    return json.dumps(cells, ensure_ascii=False, default=str)
