"""`lianxin replay`: every table that can be rebuilt is rebuilt from the log and compared, byte for byte.

    log ─► fold (evolve) ─► project ─► the same rows as in the tables?

Both sides are read in the order of their keys, side by side, so a database of any size needs the memory of one case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table

from engine.audit.digests import digests
from engine.core.model import JsonObject
from engine.store import schema
from engine.store.projection import Row, months_in
from engine.store.reader import Reader
from engine.store.store import Store
from engine.views.rebuild import Rebuild

VALUE_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not what the log says. `stored` or `rebuilt` is None where that side lacks the row.

    Otherwise both hold the columns that differ, and nothing else.
    """

    table: str
    key: JsonObject
    stored: JsonObject | None
    rebuilt: JsonObject | None


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    events: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    """Rows rebuilt, by table"""
    differences: dict[str, int] = field(default_factory=dict)
    """Rows that differ, by table; tables that agree are left out"""
    first: dict[str, Difference] = field(default_factory=dict)
    """The first difference of each table, by its key"""
    faults: list[str] = field(default_factory=list)
    """Records that do not follow from the one before in their case"""
    state_digest: str = ""
    letters_digest: str = ""

    @property
    def equal(self) -> bool:
        """Whether the tables are what the log says."""
        return not self.differences and not self.faults

    def as_json(self) -> JsonObject:
        """As `lianxin replay --json` prints it."""
        first = {
            name: {"key": found.key, "stored": found.stored, "rebuilt": found.rebuilt}
            for name, found in self.first.items()
        }
        return {
            "equal": self.equal,
            "events": self.events,
            "rows": self.rows,
            "differences": self.differences,
            "first": first,
            "faults": self.faults,
            "state_digest": self.state_digest,
            "letters_digest": self.letters_digest,
        }


def replay(store: Store) -> Replayed:
    """Rebuild one committed snapshot of a database from its log and compare."""
    with store.read() as reader:
        return replay_snapshot(reader)


def replay_snapshot(reader: Reader) -> Replayed:
    """The same, of a snapshot that is being read already."""
    replayed = Replayed()
    rebuild = Rebuild(reader, months_in(reader.about()["time_zone"]))
    sides = {table.name: _Side(table, reader, replayed) for table in schema.REBUILT}
    for rows in rebuild.cases():
        sides["case"].expect(rows.case)
        for name, found in (("deadline", rows.deadlines), ("letter", rows.letters), ("followup", rows.followups)):
            sides[name].expect_all(found)
    sides["letter_number"].expect_all(rebuild.letter_number_rows())
    sides["incident"].expect_all(rebuild.incident_rows())
    sides["tally"].expect_all(rebuild.tally_rows())
    for side in sides.values():
        side.finish()
    replayed.events, replayed.faults = rebuild.events, rebuild.faults
    replayed.state_digest, replayed.letters_digest = digests(reader)
    return replayed


class _Side:
    """A stored table, read along with what is rebuilt."""

    def __init__(self, table: Table, reader: Reader, replayed: Replayed) -> None:
        key = schema.key_of(table)
        self._table = "".join(table.name)
        self._columns = schema.names_of(table)
        self._key = [self._columns.index(name) for name in key]
        self._stored = _without_zeros(reader.rows(table, key)) if table is schema.tally else reader.rows(table, key)
        self._next: Row | None = next(self._stored, None)
        self._replayed = replayed
        replayed.rows[self._table] = 0

    def expect_all(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.expect(row)

    def expect(self, row: Row) -> None:
        """The next rebuilt row: what is stored before it, the log does not know."""
        self._replayed.rows[self._table] += 1
        key = self._key_of(row)
        while self._next is not None and self._key_of(self._next) < key:
            self._differs(self._next, None)
            self._next = next(self._stored, None)
        if self._next is None or self._key_of(self._next) != key:
            self._differs(None, row)
            return
        if self._next != row:
            self._differs(self._next, row)
        self._next = next(self._stored, None)

    def finish(self) -> None:
        while self._next is not None:
            self._differs(self._next, None)
            self._next = next(self._stored, None)

    def _key_of(self, row: Row) -> Row:
        return tuple([row[index] for index in self._key])

    def _differs(self, stored: Row | None, rebuilt: Row | None) -> None:
        count = self._replayed.differences.get(self._table, 0)
        self._replayed.differences[self._table] = count + 1
        if count:
            return
        row = stored or rebuilt
        assert row is not None
        names = self._columns
        if stored is not None and rebuilt is not None:
            names = [name for name, one, other in zip(names, stored, rebuilt, strict=True) if one != other]
        self._replayed.first[self._table] = Difference(
            self._table,
            {self._columns[index]: row[index] for index in self._key},
            self._shown(stored, names),
            self._shown(rebuilt, names),
        )

    def _shown(self, row: Row | None, names: list[str]) -> JsonObject | None:
        if row is None:
            return None
        return {name: _shown(value) for name, value in zip(self._columns, row, strict=True) if name in names}


def _shown(value: Any) -> Any:
    if not isinstance(value, bytes | bytearray):
        return value
    try:
        return value.decode()[:VALUE_CHARACTERS_MAX]
    except UnicodeDecodeError:
        return value.hex()


def _without_zeros(rows: Iterator[Row]) -> Iterator[Row]:
    """A tally that went up and down again says the same as none."""
    return (row for row in rows if row[-1])
