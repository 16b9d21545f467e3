"""An independent reader: recomputes from the input files what a database must hold, and says where it does not.

It imports nothing of ours. It knows the rules of complaint handling by itself (15 working days from registration, one
supervision letter a breach, a call back after a bad answer), reads the calendar's file with PyYAML, the messages with
json and csv, and the database with the standard library's sqlite3.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml

CHINA = timezone(timedelta(hours=8))
LIMIT = 15
IMPORTED_TOO_OLD = 3
OFFICE = "信访局"
GENESIS = b"\0" * 32
MOVES = {
    "assign": ("received", "assigned"),
    "answer": ("assigned", "handled"),
    "rework": ("handled", "assigned"),
    "approve": ("handled", "reviewed"),
    "close": ("reviewed", "closed"),
}


@dataclass
class Message:
    source: str
    id: str
    does: str
    key: str
    at: datetime
    values: dict[str, Any]
    place: tuple[str, int]
    imported: bool

    @property
    def said(self) -> tuple[object, ...]:
        return self.does, self.key, self.at, self.values


@dataclass
class Expected:
    """One case as it must stand."""

    state: str = ""
    unit: str = ""
    severity: int = 2
    satisfied: bool | None = None
    began: datetime | None = None
    handled: datetime | None = None
    imported: bool = False
    follow_ups: int = 0
    moves: list[tuple[str, str]] = field(default_factory=list)  # (source, id) of what was accepted


class Calendar:
    """Working days of China, from the calendar's file alone."""

    def __init__(self, path: Path) -> None:
        self.rest: set[date] = set()
        self.work: set[date] = set()
        years = yaml.safe_load(path.read_text(encoding="utf-8"))["years"]
        for holiday in [one for year in years for notice in year["notices"] for one in notice["holidays"]]:
            day, until = holiday["from"], holiday.get("until", holiday["from"])
            while day <= until:
                self.rest.add(day)
                day += timedelta(days=1)
            self.work |= set(holiday.get("work", []))

    def works(self, day: date) -> bool:
        return day in self.work or (day not in self.rest and day.weekday() < 5)

    def add(self, day: date, count: int) -> date:
        while count:
            day += timedelta(days=1)
            count -= self.works(day)
        return day

    def due(self, began: datetime) -> datetime:
        """The last microsecond of the last working day."""
        last = self.add(began.astimezone(CHINA).date(), LIMIT)
        return datetime.combine(last, time.max, CHINA)


def judge(database: Path, folder: Path, now: datetime, calendar_file: Path) -> list[str]:
    """Everything that is wrong; nothing where the database holds what follows from the input."""
    calendar = Calendar(calendar_file)
    messages, dead = read_input(folder)
    cases, rejected = play(messages, dead)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        found = Database(db)
        wrong = check_log(found) + check_messages(found, cases, rejected, dead)
        wrong += check_cases(found, cases, calendar, now) + check_numbers(found)
    return wrong


# ── what must be ─────────────────────────────────────────────────────────────────────────────────────────────────


def read_input(folder: Path) -> tuple[list[Message], dict[tuple[str, int], str]]:
    """All messages, each id once, and the dead letters: where they stand and why."""
    found: list[Message] = []
    dead: dict[tuple[str, int], str] = {}
    for path in sorted((folder / "intake").glob("*.ndjson")):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                said = json.loads(line)
            except ValueError:
                dead[path.name, number] = "not-json"
                continue
            does, at = said["type"].removeprefix("lianxin.case."), datetime.fromisoformat(said["time"])
            about = (said["source"], said["id"], does, said["subject"], at, said["data"]["with"])
            found.append(Message(*about, (path.name, number), False))
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                found += from_row(path.name, number, row, dead)
    first: dict[tuple[str, str], Message] = {}
    for message in found:
        earlier = first.setdefault((message.source, message.id), message)
        if (earlier.does, earlier.key, earlier.at, earlier.values) != (
            message.does, message.key, message.at, message.values,
        ):  # fmt: skip
            dead[message.place] = "id-reused"
    return list(first.values()), dead


