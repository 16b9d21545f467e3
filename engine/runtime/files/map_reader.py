"""Reading a mapping file: every fault in one run, with its place, and every expression compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from pydantic import ValidationError

from engine.core.errors import LianxinError, Problem, Span
from engine.core.findings import Path as Place
from engine.core.findings import SpanOf, nowhere, place
from engine.core.guards import GuardFaults, interpolation, untyped
from engine.core.report import suggest
from engine.language.yaml_source import load
from engine.runtime.files.rows import Format
from schemas.map_file import MapForm, RuleForm

ROW = "row"
"""The one name that expressions of a map may use."""
FIXED_COLUMNS = ("csv", "xlsx")
"""Formats whose header says what columns there are; in the others a row has what it has."""


class Expression(Protocol):
    """What can be evaluated against `{"row": cells}`."""

    def evaluate(self, variables: Mapping[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Value:
    """A constant, or an expression with the columns it reads. `place` says where in the map it stands."""

    place: str
    constant: Any = None
    expression: Expression | None = None
    columns: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What to call it in a bad row: its column, if it reads just one."""
        return self.columns[0] if len(self.columns) == 1 else self.place

    @property
    def parts(self) -> tuple[Value, ...]:
        """The values of a list, each with its own column; of any other value itself."""
        return self.expression.items if isinstance(self.expression, _List) else (self,)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `rows:`, compiled."""

    number: int
    does: str
    role: str
    when: tuple[Value, ...]
    id: Value
    case_key: Value
    time: Value
    values: tuple[tuple[str, Value], ...]
    petitioner: tuple[tuple[str, Value], ...]
    unit: Value | None
    sequence: Value | None
    columns: Mapping[str, str]
    """From which column each value is, or from which place of the map."""


@dataclass(frozen=True, slots=True)
class Map:
    """A mapping file, ready for use. `columns` are those it reads, each with the place of its first mention."""

    file: str
    workflow: str
    source: str
    format: Format
    encoding: str
    delimiter: str
    sheet: str
    header: int
    zone: ZoneInfo | None
    time_formats: tuple[str, ...]
    rules: tuple[Rule, ...]
    columns: Mapping[str, Span | None]
    absent: Mapping[str, str]
    """Columns that read as empty where a row of NDJSON or XES lacks them: all but those the map asks for with `has`."""


def read_map(path: Path) -> Map:
    """The map in a YAML file. LianxinError LX-310 with every fault, LX-320 if the file cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
        raise LianxinError("LX-320", 3, file=str(path), reason=reason) from fault
    source = load(text, path.name)
    if source.problems:
        raise LianxinError("LX-310", 1, source.problems, file=path.name, count=len(source.problems))
    return load_map(source.data, path.name, source.span, source.locate)


def load_map(
    data: object, file: str, span: SpanOf = nowhere, locate: Callable[[Place, int], Span | None] | None = None
) -> Map:
    """The map in plain data (of a YAML reader). LianxinError LX-310 with every fault found, each with its place.

    `span` gives the place of a value, `locate` that of a character in a text, for carets inside expressions.
    """
    reader = _Reader(file, span, locate)
    form = reader.form(data)
    read = reader.map(form) if form is not None else None
    if reader.problems or read is None:
        raise LianxinError("LX-310", 1, tuple(reader.problems), file=file, count=len(reader.problems))
    return read


