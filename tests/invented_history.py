"""An invented city's two sources as files: a hotline that sends messages, and an old system's table. Seeded."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from test_import import COLUMNS, MAP
from worker_parts import answer, approve, assign, close, drop, register, said

from engine.core.model import JsonObject

UNITS = ("住建局", "城管局", "水务局", "房管局", "教育局")
START = datetime(2026, 3, 2, 8, 30)
DAYS = 80
CLOCK = "2026-06-15 09:00"
"""After the last event."""
FILES = 8


@dataclass(frozen=True)
class History:
    """Where the files are: `kept` stays, the worker takes from `folder / "intake"`."""

    kept: Path
    messages: int


def write_history(kept: Path, seed: int, cases: int) -> History:
    """Half of the cases come as messages, half in the table; one in a hundred twice, a few broken, a few too early."""
    chance = random.Random(seed)
    kept.mkdir()
    events = [event for number in range(cases // 2) for event in _story(chance, f"S{number}")]
    events.sort(key=lambda event: str(event["time"]))
    _disorder(chance, events)
    size = -(-len(events) // FILES)
    for number in range(FILES):
        part: list[JsonObject | bytes] = [*events[number * size : (number + 1) * size]]
        last = max(str(event["time"]) for event in events[: (number + 1) * size])
        part += chance.sample(part, max(1, len(part) // 100))  # delivered twice
        part += _broken(chance, number, last)
        if number:
            part.append({**chance.choice(events[:size]), "sequence": 10**6})  # again, a week later, in another order
        drop(kept / "intake", f"{number}.ndjson", part, datetime.fromisoformat(last[:19]).isoformat(" "))
    rows = [_row(chance, f"N{number}") for number in range(cases - cases // 2)]
    rows += [{**row, "no": f"{row['no']}x", "received": "gestern"} for row in rows[:3]]
    with (kept / "old.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    (kept / "old.map.yaml").write_text(MAP.replace("workflow: complaint", "workflow: archive"), encoding="utf-8")
    return History(kept, len(events) + len(rows))


def _story(chance: random.Random, key: str) -> list[JsonObject]:
    moment = START + timedelta(minutes=chance.randrange(DAYS * 1440))
    severity = chance.choice((1, 2, 2, 3, 4, 5))
    found = [register(key, _local(moment), severity=severity, petitioner={"name": f"甲{key}"})]
    satisfied: JsonObject = chance.choice(({}, {"satisfied": True}, {"satisfied": False}))
    if chance.random() < 0.1:
        return found
    moment += timedelta(minutes=chance.randrange(1, 300))
    found.append(assign(key, _local(moment), chance.choice(UNITS)))
    if chance.random() < 0.15:
        return found
    moment += timedelta(minutes=chance.randrange(1, 45 * 1440))
    found.append(answer(key, _local(moment), **satisfied))
    if chance.random() < 0.1:
        moment += timedelta(minutes=chance.randrange(1, 3000))
        found.append(said(f"{key}-r", "rework", key, _local(moment), role="unit_head", reason="不全"))
        moment += timedelta(minutes=chance.randrange(1, 9000))
        found.append(said(f"{key}-b", "answer", key, _local(moment), role="handler", opinion="补充", satisfied=True))
    moment += timedelta(minutes=chance.randrange(1, 3000))
    found.append(approve(key, _local(moment)))
    moment += timedelta(minutes=chance.randrange(1, 3000))
    found.append(close(key, _local(moment)))
    return [event for event in found if str(event["time"]) < CLOCK.replace(" ", "T")]


def _disorder(chance: random.Random, events: list[JsonObject]) -> None:
    """Some cases' first message arrives after their second."""
    for _ in range(len(events) // 20):
        at = chance.randrange(len(events) - 40)
        mine = [event["id"] for event in events[at : at + 40] if event["subject"] == events[at]["subject"]]
        if len(mine) == 2 and str(mine[0]).endswith("-1"):
            events.insert(at + 39, events.pop(at))


def _broken(chance: random.Random, number: int, last: str) -> list[JsonObject | bytes]:
    local = datetime.fromisoformat(last[:19]).isoformat(" ")
    key = f"B{number}"
    return [
        f'{{"specversion": "1.0", "id": "b{number}", '.encode(),
        register(f"{key}a", local, severity="sehr"),
        register(f"{key}b", local, severity=2),
        assign(f"{key}b", local[:11] + "23:00:00", "没有这个局")
        if number % 2
        else register(f"{key}b", local, severity=3),
    ]


def _row(chance: random.Random, no: str) -> dict[str, str]:
    moment = START + timedelta(minutes=chance.randrange(DAYS * 1440))
    answered = moment + timedelta(minutes=chance.randrange(1, 45 * 1440))
    given = chance.random() < 0.7 and answered < datetime.fromisoformat(CLOCK)
    return {
        "no": no,
        "received": moment.strftime("%Y-%m-%d %H:%M"),
        "unit": chance.choice(UNITS),
        "level": str(chance.randrange(1, 6)),
        "answered": answered.strftime("%Y-%m-%d %H:%M") if given else "",
        "caller": f"乙{no}",
    }


def _local(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")
