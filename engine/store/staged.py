"""A transaction on PostgreSQL: what it appends is kept here until the commit, and what it reads is read beside it.

So no lock is held while a batch is decided. With the commit goes what the batch was decided on: the cases' versions,
the messages that were new, what was parked, the last letter numbers. Where one of these is no longer so, nothing is
written (`Moved`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Select, Table

from engine.core.instants import Instant
from engine.core.model import Case, Event, JsonObject
from engine.store.batch import UNSETTLED, Batch, Moved, ParkedRow, Seen, StaleEpoch
from engine.store.projection import MonthOf, Rows, project
from engine.store.reader import ROWS_MAX, Reader, as_json
from engine.store.staging import StageRow, stage_row
from engine.store.transaction import DUE_MAX, Remembered, Tx
from engine.store.vault import Vault

PENDING = 1 << 62
"""A place among the records of this transaction: PENDING + 0, 1, …; the server makes positions of them."""

Key = tuple[str, str]
Series = tuple[str, str, int]
Apart = Callable[[str, Sequence[Any]], tuple[Any, ...] | None]
"""One statement on a connection of its own, committed at once: its first row"""


SEEN = """SELECT wanted.id, i.outcome, i.digest, i.position FROM json_array_elements_text(?::json) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT outcome, digest, position FROM inbox WHERE source = ? AND inbox.id = wanted.id OFFSET 0) AS i"""
"""One by one along the index: as one condition over all of them the planner may read everything of a source first."""


class StagedTx(Tx):
    """Reads what is committed, and what it is about to append itself: so far as the line asks for it."""

    def __init__(
        self, connection: Connection, driver: Any, month_of: MonthOf, remembered: Remembered, apart: Apart
    ) -> None:
        Reader.__init__(self, connection, driver)
        self._month_of = month_of
        self._remembered = remembered
        self._apart = apart
        self._cases: dict[str, tuple[int, Case]] = {}  # as this transaction found or left them
        self._before: dict[str, tuple[int, Case]] = {}  # as it found them: what it is decided on
        self._after: dict[str, Case] = {}
        self._events: list[Event] = []
        self._logged: list[StageRow] = []
        self._inbox: dict[Key, tuple[bytes, int, int]] = {}  # digest, outcome, place
        self._new: set[Key] = set()  # messages that the inbox did not know when it was asked
        self._taken: dict[Series, int] = {}  # last letter number of each series asked for
        self._series: dict[Series, int] = {}  # what it was before
        self._numbered: dict[Series, int] = {}
        self._asked_for_parked: set[str] = set()
        self._parked_seen: dict[Key, ParkedRow] = {}
        self._parked: dict[Key, ParkedRow | None] = {}  # None: taken up
        self._keys_seen: dict[Key, bytes] = {}
        self._keys: dict[Key, bytes] = {}
        self._entries: list[tuple[str, str, str, int, bytes]] = []
        self._erased: dict[Key, None] = {}
        self._offsets: dict[Key, tuple[int, int, int]] = {}  # epoch, expected, next
        self._watermarks: dict[str, Instant] = {}
        self._rest: list[StageRow] = []  # dead letters, what became of some, editions
        self._began = False  # to append
        self._base: int | None = None  # the end of the log before this transaction, where it counts on it

    # ------------------------------------------------------------------------------------ before deciding

    def seen(self, keys: Sequence[Key]) -> dict[Key, Seen]:
        """Which of these (source, id) the inbox knows, and what became of them."""
        ids: dict[str, list[str]] = {}
        for source, message_id in keys:
            ids.setdefault(source, []).append(message_id)
        found = {
            (source, message_id): Seen(*seen)
            for source, wanted in ids.items()
            for message_id, *seen in self._driver.execute(SEEN, (as_json(wanted), source))
        }
        for key in keys:
            if key in self._inbox:
                digest, outcome, _ = self._inbox[key]
                found[key] = Seen(outcome, digest, 0)
            elif key not in found:
                self._new.add(key)
        return found

    def next_number(self, organisation: str, kind: str, year: int) -> int:
        """The next letter number of a series. Others who sign in it wait for us, if not for long."""
        series = (organisation, kind, year)
        if series not in self._taken and series not in self._numbered:
            self._driver.execute("SELECT lianxin_turn_v1(?::text[])", ([f"{organisation}/{kind}/{year}"],))
            found = self._driver.execute(
                "SELECT last FROM letter_number WHERE organisation = ? AND kind = ? AND year = ?", series
            ).fetchone()
            self._series[series] = found[0] if found else 0
        last = self._taken.get(series) or self._numbered.get(series) or self._series[series]
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
        """As on SQLite, of what is committed: asked before anything is appended."""
        self._must_be_first()
        return super().due(until, limit, after, without_cases=without_cases, without_workflows=without_workflows)

    def claim(self, group: str, partition: str) -> tuple[int, int]:
        """Take a partition: (new epoch, offset to go on from). At once, whatever becomes of this transaction."""
        sql = """INSERT INTO "offset" AS o ("group", "partition", epoch, next) VALUES (?, ?, 1, 0)
                 ON CONFLICT ("group", "partition") DO UPDATE SET epoch = o.epoch + 1 RETURNING epoch, next"""
        claimed = self._apart(sql, (group, partition))
        assert claimed is not None
        return claimed[0], claimed[1]

    def at_once(self, sql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        """One statement, committed at once on a connection of its own; its first row."""
        return self._apart(sql, parameters)

    def erase(self, vault: Vault, case_id: str, person: str) -> None:
        """Destroy a person's key and entries with this transaction."""
        self._keys.pop((case_id, person), None)
        self._entries = [entry for entry in self._entries if entry[:2] != (case_id, person)]
        self._erased[case_id, person] = None
        vault.forget(case_id, person)

    def add_edition(self, digest: str, kind: str, name: str, content: bytes) -> None:
        """Keep an edition's canonical text."""
        self._rest.append(stage_row("edition", (), (digest, kind, name), (content,)))

    # --------------------------------------------------------------------- reading beside what is not written yet

    def head(self) -> int:
        """The last position of the log, counting what is appended here: so it stands unless others come between."""
        return self._base_head() + len(self._events) if self._events else super().head()

    def log(self, after: int, limit: int = ROWS_MAX, *, reacts_only: bool = False) -> list[Event]:
        """The records after a position; those appended here have the positions they get, or all is decided again."""
        pending = [event for event in self._events if event.reacts == 1 or not reacts_only]
        if not pending:
            return super().log(after, limit, reacts_only=reacts_only)
        base = self._base_head()
        found = [event for event in super().log(after, limit, reacts_only=reacts_only) if event.position <= base]
        return [*found, *self._positioned(pending, base, after)][:limit]

    def history(self, case_id: str, after: int = 0, limit: int = ROWS_MAX) -> list[Event]:
        """A case's records after a position, those appended here among them."""
        found = super().history(case_id, after, limit)
        pending = [event for event in self._events if event.case_id == case_id]
        return [*found, *self._positioned(pending, self._base_head(), after)][:limit] if pending else found

    def parked_for(self, case_ids: Iterable[str]) -> list[ParkedRow]:
        """What waits for these cases, oldest first, as it stands with what is appended here."""
        wanted = set(case_ids)
        self._asked_for_parked |= wanted
        rows = super().parked_for(wanted)
        if came := [row.case_id for row in rows if (row.source, row.id) in self._new]:
            raise Moved(came, len(came), (), head=False)  # parked by somebody else since we asked the inbox
        self._parked_seen |= {(row.source, row.id): row for row in rows if (row.source, row.id) not in self._parked}
        kept = [row for row in rows if (row.source, row.id) not in self._parked]
        kept += [row for row in self._parked.values() if row is not None and row.case_id in wanted]
        return sorted(kept, key=lambda row: (row.occurred_at, row.sequence, row.source, row.id))

    def parked(self, *, give_up_until: Instant = "", limit: int = ROWS_MAX) -> list[ParkedRow]:
        """What is parked, by the instant it is given up."""
        self._must_be_first()
        rows = super().parked(give_up_until=give_up_until, limit=limit)
        self._parked_seen |= {(row.source, row.id): row for row in rows}
        return rows

    def wrapped_keys(self, pairs: Iterable[Key]) -> dict[Key, bytes]:
        """The wrapped data keys that exist for these (case_id, person)."""
        wanted = list(pairs)
        found = {key: wrapped for key, wrapped in super().wrapped_keys(wanted).items() if key not in self._erased}
        self._keys_seen |= found
        return found | {key: self._keys[key] for key in wanted if key in self._keys}

    def deadlines(
        self, *, case_id: str = "", owner: str = "", status: str = "", after: tuple[int, str] = (0, ""),
        limit: int = ROWS_MAX,
    ) -> list[JsonObject]:  # fmt: skip
        """Deadlines as they are committed: whoever moves them page by page asks for what comes after."""
        began, self._began = self._began, False
        try:
            return super().deadlines(case_id=case_id, owner=owner, status=status, after=after, limit=limit)
        finally:
            self._began = began

    def rows(self, table: Table, key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """All rows of a table: asked before anything is appended."""
        self._must_be_first()
        return super().rows(table, key)

    def _rows(self, query: Select[Any]) -> list[JsonObject]:
        self._must_be_first()
        return super()._rows(query)

    def _must_be_first(self) -> None:
        assert not self._began, "asked after an append: PostgreSQL knows of it only at the commit"

    def _base_head(self) -> int:
        if self._base is None:
            self._base = super().head()
        return self._base

    def _positioned(self, events: Sequence[Event], base: int, after: int) -> list[Event]:
        places = {id(event): place for place, event in enumerate(self._events, base + 1)}
        found = []
        for event in events:
            if (place := places[id(event)]) > after:
                found.append(replace(event, position=place))
        return found

    def _known(self, case_ids: Iterable[str]) -> dict[str, tuple[int, Case]]:
        found = super()._known(case_ids)
        for case_id, known in found.items():
            self._before.setdefault(case_id, known)
        return found

    # ------------------------------------------------------------------------------------------- appending

    def append(self, batch: Batch) -> None:
        """Take a batch down for the commit, which writes it. StaleEpoch and `Moved` come with the commit."""
        self._began = True
        known = self._known({event.case_id for event in batch.events if event.case_id})
        numbers = {case_id: number for case_id, (number, _) in known.items()}
        versions = {case_id: case.version for case_id, (_, case) in known.items()}
        first = PENDING + len(self._events)
        for place, event in enumerate(batch.events, first):
            if event.version:
                assert event.version == versions[event.case_id] + 1, "the store was asked to break a key: a version"
                versions[event.case_id] = event.version
                if event.version == 1:
                    numbers[event.case_id] = place
            ints = (place, numbers.get(event.case_id, 0), event.version or None, int(event.reacts))
            self._logged.append(stage_row("log", ints, (event.type,), (event.body, event.digest)))
        self._events += batch.events
        for case_id, number in numbers.items():
            if number:
                case = batch.cases.get(case_id) or known[case_id][1]
                self._cases[case_id] = (number, case)
                if case_id in batch.cases:
                    self._after[case_id] = case
        self._numbered |= self._taken
        self._taken.clear()
        self._take_down_messages(batch, first)
        self._take_down_rest(batch)

    def _take_down_messages(self, batch: Batch, first: int) -> None:
        for source, message_id, digest, outcome, index in batch.inbox:
            key = (source, message_id)
            if key in self._inbox:
                assert self._inbox[key][1] in UNSETTLED, "a settled message was to be settled again"
            self._inbox[key] = (digest, outcome, first + index if index >= 0 else 0)
        for row in batch.parked:
            self._parked[row.source, row.id] = row
        for key in batch.unpark:
            self._parked[key] = None
        for letter in batch.dead_letters:
            texts: StageRow = (letter.source, letter.id, letter.reason, letter.detail, letter.field, letter.file)
            ints = (letter.row, letter.attempts)
            self._rest.append(
                stage_row("dead_letter", ints, (*texts, letter.received_at, letter.state), (letter.sealed,))
            )
        for number, state in batch.settled:
            self._rest.append(stage_row("settled", (number,), (state,)))

    def _take_down_rest(self, batch: Batch) -> None:
        for case_id, person, wrapped in batch.vault_keys:
            self._keys[case_id, person] = wrapped
        self._entries += batch.vault_entries
        for group, partition, epoch, expected, following in batch.offsets:
            held = self._offsets.get((group, partition))
            if held is not None and (held[0], held[2]) != (epoch, expected):
                raise StaleEpoch(group, partition, epoch, expected)
            self._offsets[group, partition] = (epoch, held[1] if held else expected, following)
        for partition, instant in batch.watermarks:
            self._watermarks[partition] = max(instant, self._watermarks.get(partition, ""))

    # ------------------------------------------------------------------------------------------ the commit

    @property
    def counted_on(self) -> int | None:
        """The end of the log that this transaction's work counts on; None where it does not matter."""
        return self._base

    def staged(self) -> list[StageRow]:
        """Everything that is to be written, and what it was decided on; empty where there is nothing to write."""
        writes = [*self._logged, *self._messages(), *self._projected(), *self._vault_rows(), *self._rest]
        for (group, partition), (epoch, expected, following) in sorted(self._offsets.items()):
            writes.append(stage_row("offset", (epoch, following, expected), (group, partition)))
        writes += [stage_row("watermark", (), item) for item in sorted(self._watermarks.items())]
        for (organisation, kind, year), last in sorted(self._numbered.items()):
            ints = (year, last, self._series[organisation, kind, year])
            writes.append(stage_row("letter_number", ints, (organisation, kind)))
        return [*writes, *self._reads()] if writes else []

    def appended(self, first: int | None) -> None:
        """After the commit: what this transaction knows is true for the next one. `first`: of its records, if known."""
        numbered = {
            case_id: (number - PENDING + (first or 0) if number >= PENDING else number, case)
            for case_id, (number, case) in self._cases.items()
            if first is not None or number < PENDING
        }
        self._remembered.keep(numbered)

    def _messages(self) -> Iterator[StageRow]:
        for key, (digest, outcome, place) in sorted(self._inbox.items()):
            yield stage_row("inbox", (outcome, place, 1 if key in self._new else 0), key, (digest,))
        for key, row in sorted(self._parked.items()):
            if row is None:
                yield stage_row("unparked", (), key)
                continue
            texts = (row.source, row.id, row.case_id, row.occurred_at, row.needs, row.parked_at, row.give_up_at)
            yield stage_row("parked", (row.sequence, row.attempts), texts, (row.sealed,))

    def _projected(self) -> Iterator[StageRow]:
        if not self._events:
            return
        numbers = {case_id: number for case_id, (number, _) in self._cases.items()}
        before = {case_id: case for case_id, (_, case) in self._before.items()}
        rows = project(
            self._events, PENDING, numbers=numbers, before=before, after=self._after, month_of=self._month_of
        )
        yield from self._case_rows(rows)
        for number, case_id, key, track, name, run, *texts, provisional in rows.deadlines:
            yield stage_row("deadline", (number, run, provisional), (case_id, key, track, name, *texts))
        for number, case_id, letter, kind, office, mark, year, serial, to, state, open_, *texts in rows.letters:
            words = (case_id, letter, kind, office, mark, to, state, *texts)
            yield stage_row("letter", (number, year, serial, open_), words)
        for number, case_id, track, state, open_, due_at in rows.followups:
            yield stage_row("followup", (number, open_), (case_id, track, state, due_at))
        for position, ordinal, case_id, code, facts, *texts in rows.incidents:
            yield stage_row("incident", (position, ordinal), (case_id, code, *texts), (facts,))
        for at, position, ordinal in rows.closed_incidents:
            yield stage_row("incident_closed", (position, ordinal), (at,))
        for tally, amount in sorted(rows.tally.items()):
            if amount:
                yield stage_row("tally", (amount,), tally)

    def _case_rows(self, rows: Rows) -> Iterator[StageRow]:
        for number, case_id, workflow, version, digest, *texts, state in rows.cases:
            ints = (number, version, self._before[case_id][1].version, 1 if case_id in self._asked_for_parked else 0)
            yield stage_row("case", ints, (case_id, workflow, *texts), (bytes(digest), bytes(state)))

    def _vault_rows(self) -> Iterator[StageRow]:
        for key in sorted(self._erased):
            yield stage_row("erased", (), key)
        for key, wrapped in sorted(self._keys.items()):
            yield stage_row("vault_key", (), key, (wrapped,))
        for case_id, person, name, ref, sealed in self._entries:
            yield stage_row("vault", (ref,), (case_id, person, name), (sealed,))

    def _reads(self) -> Iterator[StageRow]:
        """What the batch was decided on, beside the cases it changes: these say it themselves."""
        for case_id, (_, case) in sorted(self._before.items()):
            if case_id not in self._after:
                asked = 1 if case_id in self._asked_for_parked else 0
                yield stage_row("read", (None, None, case.version, asked), (case_id,))
        for key, row in sorted(self._parked_seen.items()):
            if row.case_id in self._before or key in self._parked:
                yield stage_row("parked_seen", (row.attempts,), (*key, row.case_id))
        used: Mapping[Key, None] = dict.fromkeys(entry[:2] for entry in self._entries)
        for key in used:
            if key in self._keys_seen:
                yield stage_row("key_used", (), key, (self._keys_seen[key],))
