"""Can these fonts print this letter? A rare character must not become an empty box, or vanish."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from engine.core.errors import LianxinError
from engine.letters.compose import ATTACHMENTS, DRAFT, DRAFT_LINE, SEAL_LINES, Sheet

FONTS_REMEMBERED_MAX = 16
PAGE_NUMBER = "— 0123456789"
VERSION_NAME = 5  # of the table of names
INVISIBLE = frozenset({"Cc", "Zs", "Zl", "Zp"})
VARIATION_SELECTORS = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)})
"""They choose a shape of the character before them; a font without that shape prints the usual one."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font on this machine. `face` is its place in a collection (.ttc): Noto Serif CJK SC is face 2."""

    path: Path
    face: int = 0
    family: str = ""
    weight: int = 400


FontRole = Literal["body", "title", "heading", "page"]

MISSING_SHOWN_MAX = 20


def missing_glyphs(text: str, fonts: Sequence[FontFile]) -> tuple[str, ...]:
    """The characters of the text that none of the fonts can show, each once, in order of appearance.

    LianxinError LX-718 (exit 5) where a font file cannot be read.
    """
    known = [_characters(font.path, font.face, _edition(font.path)) for font in fonts]
    seen = dict.fromkeys(text)
    return tuple(character for character in seen if _shows(character) and not any(ord(character) in k for k in known))


def require_glyphs(letter_id: str, sheet: Sheet, fonts: Mapping[FontRole, Sequence[FontFile]]) -> None:
    """Refuse to print what these fonts, by role, cannot show.

    LianxinError LX-717 (exit 6) names every such character and where in the letter it stands first.
    """
    found: dict[tuple[str, FontRole], str] = {}
    for role, place, text in _printed(sheet):
        for character in missing_glyphs(text, fonts[role]):
            where = f"{place}第{text.index(character) + 1}字"
            found.setdefault((character, role), f"{character}（U+{ord(character):04X}，{where}）")
    if found:
        roles = {role for _, role in found}
        names = dict.fromkeys(font.family or font.path.name for role in fonts if role in roles for font in fonts[role])
        raise LianxinError(
            "LX-717",
            exit_code=6,
            letter=letter_id,
            characters="、".join(list(found.values())[:MISSING_SHOWN_MAX]),
            fonts=", ".join(names),
        )


def font_version(font: FontFile) -> str:
    """What the font says of its own edition: `Version 2.001`. LianxinError LX-718 where it cannot be read."""
    return _version(font.path, font.face, _edition(font.path))


def _printed(sheet: Sheet) -> Iterator[tuple[FontRole, str, str]]:
    """Every text of the letter: in which font it stands, where, and what it says."""
    yield "title", "发文机关标志", sheet.organisation
    yield "heading", "紧急程度", sheet.urgency
    yield "body", "发文字号", sheet.number
    yield from _numbered("title", "标题", "行", sheet.title)
    yield "body", "主送机关", sheet.salutation
    for index, block in enumerate(sheet.blocks, start=1):
        yield ("heading" if block.role == "heading" else "body"), f"正文第{index}段", block.text
    yield from _numbered("body", "附件说明", "项", sheet.attachments)
    yield "body", "署名", sheet.signature
    yield "body", "成文日期", sheet.date
    yield "body", "附注", sheet.note
    yield from _numbered("body", "版记", "行", sheet.imprint)
    yield "body", "函件标识", sheet.identity
    yield "body", "版面用字", "".join((*SEAL_LINES, ATTACHMENTS))
    if sheet.draft:
        yield "heading", "草稿标记", DRAFT + DRAFT_LINE
    yield "page", "页码", PAGE_NUMBER


def _numbered(role: FontRole, part: str, unit: str, texts: Iterable[str]) -> Iterator[tuple[FontRole, str, str]]:
    for index, text in enumerate(texts, start=1):
        yield role, f"{part}第{index}{unit}", text


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in INVISIBLE and ord(character) not in VARIATION_SELECTORS


def _edition(path: Path) -> tuple[int, int]:
    """Size and time of a file: a font that was replaced is read again."""
    try:
        status = path.stat()
    except OSError as error:
        raise LianxinError("LX-718", exit_code=5, font=path, reason=error.strerror) from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=FONTS_REMEMBERED_MAX)
def _characters(path: Path, face: int, edition: tuple[int, int]) -> frozenset[int]:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, fontNumber=face, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError) as error:
        raise LianxinError("LX-718", exit_code=5, font=path, reason=error) from error


@lru_cache(maxsize=FONTS_REMEMBERED_MAX)
def _version(path: Path, face: int, edition: tuple[int, int]) -> str:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file, TTFont(file, fontNumber=face, lazy=True) as font:
            said = font["name"].getDebugName(VERSION_NAME) or ""
    except (OSError, TTLibError) as error:
        raise LianxinError("LX-718", exit_code=5, font=path, reason=error) from error
    return str(said).partition(";")[0].strip()
