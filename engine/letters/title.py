"""A title's lines, and how wide Chinese text is."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

TITLE_CELLS_MAX = 19
"""Full-width characters in a line of the title: 156 mm hold 20 at 22 pt, and a title looks crowded at the margins."""

BREAK_WELL_BEFORE = ("（", "信访", "办理", "有关")
NEVER_AT_LINE_START = "的函）》」』】〕、，。：；！？·％%"
NEVER_AT_LINE_END = "（《「『【〔"
BAD_BREAK = 40.0
POOR_BREAK = 16.0


def cells(text: str) -> float:
    """Width in full-width characters: 示例 is 2, `12` is 1."""
    return sum(_cell(character) for character in text)


def title_lines(title: str) -> tuple[str, ...]:
    """The title in lines of even length, broken by sense where that can be told: before a bracket or a known word.

    Joined they are the title again. A number or a Latin word is not cut unless it is longer than a line.
    """
    if cells(title) <= TITLE_CELLS_MAX:
        return (title,)
    at = [0.0]
    for character in title:
        at.append(at[-1] + _cell(character))
    even = at[-1] / -(-at[-1] // TITLE_CELLS_MAX)  # the length all lines would have
    best: list[tuple[float, int]] = [(0.0, 0)]  # cost of the best lines up to here, and where the last one begins
    for end in range(1, len(title) + 1):
        starts = [start for start in range(max(0, end - 2 * TITLE_CELLS_MAX), end) if _fits(at, start, end)]
        best.append(min((best[s][0] + (at[end] - at[s] - even) ** 2 + _cut(title, end), s) for s in starts))
    cuts = [len(title)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    return tuple(title[start:end] for start, end in pairwise(reversed(cuts)))


def _fits(at: list[float], start: int, end: int) -> bool:
    return at[end] - at[start] <= TITLE_CELLS_MAX


def _cut(title: str, position: int) -> float:
    """What it costs the reader to have the line end here."""
    before, after = title[:position], title[position:]
    if not after or after.startswith("（"):
        return 0.0
    if after[0] in NEVER_AT_LINE_START or before[-1] in NEVER_AT_LINE_END:
        return BAD_BREAK * 10
    if _cell(before[-1]) < 1 and _cell(after[0]) < 1:
        return BAD_BREAK * 10  # inside a number or a Latin word
    return POOR_BREAK if after.startswith(BREAK_WELL_BEFORE) else BAD_BREAK


def _cell(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    # “ ” — … × are ambiguous by the table and full width in Chinese print
    return 1.0 if unicodedata.east_asian_width(character) in "FWA" else 0.5
