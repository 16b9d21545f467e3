"""One transaction: what a batch asks of the store before deciding, and `append`, which writes all of it.

`append` is driver-level: prebuilt SQL, `executemany`, one statement a table. Order of the statements is the lock order
of design §2: fence → log → inbox → case → numbers → deadlines → views → the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import Connection, Table

from engine.core.instants import Instant
from engine.core.model import Case
from engine.store import schema
from engine.store.batch import UNSETTLED, Batch, Seen, StaleEpoch
from engine.store.projection import MonthOf, project
from engine.store.reader import Reader, as_json, one_of
from engine.store.vault import INSERT_ENTRIES, INSERT_KEYS, Vault, erase

DUE_MAX = 500
"""Rungs claimed by one transaction, unless the caller asks for another number."""
CASES_REMEMBERED_MAX = 8192


@dataclass(slots=True)
class Remembered:
    """Folds of the cases worked on last, with their numbers: true as long as this process alone writes.

    Reading a case from the table costs 20 µs, most of it JSON; most events are about a case that was met lately.
    """

    cases: dict[str, tuple[int, Case]] = field(default_factory=dict)
    data_version: int = -1

    def must_be_of(self, data_version: int) -> None:
        """Forget everything where somebody else has written since: a repair by hand, for example."""
        if data_version != self.data_version:
            self.cases.clear()
            self.data_version = data_version

    def keep(self, cases: Mapping[str, tuple[int, Case]]) -> None:
        """Remember those that exist, and forget what was not asked for the longest."""
        for case_id, found in cases.items():
            if found[0]:
                self.cases.pop(case_id, None)
                self.cases[case_id] = found
        while len(self.cases) > CASES_REMEMBERED_MAX:
            del self.cases[next(iter(self.cases))]


class Tx(Reader):
    """A transaction that may write. Committed or rolled back by `Store.transaction`."""

    def __init__(self, connection: Connection, month_of: MonthOf, remembered: Remembered) -> None:
        super().__init__(connection)
        self._month_of = month_of
        self._remembered = remembered
        self._cases: dict[str, tuple[int, Case]] = {}  # as this transaction found or left them
        self._head: int | None = None
        self._taken: dict[tuple[str, str, int], int] = {}  # last letter number of each series asked for

    # ------------------------------------------------------------------------------------ before deciding

    def seen(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Seen]:
        """Which of these (source, id) the inbox knows, and what became of them."""
        ids: dict[str, list[str]] = {}
        for source, message_id in keys:
            ids.setdefault(source, []).append(message_id)
        found: dict[tuple[str, str], Seen] = {}
        for source, wanted in ids.items():  # a batch has few sources: 0.4 µs an id, against 6.7 one by one
            choice, parameters = one_of(wanted)
            sql = f"SELECT id, outcome, digest, position FROM inbox WHERE source = ? AND id {choice}"
            for message_id, *seen in self._driver.execute(sql, (source, *parameters)):
                found[source, message_id] = Seen(*seen)
        return found

    def load(self, case_ids: Iterable[str]) -> dict[str, Case]:
        """The cases of these ids as this transaction found them; one that does not exist yet is an empty `Case`."""
        return {case_id: case for case_id, (_, case) in self._known(case_ids).items()}

    def next_number(self, organisation: str, kind: str, year: int) -> int:
        """The next letter number of a series, 1 for the first. Written with the batch: a rollback leaves no gap."""
        series = (organisation, kind, year)
        last = self._taken.get(series)
        if last is None:
            found = self._driver.execute(
                "SELECT last FROM letter_number WHERE organisation = ? AND kind = ? AND year = ?", series
            ).fetchone()
            last = found[0] if found else 0
        self._taken[series] = last + 1
        return last + 1

    def due(
        self,
        until: Instant,
        limit: int = DUE_MAX,
        after: tuple[Instant, str, str, str, int] | None = None,
        *,
        without_cases: Iterable[str] = (),
        without_workflows: Iterable[str] = (),
    ) -> list[tuple[Instant, str, str]]:
        """(instant, case, clock key) of the rungs at or before `until`, oldest first (then case, track, deadline, run).

        A rung leaves the list when the event that records it is appended, so asking again goes on where this ended.
        `after` skips up to one of them (instant, case, track, deadline, run); `without_…` passes over those of some
        cases, and of all versions of some workflows (by name): rungs that must wait.
        """
        earliest = self.next_due()
        if earliest is None or earliest > until:  # mostly so: 3 µs, where the query below takes 26 to find nothing
            return []
        wanted = ["next_rung_at <> ''", "next_rung_at <= ?"]
        values: list[str | int] = [until]
        if after:
            wanted.append("(next_rung_at, case_id, track_id, deadline, run) > (?, ?, ?, ?, ?)")
            values += after
        for condition, names in ((WITHOUT_CASES, without_cases), (WITHOUT_WORKFLOWS, without_workflows)):
            if listed := list(names):
                wanted.append(condition)
                values.append(as_json(listed))
        sql = f"""SELECT next_rung_at, case_id, key FROM deadline WHERE {" AND ".join(wanted)}
                  ORDER BY next_rung_at, case_id, track_id, deadline, run LIMIT ?"""
        return list(self._driver.execute(sql, (*values, limit)))

    def next_due(self) -> Instant | None:
        """The instant of the next rung; None where nothing is armed."""
        sql = "SELECT min(next_rung_at) FROM deadline WHERE next_rung_at <> ''"
        found: tuple[Instant | None] = self._driver.execute(sql).fetchone()
        return found[0]

    def claim(self, group: str, partition: str) -> tuple[int, int]:
        """Take a partition: (new epoch, offset to go on from). Whoever held it before can write no more."""
        sql = """INSERT INTO "offset" ("group", "partition", epoch, next) VALUES (?, ?, 1, 0)
                 ON CONFLICT DO UPDATE SET epoch = epoch + 1 RETURNING epoch, next"""
        (claimed,) = self._driver.execute(sql, (group, partition)).fetchall()
        return claimed[0], claimed[1]

    def at_once(self, sql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        """One statement that counts whatever becomes of this transaction (on SQLite: with it); its first row."""
        found: tuple[Any, ...] | None = self._driver.execute(sql, parameters).fetchone()
        return found

    def erase(self, vault: Vault, case_id: str, person: str) -> None:
        """Destroy a person's key and entries with this transaction; `Store.checkpoint` then takes their bytes away."""
        erase(self._driver, vault, case_id, person)

    def add_edition(self, digest: str, kind: str, name: str, content: bytes) -> None:
        """Keep an edition's canonical text, so that this database can be read without the files it was made with."""
        self._driver.execute(
            "INSERT INTO edition VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (digest, kind, name, content)
        )

    # ------------------------------------------------------------------------------------------- writing

    def append(self, batch: Batch) -> None:
        """Write a batch.

        StaleEpoch where another worker has taken a partition. AssertionError where a message, a case version or a
        letter number exists already: the checks before deciding have failed, and the worker must stop.
        """
        try:
            self._fence(batch)
            if self._head is None:  # nobody else can append until this transaction ends
                self._head = self.head()
            first = self._head + 1
            known = self._known({event.case_id for event in batch.events if event.case_id})
            numbers = {case_id: number for case_id, (number, _) in known.items()}
            before = {case_id: case for case_id, (_, case) in known.items()}
            self._append_records(batch, first, numbers)
            self._project(batch, first, numbers, before)
            self._append_rest(batch)
        except sqlite.IntegrityError as error:
            raise AssertionError(f"the store was asked to break a key: {error}") from error
        self._head += len(batch.events)
        for case_id, number in numbers.items():
            if number:
                self._cases[case_id] = (number, batch.cases.get(case_id) or before[case_id])

    def finish(self) -> None:
        """Before the commit: a number that was taken must have been written, or the series would have a gap."""
        assert not self._taken, "letter numbers were taken and not appended"

    def committed(self) -> None:
        """After the commit: what this transaction knows is true for the next one."""
        self._remembered.keep(self._cases)

    def _known(self, case_ids: Iterable[str]) -> dict[str, tuple[int, Case]]:
        wanted = list(case_ids)
        unknown = []
        for case_id in wanted:
            if case_id in self._cases:
                continue
            if found := self._remembered.cases.get(case_id):
                self._cases[case_id] = found
            else:
                unknown.append(case_id)
        if unknown:
            self._cases.update(self._numbered_cases(unknown))
        return {case_id: self._cases[case_id] for case_id in wanted}

    def _fence(self, batch: Batch) -> None:
        for group, partition, epoch, expected, following in batch.offsets:
            if self._driver.execute(FENCE, (following, group, partition, epoch, expected)).rowcount != 1:
                raise StaleEpoch(group, partition, epoch, expected)

    def _append_records(self, batch: Batch, first: int, numbers: dict[str, int]) -> None:
        """Log and inbox. A case's number is the position of its first record: filled in here."""
        records = []
        for position, event in enumerate(batch.events, first):
            version = event.version
            if version == 1:
                numbers[event.case_id] = position
            number = numbers.get(event.case_id, 0)
            assert number or not version, "a case begins with version 1"
            body, digest = bytearray(event.body), bytearray(event.digest)  # and not bytes: see engine.store.projection
            records.append((position, number, version or None, event.type, +event.reacts, body, digest))
        if records:
            self._driver.executemany(INSERT_LOG, records)
        if batch.inbox:
            rows = [
                (source, message_id, bytearray(digest), outcome, first + index if index >= 0 else 0)
                for source, message_id, digest, outcome, index in batch.inbox
            ]
            # An upsert that its WHERE turns down is silent: the count says so.
            written = self._driver.executemany(UPSERT_INBOX, rows).rowcount
            assert written == len(rows), "a settled message was to be settled again"

    def _project(self, batch: Batch, first: int, numbers: Mapping[str, int], before: Mapping[str, Case]) -> None:
        rows = project(batch.events, first, numbers=numbers, before=before, after=batch.cases, month_of=self._month_of)
        for sql, found in (
            (INSERT_CASE, [row for row in rows.cases if row[0] >= first]),  # its number is that of its first record
            (UPDATE_CASE, [row for row in rows.cases if row[0] < first]),
            (UPSERT["letter_number"], [(*series, last) for series, last in self._taken.items()]),
            (INSERT_DEADLINE, [row for row in rows.deadlines if row[2] not in before[row[1]].clocks]),
            (UPDATE_DEADLINE, [row for row in rows.deadlines if row[2] in before[row[1]].clocks]),
            (UPSERT["letter"], rows.letters),
            (UPSERT["followup"], rows.followups),
            (INSERT_INCIDENT, rows.incidents),
            (CLOSE_INCIDENT, rows.closed_incidents),
            (ADD_TALLY, [(*key, amount) for key, amount in rows.tally.items() if amount]),
        ):
            if found:
                self._driver.executemany(sql, found)
        self._taken.clear()

    def _append_rest(self, batch: Batch) -> None:
        for sql, rows in (
            (INSERT_KEYS, [(*key, bytearray(wrapped)) for *key, wrapped in batch.vault_keys]),
            (INSERT_ENTRIES, [(*key, bytearray(sealed)) for *key, sealed in batch.vault_entries]),
            (UPSERT["parked"], [_values(row, PARKED_COLUMNS) for row in batch.parked]),
            (UNPARK, batch.unpark),
            (INSERT_DEAD_LETTER, [_values(row, DEAD_LETTER_COLUMNS) for row in batch.dead_letters]),
            (SETTLE, [(state, number) for number, state in batch.settled]),
            (UPSERT_WATERMARK, batch.watermarks),
        ):
            if rows:
                self._driver.executemany(sql, rows)


