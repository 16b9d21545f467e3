"""Counting working days without a horizon.

The plain week is counted by a formula, the days that differ from it by a sorted list: any day of the calendar's
ten thousand years is answered in O(log of the listed days), some hundreds in a calendar of sixteen years.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date


class WorkdayTable:
    """Ranks and days: `count` gives a day's rank among the working days, `nth` the day of a rank.

    Days are proleptic ordinals (`date.toordinal`). `week` says for Monday to Sunday whether people work;
    `changed` names the days that a notice decided, where that may agree with the week.
    """

    __slots__ = ("_before", "_counts", "_different", "_in_week", "_ordinals", "_shifts", "_week", "_working")

    def __init__(self, week: tuple[bool, ...], changed: dict[date, bool]) -> None:
        self._week = week
        self._working = [weekday + 1 for weekday in range(7) if week[weekday]]  # ordinal 1 is a Monday
        self._in_week = len(self._working)
        self._before = [sum(week[:days]) for days in range(7)]
        differing = {day.toordinal(): works for day, works in changed.items() if works != week[day.weekday()]}
        self._different = frozenset(differing)
        self._ordinals = sorted(differing)
        self._shifts = [0]
        for ordinal in self._ordinals:
            self._shifts.append(self._shifts[-1] + (1 if differing[ordinal] else -1))
        self._counts = [self.count(ordinal) for ordinal in self._ordinals]

    def is_working(self, ordinal: int) -> bool:
        """Whether people work on that day."""
        return self._week[(ordinal - 1) % 7] != (ordinal in self._different)

    def count(self, ordinal: int) -> int:
        """Working days from 0001-01-01 up to and including that day."""
        weeks, rest = divmod(ordinal, 7)
        return weeks * self._in_week + self._before[rest] + self._shifts[bisect_right(self._ordinals, ordinal)]

    def nth(self, rank: int) -> int:
        """The working day with that count."""
        upcoming = bisect_left(self._counts, rank)
        weeks, index = divmod(rank - self._shifts[upcoming] - 1, self._in_week)
        ordinal = weeks * 7 + self._working[index]
        # An additional working day is not in the formula: it is reached exactly when the formula would pass it.
        return min(ordinal, self._ordinals[upcoming]) if upcoming < len(self._ordinals) else ordinal
