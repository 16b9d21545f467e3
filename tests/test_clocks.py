"""Laws of the clocks, on twenty years of dates: budgets are kept, points ring once, a new calendar moves what it must.

Every clock here belongs to a deadline that was compiled from a workflow's text, and is driven by `decide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.app import assemble
from engine.core.calendar import Calendar, calendar_until
from engine.core.decide import decide
from engine.core.desk import ENGINE_ACTOR, Rules, folded
from engine.core.directory import Lookups
from engine.core.instants import Instant, from_datetime, to_datetime
from engine.core.lengths import add_months
from engine.core.model import Accepted, Actor, Case, Clock, Command, CommandKind, Draft, JsonObject, Outcome, Rejection
from engine.language.compile import compile_workflow

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
RUNGS_MAX = 100

WORKFLOW = """
lianxin: 1
workflow: clocks
calendar: cn
case: {{length: {{type: duration}}}}
roles: {{clerk: 登记员, boss: 负责人}}
opens: {{register: {{by: clerk}}}}
states:
  received: {{initial: true, transitions: {{begin: {{to: assigned, by: clerk}}}}}}
  assigned:
    transitions:
      halt:   {{to: halted, by: clerk}}
      answer: {{to: handled, by: clerk}}
      back:   {{to: received, by: clerk}}
  halted:  {{phase: assigned, transitions: {{resume: {{to: assigned, by: clerk}}}}}}
  handled: {{transitions: {{begin: {{to: assigned, by: clerk}}}}}}
deadlines:
  task:
    within: =case.length
    from: transition.begin
    until: [handled]
    again: {again}
    owner: office
{more}
"""


@cache
def text_of(again: str, more: Sequence[str]) -> str:
    lines = "\n".join(f"    {line}" for line in more)
    return WORKFLOW.format(again=again, more=lines)


@cache
def rules_of(text: str, published: int = 9999) -> Rules:
    """The rules of a workflow's text, with the calendar as published up to that year."""
    assembly = assemble()
    workflow = compile_workflow(text, "clocks.yaml", assembly.actions, {})
    calendar, directory = calendar_until(assembly.calendars()["cn"], published), assembly.directory()
    return Rules(workflow, calendar, directory, Lookups(directory, calendar), f"until {published}")


class History:
    """One case, command by command."""

    def __init__(self, length: str, *more: str, again: str = "restart", published: int = 9999) -> None:
        self.length = length
        self.text = text_of(again, (*more, "pause: {while: [halted]}"))
        self.rules = rules_of(self.text, published)
        self.case = Case("case")
        self.drafts: list[Draft] = []

    @property
    def calendar(self) -> Calendar:
        return self.rules.calendar

    def does(self, name: str, at: Instant, kind: CommandKind = "transition", **values: Any) -> Outcome:
        roles = {"register": "clerk", "grant_extension_task": "boss", "ask_extension_task": "clerk"}
        actor = ENGINE_ACTOR if kind in ("rung", "calendar") else Actor(roles.get(name, "clerk"), "p-1", "信访局")
        command = Command("test", f"{len(self.drafts)}", "case", "", kind, name, actor, at, values=values)
        outcome = decide(self.case, command, self.rules)
        for draft in outcome.drafts if isinstance(outcome, Accepted) else ():
            self.case = folded(self.case, draft)
            self.drafts.append(draft)
        return outcome

    def did(self, name: str, at: Instant, **values: Any) -> History:
        outcome = self.does(name, at, "open_case" if name == "register" else "transition", **values)
        assert isinstance(outcome, Accepted), outcome
        return self

    def began(self, at: Instant) -> History:
        """The case is there, and its clock runs from `at`."""
        return self.did("register", at, length=self.length).did("begin", at)

    def rings(self, until: Instant) -> list[tuple[Instant, str]]:
        """What the clocks say up to an instant, in the order in which they say it."""
        said: list[tuple[Instant, str]] = []
        for _ in range(RUNGS_MAX):
            waiting = [(c["rungs"][0]["at"], key) for key, c in self.case.clocks.items() if c["rungs"] and "since" in c]
            if not waiting or min(waiting)[0] > until:
                return said
            before = len(self.drafts)
            assert isinstance(self.does(min(waiting)[1], until, "rung"), Accepted)
            said += [(draft.occurred_at, draft.type.split(".")[2]) for draft in self.drafts[before:]]
        raise AssertionError("a clock without end")

    def clock(self, run: int = 1) -> Clock:
        return self.case.clocks[f"task#{run}"]

    def due(self, run: int = 1) -> date:
        """The last day in time. It is in time to its last instant."""
        day = local_day(self.clock(run)["due_at"])
        assert self.clock(run)["due_at"] == self.calendar.day_end(day)
        return day

    def raw(self, run: int = 1) -> date:
        return local_day(self.clock(run)["due_raw_at"])


