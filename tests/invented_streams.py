"""Streams of events that nobody decided: every shape the log may hold, at random, the same for the same seed.

For tests of what comes after deciding: store, projection, replay, digests, verify.
"""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from typing import Any

import orjson

from engine.core.evolve import evolve
from engine.core.instants import Instant, plus
from engine.core.model import GENESIS, Case, Clock, Event, JsonObject, Track
from engine.store.batch import ACCEPTED, DEAD_LETTER, PARKED, REJECTED, Batch, DeadLetterRow, ParkedRow
from engine.store.transaction import Tx

UNITS = ("水务局", "住建局", "城管局", "镇政府")
KINDS = ("supervision", "risk_warning")
WORKFLOW = "sha256:" + "ab" * 32


def stamp(
    case: Case,
    event_type: str,
    at: Instant,
    data: JsonObject,
    *,
    version: int | None = None,
    actor: JsonObject | None = None,
    reacts: bool = False,
) -> Event:
    """The next event of a case; `version=0` makes a record without case version."""
    number = case.version + 1 if version is None else version
    said: JsonObject = {"case": case.case_id, "type": event_type, "occurred_at": at, "recorded_at": at, "data": data}
    said |= {"version": number, "actor": actor or {}, "cause": {}, "edition": {"workflow": WORKFLOW}}
    body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    previous = (case.digest or GENESIS) if number else GENESIS
    digest = hashlib.sha256(previous + body).digest()
    return Event(case.case_id, number, event_type, at, at, actor or {}, data, body, digest, reacts)


def clock(
    at: Instant, *, track: str = "", deadline: str = "handling", run: int = 1, days: int = 5, **more: Any
) -> Clock:
    """A running clock of so many days, with a reminder before the end."""
    due = plus(at, timedelta(days=days))
    rungs = [{"at": plus(at, timedelta(days=days - 1)), "name": "remind"}, {"at": due, "name": "end"}]
    found: dict[str, Any] = {"deadline": deadline, "track": track, "run": run, "status": "running", "started_at": at}
    found |= {"due_at": due, "due_raw_at": due, "rungs": rungs, "calendar": "cal", "since": at, **more}
    return found  # type: ignore[return-value]


def case_id_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:24]


