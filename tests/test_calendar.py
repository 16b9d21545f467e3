"""Which days count: the published notices, the arithmetic, the edges of a day, and what is said of a broken file."""

from __future__ import annotations

import csv
import json
import re
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import chinese_calendar
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.core.calendar import MEMO_DAYS_MAX, Calendar, calendar_until, load_calendar
from engine.core.catalogue.calendar import CODES
from engine.core.errors import LianxinError, Problem, Span
from engine.core.instants import from_datetime, to_datetime
from engine.core.workday_table import WorkdayTable

FOLDER = Path(__file__).parent.parent / "workflows" / "calendars"
DAY = timedelta(days=1)


def read(name: str) -> dict[str, Any]:
    data = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


CN = load_calendar(read("cn"), "cn.yaml")
ROME = load_calendar(read("plain_rome"))
NEW_YORK = load_calendar(read("plain_new_york"))

days = st.dates(date(2004, 1, 1), date(2100, 12, 31))
counts = st.integers(-800, 800)
calendars = st.sampled_from([CN, ROME, NEW_YORK])


def on(text: str) -> date:
    return date.fromisoformat(text)


# ---- the published years


def test_every_day_from_2011_to_2026_is_as_published() -> None:
    published = [date(2011, 1, 1) + DAY * n for n in range((date(2026, 12, 31) - date(2011, 1, 1)).days + 1)]
    assert [day for day in published if CN.is_working(day) != chinese_calendar.is_workday(day)] == []
    assert (CN.first_day, CN.last_day) == (published[0], published[-1])


def test_every_year_cites_its_notice() -> None:
    assert [notice.year for notice in CN.notices if not notice.amends and "部分节假日" in notice.title] == [
        *range(2011, 2027)
    ]
    assert all(notice.number and "〔" in notice.number for notice in CN.notices)
    numbers = [notice.number for notice in CN.notices]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(("year", "working"), [(2024, 251), (2025, 248), (2026, 248)])
def test_a_year_has_its_number_of_working_days(year: int, working: int) -> None:
    assert CN.working_days(date(year - 1, 12, 31), date(year, 12, 31)) == working


def test_a_later_notice_overrules_the_one_before() -> None:
    assert not CN.is_working(on("2020-02-01"))  # to be worked by the first notice, off by the second
    assert not CN.is_working(on("2019-05-02"))
    assert CN.is_working(on("2019-04-28"))
    assert not CN.is_working(on("2015-09-04"))
    assert CN.is_working(on("2015-09-06"))


def test_a_year_may_decide_the_last_days_of_the_one_before() -> None:
    assert CN.is_working(on("2011-12-31"))
    assert CN.is_working(on("2018-12-29"))
    assert not CN.is_working(on("2018-12-31"))
    assert calendar_until(CN, 2018).is_working(on("2018-12-31"))


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_a_calendar_is_called_as_its_file_is(name: str) -> None:
    assert load_calendar(read(name)).name == name


# ---- the golden vectors of the domain reference


@pytest.mark.parametrize(
    ("start", "length", "raw", "legal"),
    [
        ("2026-02-10", 15, "2026-02-25", "2026-02-25"),
        ("2026-03-05", 60, "2026-05-04", "2026-05-06"),
        ("2026-04-01", 60, "2026-05-31", "2026-06-01"),
        ("2026-07-09", 30, "2026-08-08", "2026-08-10"),
        ("2026-08-06", 60, "2026-10-05", "2026-10-08"),
        ("2026-09-16", 15, "2026-10-01", "2026-10-08"),
    ],
)
def test_a_last_day_that_is_a_rest_day_rolls_to_the_next_working_day(
    start: str, length: int, raw: str, legal: str
) -> None:
    last = on(start) + timedelta(days=length)
    assert (last, CN.next_working_day(last)) == (on(raw), on(legal))


@pytest.mark.parametrize(
    ("start", "length", "due"),
    [
        ("2026-02-12", 5, "2026-02-26"),
        ("2026-04-30", 5, "2026-05-11"),
        ("2026-05-06", 5, "2026-05-12"),
        ("2026-09-18", 5, "2026-09-24"),
        ("2026-09-30", 5, "2026-10-13"),
        ("2026-10-08", 3, "2026-10-12"),
        ("2025-12-31", 3, "2026-01-06"),
    ],
)
def test_working_days_are_those_of_the_notices(start: str, length: int, due: str) -> None:
    assert CN.add_working_days(on(start), length) == on(due)


