"""What an expression reads and means: a walk over the checked tree with presence, kinds of text, and enum values.

CEL knows texts; we know units, dates and enums. The walk finds what CEL lets pass: an optional field read without
`has()`, a value no enum has, a date compared with an instant, a whole record used as a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from engine.core.guards.cel_ast import Node
from engine.core.guards.cel_env import FUNCTIONS, LIBRARY_FUNCTIONS
from engine.core.guards.faults import Fault, listed
from engine.core.guards.kinds import TEXT_KINDS, Kind, Path, Shape, find
from engine.core.instants import parse
from engine.core.report import suggest

Paths = frozenset[Path]
NOTHING: Paths = frozenset()

ORDER = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
EQUALITY = frozenset({"_==_", "_!=_"})
ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_", "-_"})
LITERAL = "literal"
"""The kind of a text written in the expression: it may stand for any kind of text."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one node: its kind, which paths are present when it is true or false, which texts it may be."""

    kind: str
    when_true: Paths = NOTHING
    when_false: Paths = NOTHING
    literals: tuple[tuple[str, int], ...] = ()
    path: Path | None = None
    of: tuple[str, ...] = ()


@dataclass(slots=True)
class Reading:
    """One walk over one expression."""

    shape: Shape
    present: Paths
    optional_ok: bool
    paths: dict[Path, Kind] = field(default_factory=dict)
    """Everything read or asked about with has()."""
    calls: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def walk(self, root: Node) -> Seen:
        """Visit the whole expression; what is known of its result."""
        return self._visit(root, self.present)

    def fault(self, code: str, column: int, suggestion: str | None = None, **facts: str) -> None:
        """Note a fault at a column."""
        self.faults.append(Fault(code, column, facts, suggestion))

    # ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _visit(self, node: Node, known: Paths) -> Seen:
        match node.what:
            case "const":
                if node.base == "text":
                    return Seen(LITERAL, literals=((node.value, node.column),))
                return Seen(self._accepted(node))
            case "name" | "select":
                return self._read(node, known)
            case "has":
                return self._has(node)
            case "list":
                return self._list(node, known)
            case "call":
                return self._call(node, known)
        self.fault(
            "LX-158", node.column, what={"struct": "{…}", "comprehension": "map/filter/exists"}.get(node.what, "…")
        )
        return Seen("other")

    def _accepted(self, node: Node) -> str:
        """The kind of a node that is no text of a finer kind; a type we have no kind for is a fault."""
        if node.base in ("bool", "int", "decimal", "text", "dyn"):
            return node.base
        self.fault("LX-158", node.column, what=node.base)
        return "other"

    def _path(self, node: Node) -> tuple[Path, int] | None:
        """The path a node reads, and the column where it begins; None for anything that is no plain path."""
        if node.what == "name":
            return (node.text,), node.column
        if node.what in ("select", "has"):
            above = self._path(node.inner[0])
            return None if above is None else ((*above[0], node.text), above[1])
        if node.what == "call" and node.text == "_[_]":
            key = node.inner[1]
            above = self._path(node.inner[0])
            if above is not None and key.what == "const" and key.base == "text":
                kind = find(self.shape, above[0])
                if isinstance(kind, Kind) and kind.name == "dyn" and not kind.many:
                    return (*above[0], key.value), above[1]
        return None

    def _read(self, node: Node, known: Paths) -> Seen:
        found = self._path(node)
        if found is None:
            self._visit(node.inner[0], known)
            return Seen(self._accepted(node))
        path, column = found
        kind = find(self.shape, path)
        dotted = ".".join(path)
        if not isinstance(kind, Kind):
            self.fault("LX-158", column, what=f"{dotted}（整条记录 a whole record）")
            return Seen("other")
        self.paths[path] = kind
        if kind.optional and path not in known and not self.optional_ok:
            self.fault("LX-153", column, path=dotted)
        return Seen(kind.label, path=path, of=kind.of)

    def _has(self, node: Node) -> Seen:
        found = self._path(node)
        if found is None:
            self.fault("LX-158", node.column, what="has(…)")
            return Seen("bool")
        path, column = found
        kind = find(self.shape, path)
        if not isinstance(kind, Kind):
            self.fault("LX-158", column, what=f"has({'.'.join(path)})")
            return Seen("bool")
        self.paths.setdefault(path, kind)
        return Seen("bool", when_true=frozenset({path}))

    def _list(self, node: Node, known: Paths) -> Seen:
        items = [self._visit(inner, known) for inner in node.inner]
        kinds = {item.kind for item in items} - {LITERAL}
        literals = tuple(literal for item in items for literal in item.literals)
        if not kinds:
            return Seen(f"{LITERAL}[]", literals=literals)
        if len(kinds) == 1:
            return Seen(f"{kinds.pop()}[]", literals=literals)
        if kinds <= TEXT_KINDS:
            return Seen("text[]", literals=literals)
        self.fault("LX-152", node.column, operation="[ ]", types=", ".join(sorted(kinds)))
        return Seen("other")

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call(self, node: Node, known: Paths) -> Seen:
        match node.text:
            case "_&&_":
                left = self._visit(node.inner[0], known)
                right = self._visit(node.inner[1], known | left.when_true)
                return Seen("bool", left.when_true | right.when_true, left.when_false & right.when_false)
            case "_||_":
                left = self._visit(node.inner[0], known)
                right = self._visit(node.inner[1], known | left.when_false)
                return Seen("bool", left.when_true & right.when_true, left.when_false | right.when_false)
            case "!_":
                inner = self._visit(node.inner[0], known)
                return Seen("bool", inner.when_false, inner.when_true)
            case "_?_:_":
                return self._choice(node, known)
            case "_[_]":
                return self._index(node, known)
        seen = [self._visit(inner, known) for inner in node.inner]
        if node.text in ORDER or node.text in EQUALITY:
            return self._comparison(node, seen[0], seen[1])
        if node.text == "@in":
            return self._membership(node, seen[0], seen[1])
        if node.text in ARITHMETIC:
            return Seen(self._sum(node, seen))
        self.calls.add(node.text)
        if node.text in FUNCTIONS:
            return self._ours(node, seen)
        if node.text not in LIBRARY_FUNCTIONS:
            self.fault("LX-157", node.column, name=node.text, choices=listed([*FUNCTIONS, *LIBRARY_FUNCTIONS]))
        return Seen(self._accepted(node))

    def _choice(self, node: Node, known: Paths) -> Seen:
        condition = self._visit(node.inner[0], known)
        yes = self._visit(node.inner[1], known | condition.when_true)
        no = self._visit(node.inner[2], known | condition.when_false)
        kind = yes.kind if no.kind in (yes.kind, LITERAL) else no.kind if yes.kind == LITERAL else node.base
        return Seen(
            kind if kind != "list" else yes.kind,
            (condition.when_true | yes.when_true) & (condition.when_false | no.when_true),
            (condition.when_true | yes.when_false) & (condition.when_false | no.when_false),
            yes.literals + no.literals,
            of=(*yes.of, *no.of),
        )

    def _index(self, node: Node, known: Paths) -> Seen:
        if self._path(node) is not None:
            return self._read(node, known)
        whole, _ = self._visit(node.inner[0], known), self._visit(node.inner[1], known)
        if whole.kind.endswith("[]"):
            return Seen(whole.kind[:-2], of=whole.of)
        return Seen(self._accepted(node))

    def _sum(self, node: Node, seen: Iterable[Seen]) -> str:
        kinds = [one.kind for one in seen]
        if node.base == "list":
            return kinds[0] if len(set(kinds)) == 1 else "text[]"
        return self._accepted(node)

    def _ours(self, node: Node, seen: list[Seen]) -> Seen:
        arguments, result = FUNCTIONS[node.text]
        for number, (want, one) in enumerate(zip(arguments, seen, strict=True)):
            if not fits(want, one.kind):
                self.fault("LX-152", node.inner[number].column, operation=f"{node.text}({want})", types=one.kind)
        return Seen(result)

    # ── comparisons ──────────────────────────────────────────────────────────────────────────────────────────────

    def _comparison(self, node: Node, left: Seen, right: Seen) -> Seen:
        operation = node.text.strip("_")
        if not comparable(left.kind, right.kind):
            self.fault("LX-160", node.column, left=left.kind, right=right.kind, operation=operation)
        elif node.text in ORDER:
            for side in (left, right):
                unordered = side.kind == "enum" and tuple(sorted(side.of)) != side.of
                if side.kind == "duration" or unordered:
                    self.fault("LX-160", node.column, left=left.kind, right=right.kind, operation=operation)
                    break
        self._check_values(left, right)
        self._check_values(right, left)
        return Seen("bool")

    def _membership(self, node: Node, item: Seen, whole: Seen) -> Seen:
        element = whole.kind.removesuffix("[]")
        if whole.kind.endswith("[]") and not comparable(item.kind, element):
            self.fault("LX-160", node.column, left=item.kind, right=whole.kind, operation="in")
        bare = Seen(element, literals=whole.literals, path=whole.path, of=whole.of)
        self._check_values(item, bare)
        self._check_values(bare, item)
        return Seen("bool")

    def _check_values(self, known: Seen, other: Seen) -> None:
        """The texts on one side must be values that the other side can have."""
        for value, column in other.literals:
            if known.kind == "enum" and known.of:
                self.check_enum(value, column, ".".join(known.path or ()) or "enum", known.of)
            elif known.kind in _WRITTEN and not _WRITTEN[known.kind](value):
                self.fault("LX-161", column, value=f"'{value}'", kind=known.kind)

    def check_enum(self, value: str, column: int, path: str, of: tuple[str, ...]) -> None:
        """Note a text that is none of an enum's values."""
        if value not in of:
            self.fault("LX-154", column, suggest(value, of), value=f"'{value}'", path=path, choices=listed(of))


