"""Small valid workflows and streams of commands for them, drawn by hypothesis: for laws that hold of every workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from hypothesis import strategies as st

from engine.app import assemble
from engine.core.errors import LianxinError
from engine.core.instants import Instant, from_datetime
from engine.core.model import JsonObject
from engine.core.workflow import Workflow
from engine.language.compile import compile_workflow
from engine.runtime.asks import Ask

UNITS = ("甲局", "甲站", "乙局", "丙局")
PEOPLE = ("", "p-jia", "p-yi", "p-x")
START = datetime.fromisoformat("2026-03-02T01:00:00+00:00")
LENGTHS = ("1 working day", "3 working days", "2 days", "20 hours", "1 month")
AGAIN = ("never", "restart", "resume", "keep due")


@dataclass(frozen=True)
class Wish:
    """One command of a stream, before it is known when it happens."""

    does: str
    role: str
    hours: int  # after the one before
    case: int
    values: tuple[tuple[str, Any], ...]
    unit: str
    person: str
    intake: bool


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    """Two to five states, guards on numbers and bools, deadlines of every kind, one track, reactions to what is missed."""
    form = _form(draw)
    try:
        return _compiled(orjson.dumps(form).decode())
    except LianxinError as error:
        raise AssertionError([(p.code, dict(p.facts)) for p in error.problems]) from None


@lru_cache(maxsize=512)
def _compiled(text: str) -> Workflow:
    assembly = assemble()
    return compile_workflow(text, "drawn.yaml", assembly.actions, assembly.tracks())


def _form(draw: st.DrawFn) -> JsonObject:
    count = draw(st.integers(2, 5))
    states = [f"s{n}" for n in range(count)]
    moves = [f"m{n}" for n in range(draw(st.integers(2, 5)))]
    drawn: JsonObject = {state: {"phase": "assigned", "transitions": {}} for state in states}
    drawn["s0"]["initial"] = True
    if draw(st.booleans()):
        drawn[states[-1]] |= {"final": True, "phase": "closed"}
    for name in moves:
        for state in draw(st.lists(st.sampled_from(states), min_size=1, max_size=count, unique=True)):
            drawn[state]["transitions"][name] = _move(draw, [*states, "back", None])
    for state in states:  # what the engine may do by itself needs nothing
        drawn[state]["transitions"]["auto"] = {"to": draw(st.sampled_from([*states, None])), "by": ["engine", "clerk"]}
        if drawn[state]["transitions"]["auto"]["to"] is None:
            del drawn[state]["transitions"]["auto"]["to"]
    deadlines = {f"d{n}": _deadline(draw, states, moves, "case.unit") for n in range(draw(st.integers(1, 3)))}
    track_states = ["t0", "t1", "t2"]
    track: JsonObject = {
        "many": True,
        "after_close": draw(st.sampled_from(["keep", "cancel", "block"])),
        "opens": {"by": ["clerk"]},
        "data": {"unit": {"type": "unit", "optional": True}, "size": {"type": "int", "default": 0}},
        "states": {
            "t0": {
                "initial": True,
                "transitions": {"go": {"to": "t1", "by": ["clerk", "engine"]}, "end": {"to": "t2", "by": "clerk"}},
            },
            "t1": {
                "transitions": {
                    "end": {"to": "t2", "by": "clerk"},
                    "undo": {"to": "back", "by": "clerk"},
                    "size": {"by": "clerk", "needs": ["size"]},
                }
            },
            "t2": {"final": True, "transitions": {"again": {"to": "t0", "by": "clerk"}}},
        },
        "deadlines": {"td": _deadline(draw, track_states, ["go", "end"], "track.unit", then="go")},
    }
    return {
        "lianxin": 1,
        "workflow": "drawn",
        "calendar": "plain_utc",
        "case": {
            "unit": {"type": "unit", "optional": True},
            "accused": {"type": "list", "of": "unit", "default": []},
            "num": {"type": "int", "default": 0, "min": 0, "max": 9},
            "flag": {"type": "bool", "optional": True},
            "wish": {"type": "text", "optional": True},
        },
        "privacy": {"accused": "case.accused", "petitioner": {"name": "text"}},
        "roles": {
            "clerk": "c",
            "desk": {"title": "d", "not_of": "case.unit"},
            "head": {"title": "h", "of": "case.unit", "not_as": ["desk"]},
        },
        "opens": {"register": {"by": "clerk"}},
        "states": drawn,
        "deadlines": deadlines,
        "letters": {
            "supervision": {
                "title": "督办函",
                "mark": "督",
                "template": "supervision",
                "sign": "desk",
                "auto": True,
                "reply_within": "2 working days",
                "level": 1,
            },
        },
        "tracks": {"letter": {"use": "letter"}, "sponsor": {"use": "sponsor"}, "part": track},
        "reactions": {f"r{n}": _reaction(draw, list(deadlines)) for n in range(draw(st.integers(0, 3)))},
    }


def _move(draw: st.DrawFn, targets: list[str | None]) -> JsonObject:
    move: JsonObject = {
        "by": draw(
            st.sampled_from(["clerk", "desk", "head", ["clerk", "desk"], {"two": "desk"}, {"all": ["clerk", "desk"]}])
        )
    }
    to = draw(st.sampled_from(targets))
    if to is not None:
        move["to"] = to
    if when := draw(st.sampled_from([None, "case.num < 5", "has(case.flag) && case.flag", "tracks.part.open < 2"])):
        move["when"] = {"fit": when}
    if needs := draw(st.sampled_from([None, ["num"], ["unit"], ["reason"]])):
        move["needs"] = needs
    if takes := draw(st.sampled_from([None, ["unit", "accused"], ["flag", "wish"]])):
        move["takes"] = takes
    if draw(st.booleans()):
        move["set"] = {"num": "=case.num < 9 ? case.num + 1 : 0"}
    return move


def _deadline(draw: st.DrawFn, states: list[str], moves: list[str], owner: str, then: str = "auto") -> JsonObject:
    names = st.sampled_from([*states, *(f"transition.{name}" for name in moves)])
    length = draw(st.sampled_from(LENGTHS))
    found: JsonObject = {
        "within": length,
        "from": draw(st.lists(names, min_size=1, max_size=2, unique=True)),
        "until": draw(st.lists(names, min_size=1, max_size=2, unique=True)),
        "again": draw(st.sampled_from(AGAIN)),
    }
    if not length.endswith(("working day", "working days", "hours", "minutes")):
        found["roll"] = draw(st.sampled_from(["next working day", "none"]))
    if owned := draw(st.sampled_from([None, "office", f"={owner}"])):
        found["owner"] = owned
        if draw(st.booleans()):
            found["else_to"] = "office"
    if reminders := draw(st.sampled_from([None, ["50%"], ["50%", "1 working day before"], ["2 hours before"]])):
        found["remind"] = reminders
    if draw(st.booleans()):
        found["pause"] = {"while": [draw(st.sampled_from(states))]}
    if draw(st.booleans()):
        found["cancel"] = [draw(names)]
    kind = draw(st.sampled_from(["plain", "plain", "right", "then"]))
    if kind == "right":
        found["right"] = True
    elif kind == "then":
        found["then"] = then
    if then == "auto":
        if draw(st.booleans()):
            found["extend"] = {"by": draw(st.sampled_from(LENGTHS)), "times": 1, "approved_by": "clerk"}
        if draw(st.integers(0, 3)) == 0:
            found["after_close"] = "keep"
        if draw(st.integers(0, 5)) == 0:
            found["from"] = ["any event"]
            found["again"] = "restart"
    return found


def _reaction(draw: st.DrawFn, deadlines: list[str]) -> JsonObject:
    name = draw(st.sampled_from(deadlines))
    upon = draw(
        st.sampled_from(
            [f"deadline.{name}.missed", f"deadline.{name}.reminder", "part.deadline.td.missed", "case.closed"]
        )
    )
    actions: list[JsonObject] = [
        {"issue_letter": {"kind": "supervision", "to": "=event.owner", "else_to": "office"}},
        {"escalate": {"levels": 1}},
        {"remind": {"to": "丙局", "text": "x"}},
        {"open": "part", "with": {"size": "=case.num"}},
        {"fire": "auto"},
        {"fire": "part.go", "where": "track.size < 5"},
    ]
    found: JsonObject = {"upon": upon, "do": draw(st.lists(st.sampled_from(actions), min_size=1, max_size=2))}
    if draw(st.integers(0, 3)) == 0:
        found["after"] = draw(st.sampled_from(["2 days", "5 hours"]))
    if draw(st.integers(0, 3)) == 0:
        found["once"] = True
    if draw(st.integers(0, 2)) == 0:
        found["when"] = "case.num > 0"
    return found


@st.composite
def streams(draw: st.DrawFn, workflow: Workflow, most: int = 20) -> list[Wish]:
    """Commands that may fit: most of them moves of the workflow, in the order of time."""
    names = sorted({name for _, name in workflow.main.table})
    tracks = [f"part.{name}" for name in ("open", "go", "end", "undo", "size", "again")]
    letters = ["letter.answer", "letter.verify", "letter.contest"]
    found = [Wish("register", "clerk", 0, case, (), "", "", True) for case in range(2)]
    for _ in range(draw(st.integers(1, most))):
        does = draw(st.sampled_from([*names, *names, *tracks, *letters]))
        values: dict[str, Any] = {}
        for field, value in (
            ("num", st.integers(0, 9)),
            ("unit", st.sampled_from(UNITS)),
            ("reason", st.just("因故")),
            ("flag", st.booleans()),
            ("size", st.integers(0, 9)),
        ):
            if field in _fields(workflow, does) and draw(st.integers(0, 9)):
                values[field] = draw(value)
        if "accused" in _fields(workflow, does) and draw(st.integers(0, 4)) == 0:
            values["accused"] = [draw(st.sampled_from(UNITS))]
        roles = _roles(workflow, does)
        role = draw(st.sampled_from(roles)) if draw(st.integers(0, 9)) else "clerk"
        person = draw(st.sampled_from(PEOPLE))
        unit = draw(st.sampled_from(UNITS)) if person and draw(st.booleans()) else ""
        hours = draw(st.sampled_from([0, 0, 1, 7, 30, 60]))
        intake = draw(st.booleans())
        found.append(Wish(does, role, hours, draw(st.integers(0, 1)), tuple(values.items()), unit, person, intake))
    return found


def asks(stream: list[Wish]) -> list[Ask]:
    """The stream as messages, each at its instant."""
    moment, found = START, []
    for number, wish in enumerate(stream):
        moment += timedelta(hours=wish.hours)
        values = dict(wish.values) | ({"answer": "答复"} if wish.does == "letter.answer" else {})
        values |= {"grounds": "理由"} if wish.does == "letter.contest" else {}
        found.append(
            Ask(
                source="urn:drawn", id=f"m{number}", workflow="drawn", does=wish.does, role=wish.role,
                case_key=f"K{wish.case}", time=_instant(moment), values=values, content=f"{number}".encode(),
                person=wish.person, unit=wish.unit, sequence=number, intake=wish.intake,
            )
        )  # fmt: skip
    return found


def _instant(moment: datetime) -> Instant:
    return from_datetime(moment)


def _rows(workflow: Workflow, does: str) -> list[Any]:
    head, _, tail = does.partition(".")
    machine = workflow.tracks[head] if tail else workflow.main
    return [row for (_, name), row in machine.table.items() if name == (tail or head)]


def _fields(workflow: Workflow, does: str) -> set[str]:
    if does == "part.open":
        return {"unit", "size"}
    return {f.name for row in _rows(workflow, does) for f in (*row.case_needs, *row.event_needs, *row.takes)}


def _roles(workflow: Workflow, does: str) -> list[str]:
    found = {role for row in _rows(workflow, does) for role in row.by.roles if role != "engine"}
    return sorted(found) or ["clerk"]
