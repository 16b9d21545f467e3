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

from engine.core.cel_ast import Node
from engine.core.cel_env import program
from engine.core.kinds import Kind
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
        found = evaluate(tree(condition.guard.text), values)
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


def evaluate(node: Node, values: Values) -> Any:
    """The value of a node: a plain value, or a mark."""
    match node.what:
        case "const":
            return node.value
        case "name" | "select":
            found = values.get(path_of(node) or "", UNKNOWN)
            return ERROR if found is UNSET else found
        case "has":
            found = values.get(path_of(node) or "", UNKNOWN)
            return UNKNOWN if found is UNKNOWN else found is not UNSET
        case "list":
            items = [evaluate(inner, values) for inner in node.inner]
            return next((item for item in items if isinstance(item, Mark)), items)
        case "call":
            return _call(node, values)
    return UNKNOWN


def _call(node: Node, values: Values) -> Any:
    match node.text:
        case "_&&_":
            return _either(node, values, decides=False)
        case "_||_":
            return _either(node, values, decides=True)
        case "!_":
            inner = evaluate(node.inner[0], values)
            return (not inner) if isinstance(inner, bool) else _unsure(inner)
        case "_?_:_":
            condition = evaluate(node.inner[0], values)
            if isinstance(condition, bool):
                return evaluate(node.inner[1 if condition else 2], values)
            ways = [evaluate(inner, values) for inner in node.inner[1:]]
            return ways[0] if condition is UNKNOWN and ways[0] == ways[1] else _unsure(condition)
    operation = _OPERATIONS.get(node.text)
    found = [evaluate(inner, values) for inner in node.inner]
    if ERROR in found:
        return ERROR
    if operation is None or any(isinstance(value, Mark) for value in found):
        return UNKNOWN
    try:
        return operation(*found)
    except (TypeError, ArithmeticError):
        return UNKNOWN


def _either(node: Node, values: Values, *, decides: bool) -> Any:
    """`&&` and `||` as CEL has them: one side that decides is enough, also when the other cannot be read."""
    sides = [evaluate(inner, values) for inner in node.inner]
    if any(side is decides for side in sides):
        return decides
    if ERROR in sides and UNKNOWN not in sides and SOMETHING not in sides:
        return ERROR
    return (not decides) if all(isinstance(side, bool) for side in sides) else UNKNOWN


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
