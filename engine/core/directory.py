"""Who is above whom, and who holds which post: units, posts and leaders of one place.

Immutable, known by its digest; persons appear by reference only. `Lookups` joins a directory and a calendar for the
functions a condition may call. The directory holds one moment; who held a post last year is a later piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from engine.core.calendar import Calendar
from engine.core.directory_form import Post, Unit, read_directory
from engine.core.findings import SpanOf, nowhere
from engine.core.instants import Instant

OPEN_ROOT = "全部单位"
"""The invented unit above all others in a directory made from bare names."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by reference, in one unit, with the roles of the posts held there."""

    ref: str
    unit: str
    roles: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Directory:
    """Units in a tree with one root. Equal and hashable by digest."""

    name: str
    office: str
    tree: tuple[Unit, ...]
    digest: str = field(init=False)
    units: tuple[str, ...] = field(init=False)
    people: tuple[Person, ...] = field(init=False, repr=False)
    _units: dict[str, Unit] = field(init=False, repr=False)
    _posts: dict[str, Post] = field(init=False, repr=False)
    _above: dict[str, tuple[str, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        units = {unit.name: unit for unit in self.tree}
        derived = {
            "digest": sha256(orjson.dumps(self.content(), option=orjson.OPT_SORT_KEYS)).hexdigest(),
            "units": tuple(units),
            "people": tuple(person for unit in self.tree for person in _people(unit)),
            "_units": units,
            "_posts": {f"post:{unit.name}/{post.title}": post for unit in self.tree for post in unit.posts},
            "_above": {name: _above(name, units) for name in units},
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directory) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __contains__(self, unit: object) -> bool:
        return unit in self._units

    @property
    def edition(self) -> str:
        """For people: the name and the beginning of the digest."""
        return f"{self.name} {self.digest[:8]}"

    def content(self) -> dict[str, Any]:
        """What the digest is the SHA-256 of, as canonical JSON."""
        return {"directory": self.name, "office": self.office, "units": [unit.content() for unit in self.tree]}

    def superior(self, unit: str) -> str:
        """The unit directly above; "" at the root and for a unit that is not here."""
        known = self._units.get(unit)
        return known.parent if known else ""

    def discipline_body(self, unit: str) -> str:
        """The discipline organ in charge of the unit: its own, else the nearest one above; "" where there is none."""
        return next(
            (self._units[name].discipline_body for name in self._up(unit) if self._units[name].discipline_body), ""
        )

    def in_or_under(self, unit: str, units: Sequence[str]) -> bool:
        """Whether `unit` is one of `units` or stands anywhere below one of them. A unit not here only equals itself."""
        return unit in units or any(above in units for above in self._above.get(unit, ()))

    def under(self, unit: str) -> tuple[str, ...]:
        """Every unit below this one, at any depth, without itself."""
        return tuple(name for name, above in self._above.items() if unit in above)

    def leader(self, unit: str, level: str) -> str | None:
        """The person who sponsors the unit's cases at L1…L5; None where nobody holds that post.

        L1 is the unit's own head. L2 (leader in charge above), L3 (principal of the district), L4 (city leader in
        charge of the field) and L5 (city principal) are the unit's own entry, else the nearest one above.
        """
        if level == "L1":
            own = self._units.get(unit)
            return self._holder(f"post:{unit}/{own.head}") if own else None
        for name in self._up(unit):
            post = self._units[name].leaders.get(level)
            if post:
                return self._holder(post)
        return None

    def holders(self, role: str, unit: str | None = None) -> tuple[Person, ...]:
        """Who may act in that role, in the file's order; with `unit`, only those who do so in that unit."""
        return tuple(p for p in self.people if role in p.roles and unit in (None, p.unit))

    def _up(self, unit: str) -> tuple[str, ...]:
        return (unit, *self._above[unit]) if unit in self._units else ()

    def _holder(self, post: str) -> str | None:
        found = self._posts.get(post)
        return found.holders[0] if found and found.holders else None


@dataclass(frozen=True, slots=True)
class Lookups:
    """What conditions may ask the directory and the calendar in force; `edition` goes on record with the answers."""

    directory: Directory
    calendar: Calendar

    @property
    def edition(self) -> str:
        """Both digests: the same text always means the same answers."""
        return f"{self.calendar.digest}+{self.directory.digest}"

    def superior(self, unit: str) -> str:
        """The unit directly above; "" at the root."""
        return self.directory.superior(unit)

    def discipline_body(self, unit: str) -> str:
        """The discipline organ in charge; "" where there is none."""
        return self.directory.discipline_body(unit)

    def in_or_under(self, unit: str, units: Sequence[str]) -> bool:
        """Whether the unit is one of `units` or below one of them."""
        return self.directory.in_or_under(unit, units)

    def day(self, instant: Instant) -> str:
        """The local date, `2026-04-01`."""
        return self.calendar.local_day(instant).isoformat()

    def office_hours(self, instant: Instant) -> bool:
        """Whether the office is open at that instant."""
        return self.calendar.office_hours(instant)


def load_directory(data: object, file: str = "directory", span: SpanOf = nowhere) -> Directory:
    """The directory a parsed YAML file describes. LianxinError LX-800 with all its faults, each at its place."""
    form = read_directory(data, file, span)
    return Directory(form.name, form.office, form.units)


def open_directory(units: Iterable[str]) -> Directory:
    """A flat directory of the given names under `OPEN_ROOT`, without posts: for imported foreign data."""
    names = sorted({*units} - {OPEN_ROOT, ""})
    return Directory("open", OPEN_ROOT, (Unit(OPEN_ROOT), *(Unit(name, parent=OPEN_ROOT) for name in names)))


def _above(name: str, units: dict[str, Unit]) -> tuple[str, ...]:
    """The chain of units above, the nearest first. The form has been checked: there is no cycle."""
    chain: list[str] = []
    parent = units[name].parent
    while parent:
        assert parent not in chain, "a directory is a tree"
        chain.append(parent)
        parent = units[parent].parent
    return tuple(chain)


def _people(unit: Unit) -> list[Person]:
    roles: dict[str, dict[str, None]] = {}
    for post in unit.posts:
        for ref in post.holders:
            roles.setdefault(ref, {}).update(dict.fromkeys(post.roles))
    return [Person(ref, unit.name, tuple(names)) for ref, names in roles.items()]


__all__ = ["OPEN_ROOT", "Directory", "Lookups", "Person", "Post", "Unit", "load_directory", "open_directory"]