def local(day: date, clock: time = time(9)) -> Instant:
    return from_datetime(datetime.combine(day, clock, SHANGHAI))


def local_day(instant: Instant) -> date:
    return to_datetime(instant).astimezone(SHANGHAI).date()


def nine(text: str) -> Instant:
    return local(date.fromisoformat(text))


# ── golden vectors ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("start", "length", "raw", "legal"),
    [
        ("2026-02-10", "15 days", "2026-02-25", "2026-02-25"),
        ("2026-03-05", "60 days", "2026-05-04", "2026-05-06"),
        ("2026-04-01", "60 days", "2026-05-31", "2026-06-01"),
        ("2026-07-09", "30 days", "2026-08-08", "2026-08-10"),
        ("2026-08-06", "60 days", "2026-10-05", "2026-10-08"),
        ("2026-09-16", "15 days", "2026-10-01", "2026-10-08"),
        ("2026-02-12", "5 working days", None, "2026-02-26"),
        ("2026-04-30", "5 working days", None, "2026-05-11"),
        ("2026-05-06", "5 working days", None, "2026-05-12"),
        ("2026-09-18", "5 working days", None, "2026-09-24"),
        ("2026-09-30", "5 working days", None, "2026-10-13"),
        ("2026-10-08", "3 working days", None, "2026-10-12"),
        ("2025-12-31", "3 working days", None, "2026-01-06"),
        ("2026-11-23", "60 days", "2027-01-22", None),
    ],
)
def test_due_days_as_the_law_counts_them(start: str, length: str, raw: str | None, legal: str | None) -> None:
    history = History(length, "roll: next working day").began(nine(start))
    assert raw is None or history.raw() == date.fromisoformat(raw)
    if legal is None:
        assert history.clock().get("provisional"), "nobody knows 2027 yet"
    else:
        assert history.due() == date.fromisoformat(legal)
        assert not history.clock().get("provisional")


DATES = st.dates(date(2011, 1, 1), date(2030, 12, 31))
HOURS = st.times()


@given(start=DATES, hour=HOURS, amount=st.integers(1, 400), unit=st.sampled_from(["days", "working days", "months"]))
def test_the_day_it_starts_is_day_zero_whatever_kind_of_day_and_hour_it_is(
    start: date, hour: time, amount: int, unit: str
) -> None:
    amount = amount if unit != "months" else amount % 36 + 1
    history = History(f"{amount} {unit}", "roll: next working day").began(local(start, hour))
    calendar = history.calendar
    if unit == "months":
        raw = add_months(start, amount)
    elif unit == "days":
        raw = start + amount * DAY
    else:
        raw = counted(calendar, start, amount)
    assert history.raw() == raw
    legal = raw
    while not calendar.is_working(legal):
        legal += DAY
    assert history.due() == legal
    assert bool(history.clock().get("provisional")) == (legal > calendar.last_day)


def counted(calendar: Calendar, day: date, working_days: int) -> date:
    """Day by day, as a clerk counts on the wall calendar."""
    while working_days:
        day += DAY
        working_days -= calendar.is_working(day)
    return day


# ── pause and resume ─────────────────────────────────────────────────────────────────────────────────────────────────

GAPS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), min_size=1, max_size=5)
"""Days that it runs, and days that it stands still, again and again."""