def from_row(file: str, number: int, row: dict[str, str], dead: dict[tuple[str, int], str]) -> list[Message]:
    """The messages of a row of the old system's table; a time that is none kills the whole row."""
    values = {
        "r": ("register", "received", {"channel": "letter", "severity": row["level"]}),
        "a": ("assign", "received", {"unit": row["unit"]}),
        "b": ("answer", "answered", {}),
    }
    found = []
    for mark, (does, column, given) in values.items():
        if (mark == "a" and not row["unit"]) or (mark == "b" and not row["answered"]):
            continue
        try:
            at = datetime.strptime(row[column], "%Y-%m-%d %H:%M").replace(tzinfo=CHINA)
        except ValueError:
            dead[file, number] = "bad-time"
            return []
        message_id = f"{row['no']}-{mark}"
        found.append(Message("urn:test:old-system", message_id, does, row["no"], at, dict(given), (file, number), True))
    return found


def play(messages: list[Message], dead: dict[tuple[str, int], str]) -> tuple[dict[str, Expected], Counter[str]]:
    """Every case's story in its order of time; refusals by code."""
    cases: dict[str, Expected] = defaultdict(Expected)
    rejected: Counter[str] = Counter()
    for message in sorted(messages, key=lambda m: m.at):
        severity = message.values.get("severity", 2)
        if not str(severity).isdigit() or message.values.get("unit", OFFICE) == "没有这个局":
            dead[message.place] = "bad-value"
            continue
        case = cases[message.key]
        if message.does == "register":
            case.state, case.began, case.imported = "received", message.at, message.imported
            case.severity = int(severity)
        else:
            start, end = MOVES[message.does]
            if case.state != start:
                raise ValueError(f"the story of {message.key} does not hang together")
            if message.does == "close" and case.follow_ups:
                rejected["guard"] += 1
                continue
            case.state = end
            case.unit = message.values.get("unit", case.unit)
            if message.does == "answer":
                case.handled = case.handled or message.at
                case.satisfied = message.values.get("satisfied", case.satisfied)
                case.follow_ups += case.satisfied is False or case.severity >= 4
        case.moves.append((message.source, message.id))
    return {key: case for key, case in cases.items() if case.began}, rejected


# ── what is ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Database:
    """The tables that are judged, read once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        log = db.execute("SELECT position, version, body, digest FROM log ORDER BY position")
        self.log = [(at, version, json.loads(body), body, digest) for at, version, body, digest in log]
        self.inbox = Counter(db.execute("SELECT source, id FROM inbox").fetchall())
        rows = db.execute('SELECT case_id, version, digest, state_json FROM "case"').fetchall()
        self.cases = {case_id: json.loads(state) for case_id, _, _, state in rows}
        self.heads = {case_id: (version, digest) for case_id, version, digest, _ in rows}
        self.dead = db.execute("SELECT file, row, reason, state FROM dead_letter").fetchall()
        self.parked = db.execute("SELECT source, id FROM parked").fetchall()
        letters = db.execute("SELECT organisation, kind, year, serial FROM letter").fetchall()
        self.numbers = [row for row in letters if row[3] is not None]
        self.last = {(o, k, y): last for o, k, y, last in db.execute("SELECT * FROM letter_number")}
        self.opened_by = {body["cause"]["id"]: body["case"] for _, version, body, _, _ in self.log if version == 1}


def check_log(found: Database) -> list[str]:
    """Positions and versions are dense, and every case's chain of digests holds."""
    wrong = []
    if [row[0] for row in found.log] != list(range(1, len(found.log) + 1)):
        wrong.append("positions are not dense")
    heads: dict[str, tuple[int, bytes]] = {}
    for position, version, body, raw, digest in found.log:
        before, previous = heads.get(body["case"], (0, GENESIS)) if version else (0, GENESIS)
        if version and version != before + 1:
            wrong.append(f"position {position}: version {version} after {before}")
        if hashlib.sha256(previous + raw).digest() != digest:
            wrong.append(f"position {position}: the chain is broken")
        if version is not None:
            heads[body["case"]] = (version, digest)
    if heads != found.heads:
        wrong.append("the cases do not stand where their logs end")
    return wrong


