"""A city on virtual time: 200 invented cases over 90 days, with everything that follows from them.

No real name, place or number is in it, and the same seed gives the same city.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson

from engine.core.calendar import Calendar
from engine.core.instants import Instant, from_datetime
from engine.core.model import JsonObject
from engine.letters.template import Template
from engine.runtime.asks import Ask
from engine.runtime.assembly import Assembly
from engine.runtime.handle import Line
from engine.runtime.letter_office import templates, write_letters
from engine.runtime.outputs import write
from engine.runtime.simulate import Simulation
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault, seeded_random

DATABASE = "lianxin.db"
CASES = 200
DAYS = 90
FIRST_DAY = date(2026, 3, 2)
SEED = 20260302
WORKFLOW = "complaint"
UNITS = ("住建局", "水务局", "城管局", "房管局", "人社局", "教育局", "卫健局", "市场监管局")
SLOW = {"房管局": 0.45, "城管局": 0.3}
"""How often a unit lets the deadline pass; the others one time in ten."""
MATTERS = (
    "小区夜间施工噪声扰民", "路灯损坏多日未修", "供水管道漏水", "物业费收取有争议", "工资未按时发放",
    "校门口交通拥堵", "诊所收费不清", "集市占道经营", "房屋漏雨未修", "排水沟堵塞",
)  # fmt: skip
SURNAMES, NAMES = "甲乙丙丁戊己庚辛", ("某一", "某二", "某三", "某四", "某五")


@dataclass
class City:
    """What came of it: figures for the closing table."""

    folder: Path
    figures: JsonObject
    units: dict[str, JsonObject]
    letters: list[Path] = field(default_factory=list)


def run(assembly: Assembly, folder: Path, progress: Callable[[int, int, Instant], None]) -> City:
    """Build the city in `folder` (made anew) and run its 90 days."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / DATABASE
    for path in folder.glob(f"{DATABASE}*"):
        path.unlink()
    keys = fixed_keys(b"demo")
    vault = Vault(keys, seeded_random(b"demo"))
    workflow = assembly.workflow(assembly.folder / f"{WORKFLOW}.yaml")
    with Store.open(f"sqlite:///{database}", vault=vault, durable=False) as store:
        book = assembly.book({WORKFLOW: workflow}, store=store)
        line = assembly.line(store, keys, vault, book)
        asks = list(life(book.calendar(workflow.calendar)))
        simulation = Simulation(line, assembly.consumers, progress=lambda done, now: progress(done, len(asks), now))
        until = _at(FIRST_DAY + timedelta(days=DAYS), 18, 0, book.calendar(workflow.calendar))
        simulation.run(asks, until)
        write(line, folder / "out", simulation.answers, simulation.now)
        return _city(line, folder, templates(assembly.folder))


def life(calendar: Calendar) -> Iterator[Ask]:
    """What people do in the city. What follows by itself is left to the engine."""
    chance = random.Random(SEED)
    for number in range(CASES):
        yield from _case(f"TS-2026-{number + 1:04d}", chance, calendar)


def _case(key: str, chance: random.Random, calendar: Calendar) -> Iterator[Ask]:
    unit = chance.choice(UNITS)
    day = FIRST_DAY + timedelta(days=chance.randrange(DAYS - 15))
    registered = _at(day, chance.randrange(8, 19), chance.randrange(60), calendar)
    dissatisfied, severity = chance.random() < 0.12, chance.choice((1, 2, 2, 3, 3, 4, 5))
    who = chance.choice(SURNAMES) + chance.choice(NAMES)
    yield _ask(key, "register", "clerk", registered, {
        "channel": chance.choice(("letter", "visit", "phone", "web")), "severity": severity,
        "text": f"{chance.choice(MATTERS)}，请有关单位核实处理。",
    }, petitioner={"name": who, "phone": f"1000{chance.randrange(10**7):07d}"})  # fmt: skip
    assigned = calendar.add_working_days(day, chance.choice((0, 1, 1, 2)))
    assigned = calendar.next_working_day(max(assigned, day + timedelta(days=1)))
    yield _ask(key, "assign", "desk", _at(assigned, 9, chance.randrange(60), calendar), {"unit": unit})
    late = chance.random() < SLOW.get(unit, 0.1)
    answered = calendar.add_working_days(day, chance.randrange(17, 32) if late else chance.randrange(4, 15))
    if chance.random() < 0.04:
        return  # nobody answers at all
    yield _ask(key, "answer", "handler", _at(answered, 15, chance.randrange(60), calendar), {
        "opinion": "已现场核实并处理，结果如上。", **({"satisfied": False} if dissatisfied else {}),
    }, unit=unit)  # fmt: skip
    if late:
        yield from _supervised(key, chance, calendar, day, unit)
    if dissatisfied or severity >= 4:
        yield from _called_back(key, chance, calendar, answered, satisfied=not dissatisfied)
    approved = calendar.add_working_days(answered, 1)
    yield _ask(key, "approve", "unit_head", _at(approved, 10, chance.randrange(60), calendar), {}, unit=unit)
    closed = calendar.add_working_days(answered, chance.randrange(6, 10))
    yield _ask(
        key, "close", "office", _at(closed, 16, chance.randrange(60), calendar), {"ending": "supported_executed"}
    )


