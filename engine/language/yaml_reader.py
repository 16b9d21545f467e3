"""From the parser's events to plain data and places, in one pass with an explicit stack.

PyYAML's C events rather than its `compose()`: composing recurses in C as deep as the text nests, and takes longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from yaml import events
from yaml._yaml import CParser

from engine.core.errors import Problem, Span
from engine.language.yaml_scalars import NotPlain, key_text, plain_value
from engine.language.yaml_traps import (
    cut_by_comma,
    first_bad_character,
    has_operator,
    is_expression,
    is_open,
    swallowed_by_tag,
    syntax_finding,
)

MAX_DEPTH = 40
"""Deepest nesting of mappings and lists."""
MAX_NODES = 200_000
"""Most values a text may stand for once its aliases are expanded."""
MAX_PROBLEMS = 200
"""Findings kept from one text; who has more mends these first."""


@dataclass(slots=True)
class Place:
    """Where a value stands and what stands inside it. Lines and columns count from 0 here, as the parser's do."""

    line: int
    column: int
    end_line: int
    end_column: int
    style: str = ""
    size: int = 1
    children: dict[str, Place] | list[Place] | None = None
    keys: dict[str, Place] | None = None

    def span(self, lines: tuple[str, ...]) -> Span:
        """As a reader counts; a value over several lines is marked to the end of its first."""
        end = self.end_column if self.end_line == self.line else len(lines[self.line])
        return Span(self.line + 1, self.column + 1, max(end, self.column + 1) + 1)


@dataclass(slots=True)
class _Open:
    """A mapping or list being read."""

    value: Any
    place: Place
    flow: bool
    before: int
    """How many values had been read when it began."""
    anchor: str | None = None
    is_key: bool = False
    awaits_key: bool = False
    """In a mapping: what comes next is a key. Else it is the value of `key`, or of a refused one (None)."""
    key: str | None = None
    key_place: Place | None = None
    plain_before: str = ""
    """In a flow collection: the plain text read last, to see whether a comma cut it."""