def check_messages(
    found: Database, cases: dict[str, Expected], rejected: Counter[str], dead: dict[tuple[str, int], str]
) -> list[str]:
    """Every message is in the log exactly once, or a dead letter, or refused; none is left waiting."""
    accepted = Counter(
        (body["cause"]["source"], body["cause"]["id"])
        for _, version, body, _, _ in found.log
        if version is not None and body["data"].get("transition") in {"register", *MOVES}
    )
    must = Counter(move for case in cases.values() for move in case.moves)
    odd = sorted((must - accepted).keys() | (accepted - must).keys())
    wrong = [f"message {key}: {accepted[key]} times in the log, must be {must[key]}" for key in odd]
    wrong += [f"message {key} is not in the inbox" for key in must if not found.inbox[key]]
    refused = Counter(b["data"]["code"] for _, v, b, _, _ in found.log if v is None and "rejected" in b["type"])
    if refused != rejected:
        wrong.append(f"refusals: {dict(refused)}, must be {dict(rejected)}")
    are = Counter(((file, row), reason) for file, row, reason, state in found.dead if state == "open")
    if are != Counter(dead.items()):
        wrong.append(f"dead letters: {sorted((are - Counter(dead.items())) + (Counter(dead.items()) - are))}")
    if found.parked:
        wrong.append(f"still waiting: {found.parked}")
    return wrong


def check_cases(found: Database, cases: dict[str, Expected], calendar: Calendar, now: datetime) -> list[str]:
    """States, units, the verdict on the deadline, letters, calls back, sponsors."""
    wrong = [f"{len(found.cases)} cases, must be {len(cases)}"] if len(found.cases) != len(cases) else []
    for key, case in sorted(cases.items()):
        is_ = found.cases.get(found.opened_by.get(case.moves[0][1], ""))
        if is_ is None:
            wrong.append(f"case {key} is missing")
            continue
        assert case.began is not None
        due = calendar.due(case.began)
        missed = (case.handled or now) > due
        verdict = "missed" if missed else "met" if case.handled else "running"
        letters = [
            (t["data"]["recipient"], t["state"]) for t in is_.get("tracks", {}).values() if t["track"] == "letter"
        ]
        fresh = now.astimezone(CHINA).date() <= calendar.add(due.date() + timedelta(days=1), IMPORTED_TOO_OLD)
        letter = "delivered" if fresh or not case.imported else "drafted"
        pairs = {
            "state": (is_["state"], case.state),
            "unit": (is_["data"].get("unit", ""), case.unit),
            "due": (is_["clocks"]["handling#1"]["due_at"], instant(due)),
            "verdict": (is_["clocks"]["handling#1"]["status"], verdict),
            "letters": (letters, [(case.unit or OFFICE, letter)] if missed else []),
            "calls back": (count(is_, "follow_up"), case.follow_ups),
            "sponsors": (count(is_, "sponsor"), int(missed)),
        }
        wrong += [f"case {key}: {what} {are!r}, must be {must!r}" for what, (are, must) in pairs.items() if are != must]
    return wrong


def check_numbers(found: Database) -> list[str]:
    """Letters are numbered 1 to n in each series, without gap or twin."""
    series = defaultdict(list)
    for organisation, kind, year, number in found.numbers:
        series[organisation, kind, year].append(number)
    wrong = [
        f"numbers of {key}: {sorted(taken)}"
        for key, taken in series.items()
        if sorted(taken) != list(range(1, len(taken) + 1))
    ]
    return wrong + [f"last number of {k}: {n}" for k, n in found.last.items() if n != len(series[k])]


def count(case: dict[str, Any], track: str) -> int:
    return sum(one["track"] == track for one in case.get("tracks", {}).values())


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
