"""`stamp`: what only the store knows is filled in: version, recorded time, letter number; then the record is hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import orjson

from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import GENESIS, Case, Command, Draft, Event, JsonObject

NextNumber = Callable[[str, str, int], int]
REJECTED = "lianxin.case.rejected.v1"
INCIDENT_OPENED = "lianxin.incident.opened.v1"


def stamp(draft: Draft, case: Case, command: Command, rules: Rules, recorded_at: Instant, number: NextNumber) -> Event:
    """The fact as it goes into the log: next in its case's chain of digests."""
    if draft.letter_number is not None:
        _number(draft, rules, number)
    if "tracks" in draft.data:
        _keep_numbers(draft, case)
    version = case.version + 1
    actor = draft.actor.as_json()
    body = orjson.dumps(
        {
            "actor": actor,
            "case": case.case_id,
            "cause": {"id": command.id, "source": command.source},
            "data": draft.data,
            "edition": rules.edition,
            "occurred_at": draft.occurred_at,
            "recorded_at": recorded_at,
            "type": draft.type,
            "version": version,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    digest = hashlib.sha256((case.digest or GENESIS) + body).digest()
    return Event(
        case.case_id, version, draft.type, draft.occurred_at, recorded_at, actor, draft.data, body, digest, draft.reacts
    )


def _number(draft: Draft, rules: Rules, number: NextNumber) -> None:
    """发文字号: the next number of (organisation, kind, year), dense, taken in the signing transaction."""
    assert draft.letter_number is not None
    kind, track_id = draft.letter_number
    year = rules.calendar.local_day(draft.occurred_at).year
    track = draft.data["tracks"][track_id]
    organisation = str(track["data"]["organisation"])
    taken = {"mark": rules.workflow.letters[kind].mark, "year": year, "number": number(organisation, kind, year)}
    draft.data["tracks"] = {**draft.data["tracks"], track_id: {**track, "number": taken}}


def _keep_numbers(draft: Draft, case: Case) -> None:
    """A number taken by an earlier draft of the same command (a letter signed and delivered at once) stays."""
    for track_id, track in draft.data["tracks"].items():
        numbered = case.tracks[track_id].get("number") if track_id in case.tracks else None
        if numbered is not None and "number" not in track:
            draft.data["tracks"] = {**draft.data["tracks"], track_id: {**track, "number": numbered}}


def record(
    case_id: str, type_: str, data: JsonObject, cause: JsonObject, occurred_at: Instant, recorded_at: Instant
) -> Event:
    """A record without a case version: a rejection, an incident. Its digest covers itself alone."""
    body = orjson.dumps(
        {
            "case": case_id,
            "cause": cause,
            "data": data,
            "occurred_at": occurred_at,
            "recorded_at": recorded_at,
            "type": type_,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    digest = hashlib.sha256(GENESIS + body).digest()
    return Event(case_id, 0, type_, occurred_at, recorded_at, {}, data, body, digest)
