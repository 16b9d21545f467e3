"""Which fonts this machine sets a letter in: those the standard names where they are installed, else free stand-ins.

仿宋_GB2312 and 方正小标宋 are not free and do not ship. A letter set in a stand-in says so in its own metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import LianxinError
from engine.letters.blank import BODY_FONT, HEADING_FONT, PAGE_NUMBER_FONT, TITLE_FONT
from engine.letters.glyphs import FontFile, FontRole

if TYPE_CHECKING:
    import typst

FONT_FOLDERS = ("~/.local/share/fonts", "~/.fonts", "/usr/local/share/fonts", "/usr/share/fonts")
"""Where fonts are looked for; an earlier folder wins."""
FOLDERS_REMEMBERED_MAX = 16
NO_FONT = "LX-720"

SERIF = ("Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC", "Source Han Serif CN")
SANS = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN")
RARE = (
    *("SimSun-ExtB", "SimSun-ExtG", "Plangothic P1", "Plangothic P2", "Jigmo", "Jigmo2", "Jigmo3"),
    *("HanaMinA", "HanaMinB", "BabelStone Han", "TW-Sung-Plus", "TW-Sung-Ext-B"),
)
"""Fonts made for rare characters: asked last, whatever the role."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A role's font by the standard, the names it goes by, what may stand in, and in which weight."""

    standard: str
    genuine: tuple[str, ...]
    stand_ins: tuple[str, ...]
    weight: int = 400


WANTED: dict[FontRole, Wanted] = {
    "body": Wanted(BODY_FONT, (BODY_FONT, "FangSong_GB2312"), ("仿宋", "FangSong", "STFangsong", *SERIF)),
    "title": Wanted(
        TITLE_FONT,
        (TITLE_FONT, "FZXiaoBiaoSong-B05S", "方正小标宋_GBK", "FZXiaoBiaoSong-B05"),
        ("华文中宋", "STZhongsong", *SERIF),
        weight=700,
    ),
    "heading": Wanted(HEADING_FONT, (HEADING_FONT, "SimHei"), SANS),
    "page": Wanted(PAGE_NUMBER_FONT, (PAGE_NUMBER_FONT, "SimSun", "NSimSun"), SERIF),
}


@dataclass(frozen=True, eq=False)
class FontSet:
    """The fonts of a letter. `chains[role]` is asked in order, character by character."""

    chains: Mapping[FontRole, tuple[FontFile, ...]]
    found: typst.Fonts

    def families(self, role: FontRole) -> tuple[str, ...]:
        """The names of the role's fonts, the first choice first."""
        return tuple(font.family for font in self.chains[role])

    def substitutions(self) -> Iterator[tuple[str, FontFile]]:
        """The fonts of the standard that this machine does not have, each with what stands in for it."""
        for role, wanted in WANTED.items():
            first = self.chains[role][0]
            if first.family not in wanted.genuine:
                yield wanted.standard, first


def find_fonts(folders: Iterable[Path | str] = FONT_FOLDERS) -> FontSet:
    """The fonts of this machine that letters are set in; looked for once in a process.

    LianxinError LX-720 (exit 5): there is none for a role.
    """
    return _find(tuple(str(Path(folder).expanduser()) for folder in folders))


def fonts_here() -> FontSet | None:
    """The fonts of this machine; None where it has none for letters, which then come without PDF."""
    try:
        return find_fonts()
    except LianxinError as error:
        if error.code != NO_FONT:
            raise
        return None


@lru_cache(maxsize=FOLDERS_REMEMBERED_MAX)
def _find(folders: tuple[str, ...]) -> FontSet:
    import typst

    known: dict[str, list[FontFile]] = {}
    for folder in folders:
        inside = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
        for font in sorted(inside.fonts(), key=lambda font: (font.path or "", font.index)):
            if font.path and font.style == "normal":
                known.setdefault(font.family, []).append(
                    FontFile(Path(font.path), font.index, font.family, font.weight)
                )
    chains: dict[FontRole, tuple[FontFile, ...]] = {}
    for role, wanted in WANTED.items():
        names = (*wanted.genuine, *wanted.stand_ins, *RARE)
        chain = tuple(_nearest(known[name], wanted.weight) for name in names if name in known)
        if not any(font.family not in RARE for font in chain):
            raise LianxinError(NO_FONT, exit_code=5, font=wanted.standard, folders=", ".join(folders))
        chains[role] = chain
    # Only the folders of what was chosen: a second edition of a family elsewhere must not be taken by the typesetter.
    chosen = dict.fromkeys(str(font.path.parent) for chain in chains.values() for font in chain)
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(chosen))
    return FontSet(chains, fonts)


def _nearest(faces: list[FontFile], weight: int) -> FontFile:
    return min(faces, key=lambda face: abs(face.weight - weight))