def test_beyond_the_last_published_day_an_answer_is_provisional() -> None:
    due = on("2026-11-23") + timedelta(days=60)
    assert due == on("2027-01-22")
    assert not CN.is_published(due)
    assert CN.is_published(on("2026-12-31"))
    assert not CN.is_published(on("2010-12-31"))
    assert CN.is_working(on("2027-10-01"))  # a Friday, and nobody has said more


def test_an_earlier_edition_answers_as_was_known_then() -> None:
    known = calendar_until(CN, 2025)
    assert (known.last_day, known.edition) == (on("2025-12-31"), "cn 2024-11")
    assert known.add_working_days(on("2026-04-30"), 5) == on("2026-05-07")
    assert known.digest != CN.digest
    assert calendar_until(CN, 2026) == CN
    assert calendar_until(ROME, 2025) is ROME


def test_where_nothing_was_published_there_is_no_edition() -> None:
    with pytest.raises(AssertionError):
        calendar_until(CN, 2010)


def test_a_plain_week_is_published_for_ever() -> None:
    assert all(ROME.is_published(day) for day in (date.min, on("2199-12-31"), date.max))
    assert ROME.is_working(on("2026-12-25"))
    assert not ROME.is_working(on("2026-12-26"))


def test_equal_content_is_one_edition() -> None:
    again = load_calendar(read("cn"))
    assert again == CN
    assert {again, CN} == {CN}
    assert CN != ROME
    assert len(CN.digest) == 64


def test_a_changed_day_is_another_edition() -> None:
    data = read("cn")
    data["years"][-1]["notices"][0]["holidays"][0]["work"] = []
    assert load_calendar(data) != CN


# ---- the laws of the arithmetic


@given(calendars, days, counts)
def test_adding_then_counting_gives_the_number_back(calendar: Calendar, day: date, n: int) -> None:
    reached = calendar.add_working_days(day, n)
    if n > 0:
        assert calendar.working_days(day, reached) == n
    elif n < 0:
        assert calendar.working_days(reached - DAY, day - DAY) == -n
    assert n == 0 or calendar.is_working(reached)


@given(calendars, days, days, counts)
def test_adding_keeps_the_order(calendar: Calendar, one: date, other: date, n: int) -> None:
    first, second = sorted((one, other))
    assert calendar.add_working_days(first, n) <= calendar.add_working_days(second, n)


@given(calendars, days, st.integers(0, 400), st.integers(0, 400))
def test_adding_twice_is_adding_once(calendar: Calendar, day: date, n: int, m: int) -> None:
    assert calendar.add_working_days(calendar.add_working_days(day, n), m) == calendar.add_working_days(day, n + m)


@given(calendars, days, st.integers(-400, 400))
def test_from_a_working_day_there_and_back_is_where_it_began(calendar: Calendar, day: date, n: int) -> None:
    working = calendar.next_working_day(day)
    assert calendar.add_working_days(calendar.add_working_days(working, n), -n) == working


@given(calendars, days, days)
def test_counting_backwards_is_the_negative(calendar: Calendar, one: date, other: date) -> None:
    assert calendar.working_days(one, other) == -calendar.working_days(other, one)


@given(calendars, days)
def test_the_next_working_day_is_the_first_that_is_one(calendar: Calendar, day: date) -> None:
    found = calendar.next_working_day(day)
    assert calendar.is_working(found)
    assert calendar.next_working_day(found) == found
    assert not any(calendar.is_working(day + DAY * n) for n in range((found - day).days))
    back = calendar.previous_working_day(day)
    assert calendar.is_working(back)
    assert calendar.previous_working_day(back) == back
    assert not any(calendar.is_working(day - DAY * n) for n in range((day - back).days))


weeks = st.lists(st.booleans(), min_size=7, max_size=7).filter(any).map(tuple)
changes = st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 3, 1)), st.booleans(), max_size=40)