def _supervised(key: str, chance: random.Random, calendar: Calendar, day: date, unit: str) -> Iterator[Ask]:
    """The unit answers the 督办函, or stays silent until the head of the office signs a 风险警示函."""
    issued = calendar.add_working_days(day, 15) + timedelta(days=1)
    if chance.random() < 0.7:
        answered = calendar.add_working_days(issued, chance.randrange(1, 5))
        yield _ask(key, "letter.answer", "letter_unit", _at(answered, 11, chance.randrange(60), calendar),
                   {"answer": "已查明原因，正在抓紧办理。"}, unit=unit)  # fmt: skip
        verified = calendar.add_working_days(answered, 2)
        yield _ask(key, "letter.verify", "supervisor", _at(verified, 9, 30, calendar), {})
        return
    warned = calendar.add_working_days(issued, 7)
    yield _ask(key, "letter.check", "supervisor", _at(warned, 9, 0, calendar), {})
    yield _ask(key, "letter.sign", "office", _at(warned, 10, 0, calendar), {})
    yield _ask(key, "letter.deliver", "supervisor", _at(warned, 11, 0, calendar), {"proof": "签收"})


def _called_back(
    key: str, chance: random.Random, calendar: Calendar, answered: date, *, satisfied: bool
) -> Iterator[Ask]:
    called = calendar.add_working_days(answered, chance.randrange(1, 4))
    if chance.random() < 0.3:
        yield _ask(key, "follow_up.no_answer", "caller", _at(called, 10, 0, calendar), {})
        called = calendar.add_working_days(called, 1)
    answers = {"was_contacted": True, "requests_answered": True, "promise_kept": satisfied}
    answers |= {"satisfied": satisfied, "pressed": False}
    yield _ask(key, "follow_up.record", "caller", _at(called, 19, chance.randrange(60), calendar), answers)


def _ask(
    key: str,
    does: str,
    role: str,
    at: Instant,
    values: JsonObject,
    *,
    unit: str = "",
    petitioner: dict[str, str] | None = None,
) -> Ask:
    said = {"key": key, "does": does, "at": at, "values": values, "petitioner": petitioner or {}}
    return Ask(
        source="urn:demo:city",
        id=f"{key}/{does}/{at}",
        workflow=WORKFLOW,
        does=does,
        role=role,
        unit=unit,
        case_key=key,
        time=at,
        values=values,
        petitioner=petitioner or {},
        content=orjson.dumps(said, option=orjson.OPT_SORT_KEYS),
    )


def _at(day: date, hour: int, minute: int, calendar: Calendar) -> Instant:
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=calendar.zone)
    return from_datetime(local.astimezone(UTC))


def _city(line: Line, folder: Path, known: dict[str, Template]) -> City:
    with line.store.read() as reader:
        rows = reader.cases(limit=CASES + 1)
        cases = reader.load([str(row["case_id"]) for row in rows])
        letters = write_letters(line, reader, folder / "letters", known, cases)
    figures = {"received": 0, "closed": 0, "late": 0, "warned": 0, "escalated": 0, "visited": 0, "open_late": 0}
    units: dict[str, JsonObject] = {}
    for case in cases.values():
        unit = units.setdefault(str(case.data.get("unit") or "（未交办）"), dict.fromkeys(figures, 0))
        kinds = [t["data"].get("kind") for t in case.tracks.values() if t["track"] == "letter"]
        handling = case.clocks.get("handling#1")
        late = handling is not None and handling["status"] == "missed"
        for name, yes in (
            ("received", True),
            ("closed", case.state == "closed"),
            ("late", late),
            ("open_late", late and handling is not None and "ended_at" not in handling),
            ("warned", bool(kinds)),
            ("escalated", any(t["track"] == "sponsor" for t in case.tracks.values())),
            ("visited", any(t["track"] == "follow_up" and t["state"] == "done" for t in case.tracks.values())),
        ):
            figures[name] += yes
            unit[name] += yes
    return City(folder, figures, dict(sorted(units.items())), letters)
