"""A PDF measured with a ruler: millimetres from the upper left corner of the paper."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pdfplumber

MM = 72 / 25.4
LEFT, RIGHT, TOP, BOTTOM = 28.0, 184.0, 37.0, 262.0  # the text area: 156 × 225 mm
RED = (1, 0, 0)


@dataclass(frozen=True)
class Line:
    """Characters on one baseline. `left` and `right` are the outer edges of its characters, in mm."""

    text: str
    left: float
    right: float
    baseline: float
    size: float  # points
    font: str
    characters: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Rule:
    left: float
    right: float
    top: float
    bottom: float

    @property
    def thickness(self) -> float:
        """Points."""
        return (self.bottom - self.top) * MM


@dataclass(frozen=True)
class Page:
    width: float
    height: float
    lines: tuple[Line, ...]
    rules: tuple[Rule, ...]  # red and filled

    def line(self, text: str) -> Line:
        """The only line with this text in it."""
        (found,) = (line for line in self.lines if text in line.text)
        return found

    def body(self) -> tuple[Line, ...]:
        """Lines of 16 points."""
        return tuple(line for line in self.lines if abs(line.size - 16) < 0.1)


def measured(data: bytes) -> list[Page]:
    """Every page of a PDF, its lines from the top down."""
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        return [
            Page(float(page.width) / MM, float(page.height) / MM, tuple(_lines(page)), tuple(_rules(page)))
            for page in pdf.pages
        ]


def ink(data: bytes, page: int, box: tuple[float, float, float, float], *, red: bool = False) -> tuple[float, ...]:
    """Where ink begins and ends inside `box` (left, top, right, bottom): the same four, in mm."""
    from PIL import ImageChops

    dots = 300
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        picture = pdf.pages[page].to_image(resolution=dots).original.convert("RGB")
    left, top, right, bottom = (round(edge / 25.4 * dots) for edge in box)
    cut = picture.crop((left, top, right, bottom))
    dark = ImageChops.invert(cut.getchannel("G")).point(lambda value: 255 if value > 100 else 0)
    if red:
        dark = ImageChops.multiply(dark, cut.getchannel("R").point(lambda value: 255 if value > 200 else 0))
    found = dark.getbbox()
    assert found is not None, "no ink there"
    return tuple(box[index % 2] + edge / dots * 25.4 for index, edge in enumerate(found))


def _lines(page: Any) -> Iterator[Line]:
    rows: dict[tuple[float, float], list[dict[str, Any]]] = defaultdict(list)
    for character in page.chars:
        if character["matrix"][1] == 0:  # a watermark lies across the page
            rows[round(float(page.height) - character["matrix"][5], 1), round(character["size"], 1)].append(character)
    for (baseline, size), found in sorted(rows.items(), key=lambda row: row[0]):
        # A character's box begins at its pen, half a full-width bracket's air included.
        shown = [c for c in sorted(found, key=lambda c: c["x0"]) if c["text"].strip()]
        if shown:
            yield Line(
                "".join(c["text"] for c in shown),
                shown[0]["x0"] / MM,
                max(c["x1"] for c in shown) / MM,
                baseline / MM,
                size,
                shown[0]["fontname"].partition("+")[2],
                tuple(shown),
            )


def _rules(page: Any) -> Iterator[Rule]:
    for drawn in sorted(page.rects, key=lambda rect: rect["top"]):
        if tuple(drawn["non_stroking_color"] or ()) == RED and drawn["height"] < 5:
            yield Rule(*(drawn[edge] / MM for edge in ("x0", "x1", "top", "bottom")))
