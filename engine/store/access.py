"""What the doors for other systems keep: their keys (only digests of them), and answers that are to be given again.

api_key       who may call, for which sources, types and units
kept_answer   under which Idempotency-Key a caller has sent what, and what it was told; sealed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from engine.core.instants import Instant
from engine.store import schema
from engine.store.reader import Reader
from engine.store.transaction import Tx

FORGOTTEN_MAX = 1_000
"""Answers that one look forgets."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What one key may do. `sources` and `types` may end in `*`; `units` None: it is no unit's key.

    `digest` is SHA-256 of the whole key, which nobody keeps: with 160 random bits in it there is nothing to guess.
    """

    key_id: str
    name: str
    digest: bytes
    sources: frozenset[str]
    types: frozenset[str]
    units: frozenset[str] | None
    reads: bool
    created_at: Instant
    revoked_at: Instant = ""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a caller was told under an Idempotency-Key; `digest` is of what it had sent."""

    caller: str
    key: str
    digest: bytes
    sealed: bytes
    at: Instant


def api_keys(reader: Reader) -> list[ApiKey]:
    """All keys by name, revoked ones among them."""
    rows = reader.connection.execute(select(schema.api_key).order_by(schema.api_key.c.name)).all()
    return [_key(row) for row in rows]


def add_key(tx: Tx, key: ApiKey) -> None:
    """Write a new one; its id and name are new."""
    values = {
        "key_id": key.key_id,
        "name": key.name,
        "digest": key.digest,
        "sources": _listed(key.sources),
        "types": _listed(key.types),
        "units": _listed(key.units),
        "reads": int(key.reads),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
    tx.connection.execute(insert(schema.api_key).values(values))


def revoke_key(tx: Tx, key_id: str, at: Instant) -> None:
    """From here on it opens nothing."""
    table = schema.api_key
    tx.connection.execute(update(table).where(table.c.key_id == key_id).values(revoked_at=at))


def kept_answer(reader: Reader, caller: str, key: str) -> KeptAnswer | None:
    """What the caller was told under this key; None where it has not used it, or so long ago that it is forgotten."""
    table = schema.kept_answer
    row = reader.connection.execute(select(table).where(table.c.caller == caller, table.c.key == key)).first()
    return KeptAnswer(*row) if row else None


def keep_answers(tx: Tx, answers: Sequence[KeptAnswer]) -> None:
    """Write what callers are told, in the transaction of its effect."""
    rows = [{"caller": a.caller, "key": a.key, "digest": a.digest, "sealed": a.sealed, "at": a.at} for a in answers]
    made = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    # Another process may have been told the same key at the same moment: the first one's answer stands.
    tx.connection.execute(made(schema.kept_answer).on_conflict_do_nothing(), rows)


def forget_answers(tx: Tx, before: Instant) -> int:
    """Delete answers older than that, some of them; how many."""
    table = schema.kept_answer
    old = select(table.c.caller, table.c.key).where(table.c.at < before).order_by(table.c.at).limit(FORGOTTEN_MAX)
    found = tx.connection.execute(old).all()
    for caller, key in found:
        tx.connection.execute(delete(table).where(table.c.caller == caller, table.c.key == key))
    return len(found)


def _key(row: Row[Any]) -> ApiKey:
    units = orjson.loads(row.units)
    return ApiKey(
        row.key_id,
        row.name,
        row.digest,
        frozenset(orjson.loads(row.sources)),
        frozenset(orjson.loads(row.types)),
        None if units is None else frozenset(units),
        bool(row.reads),
        row.created_at,
        row.revoked_at,
    )


def _listed(names: frozenset[str] | None) -> str:
    return orjson.dumps(None if names is None else sorted(names)).decode()