class _Reader:
    """One run over one file: collects problems instead of stopping at the first."""

    def __init__(self, file: str, span: SpanOf, locate: Callable[[Place, int], Span | None] | None) -> None:
        self.file = file
        self.span = span
        self.locate = locate
        self.problems: list[Problem] = []
        self.columns: dict[str, Span | None] = {}
        self.asked: set[str] = set()

    def problem(self, code: str, at: Place, suggestion: str | None = None, **facts: str) -> None:
        self.problems.append(Problem(code, self.file, self.span(at), facts, suggestion=suggestion))

    # ── form ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def form(self, data: object) -> MapForm | None:
        if not isinstance(data, dict):
            self.problem("LX-313", (), key="", reason="a mapping file is a mapping of keys")
            return None
        try:
            return MapForm.model_validate(data)
        except ValidationError as fault:
            found = fault.errors(include_url=False, include_input=False, include_context=False)
            # A misspelt key goes first: it is why another one is missing.
            for one in sorted(found, key=lambda one: one["type"] != "extra_forbidden"):
                self._form_problem(one["type"], tuple(step for step in one["loc"] if step != "[key]"), one["msg"])
            return None

    def _form_problem(self, kind: str, at: Place, reason: str) -> None:
        name = str(at[-1]) if at else ""
        known = _keys(RuleForm if at[:1] == ("rows",) else MapForm)
        if kind == "extra_forbidden":
            self.problem("LX-311", at, suggest(name, known), key=place(at), known="、".join(known))
        elif kind == "missing":
            self.problem("LX-312", at[:-1], key=name, place=place(at[:-1]))
        else:
            self.problem("LX-313", at, key=place(at), reason=reason.removeprefix("Value error, "))

    # ── meaning ──────────────────────────────────────────────────────────────────────────────────────────────────

    def map(self, form: MapForm) -> Map:
        zone = self._zone(form.time_zone)
        for number, pattern in enumerate(form.time_format):
            if (reason := time_format_fault(pattern)) is not None:
                self.problem("LX-315", ("time_format", number), format=pattern, reason=reason)
        rules = tuple(self._rule(number, rule, form) for number, rule in enumerate(form.rows))
        return Map(
            file=self.file,
            workflow=form.workflow,
            source=form.source or "",
            format=form.format,
            encoding=form.encoding,
            delimiter=form.delimiter,
            sheet=form.sheet,
            header=form.header,
            zone=zone,
            time_formats=tuple(form.time_format),
            rules=rules,
            columns=self.columns,
            absent={} if form.format in FIXED_COLUMNS else dict.fromkeys(self.columns.keys() - self.asked, ""),
        )

    def _zone(self, name: str | None) -> ZoneInfo | None:
        if name is None:
            return None
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.problem("LX-314", ("time_zone",), suggest(name, available_timezones()), zone=name)
            return None

    def _rule(self, number: int, rule: RuleForm, form: MapForm) -> Rule:
        at: Place = ("rows", number)
        sequence = rule.sequence or form.sequence
        when = [
            self._compiled(condition, condition, (*at, "when", index) if len(rule.when) > 1 else (*at, "when"))
            for index, condition in enumerate(rule.when)
        ]
        compiled = Rule(
            number=number,
            does=rule.does,
            role=rule.as_,
            when=tuple(when),
            id=self._value(rule.id, (*at, "id")),
            case_key=self._value(rule.case_key, (*at, "case_key")),
            time=self._value(rule.time, (*at, "time")),
            values=tuple((name, self._value(value, (*at, "with", name))) for name, value in rule.with_.items()),
            petitioner=tuple((n, self._value(value, (*at, "petitioner", n))) for n, value in rule.petitioner.items()),
            unit=None if rule.unit is None else self._value(rule.unit, (*at, "unit")),
            sequence=None if sequence is None else self._sequence(sequence, rule, at),
            columns={},
        )
        return replace(compiled, columns={name: value.about for name, value in compiled.values})

    def _sequence(self, written: str, rule: RuleForm, at: Place) -> Value:
        """The name of a column, or an expression."""
        where: Place = (*at, "sequence") if rule.sequence else ("sequence",)
        if interpolation(written) is not None:
            return self._value(written, where)
        self.columns.setdefault(written, self.span(where))
        return Value(place(where), expression=_Cell(written), columns=(written,))

    def _value(self, written: Any, at: Place) -> Value:
        if isinstance(written, list):
            items = [self._value(item, (*at, number)) for number, item in enumerate(written)]
            columns = tuple(dict.fromkeys(column for item in items for column in item.columns))
            return Value(place(at), expression=_List(tuple(items)), columns=columns)
        expression = interpolation(written) if isinstance(written, str) else None
        return Value(place(at), constant=written) if expression is None else self._compiled(expression, written, at)

    def _compiled(self, expression: str, written: str, at: Place) -> Value:
        columns = tuple(columns_of(expression))
        for column in columns:
            self.columns.setdefault(column, self.span(at))
        self.asked.update(asked_in(expression))
        if cell := _PLAIN.fullmatch(expression.strip()):
            return Value(place(at), expression=_Cell(cell[1] or columns[0]), columns=columns)
        try:
            return Value(place(at), expression=untyped(expression, [ROW]), columns=columns)
        except GuardFaults as faults:
            shift = len(written) - len(expression)
            for fault in faults.faults:
                found = self.locate(at, shift + fault.column) if self.locate and fault.column else self.span(at)
                self.problems.append(fault.problem(self.file, found))
            return Value(place(at))


@dataclass(frozen=True, slots=True)
class _Cell:
    """`=row.Name`: nine of ten values in a map are this, and need no expression's machinery."""

    column: str

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        return variables[ROW].get(self.column, "")


@dataclass(frozen=True, slots=True)
class _List:
    items: tuple[Value, ...]

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        return [i.constant if i.expression is None else i.expression.evaluate(variables) for i in self.items]


_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_PLAIN = re.compile(rf"row\.([A-Za-z_]\w*)|row\[(?:{_TEXT})\]", re.ASCII)
_MENTIONS = re.compile(rf"\brow\s*\.\s*([A-Za-z_]\w*)|\brow\s*\[\s*({_TEXT})\s*\]|{_TEXT}", re.ASCII)
_ASKS = re.compile(rf"\bhas\s*\(\s*row\s*\.\s*([A-Za-z_]\w*)\s*\)|({_TEXT})\s+in\s+row\b", re.ASCII)


def columns_of(expression: str) -> list[str]:
    """The columns that an expression reads, in the order of their first mention."""
    found = [match[1] or _unquoted(match[2]) for match in _MENTIONS.finditer(expression) if match[1] or match[2]]
    return list(dict.fromkeys(found))


def asked_in(expression: str) -> list[str]:
    """The columns whose presence the expression asks for itself."""
    return [match[1] or _unquoted(match[2]) for match in _ASKS.finditer(expression)]


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def _keys(form: type[RuleForm] | type[MapForm]) -> list[str]:
    return [field.alias or name for name, field in form.model_fields.items()]


_DIRECTIVES = "aAbBdfHIjmMpSyYzZ%"


def time_format_fault(pattern: str) -> str | None:
    """Why a `strptime` format cannot give an instant or a day, if it cannot."""
    directives = re.findall(r"%(.?)", pattern, re.DOTALL)
    unknown: Sequence[str] = [directive for directive in directives if not directive or directive not in _DIRECTIVES]
    if unknown:
        return f"%{unknown[0]} is not among %{' %'.join(_DIRECTIVES)}"
    parts = set(directives)
    if not parts & set("yY") or not ("j" in parts or ("d" in parts and parts & set("mbB"))):
        return "it has no year, month and day"
    if "I" in parts and "p" not in parts:
        return "%I needs %p: 03:20 may be morning or afternoon"
    return None
