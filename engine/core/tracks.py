"""Opening tracks: letters with their recipients and numbers, follow-ups, sponsors; and what levels follow from them."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Mapping

from engine.core.actions import LEVELS
from engine.core.desk import ENGINE_ACTOR, Desk, Refused
from engine.core.inputs import sorted_values
from engine.core.model import Case, JsonObject, Track
from engine.core.permits import check_denial
from engine.core.timing import OFFICE, resolved
from engine.core.workflow import LetterKind, Machine

LETTER, SPONSOR = "letter", "sponsor"
AUTO_PATH = ("check", "sign", "deliver")
"""The moves a letter of an `auto: true` kind makes in the transaction that drafts it."""
SUPERVISION_LEVELS = ("none", "reminded", "supervision", "risk_warning", "accountability")


def track_id(case_id: str, track: str, version: int, cause: JsonObject) -> str:
    """`letter-…`: from the case, the version of the causing event, reaction and index (else its own version)."""
    by = cause.get("reaction", f"open {track}")  # what no reaction can be called
    key = f"{case_id}\x1f{cause.get('version', version)}\x1f{by}\x1f{cause.get('index', 0)}"
    return f"{track}-{b32encode(hashlib.sha256(key.encode()).digest()[:10]).decode().lower()}"


def check_opening(desk: Desk, machine: Machine) -> None:
    """From which states of the case a track may be opened, and whether one is open already."""
    case = desk.case
    if machine.opens_from and case.state not in machine.opens_from:
        raise Refused("no-transition", state=case.state, transition=f"open {machine.name}")
    if not machine.many and any(t["open"] for t in case.tracks.values() if t["track"] == machine.name):
        raise Refused("track-open", track=machine.name)


def new_track(desk: Desk, machine: Machine, values: JsonObject) -> Track:
    """The track in its initial state; unit fields are checked against the denial."""
    fields = machine.fields.values()
    needed = [field for field in fields if not field.optional and field.default is None]
    data, _ = sorted_values(values, needed, (), [field for field in fields if field not in needed])
    for field in fields:
        if field.name not in data and field.default is not None:
            data[field.name] = field.default
        if field.type == "unit" and data.get(field.name) == OFFICE:
            data[field.name] = desk.rules.directory.office
    check_denial(desk, machine, "", data)
    at = desk.command.at
    return Track(
        track=machine.name, state=machine.initial, open=True, opened_at=at, entered={machine.initial: at}, data=data
    )


def letter_values(desk: Desk, values: JsonObject, notes: JsonObject) -> JsonObject:
    """The letter's own data: recipient found (or `else_to`), accused units left out, reply time from its kind."""
    workflow, directory = desk.rules.workflow, desk.rules.directory
    kind = workflow.letters.get(str(values.get("kind")))
    if kind is None:
        raise Refused("bad-value", field="kind", reason="no such letter")
    values = {"reply_within": kind.reply_within, **values}
    chosen = ""
    for name in ("recipient", "else_to"):
        if isinstance(values.get(name), list):
            raise Refused("bad-value", field=name, reason="one unit is wanted")
        unit = resolved(desk, str(values.get(name) or ""))
        if unit and not desk.denied(unit):
            chosen = unit
            break
        desk.incident(notes, "recipient-denied" if unit else "recipient-missing", kind=kind.name, field=name)
    if not chosen:
        raise Refused("no-recipient", kind=kind.name)
    named = dict.fromkeys(resolved(desk, unit) for unit in values.get("copy") or [])
    copies = [unit for unit in named if unit and unit != chosen and not desk.denied(unit)]
    kept = {name: value for name, value in values.items() if name not in ("else_to", "recipient", "copy")}
    return {**kept, "recipient": chosen, "copy": copies, "organisation": directory.office}


def is_auto(desk: Desk, track: Track) -> bool:
    """Whether the engine signs this letter itself: its kind says so, and nothing makes the cause doubtful."""
    kind = desk.rules.workflow.letters.get(str(track["data"].get("kind")))
    return kind is not None and kind.auto and not desk.command.notes


def sponsor_for(desk: Desk, values: JsonObject, notes: JsonObject) -> tuple[str, JsonObject]:
    """(id of the open sponsor track or "", its new data): one level up, or to the level named, never down.

    The leader comes from the directory; one whose unit is accused is passed over for the next level.
    """
    case = desk.case
    open_id = next((key for key, t in case.tracks.items() if t["track"] == SPONSOR and t["open"]), "")
    now = case.tracks[open_id]["data"].get("level") if open_id else None
    if "to_level" in values:
        rank = LEVELS.index(values["to_level"])
    else:
        rank = (LEVELS.index(now) if now else 0) + int(values.get("levels", 1))
    rank = min(rank, len(LEVELS) - 1)
    if now and rank <= LEVELS.index(now):
        raise Refused("already-at-level", level=now)
    unit = str(case.data.get("unit") or desk.rules.directory.office)
    for level in LEVELS[rank:]:
        leader = desk.rules.directory.leader(unit, level)
        if leader and not desk.denied(leader):
            return open_id, {"leader": leader, "level": level}
    desk.incident(notes, "no-leader", unit=unit, level=LEVELS[rank])
    return open_id, {"leader": "", "level": LEVELS[rank]}


def mark_corrected(desk: Desk, names: list[str], data: JsonObject) -> None:
    """Letters drawn by a breach that was none stay, with their numbers, and say so."""
    fired = [name for name in names if name.endswith(".corrected")]
    corrected = {name.split(".")[1] for name in fired if name.startswith("deadline.")}
    for key, track in desk.case.tracks.items() if corrected else ():
        if track["track"] == LETTER and track["data"].get("deadline") in corrected:
            data.setdefault("tracks", {})[key] = {**data.get("tracks", {}).get(key, track), "corrected": True}


def levels_after(case: Case, tracks: dict[str, Track], kinds: Mapping[str, LetterKind]) -> dict[str, str] | None:
    """The case's levels after these track changes; None where nothing moves.

    supervision: of the letters signed and not yet verified, voided or cancelled, the highest (a kind of the office's
    own stands as high as its `level` says: 1 supervision, 2 risk warning, 3 accountability); else reminded or none.
    sponsor: of the open sponsors, the highest.
    """
    every = {**case.tracks, **tracks}
    if not any(t["track"] in (LETTER, SPONSOR) for t in tracks.values()):
        return None
    held = [
        str(t["data"].get("kind"))
        for t in every.values()
        if t["track"] == LETTER and "signed" in t["entered"] and t["open"]
    ]
    ranks = [rank for kind in held if (rank := _rank(kind, kinds))]
    floor = "reminded" if case.levels["supervision"] == "reminded" else "none"
    sponsors = [str(t["data"]["level"]) for t in every.values() if t["track"] == SPONSOR and t["open"]]
    levels = {
        "supervision": SUPERVISION_LEVELS[max(ranks)] if ranks else floor,
        "sponsor": max(sponsors, default="none"),
    }
    return levels if levels != case.levels else None


def _rank(kind: str, kinds: Mapping[str, LetterKind]) -> int:
    """Where a letter stands among the levels of supervision; 0 where it is none of them."""
    level = kinds[kind].level if kind in kinds else 0
    if level:
        return min(level + 1, len(SUPERVISION_LEVELS) - 1)
    return SUPERVISION_LEVELS.index(kind) if kind in SUPERVISION_LEVELS else 0


__all__ = [
    "AUTO_PATH", "ENGINE_ACTOR", "LETTER", "SPONSOR", "check_opening", "is_auto", "letter_values", "levels_after",
    "new_track", "sponsor_for", "track_id",
]  # fmt: skip