def comparable(left: str, right: str) -> bool:
    """Whether comparing these kinds can mean anything; CEL itself has seen to the basic types."""
    if left == right or "dyn" in (left, right):
        return True
    loose = {LITERAL, "text", "code"}
    both_texts = left in TEXT_KINDS | {LITERAL} and right in TEXT_KINDS | {LITERAL}
    if both_texts and not {left, right} & {"date", "instant", "duration"}:
        return bool({left, right} & loose)
    if both_texts:
        return LITERAL in (left, right)
    return True


def fits(want: str, kind: str) -> bool:
    """Whether a result of `kind` may stand where `want` is wanted; `a|b` wants either."""
    if "|" in want:
        return any(fits(one, kind) for one in want.split("|"))
    if want in (kind, "dyn") or kind == "dyn":
        return True
    if want.endswith("[]") and kind.endswith("[]"):
        return fits(want[:-2], kind[:-2])
    if kind == LITERAL:
        return want in TEXT_KINDS
    if want == "text":
        return kind in TEXT_KINDS
    if want == "code":
        return kind in ("enum", "letter_kind")
    return (want, kind) in (("decimal", "int"), ("enum", "code"), ("letter_kind", "code"))


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_instant(value: str) -> bool:
    try:
        return parse(value) == value
    except ValueError:
        return False


_WRITTEN = {"date": _is_date, "instant": _is_instant}
