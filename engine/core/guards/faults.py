"""What can be wrong with an expression, found when it is compiled; and how the compiler's own words are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.core.catalogue import remedy, sentence
from engine.core.errors import Problem, Span
from engine.core.guards.cel_ast import MAX_DEPTH
from engine.core.guards.cel_env import CALLABLE
from engine.core.guards.kinds import Kind, Path, Shape, find, names
from engine.core.report import suggest

MAX_CHOICES_NAMED = 12
"""Names listed in a remedy; beyond these, an ellipsis."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one expression. `column` counts characters of the expression from 1; `code` has a page."""

    code: str
    column: int
    facts: Mapping[str, str] = field(default_factory=dict)
    suggestion: str | None = None

    @property
    def message(self) -> str:
        """The fault and what to do about it, in Chinese and English."""
        return sentence(self.code, self.facts)

    @property
    def remedy(self) -> str:
        """What to do about it, in Chinese and English."""
        return remedy(self.code, self.facts)

    def problem(self, file: str, span: Span | None) -> Problem:
        """The fault as a finding at a place of a file (`Source.locate` gives it)."""
        return Problem(self.code, file, span, dict(self.facts), suggestion=self.suggestion)


class GuardFaults(Exception):
    """An expression that cannot be used, with every fault found in it."""

    def __init__(self, text: str, faults: Sequence[Fault]) -> None:
        self.text = text
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.column, fault.code)))
        super().__init__("; ".join(fault.message for fault in self.faults))


class GuardFailed(Exception):
    """An expression that cannot be computed on these values. `missing` names the unset path, if that is why."""

    def __init__(self, code: str, missing: str | None = None, **facts: str) -> None:
        self.code = code
        self.missing = missing
        self.facts = facts
        super().__init__(code, facts)

    @property
    def reason(self) -> str:
        """Why, in Chinese and English."""
        return sentence(self.code, self.facts)


def listed(choices: Iterable[str]) -> str:
    """Names for a remedy, in order, at most MAX_CHOICES_NAMED of them."""
    ordered = list(choices)
    more = ["…"] if len(ordered) > MAX_CHOICES_NAMED else []
    return "、".join([*ordered[:MAX_CHOICES_NAMED], *more])


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the compiler's complaints in the words of one scope: its names, its messages, its hidden names."""

    shape: Shape
    structs: Mapping[str, Path] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)

    def faults(self, complaint: str, text: str) -> list[Fault]:
        """The faults behind the compiler's error text; there is always at least one."""
        found = [self._fault(text, int(line), int(column), what) for line, column, what in _ERROR.findall(complaint)]
        if not found:
            return [too_deep() if "recursion" in complaint else _syntax(1, complaint)]
        # A name that is wrong also has no type, and one slip of the pen makes the parser stumble several times.
        found = [fault for fault in found if "*error*" not in fault.facts.get("types", "")] or found
        unreadable = [fault for fault in found if fault.code in ("LX-150", "LX-156")]
        return unreadable[:1] or [fault for number, fault in enumerate(found) if fault not in found[:number]]

    def _fault(self, text: str, line: int, column: int, what: str) -> Fault:
        at = _column(text, line, column)
        if "recursion" in what:
            return too_deep()
        if found := _FIELD.search(what):
            return self._field(at, found[1], found[2])
        if found := _REFERENCE.search(what):
            return self._reference(text, at, found[1])
        if found := _OVERLOAD.search(what):
            operation = found[1].replace("_", "").replace("@", "") or found[1]
            return Fault("LX-152", at, {"operation": operation, "types": _WORD.sub(self._type, found[2])})
        if found := _SELECT.search(what):
            return Fault("LX-152", at, {"operation": ".", "types": _WORD.sub(self._type, found[1])})
        if what.startswith("has() argument"):
            return Fault("LX-158", at, {"what": "has(…)"})
        return _syntax(at, what)

    def _type(self, word: re.Match[str]) -> str:
        path = self.structs.get(word[0])
        return ".".join(path) if path else _TYPES.get(word[0], word[0])

    def _field(self, at: int, name: str, struct: str) -> Fault:
        path = self.structs.get(struct, ())
        dotted = ".".join([*path, name])
        if dotted in self.hidden:
            return Fault("LX-159", at + 1, {"path": dotted, "why": self.hidden[dotted]})
        inner = find(self.shape, path)
        choices = [] if inner is None or isinstance(inner, Kind) else list(inner)
        facts = {"name": dotted, "choices": listed(".".join([*path, choice]) for choice in choices)}
        return Fault("LX-151", at + 1, facts, suggest(name, choices))

    def _reference(self, text: str, at: int, name: str) -> Fault:
        if text[at - 1 : at] == "(":  # the library points at a call's bracket
            return Fault(
                "LX-157", max(at - len(name), 1), {"name": name, "choices": listed(CALLABLE)}, suggest(name, CALLABLE)
            )
        root, _, rest = name.partition(".")
        column = text.rfind(root, 0, at - 1 + len(root)) + 1
        leaves = [full for full in names(self.shape) if full.endswith(f".{root}")]
        near = suggest(root, self.shape)
        guess = leaves[0] if leaves else f"{near}.{rest}" if near and rest else near
        return Fault("LX-151", max(column, 1), {"name": name, "choices": listed(self.shape)}, guess)


def too_deep() -> Fault:
    """The fault of an expression nested past the limit."""
    return Fault("LX-156", 1, {"limit": str(MAX_DEPTH)})


def too_long(limit: int) -> Fault:
    """The fault of an expression of more than `limit` characters."""
    return Fault("LX-156", 1, {"limit": str(limit)})


def _syntax(column: int, what: str) -> Fault:
    what = what.removeprefix("Syntax error: ")
    what = re.sub(r" expecting \{.*", "", what).replace("'<EOF>'", "end").replace("<EOF>", "end")
    return Fault("LX-150", column, {"detail": what})


def _column(text: str, line: int, column: int) -> int:
    before = text.split("\n")[: max(line - 1, 0)]
    return max(sum(len(part) + 1 for part in before) + column, 1)


_WORD = re.compile(r"[a-z_][a-z_0-9.]*")
_ERROR = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_FIELD = re.compile(r"undefined field '([^']*)' not found in struct '([^']*)'")
_REFERENCE = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")
_SELECT = re.compile(r"expression of type '([^']*)' cannot be the operand of a select operation")
_TYPES = {"string": "text", "double": "decimal", "list": "list", "null_type": "null"}
