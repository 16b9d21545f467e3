"""Values on their way into an expression and out of it: typed, without floats, with a record of what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from engine.core.errors import LianxinError
from engine.core.guards.faults import GuardFailed
from engine.core.guards.kinds import Kind, Path

SAFE_INTEGER = 2**53 - 1
"""Event bodies hold no greater number, so that every JSON reader reads the same."""


class Lookups(Protocol):
    """What an expression may ask beyond the case. The same `edition` must always give the same answers.

    "" answers "nobody". A LookupError, ValueError or LianxinError says that there is no answer: the guard has failed.
    """

    @property
    def edition(self) -> str:
        """Names calendar and directory in force."""

    def superior(self, unit: str) -> str:
        """The unit above."""

    def discipline_body(self, unit: str) -> str:
        """The discipline organ in charge of a unit."""

    def in_or_under(self, unit: str, units: Sequence[str]) -> bool:
        """Whether the unit is one of them or below one."""

    def day(self, instant: str) -> str:
        """The local date of an instant."""

    def office_hours(self, instant: str) -> bool:
        """Whether the office is open then."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The value, and all it was computed from: paths read and answers looked up. Shared: do not change `inputs`.

    `value` is bool, int, str, list, or None (an unset owner or recipient); decimals are texts. `inputs` is JSON-able.
    """

    value: Any
    inputs: dict[str, Any]


def value_at(values: Mapping[str, Any], path: Path) -> Any:
    """The value at a path of plain mappings; None where it, or anything above it, is absent."""
    here: Any = values
    try:
        for step in path:
            if here is None:
                return None
            here = here.get(step)
    except AttributeError:  # foreign data: a text or list stands where a mapping was thought to be
        return None
    return here


def key_of(paths: Sequence[tuple[Path, Kind]]) -> Callable[[Mapping[str, Any]], Any]:
    """What reads a memo's key off the values; the common cases are written out, for they are most of the work."""
    if any(kind.many or kind.name == "decimal" for _, kind in paths) or len(paths) > 2:
        return lambda values: tuple([_hashable(value_at(values, path)) for path, _ in paths])
    match [path for path, _ in paths]:
        case []:
            return lambda values: ()
        case [(name,)]:
            return lambda values: values.get(name)
        case [(root, leaf)]:

            def key(values: Mapping[str, Any]) -> Any:
                try:
                    inside = values[root]
                except KeyError:
                    return None
                return None if inside is None else inside.get(leaf)

            return key
        case [(root, one), (other, two)] if root == other:
            return lambda values: None if (inside := values.get(root)) is None else (inside.get(one), inside.get(two))
    return lambda values: tuple([value_at(values, path) for path, _ in paths])


def given(value: Any, kind: Kind, dotted: str) -> tuple[Any, Any]:
    """A value as the expression gets it and as the record keeps it. GuardFailed where it is not of its kind."""
    try:
        if not kind.many:
            return _read(value, kind.name)
        if not isinstance(value, (list, tuple)):
            raise TypeError(value)
        pairs = [_read(item, kind.name) for item in value]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    except (TypeError, ValueError, InvalidOperation) as error:
        raise GuardFailed("LX-171", path=dotted, kind=kind.label) from error


def result(value: Any, kind: str) -> Any:
    """What an expression gave, as the log may keep it. GuardFailed where it is not of the kind promised."""
    if kind.endswith("[]") and isinstance(value, list):
        return [result(item, kind[:-2]) for item in value]
    if kind == "decimal" and isinstance(value, (float, int)) and not isinstance(value, bool):
        return _decimal_text(value)
    wanted: Mapping[str, type] = {"bool": bool, "int": int, "dyn": object}
    if not isinstance(value, wanted.get(kind, str)) or (kind == "int" and isinstance(value, bool)):
        raise GuardFailed("LX-172", detail=f"{type(value).__name__}, {kind}")
    if isinstance(value, int) and abs(value) > SAFE_INTEGER:
        raise GuardFailed("LX-172", detail=f"{value} > 2^53")
    return kept(value) if kind == "dyn" else value


def kept(value: Any) -> Any:
    """Any plain value as the record keeps it: numbers with a point are texts. TypeError for what is not plain."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, Decimal)):
        return _decimal_text(value)
    if isinstance(value, Mapping):
        return {str(name): kept(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [kept(inner) for inner in value]
    raise TypeError(value)


def plain(value: Any) -> Any:
    """Foreign data as CEL takes them: decimals as floats, tuples as lists, all containers copied."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


class Answers:
    """Answers an expression's calls from the lookups and puts each on record: `superior(住建局)` → `市政府`."""

    __slots__ = ("lookups", "record")

    def __init__(self, lookups: Lookups, record: dict[str, Any]) -> None:
        self.lookups = lookups
        self.record = record

    def __call__(self, name: str, arguments: tuple[Any, ...]) -> Any:
        call = f"{name}({', '.join(map(_shown, arguments))})"
        try:
            answer = _ASK[name](self.lookups, *arguments)
        except (LookupError, ValueError, LianxinError) as error:
            raise GuardFailed("LX-173", call=call, detail=str(error)) from error
        self.record[call] = answer
        return answer


def project(values: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Only what is read, copied as CEL takes it; a null is an absent value."""
    data: dict[str, Any] = {}
    for path in paths:
        inside = data
        for step in path[:-1]:
            inside = inside.setdefault(step, {})
        value = value_at(values, path)
        if value is not None:
            inside[path[-1]] = plain(value)
    return data


def no_answer(name: str, arguments: tuple[Any, ...]) -> Any:
    """For expressions over foreign data, which may not call our functions."""
    raise AssertionError(f"{name} is refused when the expression is compiled")


_ASK: dict[str, Callable[..., Any]] = {
    "day": lambda lookups, instant: lookups.day(instant),
    "office_hours": lambda lookups, instant: lookups.office_hours(instant),
    "superior": lambda lookups, unit: lookups.superior(unit),
    "discipline_body": lambda lookups, unit: lookups.discipline_body(unit),
    "in_or_under": lambda lookups, unit, units: lookups.in_or_under(unit, units),
}


def _read(value: Any, kind: str) -> tuple[Any, Any]:
    if kind == "dyn":
        return plain(value), kept(value)
    if kind == "decimal":
        if isinstance(value, (bool, float)):
            raise TypeError(value)
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(value)
        return float(number), str(value)
    if not isinstance(value, {"bool": bool, "int": int}.get(kind, str)) or (kind == "int" and isinstance(value, bool)):
        raise TypeError(value)
    return value, value


def _decimal_text(value: float | Decimal) -> str:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise GuardFailed("LX-172", detail=str(value))
    return format(number, "f")


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return str(value) if isinstance(value, Decimal) else value


def _shown(argument: Any) -> str:
    return f"[{', '.join(map(str, argument))}]" if isinstance(argument, list) else str(argument)
