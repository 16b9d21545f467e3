"""The kinds of value an expression can read, and the tree of names that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, Union

TEXT_KINDS = frozenset({"text", "code", "date", "instant", "duration", "enum", "unit", "person", "case", "letter_kind"})
"""Kinds whose values are texts. Dates and instants have a fixed width, so that they compare as texts."""
KINDS = TEXT_KINDS | {"bool", "int", "decimal", "dyn"}
"""All kinds; `dyn` is foreign data whose type nobody knows."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a name stands for. `optional`: may be unset; `many`: a list of it; `of`: the values of an enum."""

    name: str
    optional: bool = False
    many: bool = False
    of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.name in KINDS, f"no kind of value is called {self.name}"

    @property
    def label(self) -> str:
        """The kind as findings and `want` say it: `unit`, or `unit[]` for a list of units."""
        return f"{self.name}[]" if self.many else self.name


Shape: TypeAlias = Mapping[str, Union[Kind, "Shape"]]
"""Names under a name: `{"case": {"severity": Kind("int")}}` lets an expression say `case.severity`."""

Path: TypeAlias = tuple[str, ...]
"""A dotted name in steps: `case.severity` is `("case", "severity")`."""


def find(shape: Shape, path: Path) -> Kind | Shape | None:
    """What stands at a path; below a `dyn` everything is `dyn`; None where nothing has that name."""
    here: Kind | Shape | None = shape
    for step in path:
        if isinstance(here, Kind):
            return here if here.name == "dyn" and not here.many else None
        if here is None:
            return None
        here = here.get(step)
    return here


def names(shape: Shape, prefix: str = "") -> list[str]:
    """Every dotted name of a value in the tree, in order."""
    found: list[str] = []
    for name, inner in shape.items():
        found += [prefix + name] if isinstance(inner, Kind) else names(inner, f"{prefix}{name}.")
    return found
