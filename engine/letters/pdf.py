"""A letter as PDF, in the letter format of GB/T 9704-2012 (信函格式): the same sheet as the DOCX, set by Typst.

The layout stands in page.typ. The file is PDF/A-2a (archives) and PDF/UA-1 (readable aloud), with its fonts inside.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.core.instants import parse_date
from engine.letters.compose import DRAFT, DRAFT_LINE, SEAL_LINES, Sheet, compose, printable
from engine.letters.content import LetterContent, content_digest
from engine.letters.fonts import FontSet, find_fonts
from engine.letters.glyphs import FontFile, font_version, require_glyphs
from engine.letters.qr import qr_svg
from engine.letters.template import Template

if TYPE_CHECKING:
    from engine.core.model import JsonObject

LAYOUT = Path(__file__).with_name("page.typ")
Standard = Literal["a-2a", "ua-1"]
SIGNED: tuple[Standard, ...] = ("a-2a", "ua-1")
UNSIGNED: tuple[Standard, ...] = ("ua-1",)
"""An archive's file bears a date; a draft has none."""


def render_pdf(content: LetterContent, template: Template, fonts: FontSet | None = None) -> bytes:
    """The letter as a PDF file; without `fonts`, in those of this machine.

    The same content, template and font files give the same bytes, on any day: the file's date is the day of signing.
    LianxinError LX-71x where the content cannot be set (see `compose`), LX-717 (exit 6) where a character has no glyph,
    LX-720 (exit 5) where there is no font.
    """
    import typst

    fonts = fonts or find_fonts()
    sheet = compose(content, template)
    require_glyphs(content.letter_id, sheet, fonts.chains)
    data = json.dumps(_data(content, sheet, fonts), ensure_ascii=False)
    compiler = typst.Compiler(_layout(), font_paths=fonts.found, ignore_system_fonts=True, sys_inputs={"sheet": data})
    made = compiler.compile(format="pdf", pdf_standards=list(SIGNED if content.signed_on else UNSIGNED))
    assert isinstance(made, bytes)
    return made


def font_statement(fonts: FontSet) -> str:
    """Which font stands in for which of the standard's: said in the file's own metadata."""
    said = "；".join(f"{standard} 由 {_named(font)} 代替" for standard, font in fonts.substitutions())
    return f"GB/T 9704-2012 信函格式。字体代用：{said}。" if said else "GB/T 9704-2012 信函格式。字体未代用。"


def _data(content: LetterContent, sheet: Sheet, fonts: FontSet) -> JsonObject:
    day = parse_date(content.signed_on) if content.signed_on else None
    return {
        "organisation": sheet.organisation,
        "draft": sheet.draft,
        "draft_line": DRAFT_LINE,
        "watermark": DRAFT,
        "urgency": sheet.urgency,
        "number": sheet.number,
        "title": sheet.title,
        "salutation": sheet.salutation,
        "blocks": [{"role": block.role, "text": block.text} for block in sheet.blocks],
        "attachments": sheet.attachments,
        "seal": SEAL_LINES,
        "signature": sheet.signature,
        "date": sheet.date,
        "note": sheet.note,
        "imprint": sheet.imprint,
        "identity": sheet.identity.split("　", 1),
        "qr": qr_svg(sheet.code),
        "qr_says": sheet.code,
        "day": [day.year, day.month, day.day] if day else None,
        "description": font_statement(fonts),
        "keywords": [printable(content.letter_id), f"SHA-256 {content_digest(content)}"],
        "fonts": {role: fonts.families(role) for role in fonts.chains},
    }


@lru_cache(maxsize=1)
def _layout() -> bytes:
    return LAYOUT.read_bytes()


def _named(font: FontFile) -> str:
    weight = {400: "Regular", 700: "Bold"}.get(font.weight, str(font.weight))
    return f"{font.family} {weight}（{font_version(font)}）"
