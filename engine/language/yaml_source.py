"""A strict YAML reader that knows where everything stands.

    source = load(text, "complaint.yaml")
    source.data                          # dict, list, str, int, Decimal, bool, None
    source.problems                      # every fault, each with its place
    source.span(("states", "closed"))    # where a value stands; key=True for its key

A text means the same here as in YAML 1.1 and 1.2 and in any editor; whatever would not is refused with a remedy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from engine.core.errors import Problem, Span
from engine.language.yaml_reader import MAX_DEPTH, MAX_NODES, MAX_PROBLEMS, Place, Reader
from engine.language.yaml_traps import first_bad_character

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "MAX_PROBLEMS", "MAX_SECTIONS_SKIPPED", "Path", "Source", "load"]

MAX_BYTES = 1_048_576
"""Longest text read (1 MiB)."""
MAX_SECTIONS_SKIPPED = 20
"""Top-level sections left out for bad syntax so that the others are still read in the same run."""

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of the file."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that was read: its plain data, its faults, and the place of everything."""

    file: str
    data: Any
    problems: tuple[Problem, ...]
    lines: tuple[str, ...]
    whole: bool = True
    """False where sections could not be read and are missing from `data`: what is absent may yet be in the file."""
    _root: Place | None = None

    def span(self, path: Path, key: bool = False) -> Span | None:
        """The place of the value at `path` (of its key with `key=True`), or of its nearest ancestor that exists.

        None only where the text holds nothing at all. A value over several lines is marked on its first.
        """
        place, above, found = self._walk(path)
        if place is None:
            return None
        if key and found and path and above is not None and above.keys is not None:
            place = above.keys.get(str(path[-1]), place)
        return place.span(self.lines)

    def locate(self, path: Path, column: int) -> Span | None:
        """The place of character number `column` (from 1) of the text at `path`: where a caret in a text belongs.

        Exact for texts on one line without escapes and for literal blocks (`|`); otherwise the whole value's place.
        """
        place, _, found = self._walk(path)
        text = self._value(path) if found else None
        if place is None or not isinstance(text, str):
            return self.span(path)
        if place.style == "|":
            return self._locate_in_block(place, text, column)
        start = self.lines[place.line].find(text, place.column)
        if place.line != place.end_line or start < 0:
            return place.span(self.lines)
        return Span(place.line + 1, start + column, start + column + 1)

    def _locate_in_block(self, place: Place, text: str, column: int) -> Span:
        before = text[: column - 1].split("\n")
        number = place.line + len(before)
        wanted = text.split("\n")[len(before) - 1]
        if number >= len(self.lines) or not self.lines[number].endswith(wanted):
            return place.span(self.lines)
        start = len(self.lines[number]) - len(wanted) + len(before[-1])
        return Span(number + 1, start + 1, start + 2)

    def _walk(self, path: Path) -> tuple[Place | None, Place | None, bool]:
        """The nearest place on the path, the one above it, and whether the path was walked to its end."""
        place, above = self._root, None
        for step in path:
            inner = _child(place, step)
            if inner is None:
                return place, above, False
            place, above = inner, place
        return place, above, True

    def _value(self, path: Path) -> Any:
        value = self.data
        for step in path:
            value = value[step]
        return value


def load(text: str | bytes, file: str) -> Source:
    """Read one YAML document. Never raises for what the text says: all faults are in `problems`, in order of place.

    Where `problems` holds an error, `data` is incomplete and good for further advice only (see `Source.whole`).
    """
    content, refusal = _decode(text, file)
    lines = tuple(content.split("\n"))
    if refusal is not None:
        return Source(file, None, (refusal,), lines, whole=False)
    rest, skipped, problems = list(lines), 0, list[Problem]()
    while True:
        reader = Reader(file, lines)
        broken = reader.read("\n".join(rest))
        # An anchor may stand in what was left out: then its aliases are not the reader's fault.
        problems += [p for p in reader.problems if p not in problems and not (skipped and p.code == "LX-107")]
        if broken is None or skipped == MAX_SECTIONS_SKIPPED or not _blank_section(rest, broken):
            break
        skipped += 1
    problems.sort(key=lambda problem: (problem.span.line, problem.span.column) if problem.span else (0, 0))
    whole = broken is None and not skipped and not reader.stopped
    return Source(file, reader.value, tuple(problems), lines, whole, reader.place)


def _decode(text: str | bytes, file: str) -> tuple[str, Problem | None]:
    """The characters, with plain line ends and without a byte order mark, or why they cannot be read."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return "", Problem("LX-108", file, None, {"limit": str(MAX_BYTES)})
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            readable = error.object[: error.start].decode("utf-8")
            return readable, Problem("LX-101", file, _place_of(readable, len(readable)))
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if text and not text.endswith("\n"):
        text += "\n"  # the parser counts the end of the text as a line of its own
    bad = first_bad_character(text)
    if bad is None:
        return text, None
    shown = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be printed
    return shown, Problem("LX-102", file, _place_of(text, bad), {"character": f"U+{ord(text[bad]):04X}"})


def _place_of(text: str, index: int) -> Span:
    column = index - text.rfind("\n", 0, index)
    return Span(text.count("\n", 0, index) + 1, column, column + 1)


_TOP_LEVEL = re.compile(r"[^\s#\]})-]")


def _blank_section(lines: list[str], number: int) -> bool:
    """Empty the top-level section that holds line `number` (from 0), so that the rest can be read at its old places.

    False where there is nothing left to leave out.
    """
    first = number
    while first > 0 and not _TOP_LEVEL.match(lines[first]):
        first -= 1
    last = first + 1
    while last < len(lines) and not _TOP_LEVEL.match(lines[last]):
        last += 1
    blanked = any(lines[first:last])
    lines[first:last] = [""] * (last - first)
    return blanked


def _child(place: Place | None, step: str | int) -> Place | None:
    children = place.children if place else None
    if isinstance(children, dict) and isinstance(step, str):
        return children.get(step)
    if isinstance(children, list) and isinstance(step, int) and 0 <= step < len(children):
        return children[step]
    return None