@given(weeks, changes, st.dates(date(2025, 12, 1), date(2026, 4, 1)), st.integers(1, 60))
def test_the_formula_agrees_with_counting_on_the_fingers(
    week: tuple[bool, ...], changed: dict[date, bool], start: date, n: int
) -> None:
    table = WorkdayTable(week, changed)
    day, left = start, n
    while left:
        day += DAY
        works = changed.get(day, week[day.weekday()])
        assert table.is_working(day.toordinal()) == works
        left -= works
    assert table.nth(table.count(start.toordinal()) + n) == day.toordinal()


# ---- the local day


@pytest.mark.parametrize(
    ("calendar", "day", "start", "end", "hours"),
    [
        (CN, "2026-04-01", "2026-03-31T16:00:00.000000Z", "2026-04-01T15:59:59.999999Z", 24),
        (ROME, "2026-03-29", "2026-03-28T23:00:00.000000Z", "2026-03-29T21:59:59.999999Z", 23),
        (ROME, "2026-10-25", "2026-10-24T22:00:00.000000Z", "2026-10-25T22:59:59.999999Z", 25),
        (NEW_YORK, "2026-03-08", "2026-03-08T05:00:00.000000Z", "2026-03-09T03:59:59.999999Z", 23),
        (NEW_YORK, "2026-11-01", "2026-11-01T04:00:00.000000Z", "2026-11-02T04:59:59.999999Z", 25),
    ],
)
def test_a_day_is_as_long_as_its_clock_says(calendar: Calendar, day: str, start: str, end: str, hours: int) -> None:
    assert calendar.day_start(on(day)) == start
    assert calendar.day_end(on(day)) == end
    length = to_datetime(calendar.day_start(on(day) + DAY)) - to_datetime(start)
    assert length == timedelta(hours=hours)


@given(calendars, st.datetimes(datetime(1970, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)))
def test_every_instant_lies_within_its_local_day(calendar: Calendar, moment: datetime) -> None:
    instant = from_datetime(moment)
    day = calendar.local_day(instant)
    assert calendar.day_start(day) <= instant <= calendar.day_end(day)
    assert day == moment.astimezone(calendar.zone).date()


@given(calendars, st.dates(date(1970, 1, 1), date(2037, 12, 31)))
def test_a_day_begins_and_ends_within_itself(calendar: Calendar, day: date) -> None:
    assert calendar.local_day(calendar.day_start(day)) == day
    assert calendar.local_day(calendar.day_end(day)) == day
    assert calendar.local_day(calendar.day_start(day + DAY)) == day + DAY


def test_where_clocks_leap_over_midnight_the_day_begins_later() -> None:
    data = read("plain_utc") | {"zone": "America/Sao_Paulo"}
    calendar = load_calendar(data)
    assert calendar.day_start(on("2018-11-04")) == "2018-11-04T03:00:00.000000Z"
    assert calendar.local_day("2018-11-04T03:00:00.000000Z") == on("2018-11-04")
    assert calendar.local_day("2018-11-04T02:59:59.999999Z") == on("2018-11-03")


def test_a_calendar_remembers_a_bounded_number_of_days() -> None:
    calendar = load_calendar(read("plain_utc"))
    for n in range(MEMO_DAYS_MAX + 10):
        calendar.day_start(date(1970, 1, 1) + DAY * n)
    assert calendar.day_start(date(1970, 1, 1)) == "1970-01-01T00:00:00.000000Z"
    assert len(calendar._starts) <= MEMO_DAYS_MAX


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2026-04-01T01:00:00.000000Z", True),  # Wednesday 09:00
        ("2026-04-01T00:59:59.999999Z", False),
        ("2026-04-01T04:00:00.000000Z", False),  # 12:00, closed for lunch
        ("2026-04-01T06:00:00.000000Z", True),  # 14:00
        ("2026-04-01T09:30:00.000000Z", False),  # 17:30
        ("2026-04-05T01:00:00.000000Z", False),  # Qingming
        ("2026-02-14T01:00:00.000000Z", True),  # a Saturday that is worked
    ],
)
def test_office_hours_are_those_of_the_file(instant: str, is_open: bool) -> None:
    assert CN.office_hours(instant) is is_open


