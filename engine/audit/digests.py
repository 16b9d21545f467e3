"""`state_digest` and `letters_digest`: two databases hold the same state, or they do not.

SHA-256 over lines of canonical JSON (RFC 8785; sorted keys do, since nothing here holds a float), each line ended by a
line feed, in this order, and within each by id:

    cases         {case_id, data, levels, phase, state, tracks, unit, workflow}         by case_id
    letters       {case_id, cause, kind, letter_id, state, to}                          by letter_id
    deadlines     {case_id, deadline, due_at, due_raw_at, missed_at, provisional,
                   run, started_at, status, track_id}                  by case_id, track_id, deadline, run
    follow-ups    {case_id, due_at, state, track_id}                                    by track_id
    dead letters  {id, reason, source}: not those mended since         by source, id, reason; each once

`letters_digest` is over the letters alone, with {drafted_at, number, reply_due_at, signed_at} in the line.
Positions, versions, recorded times, letter numbers (in the state's) and salts depend on the order of arrival or on
chance and are left out: a commitment counts as `{"sealed": true}`. Clocks of delayed reactions are no deadlines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from engine.core.model import NO_LEVELS, JsonObject
from engine.store import schema
from engine.store.reader import Reader

REACTION = "reaction."
"""How the clock of a delayed reaction is called."""


def digests(reader: Reader) -> tuple[str, str]:
    """(state_digest, letters_digest) of a database, in hexadecimal."""
    return state_digest(reader), letters_digest(reader)


def state_digest(reader: Reader) -> str:
    """What the cases, letters, deadlines, follow-ups and dead letters come to."""
    hashed = hashlib.sha256()
    for lines in (_cases(reader), _letters(reader), _deadlines(reader), _followups(reader), _dead_letters(reader)):
        _feed(hashed, lines)
    return hashed.hexdigest()


def letters_digest(reader: Reader) -> str:
    """What the letters with their numbers and times come to."""
    hashed = hashlib.sha256()
    _feed(hashed, _letters(reader, numbered=True))
    return hashed.hexdigest()


def _feed(hashed: Any, lines: Iterable[JsonObject]) -> None:
    for line in lines:
        hashed.update(orjson.dumps(line, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))


def _cases(reader: Reader) -> Iterator[JsonObject]:
    for row in _rows(reader, schema.case, "case_id"):
        state = orjson.loads(row["state_json"])
        tracks = {
            track_id: {name: value for name, value in track.items() if name != "number"}
            for track_id, track in state.get("tracks", {}).items()
        }
        yield {
            "case_id": row["case_id"],
            "workflow": row["workflow"],
            "phase": row["phase"],
            "state": row["state"],
            "unit": row["unit"] or None,
            "levels": state.get("levels", NO_LEVELS),
            "data": _unsalted(state["data"]),
            "tracks": _unsalted(tracks),
        }


def _letters(reader: Reader, *, numbered: bool = False) -> Iterator[JsonObject]:
    for row in _rows(reader, schema.letter, "letter_id"):
        line = {
            "letter_id": row["letter_id"],
            "case_id": row["case_id"],
            "kind": row["kind"],
            "to": row["recipient"],
            "state": row["state"],
            "cause": row["cause"] or None,
        }
        if numbered:
            number = {"mark": row["mark"], "year": row["year"], "number": row["serial"]}
            line |= {name: row[name] for name in ("drafted_at", "signed_at", "reply_due_at")}
            line["number"] = number if row["serial"] is not None else None
        yield line


def _deadlines(reader: Reader) -> Iterator[JsonObject]:
    for row in _rows(reader, schema.deadline, "case_id", "track_id", "deadline", "run"):
        if row["deadline"].startswith(REACTION):
            continue
        line = {name: row[name] for name in ("case_id", "track_id", "deadline", "run", "started_at", "due_at")}
        line |= {"due_raw_at": row["due_raw_at"], "status": row["status"], "missed_at": row["missed_at"] or None}
        yield line | {"provisional": bool(row["provisional"])}


def _followups(reader: Reader) -> Iterator[JsonObject]:
    for row in _rows(reader, schema.followup, "track_id"):
        yield {name: row[name] for name in ("case_id", "track_id", "due_at", "state")}


def _dead_letters(reader: Reader) -> Iterator[JsonObject]:
    last: JsonObject = {}
    for row in _rows(reader, schema.dead_letter, "source", "id", "reason"):
        line = {name: row[name] for name in ("source", "id", "reason")}
        if line != last and row["state"] != "retried":
            yield line
        last = line


def _rows(reader: Reader, table: Any, *key: str) -> Iterator[JsonObject]:
    names = schema.names_of(table)
    return (dict(zip(names, row, strict=True)) for row in reader.rows(table, key))


def _unsalted(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"sealed"}:
            return {"sealed": True}
        return {name: _unsalted(item) for name, item in value.items()}
    return [_unsalted(item) for item in value] if isinstance(value, list) else value
