"""From foreign values to the types of case fields: `convert("instant", "08/10/2017 03:20:26 PM", …)`.

What other systems and spreadsheets send is untyped. A value is converted to the type of the field it fills; what cannot
be read raises ValueError with a fixed word, and its row or message becomes a dead letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from engine.core.instants import YEARS_ACCEPTED, Instant, from_datetime
from engine.core.lengths import parse_length

SHORT_MAX_CHARS = 256
"""Of a code, a unit, a person, a case, an enum's value."""
LONG_MAX_CHARS = 100_000
"""Of a text; a petition of fifty pages has about half of that."""
DECIMAL_MAX_DIGITS = 38
LIST_MAX_ITEMS = 1_000
MAX_INTEGER = 2**53 - 1

TimeFormats = Sequence[str]
"""`strptime` formats, tried in order; none means ISO 8601."""


def convert(
    kind: str, value: Any, of: Sequence[str] = (), zone: ZoneInfo | None = None, time_formats: TimeFormats = ()
) -> Any:
    """`value` as a field of type `kind` keeps it. ValueError holds a fixed word (`not-an-int`, `bad-time`, …).

    `of` are an enum's values; of a list it is the item's type, followed by the values if that is an enum. A single
    value becomes a list of one. A time without an offset is local in `zone`; without a zone it cannot be read.
    """
    plain = PLAIN.get(kind)
    if plain is not None:
        return plain(value)
    if kind == "list":
        items = value if isinstance(value, list | tuple) else [value]
        if len(items) > LIST_MAX_ITEMS:
            raise ValueError("too-large")
        return [convert(of[0], item, of[1:], zone, time_formats) for item in items if item is not None and item != ""]
    if kind == "enum":
        return _enum(value, of)
    if kind == "instant":
        return to_instant(value, zone, time_formats)
    assert kind == "date", kind
    return _date(value, zone, time_formats)


def to_instant(value: Any, zone: ZoneInfo | None, time_formats: TimeFormats = ()) -> Instant:
    """The instant of a written or given time.

    Local times are read in `zone`. Of a time that exists twice (autumn) it is the earlier; one that does not exist
    (spring) is read with the offset before the change, so 02:30 becomes 03:30. A date alone is its 00:00.
    """
    moment = _moment(value, time_formats)
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("time-without-offset")
        moment = moment.replace(tzinfo=zone)
    try:
        return from_datetime(moment)
    except OverflowError:
        raise ValueError("year-out-of-range") from None


def _date(value: Any, zone: ZoneInfo | None, time_formats: TimeFormats) -> str:
    """The day as `2026-04-01`; of an instant the day it is in `zone`, or where it was written if there is no zone."""
    moment = _moment(value, time_formats)
    if moment.tzinfo is not None and zone is not None:
        moment = moment.astimezone(zone)
    return moment.date().isoformat()


# `T` between date and time makes a text unambiguous: spreadsheets' own times and our instants come so.
_UNAMBIGUOUS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,12})?)?(?: ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?", re.ASCII
)


def _moment(value: Any, time_formats: TimeFormats) -> datetime:
    """The moment as written, with an offset if it has one; its year is plausible."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = _read(value.strip(), time_formats)
    else:
        raise ValueError("bad-time")
    if not YEARS_ACCEPTED[0] <= moment.year <= YEARS_ACCEPTED[1]:
        raise ValueError("year-out-of-range")
    return moment


def _read(text: str, time_formats: TimeFormats) -> datetime:
    if len(text) > SHORT_MAX_CHARS:
        raise ValueError("bad-time")
    for form in time_formats:
        try:
            return datetime.strptime(text, form)  # the zone is the caller's
        except ValueError:
            continue
    if time_formats and not _UNAMBIGUOUS.match(text):
        raise ValueError("bad-time")
    if not _ISO.fullmatch(text):
        raise ValueError("bad-time")
    try:
        return datetime.fromisoformat(text.replace(" +", "+").replace(" Z", "Z").replace(" -", "-"))
    except ValueError:
        raise ValueError("bad-time") from None


_TRUE = frozenset({"true", "yes", "y", "t", "1", "是"})
_FALSE = frozenset({"false", "no", "n", "f", "0", "否"})


def _bool(value: Any) -> bool:
    word = str(value).strip().lower() if isinstance(value, str | bool | int) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("not-a-bool")


def _int(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,20}(?:\.0{1,6})?", value.strip()):
        value = int(value.strip().partition(".")[0])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("not-an-int")
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise ValueError("number-out-of-range")
    return value


def _decimal(value: Any) -> str:
    """The number in plain digits, without an exponent, a plus or trailing zeros: one number, one text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("not-a-decimal")
    text = repr(value) if isinstance(value, float) else str(value).strip()
    if len(text) > 2 * DECIMAL_MAX_DIGITS or not text.isascii() or "_" in text:
        raise ValueError("not-a-decimal")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("not-a-decimal") from None
    if not number.is_finite():
        raise ValueError("not-a-decimal")
    if abs(number.adjusted()) > DECIMAL_MAX_DIGITS or len(number.as_tuple().digits) > DECIMAL_MAX_DIGITS:
        raise ValueError("number-out-of-range")
    plain = format(number, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain


def _written(value: Any) -> str:
    """A number or a bool as a text; a text as it stands."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return from_datetime(value)
    raise ValueError("not-a-text")


def _text(value: Any) -> str:
    text = value if type(value) is str else _written(value)
    if len(text) > LONG_MAX_CHARS:
        raise ValueError("too-large")
    if "\0" in text:
        raise ValueError("control-character")
    return text


def _short(value: Any) -> str:
    """A key, without the blanks around it that spreadsheets leave."""
    text = (value if type(value) is str else _written(value)).strip()
    if not text:
        raise ValueError("missing-value")
    if len(text) > SHORT_MAX_CHARS:
        raise ValueError("too-large")
    if not text.isprintable() and any(mark < " " or "\x7f" <= mark <= "\x9f" for mark in text):
        raise ValueError("control-character")
    return text


def _enum(value: Any, of: Sequence[str]) -> str:
    text = _short(value)
    if text not in of:
        raise ValueError("not-one-of")
    return text


_ISO_DURATION = re.compile(r"P(?:(\d{1,6})([YMWD])|T(\d{1,6})([HM]))", re.ASCII)
_ISO_UNITS = {"Y": "years", "M": "months", "W": "weeks", "D": "days", "TH": "hours", "TM": "minutes"}


def _duration(value: Any) -> str:
    """The length in English and in one unit: `15 working days`."""
    text = _of_timedelta(value) if isinstance(value, timedelta) else value
    if not isinstance(text, str):
        raise ValueError("not-a-duration")
    if match := _ISO_DURATION.fullmatch(text.strip()):
        amount, unit = (match[1], match[2]) if match[1] else (match[3], "T" + match[4])
        text = f"{amount} {_ISO_UNITS[unit]}"
    try:
        return str(parse_length(text))
    except ValueError:
        raise ValueError("not-a-duration") from None


def _of_timedelta(value: timedelta) -> str:
    minutes, rest = divmod(value, timedelta(minutes=1))
    if rest:
        raise ValueError("not-a-duration")
    return f"{minutes} minutes" if minutes % 60 else f"{minutes // 60} hours"


PLAIN: dict[str, Callable[[Any], Any]] = {
    "bool": _bool,
    "int": _int,
    "decimal": _decimal,
    "text": _text,
    "duration": _duration,
    **dict.fromkeys(("code", "unit", "person", "case", "phone", "letter_kind"), _short),
}
