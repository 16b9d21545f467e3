"""Expressions: compiled once when a file is loaded, evaluated against plain values, never guessing.

    scope = Scope({"case": {"severity": Kind("int"), "unit": Kind("unit", optional=True)}, "now": Kind("instant")})
    guard = scope.compile("has(case.unit) && case.severity >= 4", want="bool")
    guard.evaluate({"case": {"severity": 4, "unit": "住建局"}, "now": at}, lookups)
    # Evaluation(value=True, inputs={"case.severity": 4, "case.unit": "住建局"})

The language is CEL without comprehensions (cel_env.py); codes, units, dates and instants are texts in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from engine.core.guards.cel_ast import TooDeep
from engine.core.guards.cel_env import FUNCTIONS, Checker, NotCompiled, Program, checking, program
from engine.core.guards.faults import Fault, GuardFailed, GuardFaults, Teller, too_deep, too_long
from engine.core.guards.kinds import Kind, Shape
from engine.core.guards.reading import LITERAL, NOTHING, Reading, Seen, fits
from engine.core.guards.values import Answers, Evaluation, Lookups, given, key_of, no_answer, project, result, value_at

__all__ = [
    "MAX_CHARACTERS",
    "MEMO_ENTRIES",
    "Evaluation",
    "Fault",
    "Guard",
    "GuardFailed",
    "GuardFaults",
    "Kind",
    "Lookups",
    "Scope",
    "Shape",
    "Untyped",
    "interpolation",
    "untyped",
]

MAX_CHARACTERS = 2_000
"""Longest expression."""
MEMO_ENTRIES = 1_024
"""Results a guard remembers before it forgets them all."""


class Guard:
    """A compiled expression. `kind` is its result's, `reads` the dotted paths it reads, `calls` its functions.

    `ensures` and `refutes` are the optional paths known to be present once it was true, or false: in a list of
    conditions, hand them on to the next as `present`.
    """

    __slots__ = (
        "_asks",
        "_key",
        "_memo",
        "_paths",
        "_program",
        "_unset_ok",
        "calls",
        "ensures",
        "kind",
        "reads",
        "refutes",
        "text",
    )

    def __init__(self, text: str, kind: str, seen: Seen, reading: Reading, program: Program) -> None:
        self.text = text
        self.kind = kind
        self.reads = tuple(sorted(".".join(path) for path in reading.paths))
        self.calls = tuple(sorted(reading.calls))
        self.ensures = frozenset(".".join(path) for path in seen.when_true)
        self.refutes = frozenset(".".join(path) for path in seen.when_false)
        self._paths = tuple(sorted(reading.paths.items()))
        self._program = program
        self._unset_ok = reading.optional_ok
        self._asks = not reading.calls.isdisjoint(FUNCTIONS)
        self._key = key_of(self._paths)
        foreign = any(kind.name == "dyn" for kind in reading.paths.values())
        self._memo: dict[Any, Evaluation] | None = None if foreign else {}

    def __repr__(self) -> str:
        return f"Guard({self.text!r})"

    def evaluate(self, values: Mapping[str, Any], lookups: Lookups) -> Evaluation:
        """The value for these names (`{"case": {…}, "now": …}`; absent or None is unset). GuardFailed if there is none.

        Results are remembered by what was read and the edition of the lookups; values are of their fields' types.
        """
        memo = self._memo
        if memo is None:
            return self._compute(values, lookups)
        key = self._key(values)
        if self._asks:
            key = (lookups.edition, key)
        try:
            known = memo.get(key)
        except TypeError:  # a list where none belongs: computing it says so
            return self._compute(values, lookups)
        if known is not None:
            return known
        found = self._compute(values, lookups)
        if len(memo) >= MEMO_ENTRIES:
            memo.clear()
        memo[key] = found
        return found

    def _compute(self, values: Mapping[str, Any], lookups: Lookups) -> Evaluation:
        data: dict[str, Any] = {}
        inputs: dict[str, Any] = {}
        for path, kind in self._paths:
            inside = data
            for step in path[:-1]:
                inside = inside.setdefault(step, {})
            value = value_at(values, path)
            if value is not None:
                dotted = ".".join(path)
                inside[path[-1]], inputs[dotted] = given(value, kind, dotted)
        run = self._program.run(data, Answers(lookups, inputs))
        if run.error:
            self._fail_unless_unset(run.error, run.missing, inputs)
            return Evaluation(None, inputs)
        return Evaluation(result(run.value, self.kind), inputs)

    def _fail_unless_unset(self, error: str, missing: str | None, inputs: Mapping[str, Any]) -> None:
        for path, kind in self._paths:
            dotted = ".".join(path)
            if path[-1] == missing and dotted not in inputs:
                if self._unset_ok and kind.optional:
                    return
                raise GuardFailed("LX-170", missing=dotted, path=dotted)
        raise GuardFailed("LX-172", detail=error)


class Scope:
    """The names that expressions in one place may use. Made once, when a file is loaded.

    `hidden` says of names that exist but may not be read why not (`{"case.text": "个人信息 personal"}`).
    """

    def __init__(self, variables: Shape, hidden: Mapping[str, str] | None = None) -> None:
        self.variables = variables
        self.hidden = dict(hidden or {})
        self._checker: Checker | None = None

    def compile(
        self,
        text: str,
        want: str | None = None,
        present: frozenset[str] = frozenset(),
        *,
        optional_ok: bool = False,
        of: tuple[str, ...] = (),
    ) -> Guard:
        """The guard of an expression. GuardFaults with every fault found, each with its column.

        `want` is the kind of result wanted (`bool` for conditions, `unit[]` for a list, `unit|person` for either);
        `present` the optional paths known to be set; `optional_ok` lets the result be None where one is not;
        `of` the values an enum result may have.
        """
        if len(text) > MAX_CHARACTERS:
            raise GuardFaults(text, [too_long(MAX_CHARACTERS)])
        if self._checker is None:
            self._checker = checking(self.variables)
        try:
            root = self._checker.check(text)
        except TooDeep:
            raise GuardFaults(text, [too_deep()]) from None
        except NotCompiled as error:
            teller = Teller(self.variables, self._checker.structs, self.hidden)
            raise GuardFaults(text, teller.faults(str(error), text)) from None
        reading = Reading(self.variables, frozenset(tuple(path.split(".")) for path in present), optional_ok)
        seen = reading.walk(root)
        kind = "text" if seen.kind == LITERAL else seen.kind
        if want is not None and not reading.faults and not fits(want, seen.kind):
            reading.fault("LX-155", 1, got=kind, want=want)
        for value, column in seen.literals if of else ():
            reading.check_enum(value, column, want or "enum", of)
        if reading.faults:
            raise GuardFaults(text, reading.faults)
        return Guard(text, kind, seen, reading, program(text, self.variables))


class Untyped:
    """An expression over foreign data whose types nobody knows; for maps and intake. `reads` are its static paths."""

    def __init__(self, text: str, variables: Sequence[str]) -> None:
        self.text = text
        shape = {name: Kind("dyn") for name in variables}
        try:
            self._program = program(text, shape)
            root = self._program.tree()
        except TooDeep:
            raise GuardFaults(text, [too_deep()]) from None
        except NotCompiled as error:
            raise GuardFaults(text, Teller(shape).faults(str(error), text)) from None
        reading = Reading(shape, NOTHING, True)
        seen = reading.walk(root)
        if not reading.calls.isdisjoint(FUNCTIONS):
            reading.fault("LX-158", 1, what="、".join(sorted(reading.calls & FUNCTIONS.keys())))
        if reading.faults:
            raise GuardFaults(text, reading.faults)
        self.reads = tuple(sorted(reading.paths))
        self._plain_path = seen.path
        self._read = None if seen.path is None else _path_reader(seen.path)

    def __repr__(self) -> str:
        return f"Untyped({self.text!r})"

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """The value: str, int, bool, float, list, dict or None. GuardFailed if there is none (`missing` says what)."""
        if self._read is not None:  # most are no more than a path: reading it is all there is to do
            try:
                return self._read(values)
            except (LookupError, TypeError):  # TypeError: a text or list stands where a mapping was thought to be
                self._fail(values)
        run = self._program.run(project(values, self.reads), no_answer)
        if not run.error and isinstance(run.value, (str, int, float, list, dict, type(None))):
            return run.value
        if run.missing is not None:
            raise GuardFailed("LX-170", missing=run.missing, path=run.missing)
        raise GuardFailed("LX-172", detail=run.error or type(run.value).__name__)

    def _fail(self, values: Mapping[str, Any]) -> NoReturn:
        """The path cannot be read: at which step."""
        assert self._plain_path is not None
        here: Any = values
        step = ""
        with suppress(LookupError, TypeError):
            for step in self._plain_path:
                here = here[step]
        raise GuardFailed("LX-170", missing=step, path=".".join(self._plain_path)) from None


def _path_reader(path: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """What reads the value at a path; the usual lengths (`event.subject`, `event.data.note`) are written out."""
    match path:
        case [one, two]:
            return lambda values: values[one][two]
        case [one, two, three]:
            return lambda values: values[one][two][three]

    def read(values: Mapping[str, Any]) -> Any:
        here: Any = values
        for step in path:
            here = here[step]
        return here

    return read


def untyped(text: str, variables: Sequence[str]) -> Untyped:
    """The compiled expression over foreign data in `variables` (`row`, `event`). GuardFaults where it cannot be."""
    if len(text) > MAX_CHARACTERS:
        raise GuardFaults(text, [too_long(MAX_CHARACTERS)])
    return Untyped(text, variables)


def interpolation(text: str) -> str | None:
    """The expression of a text that begins with `=`, as in a spreadsheet; None for any other text."""
    return text[1:].lstrip() if text.startswith("=") else None
