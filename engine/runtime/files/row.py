"""One row of somebody else's file, good or bad, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.json_text import MAX_MESSAGE_BYTES

MAX_ROW_CHARS = MAX_MESSAGE_BYTES
MAX_CELLS = 2_000
MAX_EXPANDED_BYTES = 4 * 1024**3
"""Of a .gz or .xlsx once unpacked."""
MAX_EXPANSION = 200
"""Times; real tables shrink to a tenth. Held against a file only past `EXPANSION_FREE_BYTES`."""
EXPANSION_FREE_BYTES = 16 * 1024**2
RAW_EXCERPT_CHARS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` is what a person sees: the line in CSV and NDJSON, the row in XLSX, the event's place in XES.

    `cells` by column name. They are texts, but for NDJSON, where they are the values of the object.
    """

    number: int
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used. `reason` is a fixed word, `field` the column; neither holds anything of a cell.

    `raw_excerpt` is the row as it came, for the sealed dead letter alone: it may be personal.
    """

    number: int
    reason: str
    field: str | None = None
    raw_excerpt: str | None = None


def excerpt(raw: str) -> str:
    """What of a bad row is kept for its dead letter."""
    return raw[:RAW_EXCERPT_CHARS]