@given(start=DATES, gaps=GAPS, unit=st.sampled_from(["days", "working days"]), spare=st.integers(0, 200))
def test_what_was_used_and_what_is_left_are_the_budget_however_often_it_stands_still(
    start: date, gaps: list[tuple[int, int]], unit: str, spare: int
) -> None:
    budget = sum(ran for ran, _ in gaps) + 1 + spare  # it is never over before it stands still
    history = History(f"{budget} {unit}", "roll: none").began(local(start))
    calendar, day, used = history.calendar, start, 0
    for ran, stood in gaps:
        goes_until = day + ran * DAY
        used += used_up(calendar, day, goes_until, unit)
        history.did("halt", local(goes_until, time(12)))
        assert history.clock().get("used", 0) == used
        assert "since" not in history.clock(), "it stands still"
        assert history.rings(local(goes_until + 1000 * DAY)) == [], "and says nothing"
        day = goes_until + stood * DAY
        history.did("resume", local(day, time(15)))
    left = budget - used
    assert history.raw() == (counted(calendar, day, left) if unit == "working days" else day + left * DAY)
    assert [stop[:2] for stop in history.clock()["pauses"]] == sorted(stop[:2] for stop in history.clock()["pauses"])
    assert len(history.clock()["pauses"]) == len(gaps)


def used_up(calendar: Calendar, first: date, last: date, unit: str) -> int:
    days = [first + number * DAY for number in range(1, (last - first).days + 1)]
    return len(days) if unit == "days" else sum(calendar.is_working(day) for day in days)


SPANS = st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**10)), min_size=1, max_size=5)
"""Microseconds that it runs, and microseconds that it stands still."""


@given(start=DATES, hour=HOURS, spans=SPANS, hours=st.integers(2, 500))
def test_hours_are_kept_to_the_microsecond(start: date, hour: time, spans: list[tuple[int, int]], hours: int) -> None:
    used = timedelta(microseconds=sum(ran for ran, _ in spans))
    assume(used < timedelta(hours=hours))
    moment = datetime.combine(start, hour, SHANGHAI).astimezone(UTC)
    history = History(f"{hours} hours").began(from_datetime(moment))
    for ran, stood in spans:
        moment += timedelta(microseconds=ran)
        history.did("halt", from_datetime(moment))
        moment += timedelta(microseconds=stood)
        history.did("resume", from_datetime(moment))
    assert to_datetime(history.clock()["due_at"]) == moment + timedelta(hours=hours) - used


@given(start=DATES, amount=st.integers(1, 60), hours=st.tuples(st.integers(9, 12), st.integers(13, 23)))
def test_a_pause_within_one_day_moves_nothing(start: date, amount: int, hours: tuple[int, int]) -> None:
    history = History(f"{amount} working days").began(local(start))
    due = history.clock()["due_at"]
    history.did("halt", local(start, time(hours[0]))).did("resume", local(start, time(hours[1])))
    assert history.clock()["due_at"] == due


# ── extension ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(
    start=DATES,
    amount=st.integers(2, 200),
    more=st.integers(1, 90),
    times=st.integers(1, 4),
    unit=st.sampled_from(["days", "working days"]),
)
def test_an_extension_is_counted_from_the_unrolled_day_and_never_granted_too_often(
    start: date, amount: int, more: int, times: int, unit: str
) -> None:
    history = History(
        f"{amount} {unit}",
        "roll: next working day",
        f"extend: {{by: {more} {unit}, times: {times}, asked_by: clerk, approved_by: boss}}",
    ).began(local(start))
    at = local(start, time(10))
    for granted in range(1, times + 1):
        assert code(history.does("grant_extension_task", at, reason={"sealed": "x"})) == "not-asked"
        assert code(history.does("ask_extension_task", at, reason={"sealed": "x"})) == ""
        assert code(history.does("grant_extension_task", at, reason={"sealed": "x"})) == ""
        whole = amount + granted * more
        calendar = history.calendar
        raw = counted(calendar, start, whole) if unit == "working days" else start + whole * DAY
        assert history.raw() == raw
        assert history.due() == calendar.next_working_day(raw)
    assert code(history.does("ask_extension_task", at, reason={"sealed": "x"})) == "extension-cap"
    assert history.clock()["extended"] == times


def code(outcome: Outcome) -> str:
    return outcome.code if isinstance(outcome, Rejection) else ""


