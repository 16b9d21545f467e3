"""Conditions under assumed values: true, false, or nobody can say. What the linter decides by trying, it tries here.

CEL's own evaluation needs every value; the linter knows a few (an enum's values, true and false, set or not) and wants
to hear of the rest only that it does not know.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from engine.core.guards.cel_ast import Node
from engine.core.guards.cel_env import program
from engine.core.guards.kinds import Kind
from engine.core.workflow import NamedCondition

MAX_COMBINATIONS = 512
"""Combinations of values tried for one question; above it nothing is said."""
MAX_TREES = 8_192
"""Trees of expressions remembered."""


class Mark(Enum):
    """What stands for values that are none."""

    UNSET = "unset"
    SOMETHING = "something"
    """Set, to a value nobody knows."""
    UNKNOWN = "unknown"
    """Set or not, nobody knows."""
    ERROR = "error"
    """Reading an unset value: the move is refused."""


UNSET, SOMETHING, UNKNOWN, ERROR = Mark.UNSET, Mark.SOMETHING, Mark.UNKNOWN, Mark.ERROR

Values = Mapping[str, Any]
"""Dotted path → an assumed value or a mark; a path that is not here is unknown."""
Domains = Mapping[str, Sequence[Any]]
"""Dotted path → the values it may have."""


def holds(conditions: Iterable[NamedCondition], values: Values) -> bool | None:
    """Whether all conditions hold under these values; None where that cannot be said."""
    verdict: bool | None = True
    for condition in conditions:
        found = evaluator(condition.guard.text)(values)
        if found is ERROR or found is condition.unless:  # an unset value read is a refusal either way
            return False
        if not isinstance(found, bool):
            verdict = None
    return verdict


def assignments(domains: Domains) -> Iterator[dict[str, Any]]:
    """Every combination of the domains' values; none at all where there are more than MAX_COMBINATIONS."""
    if prod(len(values) for values in domains.values()) <= MAX_COMBINATIONS:
        names = list(domains)
        for values in product(*domains.values()):
            yield dict(zip(names, values, strict=True))