def _insert(table: Table) -> str:
    marks = ", ".join("?" * len(table.c))
    return f'INSERT INTO "{table.name}" VALUES ({marks})'


def _upsert(table: Table, key: Sequence[str]) -> str:
    columns = [name for name in schema.names_of(table) if name not in key]
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in columns)
    return f"{_insert(table)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


def _update(table: Table, key: Sequence[str], fixed: Sequence[str]) -> str:
    """Takes a whole row, as the other statements do. `fixed`: what never changes, so that its index is left alone."""
    marks = {name: f"?{place}" for place, name in enumerate(schema.names_of(table), 1)}
    changes = ", ".join(f'"{name}" = {mark}' for name, mark in marks.items() if name not in {*key, *fixed})
    return f'UPDATE "{table.name}" SET {changes} WHERE {" AND ".join(f"{name} = {marks[name]}" for name in key)}'


def _values(row: object, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in columns)


WITHOUT_CASES = "case_id NOT IN (SELECT value FROM json_each(?))"
WITHOUT_WORKFLOWS = """NOT EXISTS (SELECT 1 FROM "case" AS c JOIN edition AS e ON e.digest = c.workflow
    WHERE c.number = deadline.number AND e.name IN (SELECT value FROM json_each(?)))"""
FENCE = """UPDATE "offset" SET next = ? WHERE "group" = ? AND "partition" = ? AND epoch = ? AND next = ?"""
INSERT_LOG = _insert(schema.log)
INSERT_CASE = _insert(schema.case)
UPDATE_CASE = _update(schema.case, ("number",), fixed=("case_id",))  # half the time of an upsert
INSERT_DEADLINE = _insert(schema.deadline)
UPDATE_DEADLINE = _update(
    schema.deadline, ("number", "key"), fixed=("case_id", "track_id", "deadline", "run", "started_at")
)
UPSERT_INBOX = (
    _insert(schema.inbox)
    + " ON CONFLICT DO UPDATE SET digest = excluded.digest, outcome = excluded.outcome, position = excluded.position"
    + f" WHERE outcome IN ({', '.join(map(str, UNSETTLED))})"
)
UPSERT = {
    table.name: _upsert(table, key)
    for table, key in (
        (schema.letter, ("number", "letter_id")),
        (schema.followup, ("number", "track_id")),
        (schema.letter_number, ("organisation", "kind", "year")),
        (schema.parked, ("source", "id")),
    )
}
INSERT_INCIDENT = _insert(schema.incident)
CLOSE_INCIDENT = "UPDATE incident SET closed_at = ? WHERE position = ? AND ordinal = ?"
ADD_TALLY = _insert(schema.tally) + " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
PARKED_COLUMNS = schema.names_of(schema.parked)
UNPARK = "DELETE FROM parked WHERE source = ? AND id = ?"
DEAD_LETTER_COLUMNS = [name for name in schema.names_of(schema.dead_letter) if name != "number"]
INSERT_DEAD_LETTER = (
    f"INSERT INTO dead_letter ({', '.join(DEAD_LETTER_COLUMNS)}) VALUES ({', '.join('?' * len(DEAD_LETTER_COLUMNS))})"
)
SETTLE = "UPDATE dead_letter SET attempts = attempts + (?1 = 'open'), state = ?1 WHERE number = ?2"
UPSERT_WATERMARK = _insert(schema.watermark) + " ON CONFLICT DO UPDATE SET instant = max(instant, excluded.instant)"