# ── again ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(start=DATES, amount=st.integers(1, 60), ran=st.integers(0, 60), rested=st.integers(0, 90))
def test_a_second_start_does_what_again_says(start: date, amount: int, ran: int, rested: int) -> None:
    assume(ran < amount)  # the first run was met
    answered, again_on = start + ran * DAY, start + (ran + rested) * DAY
    found = {}
    for again in ("never", "restart", "resume", "keep due"):
        history = History(f"{amount} days", "roll: none", again=again).began(local(start))
        history.did("answer", local(answered, time(10))).did("begin", local(again_on, time(11)))
        assert history.clock()["status"] == "met", "the first result stays counted"
        second = history.case.clocks.get("task#2")
        found[again] = local_day(second["due_at"]) if second else None
        if again == "keep due" and again_on > start + amount * DAY:
            assert history.clock(2)["status"] == "missed"
            assert history.clock(2)["missed_at"] == local(again_on, time(11)), "at the instant it starts"
        elif second:
            assert second["status"] == "running"
            assert second["started_at"] == local(again_on, time(11))
    assert found == {
        "never": None,
        "restart": again_on + amount * DAY,
        "resume": again_on + (amount - ran) * DAY,
        "keep due": start + amount * DAY,
    }


@given(start=DATES, amount=st.integers(2, 60), ran=st.integers(0, 60))
def test_a_second_start_of_a_clock_that_still_runs_restarts_it_or_leaves_it(start: date, amount: int, ran: int) -> None:
    assume(ran < amount)
    again_on = start + ran * DAY
    for again in ("never", "restart", "resume", "keep due"):
        history = History(f"{amount} days", "roll: none", again=again).began(local(start))
        history.did("back", local(again_on, time(10))).did("begin", local(again_on, time(11)))
        if again == "restart":
            assert [c["status"] for c in history.case.clocks.values()] == ["cancelled", "running"]
            assert history.due(2) == again_on + amount * DAY
        else:
            assert [c["status"] for c in history.case.clocks.values()] == ["running"]
            assert history.due() == start + amount * DAY


def test_a_right_whose_kept_day_has_passed_lapses_and_is_no_breach() -> None:
    history = History("5 days", "roll: none", "right: true", again="keep due").began(nine("2026-03-02"))
    history.did("answer", nine("2026-03-03")).did("begin", nine("2026-03-20"))
    assert [clock["status"] for clock in history.case.clocks.values()] == ["met", "lapsed"]
    assert history.drafts[-1].type == "lianxin.deadline.lapsed.v1"


# ── points on the way ────────────────────────────────────────────────────────────────────────────────────────────────

REMINDERS = st.lists(
    st.sampled_from(["10%", "50%", "80%", "99%", "1 days before", "3 working days before", "2 days before"]),
    max_size=5,
    unique=True,
)


@given(
    start=DATES,
    amount=st.integers(1, 6) | st.integers(1, 90),
    unit=st.sampled_from(["days", "working days"]),
    remind=REMINDERS,
    steps=st.lists(st.integers(0, 40), min_size=1, max_size=8),
)
def test_every_point_rings_once_never_early_and_the_oldest_first(
    start: date, amount: int, unit: str, remind: list[str], steps: list[int]
) -> None:
    names = f"remind: [{', '.join(remind)}]"
    history = History(f"{amount} {unit}", "roll: next working day", names).began(local(start))
    promised = [(rung["at"], rung["name"]) for rung in history.clock()["rungs"]]
    due = history.clock()["due_at"]
    said: list[tuple[Instant, str]] = []
    day = start
    for step in [*steps, 400]:
        day += step * DAY
        now = history.rings(local(day))
        assert all(at <= local(day) for at, _ in now), "never early"
        said += now
    assert said == sorted(said, key=lambda one: one[0]), "oldest first"
    assert [at for at, _ in said] == [at for at, _ in promised]
    assert said[-1][1] == "missed"
    assert due < said[-1][0] == history.clock()["missed_at"]
    assert all(local(start) < at <= due for at, what in said[:-1])
    assert code(history.does("task#1", local(day), "rung")) == "rung-gone"


# ── a calendar that is published later ───────────────────────────────────────────────────────────────────────────────


def moved(history: History, at: Instant, published: int) -> Outcome:
    """The next years' calendar is loaded."""
    history.rules = rules_of(history.text, published)
    return history.does("", at, "calendar")


def told(history: History) -> JsonObject:
    return history.drafts[-1].data