def can_be_tried(domains: Domains) -> bool:
    """Whether there are few enough combinations to try."""
    return prod(len(values) for values in domains.values()) <= MAX_COMBINATIONS


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads, and the whole numbers it compares anything with."""

    paths: frozenset[str]
    numbers: frozenset[int]
    opaque: bool
    """It asks the directory, the calendar or the clock: trying values cannot settle it."""


@lru_cache(maxsize=MAX_TREES)
def reads(text: str) -> Reads:
    """What the expression `text` reads."""
    paths: set[str] = set()
    numbers: set[int] = set()
    opaque = False
    stack = [tree(text)]
    while stack:
        node = stack.pop()
        path = path_of(node)
        if path is not None:
            paths.add(path)
            opaque = opaque or path == "now"
            continue
        if node.what == "const" and isinstance(node.value, int) and not isinstance(node.value, bool):
            numbers.add(node.value)
        if node.what == "call" and node.text not in _KNOWN_CALLS:
            opaque = True
        stack.extend(node.inner)
    return Reads(frozenset(paths), frozenset(numbers), opaque)


@lru_cache(maxsize=MAX_TREES)
def tree(text: str) -> Node:
    """The tree of an expression that has been compiled before."""
    return program(text, _NAMES).tree()


def path_of(node: Node) -> str | None:
    """`case.severity` of a node that reads or asks about a plain path."""
    parts: list[str] = []
    while node.what in ("select", "has"):
        parts.append(node.text)
        node = node.inner[0]
    return ".".join([node.text, *reversed(parts)]) if node.what == "name" else None


def domain_of(
    kind: Kind, numbers: Iterable[int] = (), low: int | None = None, high: int | None = None, of: Sequence[str] = ()
) -> tuple[Any, ...]:
    """Values to try for a path of this kind: all of them, or those around the numbers it is compared with."""
    found: list[Any] = [SOMETHING]
    if kind.name == "bool" and not kind.many:
        found = [True, False]
    elif kind.name in ("enum", "letter_kind") and not kind.many and (kind.of or of):
        found = list(kind.of or of)
    elif kind.name == "int" and not kind.many:
        around = {n + step for n in numbers for step in (-1, 0, 1)} | {n for n in (low, high) if n is not None}
        inside = [n for n in sorted(around) if (low is None or n >= low) and (high is None or n <= high)]
        found = inside or [SOMETHING]
    return (*found, UNSET) if kind.optional else tuple(found)


# ── evaluation ───────────────────────────────────────────────────────────────────────────────────────────────────────

Evaluator = Callable[[Values], Any]
"""Gives the value of one expression under assumed values: a plain value, or a mark."""


@lru_cache(maxsize=MAX_TREES)
def evaluator(text: str) -> Evaluator:
    """The expression `text`, made ready to be tried many times."""
    return _made(tree(text))


def _made(node: Node) -> Evaluator:
    match node.what:
        case "const":
            value = node.value
            return lambda values: value
        case "name" | "select":
            return _reading(path_of(node) or "")
        case "has":
            return _asking(path_of(node) or "")
        case "list":
            return _listing([_made(inner) for inner in node.inner])
        case "call":
            return _calling(node.text, [_made(inner) for inner in node.inner])
    return lambda values: UNKNOWN


def _reading(path: str) -> Evaluator:
    def read(values: Values) -> Any:
        found = values.get(path, UNKNOWN)
        return ERROR if found is UNSET else found

    return read


def _asking(path: str) -> Evaluator:
    def ask(values: Values) -> Any:
        found = values.get(path, UNKNOWN)
        return UNKNOWN if found is UNKNOWN else found is not UNSET

    return ask


def _listing(items: Sequence[Evaluator]) -> Evaluator:
    def gather(values: Values) -> Any:
        found = [item(values) for item in items]
        return next((value for value in found if isinstance(value, Mark)), found)

    return gather


def _calling(name: str, inner: Sequence[Evaluator]) -> Evaluator:
    match name:
        case "_&&_" | "_||_":
            return _either(inner[0], inner[1], decides=name == "_||_")
        case "!_":
            return lambda values: (not found) if isinstance(found := inner[0](values), bool) else _unsure(found)
        case "_?_:_":
            return _choosing(*inner)
        case _ if name in _OPERATIONS:
            return _operating(_OPERATIONS[name], inner)
    return lambda values: UNKNOWN


def _either(left: Evaluator, right: Evaluator, *, decides: bool) -> Evaluator:
    """`&&` and `||` as CEL has them: one side that decides is enough, also when the other cannot be read."""
    plain = not decides

    def both(values: Values) -> Any:
        one = left(values)
        if one is decides:
            return decides
        other = right(values)
        if other is decides:
            return decides
        if one is plain and other is plain:
            return plain
        known = (plain, ERROR)
        return ERROR if one in known and other in known else UNKNOWN

    return both


def _choosing(condition: Evaluator, yes: Evaluator, no: Evaluator) -> Evaluator:
    def choose(values: Values) -> Any:
        found = condition(values)
        if isinstance(found, bool):
            return (yes if found else no)(values)
        one, other = yes(values), no(values)
        return one if found is UNKNOWN and one == other else _unsure(found)

    return choose


def _operating(operation: Callable[..., Any], inner: Sequence[Evaluator]) -> Evaluator:
    def operate(values: Values) -> Any:
        found = [one(values) for one in inner]
        for value in found:
            if isinstance(value, Mark):
                return ERROR if ERROR in found else UNKNOWN
        try:
            return operation(*found)
        except (TypeError, ArithmeticError):
            return UNKNOWN

    return operate


def _unsure(value: Any) -> Any:
    return ERROR if value is ERROR else UNKNOWN


# No sums: the whole numbers tried are those that something is compared with, and would say nothing of a sum.
_OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
    "@in": lambda item, whole: item in whole,
}
_KNOWN_CALLS = frozenset({"_&&_", "_||_", "!_", "_?_:_", *_OPERATIONS})
_NAMES: Mapping[str, Kind] = dict.fromkeys(("case", "track", "tracks", "counts", "event", "now", "new"), Kind("dyn"))
