"""`stamp`: what only the store knows is filled in: version, recorded time, letter number; then the record is hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import orjson

from engine.core.desk import Rules
from engine.core.instants import Instant
from engine.core.model import GENESIS, Case, Command, Draft, Event, JsonObject, Rejection

NextNumber = Callable[[str, str, int], int]
REJECTED = "lianxin.case.rejected.v1"
INCIDENT_OPENED = "lianxin.incident.opened.v1"


def stamp(draft: Draft, case: Case, command: Command, rules: Rules, recorded_at: Instant, number: NextNumber) -> Event:
    """The fact as it goes into the log: next in its case's chain of digests."""
    if draft.letter_number is not None:
        _number(draft, rules, number)
    if "tracks" in draft.data:
        _keep_numbers(draft, case)
    case_id, version, actor, data = case.case_id, case.version + 1, draft.actor.as_json(), draft.data
    type_, occurred_at = draft.type, draft.occurred_at
    body = orjson.dumps(
        {
            "actor": actor,
            "case": case_id,
            "cause": {"id": command.id, "source": command.source},
            "data": data,
            "edition": rules.edition,
            "occurred_at": occurred_at,
            "recorded_at": recorded_at,
            "type": type_,
            "version": version,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    digest = hashlib.sha256((case.digest or GENESIS) + body).digest()
    return Event(case_id, version, type_, occurred_at, recorded_at, actor, data, body, digest, draft.reacts)


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


def refusal(command: Command, rejection: Rejection, rules: Rules | None) -> JsonObject:
    """What a refusal's record says: the wish, without anything personal, and why not.

    What a reaction wished and a person must see to, because nobody waits for the answer, is an incident too.
    """
    data: JsonObject = {"command": command.name, "code": rejection.code, "facts": rejection.facts}
    if command.actor.role:
        data["actor"] = command.actor.as_json()
    known = rules.workflow.inputs(command.kind, command.name) if rules is not None and command.kind in ASKED else {}
    wished = {n: v for n, v in command.values.items() if n in known and not known[n].personal}
    if wished:
        data["with"] = wished
    if command.cause:
        data["cause"] = command.cause
        if rejection.code in TO_BE_SEEN:
            facts = {"reaction": command.cause["reaction"], "command": command.name, "refused": rejection.code}
            data["incidents"] = [{"code": "reaction-refused", "facts": facts}]
    return data


ASKED = frozenset({"transition", "open_case", "open_track"})
"""The kinds of command that bring values of the workflow's fields."""
TO_BE_SEEN = frozenset(
    {"accused-unit", "bad-value", "guard-failed", "needs", "no-recipient", "no-track", "role-not-allowed",
     "unknown-field"}
)  # fmt: skip
"""Refusals of a reaction's wish that no rule of the workflow meant; others (a guard, a state) are its rules at work."""


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