class Reader:
    """One reading of one text. `value` and `place` hold what was read, also when the rest could not be."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []
        self.value: Any = None
        self.place: Place | None = None
        self._anchors: dict[str, tuple[Any, Place]] = {}
        self._stack: list[_Open] = []
        self._count = 0
        self.stopped = False
        """A limit was passed: the rest was not read."""

    def problem(self, code: str, place: Place, **facts: object) -> None:
        """Note a finding, up to MAX_PROBLEMS."""
        self.note(code, place, {name: str(value) for name, value in facts.items()})

    def note(self, code: str, place: Place, facts: dict[str, str]) -> None:
        """Note a finding whose facts are texts already."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code, self.file, place.span(self.lines), facts))

    def read(self, text: str) -> int | None:
        """Read it all, noting what is wrong. None, or the line (from 0) in which the text stops being YAML."""
        try:
            self._read(text)
        except yaml.MarkedYAMLError as error:
            return self._broken(error)
        return None

    def _read(self, text: str) -> None:
        documents = 0
        parser = CParser(text)
        while (event := parser.get_event()) is not None:
            kind = type(event)
            if kind is events.ScalarEvent:
                self._scalar(event)
            elif kind is events.MappingStartEvent:
                self._begin(event, {}, mapping=True)
            elif kind is events.SequenceStartEvent:
                self._begin(event, [], mapping=False)
            elif kind is events.MappingEndEvent or kind is events.SequenceEndEvent:
                self._end(event)
            elif kind is events.AliasEvent:
                self._alias(event)
            elif kind is events.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._stop("LX-111", _place(event))
                    return
            if len(self._stack) > MAX_DEPTH:
                self._stop("LX-109", self._stack[-1].place, limit=MAX_DEPTH)
                return
            if self._count > MAX_NODES:
                self._stop("LX-110", _place(event), limit=MAX_NODES)
                return

    def _stop(self, code: str, place: Place, **facts: object) -> None:
        self.problem(code, place, **facts)
        self.stopped = True

    def _broken(self, error: yaml.MarkedYAMLError) -> int:
        mark = error.problem_mark or error.context_mark
        assert mark is not None, "the parser says where"
        line, column = min(mark.line, len(self.lines) - 1), mark.column
        code, facts = syntax_finding(error.problem or "", self.lines[line], column)
        opening = error.context_mark
        if opening and opening.line < line and "block" not in (error.context or ""):
            # A bracket or quote left open is at fault where it opens, not where the parser gave up.
            line, column = opening.line, opening.column
        self.note(code, Place(line, column, line, column + 1), facts)
        return line

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _scalar(self, event: Any) -> None:
        parent = self._stack[-1] if self._stack else None
        start, end = event.start_mark, event.end_mark
        place = Place(start.line, start.column, end.line, end.column, event.style)
        if event.anchor:
            place.column = _after_anchor(self.lines[place.line], place)
        if parent is not None and parent.awaits_key:
            self._key(parent, event, place)
            return
        value: Any = event.value
        if event.tag is not None:
            value = self._tagged(event, place, self._key_above())
        elif event.implicit[0]:
            value = self._plain(value, place)
            if parent is not None and parent.flow:
                self._watch_comma(parent, event, place)
        elif event.style == '"':
            bad = first_bad_character(value)
            if bad is not None:  # written as an escape
                self.problem("LX-102", place, character=f"U+{ord(value[bad]):04X}")
        if event.anchor:
            self._anchors[event.anchor] = (value, place)
        self._put(value, place)

    def _plain(self, text: str, place: Place) -> Any:
        try:
            value = plain_value(text)
        except NotPlain as refused:
            self.note(refused.code, place, refused.facts)
            return text
        if "#" in self.lines[place.end_line] and isinstance(value, str):
            rest = self.lines[place.end_line][place.end_column :]
            if rest.lstrip().startswith("#") and is_expression(value, self._key_above()) and is_open(value):
                self.problem("LX-119", place, text=text)
        return value

    def _tagged(self, event: Any, place: Place, key: str | None) -> str:
        raw = self.lines[place.line][place.column : place.end_column if place.end_line == place.line else None]
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        code = "LX-106" if swallowed_by_tag(event.tag, key) else "LX-105"
        self.problem(code, place, tag=tag)
        return raw.strip()

    def _watch_comma(self, parent: _Open, event: Any, place: Place) -> None:
        if parent.key_place is not None:
            key = parent.key_place
            empty = event.value == "" and place.line == place.end_line and place.column == place.end_column
            if empty and (place.line, place.column) == (key.end_line, key.end_column):
                name = parent.key or ""
                self.problem("LX-117", key, text=f"{parent.plain_before}, {name}" if parent.plain_before else name)
                return
        elif parent.plain_before and cut_by_comma(parent.plain_before, event.value):
            self.problem("LX-117", place, text=f"{parent.plain_before}, {event.value}")
        parent.plain_before = event.value

    def _alias(self, event: Any) -> None:
        found = self._anchors.get(event.anchor)
        place = _place(event)
        if found is None:
            self.problem("LX-107", place, name=event.anchor)
            found = (None, place)
        value, origin = found
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.awaits_key:
            self.problem("LX-115", place, kind=f"*{event.anchor}")
            parent.awaits_key, parent.key = False, None
            return
        here = Place(
            place.line, place.column, place.end_line, place.end_column, "*", origin.size, origin.children, origin.keys
        )
        self._put(value, here)

    # ── mappings and lists ───────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, event: Any, value: Any, mapping: bool) -> None:
        place = _place(event)
        if mapping:
            place.children, place.keys = {}, {}
        else:
            place.children = []
        if event.tag is not None:
            self.problem("LX-105", place, tag=event.tag.replace("tag:yaml.org,2002:", "!!"))
        parent = self._stack[-1] if self._stack else None
        opened = _Open(value, place, bool(event.flow_style), self._count, event.anchor, awaits_key=mapping)
        if parent is not None and parent.awaits_key:
            self.problem("LX-115", place, kind="列表或键值 a list or mapping")
            opened.is_key = True
        else:
            self._put(value, place)
        self._stack.append(opened)

    def _end(self, event: Any) -> None:
        done = self._stack.pop()
        done.place.end_line, done.place.end_column = event.end_mark.line, event.end_mark.column
        done.place.size = self._count - done.before
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.place)
        if done.is_key:
            parent = self._stack[-1]
            parent.awaits_key, parent.key = False, None

    def _key(self, parent: _Open, event: Any, place: Place) -> None:
        parent.awaits_key, parent.key, parent.key_place = False, None, place
        name: str = event.value
        if event.tag is not None:
            self._tagged(event, place, None)
            return
        if event.implicit[0]:
            if name == "<<":
                self.problem("LX-116", place)
                return
            try:
                name = key_text(name)
            except NotPlain as refused:
                self.note(refused.code, place, refused.facts)
                return
            if has_operator(name) and not self._is_bare(place):
                self.problem("LX-118", place, text=name)
                return
        assert parent.place.keys is not None, "a mapping has keys"
        first = parent.place.keys.get(name)
        if first is not None:
            self.problem("LX-104", place, key=name, first_line=first.line + 1)
            return
        parent.key = name

    def _is_bare(self, place: Place) -> bool:
        """Whether no colon follows the key: then a comma cut it, and that is said when its value is missing."""
        return not self.lines[place.end_line][place.end_column :].lstrip().startswith(":")

    def _put(self, value: Any, place: Place) -> None:
        self._count += place.size
        if not self._stack:
            self.value, self.place = value, place
            return
        parent = self._stack[-1]
        above = parent.place
        if isinstance(above.children, list):
            parent.value.append(value)
            above.children.append(place)
            return
        if parent.key is not None and above.children is not None and above.keys is not None:
            parent.value[parent.key] = value
            above.children[parent.key] = place
            above.keys[parent.key] = parent.key_place or place
        parent.awaits_key = True

    def _key_above(self) -> str | None:
        """The key of the mapping that the value being read belongs to, also through a list."""
        for opened in reversed(self._stack[-2:]):
            if isinstance(opened.value, dict):
                return opened.key
        return None


def _place(event: Any) -> Place:
    start, end = event.start_mark, event.end_mark
    return Place(start.line, start.column, end.line, end.column)


def _after_anchor(line: str, place: Place) -> int:
    _, _, rest = line[place.column :].partition(" ")
    rest = rest.lstrip()
    return len(line) - len(rest) if rest else place.column
