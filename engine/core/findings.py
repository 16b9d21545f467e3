"""Reading a small YAML form strictly: every fault is found in one run, each with its place and a did-you-mean.

Calendars and directories are forms of a few known keys. `Findings` collects what is wrong with one file and raises
it at the end as one `LianxinError`; the workflow language has its own, larger reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any

from engine.core.errors import LianxinError, Problem, Span
from engine.core.instants import parse_date

Path = tuple[str | int, ...]
SpanOf = Callable[[Path], Span | None]
"""Where in the text the value at a path of keys and list indexes stands; None where nobody knows."""


def nowhere(path: Path) -> Span | None:
    """The `SpanOf` of data that did not come from a text."""
    return None


class Findings:
    """The faults of one file, in the order found."""

    def __init__(self, file: str, span: SpanOf) -> None:
        self.file = file
        self.span = span
        self.problems: list[Problem] = []

    def add(
        self, code: str, path: Path, *, known: Iterable[str] = (), wrong: str | None = None, **facts: object
    ) -> None:
        """Note a fault at `path`. With `wrong` and `known` names, the closest known name is the did-you-mean."""
        close = get_close_matches(wrong, list(known), n=1, cutoff=0.5) if wrong else []
        texts = {name: str(value) for name, value in facts.items()}
        suggestion = close[0] if close else None
        self.problems.append(Problem(code, self.file, self.span(path), texts, suggestion=suggestion))

    def form(self, value: object, path: Path, needs: Iterable[str], may: Iterable[str] = ()) -> dict[str, Any]:
        """`value` as a mapping with the keys `needs`, not empty, and at most those of `may`; what is amiss is noted."""
        if not isinstance(value, Mapping):
            self.add("LX-801", path, key=place(path), expected="键值 a mapping", found=kind(value))
            return {}
        needs = tuple(needs)
        known = (*needs, *may)
        for key in value:
            if key not in known:
                self.add("LX-802", (*path, key), wrong=str(key), known=known, key=key, place=place(path))
        for key in needs:
            if value.get(key) in (None, [], {}):
                self.add("LX-803", path, key=key, place=place(path))
        return {str(key): inner for key, inner in value.items()}

    def items(self, value: object, path: Path) -> list[Any]:
        """`value` as a list; an absent one is empty."""
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.add("LX-801", path, key=place(path), expected="列表 a list", found=kind(value))
        return []

    def version(self, value: object) -> None:
        """Note a file written for another version of the language than 1."""
        if value is not None and str(value) != "1":
            self.add("LX-801", ("lianxin",), key="lianxin", expected="1", found=kind(value))

    def text(self, value: object, path: Path) -> str:
        """`value` as a text that is not empty; "" after noting the fault. An absent value is "" without a note."""
        if value is None:
            return ""
        if isinstance(value, str) and value.strip():
            return value
        self.add("LX-801", path, key=place(path), expected="文字 a text", found=kind(value))
        return ""

    def day(self, value: object, path: Path) -> date | None:
        """`value` as a date `2026-10-01`; None after noting the fault. An absent value is None without a note."""
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        try:
            return parse_date(str(value))
        except ValueError:
            self.add("LX-804", path, key=place(path), found=value)
            return None

    def raise_if_any(self) -> None:
        """LianxinError LX-800 with all findings, if there are any."""
        if self.problems:
            raise LianxinError("LX-800", 1, tuple(self.problems), file=self.file, count=len(self.problems))


def place(path: Path) -> str:
    """A path as people write it: `years[3].notices[0]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "全文 whole file"


def kind(value: object) -> str:
    """What a YAML value is, in a reader's words."""
    names: dict[type, str] = {dict: "键值 a mapping", list: "列表 a list", type(None): "空 nothing"}
    return names.get(type(value), f"“{value}”")