def test_a_provisional_due_day_moves_when_its_year_is_published_and_the_move_is_on_record() -> None:
    history = History("3 working days", published=2025).began(nine("2025-12-31"))
    assert history.due() == date(2026, 1, 5)  # two of these days turn out to be the New Year holiday
    assert history.clock()["provisional"]
    before, calendar = history.clock()["due_at"], history.clock()["calendar"]
    assert isinstance(moved(history, nine("2026-01-01"), 2026), Accepted)
    assert history.due() == date(2026, 1, 6)
    assert not history.clock().get("provisional")
    assert history.drafts[-1].type == "lianxin.deadline.moved.v1"
    (move,) = told(history)["moved"]
    assert (move["clock"], move["from"], move["to"]) == ("task#1", before, history.clock()["due_at"])
    assert move["calendar"] == history.clock()["calendar"] != calendar
    assert history.calendar.digest[:16] in told(history)["rule"]


def test_the_last_published_day_is_certain_and_the_next_is_not() -> None:
    assert not History("1 days", "roll: none").began(nine("2026-12-30")).clock().get("provisional")
    assert History("1 days", "roll: none").began(nine("2026-12-31")).clock()["provisional"]


def test_a_day_that_turns_out_to_be_worked_brings_the_due_day_forward() -> None:
    history = History("15 days", "roll: next working day", published=2025).began(nine("2025-12-20"))
    assert history.due() == date(2026, 1, 5)  # 4 January is a Sunday
    assert isinstance(moved(history, nine("2025-12-29"), 2026), Accepted)
    assert (history.due(), history.raw()) == (date(2026, 1, 4), date(2026, 1, 4))  # and worked, for the long holiday


def test_a_calendar_that_moves_nothing_is_refused_without_a_word() -> None:
    history = History("3 working days", published=2025).began(nine("2025-11-03"))
    assert code(moved(history, nine("2025-11-04"), 2026)) == "nothing-moved"


@given(start=st.dates(date(2012, 11, 1), date(2026, 12, 31)), amount=st.integers(1, 120), unit=st.booleans())
def test_what_moves_later_stands_where_it_would_have_stood_had_all_been_known(
    start: date, amount: int, unit: bool
) -> None:
    length, names = f"{amount} {'working days' if unit else 'days'}", "remind: [50%, 3 working days before]"
    year = max(start.year, 2012)
    late = History(length, "roll: next working day", names, published=year).began(local(start))
    known = History(length, "roll: next working day", names).began(local(start))
    outcome = moved(late, local(start, time(10)), 9999)
    assert {**late.clock(), "calendar": ""} == {**known.clock(), "calendar": ""}
    assert isinstance(outcome, Accepted) or outcome == Rejection("nothing-moved")


@given(start=st.dates(date(2024, 12, 1), date(2024, 12, 31)), amount=st.integers(5, 40))
def test_a_point_that_has_rung_does_not_ring_again_in_another_calendar(start: date, amount: int) -> None:
    history = History(f"{amount} working days", "remind: [10%, 80%]", published=2024).began(local(start))
    early = history.rings(local(start + 10 * DAY))
    moved(history, local(start + 10 * DAY, time(10)), 2025)
    later = history.rings(local(start + 300 * DAY))
    what = [name for _, name in [*early, *later]]
    assert what == ["reminder"] * (len(what) - 1) + ["missed"]
    assert len(what) <= 3


def test_a_kept_due_day_moves_with_the_calendar_as_the_first_one_would_have() -> None:
    more = ("roll: next working day", "remind: [1 days before]")
    history = History("15 days", *more, again="keep due", published=2025).began(nine("2025-12-20"))
    history.did("answer", nine("2025-12-22")).did("begin", nine("2025-12-24"))
    assert history.due(2) == date(2026, 1, 5)
    assert isinstance(moved(history, nine("2025-12-29"), 2026), Accepted)
    assert history.due(2) == date(2026, 1, 4)
    assert [at for at, _ in history.rings(nine("2026-02-01"))] == [
        local(date(2026, 1, 3), time(0)),
        local(date(2026, 1, 5), time(0)),
    ]


def test_a_clock_that_stands_still_finds_its_days_in_the_new_calendar_when_it_goes_on() -> None:
    history = History("5 working days", published=2025).began(nine("2025-12-29"))
    history.did("halt", nine("2025-12-30"))
    assert code(moved(history, nine("2025-12-31"), 2026)) == "nothing-moved"
    history.did("resume", nine("2025-12-31"))
    assert history.due() == date(2026, 1, 7)  # 4 January is worked, 1 to 3 are not