def test_without_hours_in_the_file_the_office_is_open_all_day() -> None:
    data = read("plain_utc")
    del data["office_hours"]
    assert load_calendar(data).office_hours("2026-04-01T23:00:00.000000Z")
    assert not load_calendar(data).office_hours("2026-04-04T12:00:00.000000Z")


# ---- broken files


def explained(problem: Problem) -> bool:
    """Whether both languages have a sentence and a remedy, and every name in them is among the facts."""
    entry = CODES[problem.code]
    return all(text.format(**problem.facts) for text in (entry.zh, entry.en, entry.remedy_zh, entry.remedy_en))


def test_every_code_of_calendars_and_directories_has_its_sentences() -> None:
    core = FOLDER.parent.parent / "engine" / "core"
    files = ("calendar_form.py", "directory_form.py", "findings.py")
    used = {code for file in files for code in re.findall(r"LX-8\d\d", (core / file).read_text(encoding="utf-8"))}
    assert used == set(CODES)


def broken(change: dict[tuple[str | int, ...], Any], data: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """The codes found in a calendar with these values put in, each with the path its span was asked for."""
    data = deepcopy(data or read("cn"))
    for path, value in change.items():
        inner: Any = data
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
    asked: list[tuple[str | int, ...]] = []

    def span(path: tuple[str | int, ...]) -> Span:
        asked.append(path)
        return Span(len(asked), 1, 2)

    with pytest.raises(LianxinError) as caught:
        load_calendar(data, "city.yaml", span)
    assert caught.value.code == "LX-800"
    assert caught.value.exit_code == 1
    assert {problem.file for problem in caught.value.problems} == {"city.yaml"}
    assert all(explained(problem) for problem in caught.value.problems)
    return [
        (problem.code, ".".join(map(str, path))) for problem, path in zip(caught.value.problems, asked, strict=True)
    ]


LAST = ("years", 15, "notices", 0)
NEW_YEAR = (*LAST, "holidays", 0)


def test_a_missing_year_is_found() -> None:
    years = read("cn")["years"]
    assert broken({("years",): years[:5] + years[6:]}) == [("LX-813", "years.5.year")]


def test_years_in_the_wrong_order_are_found() -> None:
    years = read("cn")["years"]
    codes = {code for code, _ in broken({("years",): [years[1], years[0]]})}
    assert codes == {"LX-813", "LX-818"}


def test_a_day_named_twice_is_found() -> None:
    assert broken({(*NEW_YEAR, "work"): ["2026-02-28"]}) == [("LX-814", "years.15.notices.0.holidays.1.work.1")]
    assert broken({(*NEW_YEAR, "until"): "2026-02-15", (*NEW_YEAR, "days"): 46, (*NEW_YEAR, "work"): []}) == [
        ("LX-814", "years.15.notices.0.holidays.1.work.0"),
        ("LX-814", "years.15.notices.0.holidays.1.from"),
    ]


def test_a_second_notice_needs_amends_to_change_a_day() -> None:
    assert broken({("years", 9, "notices", 1, "amends"): False}) == [
        ("LX-814", "years.9.notices.1.holidays.0.from"),
    ]


def test_an_unknown_zone_is_found_with_a_suggestion() -> None:
    with pytest.raises(LianxinError) as caught:
        load_calendar(read("cn") | {"zone": "Asia/Shanghia"})
    assert [(p.code, p.suggestion) for p in caught.value.problems] == [("LX-810", "Asia/Shanghai")]


@pytest.mark.parametrize("zone", ["Asia", "../etc/passwd", "/etc/localtime", "Mars/Base"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    assert broken({("zone",): zone}) == [("LX-810", "zone")]


def test_a_holiday_outside_its_year_is_found() -> None:
    assert broken({(*NEW_YEAR, "from"): "2025-12-20", (*NEW_YEAR, "days"): 15}) == [
        ("LX-815", "years.15.notices.0.holidays.0.from")
    ]
    assert broken({(*NEW_YEAR, "work"): ["2027-01-03"]}) == [("LX-815", "years.15.notices.0.holidays.0.work.0")]


def test_a_range_the_wrong_way_round_is_found() -> None:
    assert broken({(*NEW_YEAR, "until"): "2025-12-31"}) == [("LX-816", "years.15.notices.0.holidays.0.until")]


def test_a_make_up_day_that_is_worked_anyway_is_found() -> None:
    assert broken({(*NEW_YEAR, "work"): ["2026-01-05"]}) == [("LX-817", "years.15.notices.0.holidays.0.work.0")]


def test_the_notices_own_count_of_days_is_checked() -> None:
    assert broken({(*NEW_YEAR, "days"): 4}) == [("LX-819", "years.15.notices.0.holidays.0.days")]


def test_what_is_no_date_is_found() -> None:
    assert broken({(*NEW_YEAR, "from"): "2026-02-30"})[0] == ("LX-804", "years.15.notices.0.holidays.0.from")


@pytest.mark.parametrize(
    "hours",
    [["17:00-09:00"], ["09:00-12:00", "11:00-17:00"], ["9:00-17:00"], ["09:00+08:00-12:00"], ["09:00-24:00"], [540]],
)
def test_office_hours_that_cannot_be_are_found(hours: list[object]) -> None:
    assert {code for code, _ in broken({("office_hours",): hours})} == {"LX-812"}


def test_all_faults_are_found_in_one_run() -> None:
    change = {
        ("zone",): "Asia/Nowhere",
        ("week",): ["monday", "tusday"],
        ("office_hours",): ["9 to 5"],
        ("holidays",): [],
        (*LAST, "titel"): "x",
    }
    assert [code for code, _ in broken(change, read("cn"))][:4] == ["LX-802", "LX-810", "LX-811", "LX-812"]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (None, ["LX-801"]),
        ([], ["LX-801"]),
        ({}, ["LX-803"] * 4),
        ({"lianxin": 2, "calendar": "x", "zone": "UTC", "kind": "plain"}, ["LX-801"]),
        ({"lianxin": 1, "calendar": "x", "zone": "UTC", "kind": "plain", "years": []}, ["LX-802"]),
        ({"lianxin": 1, "calendar": "x", "zone": "UTC", "kind": "other", "years": []}, ["LX-803", "LX-801"]),
        ({"lianxin": 1, "calendar": "x", "zone": "UTC", "kind": "plain", "week": []}, ["LX-801"]),
        (
            {"lianxin": 1, "calendar": "x", "zone": "UTC", "years": [{"year": "2026", "notices": []}]},
            ["LX-803", "LX-801"],
        ),
        ({"lianxin": 1, "calendar": "x", "zone": "UTC", "years": ["2026"]}, ["LX-801"]),
        ({"lianxin": 1, "calendar": "x", "zone": "UTC", "years": []}, ["LX-803"]),
    ],
)
def test_a_file_of_another_form_is_refused_with_reasons(data: object, codes: list[str]) -> None:
    with pytest.raises(LianxinError) as caught:
        load_calendar(data)
    assert [problem.code for problem in caught.value.problems] == codes


@pytest.mark.real
def test_real_answers_are_late_as_often_as_was_counted_by_hand(data_dir: Path) -> None:
    reference = json.loads((data_dir / "reference.json").read_text(encoding="utf-8"))["zh_replies_706"]
    with (data_dir / "zh_replies_706.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    def instant(text: str) -> str:
        return from_datetime(datetime.fromisoformat(text).replace(tzinfo=CN.zone))

    def late(row: dict[str, str]) -> bool:
        received = CN.local_day(instant(row["received_at"]))
        return instant(row["replied_at"]) > CN.day_end(CN.add_working_days(received, 15))

    assert sum(map(late, rows)) == reference["late_after_15_working_days"]
    verdicts = "\n".join(f"{row['case_id']},{late(row):d}" for row in sorted(rows, key=lambda row: int(row["case_id"])))
    assert sha256(verdicts.encode()).hexdigest() == reference["verdict_sha256"]


def test_a_missing_number_is_allowed_where_it_is_explained() -> None:
    data = read("cn")
    data["years"][0]["notices"][0] |= {"number": None, "note": "未能核实"}
    assert load_calendar(data).notices[0].number is None