class Invented:
    """An endless stream of batches over at most `cases_max` cases."""

    def __init__(self, seed: int, cases_max: int = 40, start: Instant = "2026-01-05T01:00:00.000000Z") -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.now = start
        self.cases: dict[str, Case] = {}
        self.ids = [case_id_of(seed * 1_000_000 + number) for number in range(cases_max)]
        self.messages = 0
        self.incidents: list[tuple[int, int]] = []

    def append(self, tx: Tx, events: int) -> Batch:
        """Write one batch of about so many events."""
        batch = Batch()
        chosen = self.random.choices(self.ids, k=events)
        folds = {**tx.load(dict.fromkeys(chosen))}
        first = tx.head() + 1
        for case_id in chosen:
            self.now = plus(self.now, timedelta(minutes=self.random.randrange(240)))
            case = folds[case_id]
            drawn = self._next(tx, case)
            index = len(batch.events)
            batch.events += drawn
            for event in drawn:
                if event.version:
                    case = evolve(case, event)
                    batch.cases[case_id] = case
                for ordinal, _ in enumerate(event.data.get("incidents", ())):
                    self.incidents.append((first + len(batch.events) - 1, ordinal))
            folds[case_id] = case
            self._message(batch, case_id, drawn, index)
        batch.watermarks = [("intake/0", self.now)]
        tx.append(batch)
        return batch

    def _message(self, batch: Batch, case_id: str, drawn: list[Event], index: int) -> None:
        self.messages += 1
        source, message_id = self.random.choice(("//hotline", "//web")), f"{self.seed}-{self.messages:08}"
        digest = hashlib.blake2b(message_id.encode(), digest_size=16).digest()
        outcome = ACCEPTED if any(event.version for event in drawn) else REJECTED
        if not drawn:
            outcome = self.random.choice((PARKED, DEAD_LETTER))
            if outcome == PARKED:
                row = (source, message_id, case_id, self.now, 0, b"sealed", "state.x", self.now, self.now)
                batch.parked.append(ParkedRow(*row))
            else:
                letter = DeadLetterRow(source, message_id, "unreadable", "", "", "", 0, self.now, b"sealed")
                batch.dead_letters.append(letter)
        batch.inbox.append((source, message_id, digest, outcome, index if drawn else -1))

    def _next(self, tx: Tx, case: Case) -> list[Event]:
        if not case.exists:
            return [self._opening(case)]
        does = self.random.choice((self._move, self._move, self._rung, self._letter, self._follow_up, self._odd))
        return does(tx, case)

    def _opening(self, case: Case) -> Event:
        with_case: JsonObject = {"text": {"sealed": "c" * 43}, "severity": self.random.randrange(5)}
        if self.random.random() < 0.5:
            with_case["unit"] = self.random.choice(UNITS)
        data: JsonObject = {"workflow": WORKFLOW, "phase": "received", "to": "received", "with": {"case": with_case}}
        data["clocks"] = {"handling/1": clock(self.now, provisional=self.random.random() < 0.2)}
        return stamp(case, "lianxin.case.opened.v1", self.now, data, reacts=self.random.random() < 0.5)

    def _move(self, tx: Tx, case: Case) -> list[Event]:
        state = self.random.choice(("assigned", "handled", "closed"))
        data: JsonObject = {"transition": "x", "from": case.state, "to": state, "phase": state, "set": {}}
        if self.random.random() < 0.3:
            data["set"]["unit"] = self.random.choice(UNITS)
        key, running = self._a_clock(case)
        if running is not None:
            change = self.random.randrange(4)
            if change == 0:
                ended = {**running, "status": "met", "rungs": [], "ended_at": self.now}
                ended.pop("missed_at", None)
                data["clocks"] = {key: ended}
            elif change == 1 and running["status"] == "running":
                data["clocks"] = {key: {name: value for name, value in running.items() if name != "since"}}
            elif change == 2:
                data["clocks"] = {f"handling/{len(case.clocks) + 1}": clock(self.now, run=len(case.clocks) + 1)}
        actor: JsonObject = {"role": "clerk", "person": f"p{self.random.randrange(5)}"}
        return [stamp(case, f"lianxin.case.{state}.v1", self.now, data, actor=actor)]

    def _rung(self, tx: Tx, case: Case) -> list[Event]:
        key, running = self._a_clock(case)
        if running is None or not running["rungs"]:
            return []
        owner = self.random.choice(UNITS)
        missed = {
            **running,
            "status": "missed",
            "rungs": [],
            "missed_at": self.now,
            "owner": running.get("owner", owner),
        }
        data: JsonObject = {"clocks": {key: missed}, "levels": {"supervision": "reminded"}}
        if self.random.random() < 0.3:
            data["incidents"] = [{"code": "no-owner", "facts": {"deadline": "handling"}}]
        return [stamp(case, "lianxin.deadline.missed.v1", self.now, data)]

    def _letter(self, tx: Tx, case: Case) -> list[Event]:
        letters = [(track_id, track) for track_id, track in case.tracks.items() if track["track"] == "letter"]
        if not letters or self.random.random() < 0.3:
            kind, recipient = self.random.choice(KINDS), self.random.choice(UNITS)
            opened: Track = {
                "track": "letter",
                "state": "drafted",
                "open": True,
                "opened_at": self.now,
                "entered": {"drafted": self.now},
                "data": {
                    "kind": kind,
                    "recipient": recipient,
                    "organisation": "示信局",
                    "trigger": "deadline.x.missed",
                },
            }
            tracks = {f"letter-{case.case_id[:6]}-{case.version}": opened}
            return [stamp(case, "lianxin.letter.drafted.v1", self.now, {"tracks": tracks})]
        track_id, track = self.random.choice(letters)
        after: dict[str, Any] = {**track, "entered": {**track["entered"]}}
        data: JsonObject = {"tracks": {track_id: after}}
        if track["state"] == "drafted":
            after["state"] = "signed"
            year = int(self.now[:4])
            number = tx.next_number("示信局", track["data"]["kind"], year)
            after["number"] = {"mark": "示信督", "year": year, "number": number}
        elif track["state"] == "signed":
            after["state"] = "delivered"
            data["clocks"] = {f"{track_id}/reply/1": clock(self.now, track=track_id, deadline="reply")}
        else:
            after |= {"state": "voided", "open": False}
        after["entered"][after["state"]] = self.now
        return [stamp(case, f"lianxin.letter.{after['state']}.v1", self.now, data)]

    def _follow_up(self, tx: Tx, case: Case) -> list[Event]:
        track_id = f"follow-{case.case_id[:6]}-{len(case.tracks)}"
        opened = {
            "track": "follow_up",
            "state": "scheduled",
            "open": True,
            "opened_at": self.now,
            "entered": {},
            "data": {},
        }
        tries = clock(self.now, track=track_id, deadline="first_try", days=3)
        data = {"tracks": {track_id: opened}, "clocks": {f"{track_id}/first_try/1": tries}}
        return [stamp(case, "lianxin.follow_up.scheduled.v1", self.now, data)]

    def _odd(self, tx: Tx, case: Case) -> list[Event]:
        which = self.random.randrange(4)
        if which == 0:
            return [stamp(case, "lianxin.case.rejected.v1", self.now, {"code": "no-transition"}, version=0)]
        if which == 1:
            data: JsonObject = {"code": "watermark-stands", "facts": {}}
            return [stamp(Case(""), "lianxin.incident.opened.v1", self.now, data, version=0)]
        if which == 2 and self.incidents:
            position, ordinal = self.incidents.pop()
            data = {"position": position, "ordinal": ordinal}
            return [stamp(Case(""), "lianxin.incident.closed.v1", self.now, data, version=0)]
        return []

    def _a_clock(self, case: Case) -> tuple[str, Clock | None]:
        main = [(key, found) for key, found in case.clocks.items() if not found["track"]]
        return self.random.choice(main) if main else ("", None)
