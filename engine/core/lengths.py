"""Lengths of time as people write them: `15 working days`, `60 days`, `2 hours`, `15个工作日`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

Unit = Literal["minutes", "hours", "days", "working days", "months", "years"]

LONGEST_AMOUNT = 100_000
"""A length with a larger number is a slip of the pen."""

_ENGLISH = {
    "minute": "minutes", "hour": "hours", "day": "days", "working day": "working days",
    "workday": "working days", "week": "weeks", "month": "months", "year": "years",
}  # fmt: skip
_CHINESE = {
    "分钟": "minutes", "小时": "hours", "日": "days", "天": "days", "个工作日": "working days",
    "工作日": "working days", "周": "weeks", "个月": "months", "月": "months", "年": "years",
}  # fmt: skip
_PATTERN = re.compile(r"\s*(\d{1,6})\s*(" + "|".join([*(w + "s?" for w in _ENGLISH), *_CHINESE]) + r")\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Length:
    """An amount of one unit. `weeks` are read as seven days each."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        unit = self.unit[:-1] if self.amount == 1 else self.unit
        return f"{self.amount} {unit}"

    @property
    def in_days(self) -> bool:
        """Whether it ends at the end of a day (and may roll), not at an instant."""
        return self.unit not in ("minutes", "hours")

    @property
    def span(self) -> timedelta:
        """Of minutes and hours only."""
        assert not self.in_days, self
        return timedelta(minutes=self.amount) if self.unit == "minutes" else timedelta(hours=self.amount)


@lru_cache(maxsize=4096)
def parse_length(text: str) -> Length:
    """Read a length. ValueError says what forms there are."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no length; write e.g. '15 working days', '60 days', '2 hours', '15个工作日'")
    amount, word = int(match[1]), match[2]
    unit = _CHINESE.get(word) or _ENGLISH.get(word) or _ENGLISH[word.removesuffix("s")]
    if unit == "weeks":
        amount, unit = amount * 7, "days"
    if amount > LONGEST_AMOUNT:
        raise ValueError(f"{text!r} is longer than {LONGEST_AMOUNT}")
    return Length(amount, unit)  # type: ignore[arg-type]  # the tables hold units only


def add_months(day: date, months: int) -> date:
    """The same day that many months on; the month's last day where there is no such day (民法典 第二百零二条)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day.day - 1), first_of_next - timedelta(days=1))
