"""The faults of one file, gathered while it is read: each at its place, and none that follows from another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.core.errors import Problem
from engine.core.report import suggest
from engine.language.compile_facts import WHAT_ZH, Fact, in_words
from engine.language.compile_form import Path, read_form
from engine.language.yaml_source import Source


class Notes:
    """One file and its faults so far. `shipped`: name → YAML text of the tracks that come with lianxin."""

    def __init__(self, source: Source, file: str, shipped: Mapping[str, str]) -> None:
        self.source = source
        self.file = file
        self.reading = read_form(source, shipped)
        self.problems: list[Problem] = list(self.reading.problems)

    def problem(
        self, code: str, path: Path, *, key: bool = False, word: str = "", suggestion: str | None = None, **facts: Fact
    ) -> None:
        """Note a fault at a path of the form (at `word` within it), unless it follows from one that was told."""
        self.note(code, path, facts, key=key, word=word, suggestion=suggestion)

    def note(
        self,
        code: str,
        path: Path,
        facts: Mapping[str, Fact],
        *,
        key: bool = False,
        word: str = "",
        suggestion: str | None = None,
    ) -> None:
        """The same, with the facts in a mapping."""
        if not self.reading.is_consequence(path):
            span = self.reading.span(path, key=key, word=word)
            self.problems.append(Problem(code, self.file, span, in_words(facts), suggestion=suggestion))

    def unknown(self, what: str, name: str, known: Iterable[str], path: Path, *, key: bool = False) -> None:
        """A name that nothing answers to, with did-you-mean."""
        if name not in self.reading.doubted:
            known = sorted(known)
            said = (WHAT_ZH.get(what, what), what)
            near = suggest(name, known)
            self.problem(
                "LX-202", path, key=key, word=name, suggestion=near, what=said, name=name, known="、".join(known)
            )

    def place(self, path: Path) -> str:
        """`file:line`, for "why not"."""
        span = self.reading.span(path)
        return f"{self.file}:{span.line}" if span else self.file
