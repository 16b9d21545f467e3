"""A letter as DOCX, in the letter format of GB/T 9704-2012 (信函格式): what python-docx can place honestly.

Red name of the organisation, double rules, number at the right edge, title, body on the 22 × 28 grid, signature with a
place for the seal, 版记 at the foot. The measures stand in engine.letters.blank.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.core.instants import parse_date
from engine.letters import blank
from engine.letters.compose import ATTACHMENTS, Sheet, compose, printable
from engine.letters.content import LetterContent
from engine.letters.package import FIRST_DAY, fixed_package
from engine.letters.paragraphs import add, draft_mark, field, first, frame, picture, seal_circle, write
from engine.letters.qr import qr_png
from engine.letters.template import Template
from engine.letters.title import cells

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

ORGANISATION_POINTS = (18, 36)
ORGANISATION_WIDTH_POINTS = 468  # 165 mm, inside the rules
CELL_POINTS = 15.793
TEXT_WIDTH_POINTS = 442.2
SEAL_POINTS = 119  # 42 mm
QR_MILLIMETRES = 16
DIGIT_BESIDE_CHINESE = re.compile("[0-9](?=[年月日])|[年月](?=[0-9])")
ROLE_STYLES = {"body": blank.BODY, "heading": blank.HEADING, "fact": blank.BODY, "demand": blank.BODY}


def render_docx(content: LetterContent, template: Template) -> bytes:
    """The letter as a DOCX file: the same content and template give the same bytes, on any day and any machine.

    LianxinError LX-71x where the content cannot be set (see `check_content`, `compose`).
    """
    import docx

    sheet = compose(content, template)
    document = docx.Document(io.BytesIO(_blank()))
    _properties(document, content, sheet)
    _first_page_edges(document, sheet)
    _later_page_edges(document, sheet)
    _head(document, sheet)
    _body(document, sheet)
    _signature(document, sheet)
    _foot(document, sheet)
    target = io.BytesIO()
    document.save(target)
    return fixed_package(target.getvalue())


@lru_cache(maxsize=1)
def _blank() -> bytes:
    return blank.blank_package()


def _properties(document: Document, content: LetterContent, sheet: Sheet) -> None:
    """What a file manager shows. Set whole, or python-docx would put in its own name and today."""
    core = document.core_properties
    day = parse_date(content.signed_on) if content.signed_on else None
    moment = datetime(day.year, day.month, day.day) if day else datetime(*FIRST_DAY)
    core.author = core.last_modified_by = sheet.organisation[:255]
    core.title = "".join(sheet.title)[:255]
    core.category = printable(content.title_kind)[:255]
    core.identifier = printable(content.letter_id)[:255]
    core.language = "zh-CN"
    core.created = core.modified = moment
    core.revision = 1


def _first_page_edges(document: Document, sheet: Sheet) -> None:
    """A header taller than the margin: it moves the text of its own page down, in every word processor."""
    from docx.shared import Pt

    section = document.sections[0]
    header, footer = section.first_page_header, section.first_page_footer
    header.is_linked_to_previous = footer.is_linked_to_previous = False
    mark = write(first(header, blank.ORGANISATION), sheet.organisation)
    mark.runs[0].font.size = mark.paragraph_format.line_spacing = Pt(_mark_points(sheet.organisation))
    add(header, blank.RULE_TOP)
    if sheet.draft:
        draft_mark(header)
    first(footer, blank.RULE_FOOT)


def _later_page_edges(document: Document, sheet: Sheet) -> None:
    section = document.sections[0]
    for header in (section.header, section.even_page_header):
        header.is_linked_to_previous = False
        first(header, blank.END)
        if sheet.draft:
            draft_mark(header)
    for footer, style in ((section.footer, blank.PAGE_ODD), (section.even_page_footer, blank.PAGE_EVEN)):
        footer.is_linked_to_previous = False
        paragraph = first(footer, style)
        write(paragraph, "— ")
        field(paragraph, "PAGE")
        write(paragraph, " —")


def _head(document: Document, sheet: Sheet) -> None:
    if sheet.urgency:
        write(add(document, blank.URGENCY), f"{sheet.urgency}\t{sheet.number}")
    elif sheet.number:
        write(add(document, blank.NUMBER), sheet.number)
    write(add(document, blank.TITLE), "\n".join(sheet.title))
    write(add(document, blank.SALUTATION), sheet.salutation)


def _body(document: Document, sheet: Sheet) -> None:
    paragraphs = [write(add(document, ROLE_STYLES[block.role]), block.text) for block in sheet.blocks]
    paragraphs += [_attachment(document, index, text) for index, text in enumerate(sheet.attachments)]
    for paragraph in paragraphs[len(sheet.blocks) - 1 :]:
        paragraph.paragraph_format.keep_with_next = True  # the signature never stands on a page alone


def _attachment(document: Document, index: int, text: str) -> Paragraph:
    """附件： begins two characters in, a line below the text; titles and their second lines stand in one column."""
    from docx.shared import Pt

    paragraph = write(add(document, blank.ATTACHMENT), f"{ATTACHMENTS}{text}" if index == 0 else text)
    number, dot, _ = text.partition(".")
    hanging = cells(number + dot) if dot and number.isdecimal() else 0.0
    shape = paragraph.paragraph_format
    shape.left_indent = Pt(round(CELL_POINTS * (2 + cells(ATTACHMENTS) + hanging), 1))
    shape.first_line_indent = Pt(round(-CELL_POINTS * (hanging + (cells(ATTACHMENTS) if index == 0 else 0)), 1))
    shape.space_before = Pt(28.99) if index == 0 else None
    return paragraph


def _signature(document: Document, sheet: Sheet) -> None:
    """Name and date centred on each other where the seal will stand; the date ends four characters from the edge."""
    from docx.shared import Pt

    centre = max(4 * CELL_POINTS + _width(sheet.date) / 2, _width(sheet.signature) / 2)  # from the right edge
    centre = min(centre, TEXT_WIDTH_POINTS / 2)
    seal_circle(add(document, blank.SEAL), left=TEXT_WIDTH_POINTS - centre - SEAL_POINTS / 2, size=SEAL_POINTS)
    for text in (sheet.signature, sheet.date):
        paragraph = write(add(document, blank.SIGNATURE), text)
        if _width(text) > TEXT_WIDTH_POINTS:  # becomes smaller, never a second line
            paragraph.runs[0].font.size = Pt(int(2 * TEXT_WIDTH_POINTS / cells(text)) / 2)
        paragraph.paragraph_format.left_indent = Pt(round(TEXT_WIDTH_POINTS - 2 * centre, 1))
    if sheet.note:
        note = write(add(document, blank.NOTE), sheet.note)
        note.paragraph_format.space_before = Pt(14.5)  # the circle reaches into the next line


def _foot(document: Document, sheet: Sheet) -> None:
    """版记 stands at the foot of the last page, without rules and without 印发: so the letter format wants it."""
    identity = frame(add(document, blank.IDENTITY), blank.AT_THE_FOOT)
    letter, digest = sheet.identity.split("　", 1)
    write(identity, f"{letter}\t")
    picture(identity, qr_png(sheet.code), QR_MILLIMETRES, says=sheet.code)
    write(identity, f"\n{digest}")
    for text in sheet.imprint:
        paragraph = frame(write(add(document, blank.IMPRINT), text), blank.AT_THE_FOOT)
        _hang(paragraph, text)
    add(document, blank.END)


def _hang(paragraph: Paragraph, text: str) -> None:
    """Second lines stand under the first word behind the colon."""
    from docx.shared import Pt

    hanging = 14 * (text.index("：") + 1)
    paragraph.paragraph_format.left_indent = Pt(14 + hanging)
    paragraph.paragraph_format.first_line_indent = Pt(-hanging)


def _width(text: str) -> float:
    """Points; between a digit and a Chinese character stands a quarter of a character."""
    return (cells(text) + 0.25 * len(DIGIT_BESIDE_CHINESE.findall(text))) * CELL_POINTS


def _mark_points(organisation: str) -> float:
    """The largest size in which the name stands on one line between the rules, to half a point."""
    smallest, largest = ORGANISATION_POINTS
    return max(smallest, min(largest, int(2 * ORGANISATION_WIDTH_POINTS / max(1, cells(organisation))) / 2))
