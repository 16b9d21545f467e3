"""The tables. What is the truth (log, inbox, vault), what is rebuilt from the log, and what only the worker needs.

    truth      log · inbox · vault_key · vault · edition
    rebuilt    case · deadline · letter_number · letter · followup · incident · tally     (`lianxin replay` compares)
    worker     offset · watermark · lease · reading · parked · dead_letter
    doors      api_key · kept_answer
    about      schema version and time zone of this database

Instants are text of one width (engine.core.instants), so their order as text is their order in time. A case's `number`
is the position of its first record: known to whoever has the log, and it keeps what is worked on together together on
the disk. Case ids are random to look at; rows in their order cost twice the pages.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import ExecutableDDLElement

from engine.store.vault import tables as vault_tables

SCHEMA_VERSION = 1
"""Of the tables below. A database with a higher one was written by a newer lianxin and is refused."""

metadata = MetaData()

TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Ordered by its bytes, on whatever machine: so replay, digests and pages see one order on both databases."""
INTEGER = BigInteger().with_variant(Integer(), "sqlite")


def names_of(table: Table) -> list[str]:
    """The columns of a table in their order, as plain strings: SQLAlchemy's are a subclass, which orjson refuses."""
    return ["".join(column.name) for column in table.c]


def key_of(table: Table) -> list[str]:
    """The names of its primary key."""
    return ["".join(column.name) for column in table.primary_key]


def _text(name: str, *, null: bool = False, **options: Any) -> Column[str]:
    return Column(name, TEXT, nullable=null, **options)


def _int(name: str, *, null: bool = False, **options: Any) -> Column[int]:
    return Column(name, INTEGER, nullable=null, **options)


def _blob(name: str, *, null: bool = False, **options: Any) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null, **options)


def _append_only(verb: str) -> ExecutableDDLElement:
    trigger = DDL(  # type: ignore[no-untyped-call]
        f"CREATE TRIGGER log_no_{verb.lower()} BEFORE {verb} ON log "
        "BEGIN SELECT RAISE(ABORT, 'the log is append only'); END"
    )
    return trigger.execute_if(dialect="sqlite")


