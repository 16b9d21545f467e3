"""Reading: one committed snapshot. Hot questions are driver-level SQL, the rest SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from msgspec import Struct
from msgspec import field as made
from msgspec.json import Decoder
from sqlalchemy import Connection, Select, Table, and_, exists, func, or_, select, tuple_

from engine.core.instants import Instant
from engine.core.model import Case, Event, JsonObject
from engine.store import schema
from engine.store.batch import DeadLetterRow, ParkedRow

ROWS_MAX = 1000
"""Of one answer, unless the caller asks for another number."""

NO_DUE = "~"
"""Stands where a case has no due instant, and after all of them."""

Driver = Any
"""A DB-API connection; pysqlite3 publishes no types."""

LOG_COLUMNS = "position, version, reacts, body, digest"
PARKED_COLUMNS = "source, id, case_id, occurred_at, sequence, sealed, needs, parked_at, give_up_at, attempts"


class Reader:
    """Questions about one snapshot. Inside a transaction they see what it has written so far."""

    def __init__(self, connection: Connection, driver: Driver = None) -> None:
        self._connection = connection
        self._driver: Driver = driver or connection.connection.driver_connection

    @property
    def connection(self) -> Connection:
        """For the store's own modules: the connection this snapshot is seen through."""
        return self._connection

    # ------------------------------------------------------------------------------------------------- log

    def head(self) -> int:
        """The last position of the log; 0 where it is empty."""
        found: tuple[int] = self._driver.execute("SELECT coalesce(max(position), 0) FROM log").fetchone()
        return found[0]

    def log(self, after: int, limit: int = ROWS_MAX, *, reacts_only: bool = False) -> list[Event]:
        """The records after a position, in order; `reacts_only`: those to which nobody has reacted yet."""
        only = "reacts = 1 AND " if reacts_only else ""
        sql = f"SELECT {LOG_COLUMNS} FROM log WHERE {only}position > ? ORDER BY position LIMIT ?"
        return [_event(row) for row in self._driver.execute(sql, (after, limit))]

    def history(self, case_id: str, after: int = 0, limit: int = ROWS_MAX) -> list[Event]:
        """A case's records after a position, rejections among them."""
        sql = f"""SELECT {LOG_COLUMNS} FROM log WHERE number = (SELECT number FROM "case" WHERE case_id = ?)
                  AND position > ? ORDER BY position LIMIT ?"""
        return [_event(row) for row in self._driver.execute(sql, (case_id, after, limit))]

    def records_by_case(self) -> Iterator[tuple[int, Event]]:
        """(number of the case, record): the records that have a version, case by case in the order they were opened,
        and in each by version. What a rebuild folds."""
        sql = f"SELECT number, {LOG_COLUMNS} FROM log WHERE version IS NOT NULL ORDER BY number, version"
        for number, *row in self._streamed(sql):
            yield number, _event(row)

    def records_without_case_version(self) -> Iterator[Event]:
        """Rejections, incidents and the like, in the order of their positions."""
        sql = f"SELECT {LOG_COLUMNS} FROM log WHERE version IS NULL ORDER BY position"
        return (_event(row) for row in self._streamed(sql))

    # ----------------------------------------------------------------------------------------------- cases

    def load(self, case_ids: Iterable[str]) -> dict[str, Case]:
        """The cases of these ids; one that does not exist yet is an empty `Case`."""
        return {case_id: case for case_id, (_, case) in self._numbered_cases(list(case_ids)).items()}

    def case(self, case_id: str) -> Case | None:
        """One case; None where there is none of this id."""
        found = self.load([case_id])[case_id]
        return found if found.exists else None

    def cases(
        self,
        *,
        phase: str = "",
        state: str = "",
        unit: str = "",
        workflow: str = "",
        after: str = "",
        limit: int = ROWS_MAX,
    ) -> list[JsonObject]:
        """Cases in the order of their ids, after one of them, without their folds; an empty filter lets all pass."""
        table = schema.case
        query = _page(table, (table.c.case_id,), (after,), limit).where(
            *(table.c[name] == value for name, value in _given(phase=phase, state=state, unit=unit, workflow=workflow))
        )
        return self._rows(query.with_only_columns(*(column for column in table.c if column.name != "state_json")))

    def cases_by_due(
        self,
        *,
        phase: str = "",
        state: str = "",
        unit: str = "",
        workflows: Sequence[str] = (),
        units: Sequence[str] | None = None,
        late_at: Instant = "",
        after: tuple[Instant, int] = ("", 0),
        limit: int = ROWS_MAX,
    ) -> list[tuple[Instant, int, str]]:
        """(due, number, case_id) of cases, what is due first before the others, after one of these pairs.

        What has no running deadline comes last, as `NO_DUE`. `workflows`: digests, where given; `units`: any of
        these. `late_at`: only those with a deadline that was missed or is over by then; whether it was made good since
        is for the fold to say.
        """
        case, deadline, other = schema.case, schema.deadline, schema.deadline.alias()
        wanted = [case.c[name] == value for name, value in _given(phase=phase, state=state, unit=unit)]
        wanted += [case.c.workflow.in_(workflows)] if workflows else []
        wanted += [case.c.unit.in_(units)] if units is not None else []
        if late_at:
            over = or_(other.c.status == "missed", and_(*_runs(other), other.c.due_at < late_at))
            wanted.append(exists().where(other.c.number == case.c.number, over))
        found: list[tuple[Instant, int, str]] = []
        if after[0] != NO_DUE:
            earlier = tuple_(other.c.due_at, other.c.key) < tuple_(deadline.c.due_at, deadline.c.key)
            query = (
                select(deadline.c.due_at, case.c.number, case.c.case_id)
                .join(case, case.c.number == deadline.c.number)
                .where(*_runs(deadline), tuple_(deadline.c.due_at, deadline.c.number) > tuple_(*after), *wanted)
                .where(~exists().where(other.c.number == deadline.c.number, *_runs(other), earlier))
                .order_by(deadline.c.due_at, deadline.c.number)
                .limit(limit)
            )
            found = [tuple(row) for row in self._connection.execute(query)]
            after = (NO_DUE, 0)
        if len(found) < limit:
            rest = (
                select(case.c.number, case.c.case_id)
                .where(case.c.number > after[1], *wanted)
                .where(~exists().where(other.c.number == case.c.number, *_runs(other)))
                .order_by(case.c.number)
                .limit(limit - len(found))
            )
            found += [(NO_DUE, number, case_id) for number, case_id in self._connection.execute(rest)]
        return found

    def place_by_due(self, case_id: str) -> tuple[Instant, int] | None:
        """Where a case stands in `cases_by_due`; None where there is none of this id."""
        case, deadline = schema.case, schema.deadline
        running = select(func.min(deadline.c.due_at)).where(deadline.c.number == case.c.number, *_runs(deadline))
        query = select(running.scalar_subquery(), case.c.number).where(case.c.case_id == case_id)
        row = self._connection.execute(query).first()
        return (row[0] or NO_DUE, row[1]) if row else None

    # ---------------------------------------------------------------------------------------- views of a case

    def deadlines(
        self,
        *,
        case_id: str = "",
        owner: str = "",
        status: str = "",
        after: tuple[int, str] = (0, ""),
        limit: int = ROWS_MAX,
    ) -> list[JsonObject]:
        """Deadlines in the order of (case's number, key), after one of them."""
        table = schema.deadline
        query = _page(table, (table.c.number, table.c.key), after, limit)
        given = _given(owner=owner, status=status)
        return self._rows(_of_case(query, table, case_id).where(*(table.c[name] == value for name, value in given)))

    def letters(
        self,
        *,
        case_id: str = "",
        kind: str = "",
        state: str = "",
        after: tuple[int, str] = (0, ""),
        limit: int = ROWS_MAX,
    ) -> list[JsonObject]:
        """Letters in the order of (case's number, letter_id), after one of them."""
        table = schema.letter
        query = _page(table, (table.c.number, table.c.letter_id), after, limit)
        given = _given(kind=kind, state=state)
        return self._rows(_of_case(query, table, case_id).where(*(table.c[name] == value for name, value in given)))

    def followups(
        self, *, case_id: str = "", state: str = "", after: tuple[int, str] = (0, ""), limit: int = ROWS_MAX
    ) -> list[JsonObject]:
        """Follow-ups in the order of (case's number, track_id), after one of them."""
        table = schema.followup
        query = _page(table, (table.c.number, table.c.track_id), after, limit)
        given = _given(state=state)
        return self._rows(_of_case(query, table, case_id).where(*(table.c[name] == value for name, value in given)))

    def incidents(
        self, *, case_id: str = "", open_only: bool = False, after: tuple[int, int] = (0, 0), limit: int = ROWS_MAX
    ) -> list[JsonObject]:
        """Incidents in the order they were opened; `facts` as JSON. A pair (position, ordinal) names one."""
        table = schema.incident
        query = _page(table, (table.c.position, table.c.ordinal), after, limit)
        if case_id:
            query = query.where(table.c.case_id == case_id)
        if open_only:
            query = query.where(table.c.closed_at.is_(None))
        return [{**row, "facts": orjson.loads(row["facts"])} for row in self._rows(query)]

    def quarantined(self, code: str) -> set[str]:
        """The cases with an open incident of this code."""
        rows = self._driver.execute("SELECT case_id FROM incident WHERE closed_at IS NULL AND code = ?", (code,))
        return {case_id for (case_id,) in rows.fetchall()}

    def tallies(self, *, unit: str | None = None, month: str = "", limit: int = ROWS_MAX) -> list[JsonObject]:
        """What units answered for, month by month."""
        table = schema.tally
        query = select(table).order_by(table.c.month, table.c.unit, table.c.what).limit(limit)
        if unit is not None:
            query = query.where(table.c.unit == unit)
        return self._rows(query.where(*(table.c[name] == value for name, value in _given(month=month))))

    # ------------------------------------------------------------------------------------- messages and workers

    def parked_for(self, case_ids: Iterable[str]) -> list[ParkedRow]:
        """What waits for these cases, oldest (occurred_at, sequence) first."""
        if self._driver.execute("SELECT 1 FROM parked LIMIT 1").fetchone() is None:
            return []  # mostly so
        choice, parameters = one_of(list(case_ids))
        sql = f"""SELECT {PARKED_COLUMNS} FROM parked WHERE case_id {choice}
                  ORDER BY occurred_at, sequence, source, id"""
        return [ParkedRow(*row) for row in self._driver.execute(sql, parameters)]

    def parked(self, *, give_up_until: Instant = "", limit: int = ROWS_MAX) -> list[ParkedRow]:
        """What is parked, by the instant it is given up; with `give_up_until` only what has waited too long by then."""
        until = "WHERE give_up_at <= ?" if give_up_until else ""
        sql = f"SELECT {PARKED_COLUMNS} FROM parked {until} ORDER BY give_up_at, source, id LIMIT ?"
        return [ParkedRow(*row) for row in self._driver.execute(sql, (give_up_until, limit) if until else (limit,))]

    def dead_letters(self, *, state: str = "", after: int = 0, limit: int = ROWS_MAX) -> list[DeadLetterRow]:
        """Dead letters by number, after one of them."""
        table = schema.dead_letter
        query = _page(table, (table.c.number,), (after,), limit)
        rows = self._rows(query.where(*(table.c[name] == value for name, value in _given(state=state))))
        return [DeadLetterRow(**row) for row in rows]

    def dead_letter_of(self, source: str, id: str) -> DeadLetterRow | None:
        """The last dead letter that a message became; None where it became none."""
        table = schema.dead_letter
        query = select(table).where(table.c.source == source, table.c.id == id).order_by(table.c.number.desc()).limit(1)
        return next((DeadLetterRow(**row) for row in self._rows(query)), None)

    def parked_message(self, source: str, id: str) -> ParkedRow | None:
        """A message that waits for the fact it needs; None where it does not wait."""
        sql = f"SELECT {PARKED_COLUMNS} FROM parked WHERE source = ? AND id = ?"
        found = self._driver.execute(sql, (source, id)).fetchone()
        return ParkedRow(*found) if found else None

    def waiting(self) -> dict[str, int]:
        """How many messages are parked, dead letters open and incidents open."""
        counts = {
            "parked": "SELECT count(*) FROM parked",
            "dead_letters": "SELECT count(*) FROM dead_letter WHERE state = 'open'",
            "incidents": "SELECT count(*) FROM incident WHERE closed_at IS NULL",
        }
        return {name: self._driver.execute(sql).fetchone()[0] for name, sql in counts.items()}

    def offsets(self) -> list[JsonObject]:
        """Each group's place in each partition, with the epoch that holds it."""
        return self._rows(select(schema.offset).order_by(schema.offset.c.group, schema.offset.c.partition))

    def watermarks(self) -> dict[str, Instant]:
        """Up to which recorded time each partition of the intake has been consumed."""
        return {row["partition"]: row["instant"] for row in self._rows(select(schema.watermark))}

    def numbers(self) -> list[JsonObject]:
        """The last letter number of each organisation, kind and year."""
        return self._rows(select(schema.letter_number))

    # -------------------------------------------------------------------------------------------------- other

    def edition(self, digest: str) -> bytes | None:
        """The canonical text of a workflow, calendar or directory; None where this database never used it."""
        found = self._driver.execute("SELECT content FROM edition WHERE digest = ?", (digest,)).fetchone()
        return found[0] if found else None

    def editions(self, kind: str = "") -> list[JsonObject]:
        """Digest, kind and name of the editions this database has used."""
        table = schema.edition
        query = select(table.c.digest, table.c.kind, table.c.name).order_by(table.c.kind, table.c.name, table.c.digest)
        return self._rows(query.where(*(table.c[name] == value for name, value in _given(kind=kind))))

    def wrapped_keys(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """The wrapped data keys that exist for these (case_id, person)."""
        sql = """SELECT k.case_id, k.person, k.wrapped FROM json_each(?) AS j
                 CROSS JOIN vault_key AS k ON k.case_id = j.value ->> 0 AND k.person = j.value ->> 1"""
        found = self._driver.execute(sql, (as_json(list(pairs)),))
        return {(case_id, person): wrapped for case_id, person, wrapped in found}

    def vault_entries(self, case_id: str, person: str = "") -> list[tuple[str, str, int, bytes]]:
        """person, field, ref, sealed value of a case's vault entries; of one person where named."""
        sql = (
            "SELECT person, field, ref, sealed FROM vault WHERE case_id = ? AND (? = '' OR person = ?) ORDER BY 1, 2, 3"
        )
        return list(self._driver.execute(sql, (case_id, person, person)))

    def about(self) -> dict[str, str]:
        """Schema version, time zone and (where it was made with a vault) key_id of this database."""
        return dict(self._driver.execute("SELECT name, value FROM about").fetchall())

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = ("".join(table.name) for table in schema.metadata.sorted_tables)
        return {name: self._driver.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}

    def rows(self, table: Table, key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """All rows of a table in the order of `key`, streamed: for replay, digests and exports."""
        columns, order = (", ".join(f'"{name}"' for name in names) for names in (schema.names_of(table), key))
        return self._streamed(f'SELECT {columns} FROM "{table.name}" ORDER BY {order}')

    def _numbered_cases(self, case_ids: list[str]) -> dict[str, tuple[int, Case]]:
        choice, parameters = one_of(case_ids)
        sql = f'SELECT number, case_id, workflow, version, digest, state_json FROM "case" WHERE case_id {choice}'
        found = {
            case_id: (number, Case.from_state(case_id, *kept))
            for number, case_id, *kept in self._driver.execute(sql, parameters)
        }
        return {case_id: found.get(case_id) or (0, Case(case_id)) for case_id in case_ids}

    def _streamed(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Rows that are fetched as they are asked for."""
        found: Iterator[tuple[Any, ...]] = self._driver.execute(sql)
        return found

    def _rows(self, query: Select[Any]) -> list[JsonObject]:
        result = self._connection.execute(query)
        names = ["".join(name) for name in result.keys()]  # noqa: SIM118  a result is no dictionary
        return [dict(zip(names, row, strict=True)) for row in result]


class _Said(Struct):
    """What a record's body says that its columns do not; the rest of it is passed over."""

    case: str
    type: str
    occurred_at: Instant
    recorded_at: Instant
    data: JsonObject
    actor: JsonObject = made(default_factory=dict)


_said = Decoder(_Said).decode


def _event(row: Sequence[Any]) -> Event:
    position, version, reacts, body, digest = row
    said = _said(body)
    return Event(
        said.case, version or 0, said.type, said.occurred_at, said.recorded_at, said.actor, said.data, body, digest,
        reacts, position,
    )  # fmt: skip


def _page(table: Table, key: Sequence[Any], after: Sequence[Any], limit: int) -> Select[Any]:
    """The first rows after a key, in its order (never OFFSET: that reads what it skips)."""
    return select(table).where(tuple_(*key) > tuple_(*after)).order_by(*key).limit(limit)


def _runs(deadline: Any) -> tuple[Any, Any]:
    """Running, and no delayed reaction."""
    return deadline.c.status == "running", ~deadline.c.deadline.startswith("reaction.", autoescape=True)


def _of_case(query: Select[Any], table: Table, case_id: str) -> Select[Any]:
    number = select(schema.case.c.number).where(schema.case.c.case_id == case_id).scalar_subquery()
    return query.where(table.c.number == number) if case_id else query


def _given(**filters: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in filters.items() if value]


def one_of(values: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """SQL that chooses one of these, and its parameters: one, whatever their number."""
    if len(values) == 1:
        return "= ?", (values[0],)
    return "IN (SELECT value FROM json_each(?))", (as_json(values),)


def as_json(value: object) -> str:
    """JSON text for json_each."""
    return orjson.dumps(value).decode()
