"""Can these fonts print this letter? A rare character must not become an empty box, or vanish."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engine.core.errors import LianxinError
from engine.letters.compose import SEAL_PLACE, Sheet, compose
from engine.letters.content import LetterContent
from engine.letters.template import Template

FONTS_REMEMBERED_MAX = 16
INVISIBLE = frozenset({"Cc", "Zs", "Zl", "Zp"})
VARIATION_SELECTORS = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)})
"""They choose a shape of the character before them; a font without that shape prints the usual one."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font on this machine. `face` is its place in a collection (.ttc): Noto Serif CJK SC is face 2."""

    path: Path
    face: int = 0


def missing_glyphs(text: str, fonts: Sequence[FontFile]) -> tuple[str, ...]:
    """The characters of the text that none of the fonts can show, each once, in order of appearance.

    LianxinError LX-718 (exit 5) where a font file cannot be read.
    """
    known = [_characters(font.path, font.face, _edition(font.path)) for font in fonts]
    seen = dict.fromkeys(text)
    return tuple(character for character in seen if _shows(character) and not any(ord(character) in k for k in known))


def require_glyphs(content: LetterContent, template: Template, fonts: Sequence[FontFile]) -> None:
    """Refuse to print: LianxinError LX-717 (exit 6) names every character of the letter that the fonts lack."""
    missing = missing_glyphs("".join(_texts(compose(content, template))), fonts)
    if missing:
        raise LianxinError(
            "LX-717",
            exit_code=6,
            letter=content.letter_id,
            characters=" ".join(f"{character}(U+{ord(character):04X})" for character in missing),
            fonts=", ".join(font.path.name for font in fonts),
        )


def _texts(sheet: Sheet) -> Iterable[str]:
    yield from (sheet.organisation, sheet.urgency, sheet.number, *sheet.title, sheet.salutation)
    yield from (block.text for block in sheet.blocks)
    yield from (*sheet.attachments, sheet.signature, sheet.date, sheet.note, *sheet.imprint, sheet.identity, SEAL_PLACE)


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
