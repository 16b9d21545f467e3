"""Paragraphs and runs as the letter needs them: the few things python-docx has no word for are written as XML."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from engine.letters import blank
from engine.letters.blank import Style
from engine.letters.compose import DRAFT, DRAFT_LINE, SEAL_LINES

if TYPE_CHECKING:
    from docx.blkcntnr import BlockItemContainer
    from docx.document import Document
    from docx.text.paragraph import Paragraph

AFTER_FRAME = ("w:widowControl", "w:pBdr", "w:tabs", "w:snapToGrid", "w:spacing", "w:ind", "w:jc", "w:rPr")
"""What may follow `w:framePr` among the properties of our paragraphs."""
WATERMARK_STYLE = (
    "position:absolute;margin-left:0;margin-top:0;width:340pt;height:170pt;rotation:315;z-index:-251658752;"
    "mso-position-horizontal:center;mso-position-horizontal-relative:margin;"
    "mso-position-vertical:center;mso-position-vertical-relative:margin"
)


def add(container: Document | BlockItemContainer, style: Style) -> Paragraph:
    """A new paragraph at the end."""
    paragraph: Paragraph = container.add_paragraph(style=style.name)
    return paragraph


def first(container: BlockItemContainer, style: Style) -> Paragraph:
    """The paragraph an empty header or footer begins with, in our style."""
    paragraph: Paragraph = container.paragraphs[0]
    paragraph.style = style.name
    return paragraph


def write(paragraph: Paragraph, text: str) -> Paragraph:
    """Add text (a tab and a line break are kept) and give the paragraph back.

    The hint makes Word take “ ” — … × from the Chinese font, full width; without it they come out Latin.
    """
    from docx.oxml.ns import qn

    run = paragraph.add_run(text)
    run._r.get_or_add_rPr().get_or_add_rFonts().set(qn("w:hint"), "eastAsia")
    return paragraph


def field(paragraph: Paragraph, instruction: str) -> None:
    """A value that Word computes: PAGE."""
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    simple = OxmlElement("w:fldSimple")
    simple.set(qn("w:instr"), instruction)
    run = OxmlElement("w:r")
    run.append(OxmlElement("w:t"))
    simple.append(run)
    paragraph._p.append(simple)


def frame(paragraph: Paragraph, place: dict[str, str]) -> Paragraph:
    """Take the paragraph out of the flow to a fixed place; neighbours with the same frame share it.

    It needs a paragraph behind it that is in the flow, and it stands on that paragraph's page. A frame given by the
    style alone is overlooked by LibreOffice.
    """
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    framed = OxmlElement("w:framePr")
    for name, value in place.items():
        framed.set(qn(f"w:{name}"), value)
    paragraph._p.get_or_add_pPr().insert_element_before(framed, *AFTER_FRAME)
    return paragraph


def seal_circle(paragraph: Paragraph, left: float, size: float) -> None:
    """The place of the seal: a dashed red circle behind the text, words in its upper part. Measures in points."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.oxml.parser import parse_xml

    style_id = paragraph.part.get_style_id(blank.SEAL_WORDS.name, WD_STYLE_TYPE.PARAGRAPH)
    style = (
        f"position:absolute;margin-left:{left:.1f}pt;margin-top:12pt;width:{size}pt;height:{size}pt;z-index:-251657728;"
        "mso-position-horizontal-relative:margin;mso-position-vertical-relative:text"
    )
    words = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style_id}"/></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>' for words in SEAL_LINES
    )
    paragraph.add_run()._r.append(
        parse_xml(
            f'<w:pict {blank.W} xmlns:v="urn:schemas-microsoft-com:vml">'
            f'<v:oval style="{style}" filled="f" strokecolor="#{blank.RED}" strokeweight="1pt">'
            '<v:stroke dashstyle="dash"/>'
            f'<v:textbox inset="0,12pt,0,0"><w:txbxContent>{words}</w:txbxContent></v:textbox></v:oval></w:pict>'
        )
    )


def picture(paragraph: Paragraph, png: bytes, millimetres: float, says: str) -> None:
    """A square picture in the line. `says` is read aloud in its place."""
    from docx.shared import Mm

    run = paragraph.add_run()
    shape = run.add_picture(io.BytesIO(png), width=Mm(millimetres), height=Mm(millimetres))
    shape._inline.docPr.set("descr", says)


def draft_mark(header: BlockItemContainer) -> None:
    """Say on the page that this is a draft: a line at the top, and 草稿 across the paper."""
    from docx.oxml.parser import parse_xml

    paragraph = write(header.paragraphs[0].insert_paragraph_before(style=blank.DRAFT.name), DRAFT_LINE)
    frame(paragraph, blank.AT_THE_TOP)
    paragraph.add_run()._r.append(
        parse_xml(
            f'<w:pict {blank.W} xmlns:v="urn:schemas-microsoft-com:vml" '
            'xmlns:o="urn:schemas-microsoft-com:office:office">'
            '<v:shapetype id="_x0000_t136" coordsize="21600,21600" o:spt="136" adj="10800" '
            'path="m@7,l@8,m@5,21600l@6,21600e"><v:formulas><v:f eqn="sum #0 0 10800"/><v:f eqn="prod #0 2 1"/>'
            '<v:f eqn="sum 21600 0 @1"/><v:f eqn="sum 0 0 @2"/><v:f eqn="sum 21600 0 @3"/><v:f eqn="if @0 @3 0"/>'
            '<v:f eqn="if @0 21600 @1"/><v:f eqn="if @0 0 @2"/><v:f eqn="if @0 @4 21600"/></v:formulas>'
            '<v:path textpathok="t" o:connecttype="rect"/><v:textpath on="t" fitshape="t"/></v:shapetype>'
            f'<v:shape type="#_x0000_t136" style="{WATERMARK_STYLE}" o:allowincell="f" fillcolor="#d9d9d9" stroked="f">'
            f'<v:fill opacity=".5"/><v:textpath style="font-family:&quot;{blank.HEADING_FONT}&quot;;font-size:1pt" '
            f'string="{DRAFT}"/></v:shape></w:pict>'
        )
    )
