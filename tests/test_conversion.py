"""Foreign values become the types of case fields, or are refused with a fixed word."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.conversion import convert, to_instant
from engine.core.instants import from_datetime, to_datetime

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
US = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y")

READ: list[tuple[str, Any, Any]] = [
    ("bool", True, True),
    ("bool", "否", False),
    ("bool", " Yes ", True),
    ("bool", 0, False),
    ("int", " 007 ", 7),
    ("int", "-3", -3),
    ("int", "3.0", 3),
    ("int", 3.0, 3),
    ("decimal", "0012.3400", "12.34"),
    ("decimal", 12.5, "12.5"),
    ("decimal", 7, "7"),
    ("decimal", "1E+3", "1000"),
    ("decimal", "-0.00", "0"),
    ("decimal", Decimal("1.10"), "1.1"),
    ("decimal", "1e-7", "0.0000001"),
    ("decimal", "100", "100"),
    ("text", "一行\n二行 ", "一行\n二行 "),
    ("text", 17, "17"),
    ("text", False, "false"),
    ("text", 0.5, "0.5"),
    ("code", " A-17 ", "A-17"),
    ("code", 101004143000, "101004143000"),
    ("unit", "水务局", "水务局"),
    ("duration", "15个工作日", "15 working days"),
    ("duration", "1 year", "1 year"),
    ("duration", "2小时", "2 hours"),
    ("duration", "30 day", "30 days"),
    ("duration", "P30D", "30 days"),
    ("duration", "PT2H", "2 hours"),
    ("duration", timedelta(hours=24), "24 hours"),
    ("duration", timedelta(minutes=90), "90 minutes"),
]


@pytest.mark.parametrize(("kind", "value", "meant"), READ)
def test_a_value_is_read_as_its_fields_type(kind: str, value: Any, meant: Any) -> None:
    read = convert(kind, value)
    assert (read, type(read)) == (meant, type(meant))


REFUSED: list[tuple[str, Any, str]] = [
    ("bool", "maybe", "not-a-bool"),
    ("bool", 2, "not-a-bool"),
    ("bool", 1.0, "not-a-bool"),
    ("int", "12.5", "not-an-int"),
    ("int", "1,200", "not-an-int"),
    ("int", "１２", "not-an-int"),
    ("int", "1_000", "not-an-int"),
    ("int", True, "not-an-int"),
    ("int", 2**53, "number-out-of-range"),
    ("int", "9" * 20, "number-out-of-range"),
    ("int", [1], "not-an-int"),
    ("decimal", "12 元", "not-a-decimal"),
    ("decimal", "NaN", "not-a-decimal"),
    ("decimal", "Infinity", "not-a-decimal"),
    ("decimal", float("inf"), "not-a-decimal"),
    ("decimal", "1_0", "not-a-decimal"),
    ("decimal", "１２", "not-a-decimal"),
    ("decimal", True, "not-a-decimal"),
    ("decimal", "1e999999", "number-out-of-range"),
    ("decimal", "9" * 39, "number-out-of-range"),
    ("text", {"a": 1}, "not-a-text"),
    ("text", "a\0", "control-character"),
    ("text", "x" * 100_001, "too-large"),
    ("code", "  ", "missing-value"),
    ("code", "a\nb", "control-character"),
    ("code", "x" * 257, "too-large"),
    ("unit", ["水务局"], "not-a-text"),
    ("duration", "soon", "not-a-duration"),
    ("duration", 15, "not-a-duration"),
    ("duration", "-3 days", "not-a-duration"),
    ("duration", timedelta(seconds=1), "not-a-duration"),
    ("duration", timedelta(days=-1), "not-a-duration"),
    ("duration", "999999 years", "not-a-duration"),
    ("instant", 1767225600, "bad-time"),
    ("date", True, "bad-time"),
]


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED)
def test_what_cannot_be_read_is_refused_with_its_word(kind: str, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        convert(kind, value)


def test_an_enum_takes_its_own_values_only() -> None:
    assert convert("enum", " letter ", ("letter", "visit")) == "letter"
    with pytest.raises(ValueError, match="not-one-of"):
        convert("enum", "Letter", ("letter", "visit"))


def test_a_list_takes_many_or_one_and_drops_what_is_empty() -> None:
    assert convert("list", ["水务局", "", None, " 住建局 "], ("unit",)) == ["水务局", "住建局"]
    assert convert("list", "3", ("int",)) == [3]
    assert convert("list", ["a"], ("enum", "a", "b")) == ["a"]
    with pytest.raises(ValueError, match="not-one-of"):
        convert("list", ["c"], ("enum", "a", "b"))
    with pytest.raises(ValueError, match="too-large"):
        convert("list", ["1"] * 1001, ("int",))


TIMES: list[tuple[Any, ZoneInfo | None, tuple[str, ...], str]] = [
    ("2026-04-01T09:00:00+08:00", None, (), "2026-04-01T01:00:00.000000Z"),
    ("2026-04-01T01:00:00.000000Z", None, US, "2026-04-01T01:00:00.000000Z"),
    ("2011-10-11 13:42:22.688000+02:00", None, (), "2011-10-11T11:42:22.688000Z"),
    ("2011-10-11 13:42:22 +0200", None, (), "2011-10-11T11:42:22.000000Z"),
    ("2026-04-01 09:00", SHANGHAI, (), "2026-04-01T01:00:00.000000Z"),
    ("2026-04-01", SHANGHAI, (), "2026-03-31T16:00:00.000000Z"),
    ("08/10/2017 03:20:26 PM", NEW_YORK, US, "2017-08-10T19:20:26.000000Z"),
    ("08/10/2017", NEW_YORK, US, "2017-08-10T04:00:00.000000Z"),
    ("2017-08-10T15:20:26", NEW_YORK, US, "2017-08-10T19:20:26.000000Z"),
    ("2026年4月1日", SHANGHAI, ("%Y年%m月%d日",), "2026-03-31T16:00:00.000000Z"),
    ("03/11/2018 02:30:00 AM", NEW_YORK, US, "2018-03-11T07:30:00.000000Z"),  # skipped in spring: becomes 03:30
    ("11/04/2018 01:30:00 AM", NEW_YORK, US, "2018-11-04T05:30:00.000000Z"),  # twice in autumn: the earlier
    (datetime(2026, 4, 1, 9, tzinfo=SHANGHAI), None, (), "2026-04-01T01:00:00.000000Z"),
]


@pytest.mark.parametrize(("value", "zone", "formats", "meant"), TIMES)
def test_a_time_is_read_as_it_is_written(
    value: Any, zone: ZoneInfo | None, formats: tuple[str, ...], meant: str
) -> None:
    assert convert("instant", value, (), zone, formats) == meant


BAD_TIMES: list[tuple[Any, ZoneInfo | None, tuple[str, ...], str]] = [
    ("2026-04-01 09:00", None, (), "time-without-offset"),
    ("08/10/2017 03:20:26 PM", None, US, "time-without-offset"),
    ("2017-08-10 15:20:26", NEW_YORK, US, "bad-time"),
    ("13/01/2017", NEW_YORK, US, "bad-time"),
    ("2026-02-30", SHANGHAI, (), "bad-time"),
    ("20260401", SHANGHAI, (), "bad-time"),
    ("2026-W14-3", SHANGHAI, (), "bad-time"),
    ("昨天", SHANGHAI, (), "bad-time"),
    ("9999-12-31", SHANGHAI, (), "year-out-of-range"),
    ("01/01/0001", NEW_YORK, US, "year-out-of-range"),
    ("9" * 5000, SHANGHAI, US, "bad-time"),
]


@pytest.mark.parametrize(("value", "zone", "formats", "reason"), BAD_TIMES)
def test_a_time_that_is_none_is_refused(
    value: Any, zone: ZoneInfo | None, formats: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        convert("instant", value, (), zone, formats)


@pytest.mark.parametrize(
    ("value", "zone", "meant"),
    [
        ("2026-04-01", None, "2026-04-01"),
        ("2026-04-01 23:30", None, "2026-04-01"),
        ("2026-04-01T23:30:00+08:00", None, "2026-04-01"),
        ("2026-03-31T16:00:00.000000Z", SHANGHAI, "2026-04-01"),
        ("2026-03-31T16:00:00+00:00", NEW_YORK, "2026-03-31"),
    ],
)
def test_a_day_is_that_of_the_zone_or_of_its_writer(value: str, zone: ZoneInfo | None, meant: str) -> None:
    assert convert("date", value, (), zone) == meant


@given(st.datetimes(datetime(1900, 1, 3), datetime(2200, 12, 29), timezones=st.just(UTC)))
def test_an_instant_that_is_one_already_stays_as_it_is(moment: datetime) -> None:
    instant = from_datetime(moment)
    assert convert("instant", instant, (), NEW_YORK, US) == instant
    assert to_datetime(instant) == moment


@given(st.dates(date(1900, 1, 2), date(2200, 12, 30)), st.sampled_from([SHANGHAI, NEW_YORK, ZoneInfo("Europe/Rome")]))
def test_a_day_read_as_instant_and_back_is_the_same_day(day: date, zone: ZoneInfo) -> None:
    assert convert("date", to_instant(day.isoformat(), zone), (), zone) == day.isoformat()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6))
def test_a_decimal_has_one_way_to_be_written(number: Decimal) -> None:
    text = convert("decimal", str(number))
    assert Decimal(text) == number
    assert convert("decimal", text) == text
    assert "E" not in text
    assert not ("." in text and text.endswith("0"))


@given(
    st.sampled_from(
        ["bool", "int", "decimal", "text", "code", "date", "instant", "duration", "unit", "person", "case"]
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda i: st.lists(i, max_size=2)
    ),
)
def test_whatever_comes_is_read_or_refused_with_a_word(kind: str, value: Any) -> None:
    assert word_of(kind, value).replace("-", "").isalpha()


def word_of(kind: str, value: Any) -> str:
    try:
        convert(kind, value, (), SHANGHAI, US)
    except ValueError as refused:
        return str(refused)
    return "read"