def _where(condition: str) -> dict[str, Any]:
    """Of an index over some rows."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


STRICT: dict[str, Any] = {"sqlite_strict": True}
"""A blob stays a blob: SQLite would take any type in any column."""
CLUSTERED: dict[str, Any] = {**STRICT, "sqlite_with_rowid": False}

about = Table("about", metadata, _text("name", primary_key=True), _text("value"), **CLUSTERED)

# ---------------------------------------------------------------------------------------------------- truth

log = Table(
    "log",
    metadata,
    _int("position", primary_key=True, autoincrement=False),
    _int("number"),  # of its case; 0: belongs to no case that exists
    _int("version", null=True),  # NULL: a record without case version (rejection, incident)
    _text("type"),
    _int("reacts"),  # 0 no reaction is for it; 1 one waits for it; 2 it was reacted to in its own transaction
    _blob("body"),
    _blob("digest"),
    UniqueConstraint("number", "version"),
    **STRICT,
)
Index("log_reacts", log.c.position, **_where("reacts = 1"))

event.listen(log, "after_create", _append_only("UPDATE"))
event.listen(log, "after_create", _append_only("DELETE"))

inbox = Table(
    "inbox",
    metadata,
    _text("source"),
    _text("id"),
    _blob("digest"),  # keyed digest of the content
    _int("outcome"),
    _int("position"),  # of the first record it produced; 0 if none
    PrimaryKeyConstraint("source", "id"),
    **CLUSTERED,
)

edition = Table(
    "edition",
    metadata,
    _text("digest", primary_key=True),
    _text("kind"),  # workflow, calendar, directory
    _text("name"),
    _blob("content"),
    **STRICT,
)

# -------------------------------------------------------------------------------------------------- rebuilt

case = Table(
    "case",
    metadata,
    _int("number", primary_key=True, autoincrement=False),
    _text("case_id", unique=True),
    _text("workflow"),
    _int("version"),
    _blob("digest"),
    _text("phase"),
    _text("state"),
    _text("unit"),
    _text("updated_at"),
    _blob("state_json"),
    **STRICT,
    postgresql_with={"fillfactor": 50},  # a case is written over many times: room for it on its page,
)

deadline = Table(
    "deadline",
    metadata,
    _int("number"),
    _text("case_id"),
    _text("key"),
    _text("track_id"),
    _text("deadline"),
    _int("run"),
    _text("status"),
    _text("owner"),
    _text("started_at"),
    _text("due_at"),
    _text("due_raw_at"),
    _text("next_rung_at"),  # "": nothing will fire (ended, paused)
    _text("missed_at"),  # "": not missed
    _int("provisional"),
    PrimaryKeyConstraint("number", "key"),
    **CLUSTERED,
    postgresql_with={"fillfactor": 70},
)
Index(
    "deadline_due",
    *(deadline.c[name] for name in ("next_rung_at", "case_id")),
    **_where("next_rung_at <> ''"),
)
Index("deadline_running", deadline.c.due_at, deadline.c.number, **_where("status = 'running'"))

letter_number = Table(
    "letter_number",
    metadata,
    _text("organisation"),
    _text("kind"),
    _int("year"),
    _int("last"),
    PrimaryKeyConstraint("organisation", "kind", "year"),
    **CLUSTERED,
)

letter = Table(
    "letter",
    metadata,
    _int("number"),
    _text("case_id"),
    _text("letter_id"),
    _text("kind"),
    _text("organisation"),
    _text("mark"),
    _int("year", null=True),
    _int("serial", null=True),  # within its series; NULL until signed
    _text("recipient"),
    _text("state"),
    _int("open"),
    _text("cause"),  # the name that triggered it; "" where a person drafted it
    _text("drafted_at"),
    _text("signed_at", null=True),
    _text("delivered_at", null=True),
    _text("reply_due_at", null=True),
    PrimaryKeyConstraint("number", "letter_id"),
    **CLUSTERED,
)
Index(
    "letter_series",
    *(letter.c[name] for name in ("organisation", "kind", "year", "serial")),
    unique=True,
    **_where("serial IS NOT NULL"),
)

followup = Table(
    "followup",
    metadata,
    _int("number"),
    _text("case_id"),
    _text("track_id"),
    _text("state"),
    _int("open"),
    _text("due_at", null=True),
    PrimaryKeyConstraint("number", "track_id"),
    **CLUSTERED,
)
Index("followup_due", followup.c.due_at, **_where("open = 1"))

incident = Table(
    "incident",
    metadata,
    _int("position"),  # of the record that opened it
    _int("ordinal"),  # its place in that record
    _text("case_id"),
    _text("code"),
    _blob("facts"),  # canonical JSON
    _text("opened_at"),
    _text("closed_at", null=True),
    PrimaryKeyConstraint("position", "ordinal"),
    **CLUSTERED,
)
Index("incident_open", incident.c.case_id, **_where("closed_at IS NULL"))

tally = Table(
    "tally",
    metadata,
    _text("unit"),  # "" where no unit answers yet
    _text("month"),  # 2026-04, in this database's time zone
    _text("what"),  # opened, assigned, met, missed, lapsed, letter KIND
    _int("amount"),
    PrimaryKeyConstraint("unit", "month", "what"),
    **CLUSTERED,
)

REBUILT = (case, deadline, letter_number, letter, followup, incident, tally)
"""What `lianxin replay` rebuilds and compares byte for byte."""

# --------------------------------------------------------------------------------------------------- worker

offset = Table(
    "offset",
    metadata,
    _text("group"),
    _text("partition"),
    _int("epoch"),
    _int("next"),
    PrimaryKeyConstraint("group", "partition"),
    **CLUSTERED,
)

watermark = Table("watermark", metadata, _text("partition", primary_key=True), _text("instant"), **CLUSTERED)

lease = Table(
    "lease",
    metadata,
    _text("name", primary_key=True),
    _text("holder"),
    _int("epoch"),
    _text("until"),
    **CLUSTERED,
)

reading = Table(
    "reading",
    metadata,
    _text("worker", primary_key=True),
    _int("level"),  # the newest kind of record its code can read
    _text("until"),
    **CLUSTERED,
)

parked = Table(
    "parked",
    metadata,
    _text("source"),
    _text("id"),
    _text("case_id"),
    _text("occurred_at"),
    _int("sequence"),
    _blob("sealed"),
    _text("needs"),
    _text("parked_at"),
    _text("give_up_at"),
    _int("attempts"),
    UniqueConstraint("source", "id"),
    **STRICT,
)
Index("parked_case", *(parked.c[name] for name in ("case_id", "occurred_at", "sequence", "source", "id")))
Index("parked_give_up", parked.c.give_up_at)

dead_letter = Table(
    "dead_letter",
    metadata,
    _int("number", primary_key=True, autoincrement=True),
    _text("source"),
    _text("id"),
    _text("reason"),
    _text("detail"),
    _text("field"),
    _text("file"),
    _int("row"),
    _text("received_at"),
    _blob("sealed"),
    _int("attempts"),
    _text("state"),  # open, retried, discarded
    **STRICT,
)
Index("dead_letter_message", dead_letter.c.source, dead_letter.c.id)
Index("dead_letter_open", dead_letter.c.number, **_where("state = 'open'"))

# ---------------------------------------------------------------------------------------------------- doors

api_key = Table(
    "api_key",
    metadata,
    _text("key_id", primary_key=True),
    _text("name", unique=True),
    _blob("digest"),
    _text("sources"),  # JSON
    _text("types"),
    _text("units"),
    _int("reads"),
    _text("created_at"),
    _text("revoked_at"),  # "": it holds
    **CLUSTERED,
)

kept_answer = Table(
    "kept_answer",
    metadata,
    _text("caller"),  # id of its key
    _text("key"),
    _blob("digest"),
    _blob("sealed"),
    _text("at"),
    PrimaryKeyConstraint("caller", "key"),
    **CLUSTERED,
)
Index("kept_answer_at", kept_answer.c.at)

vault_key, vault_entry = vault_tables(metadata)
