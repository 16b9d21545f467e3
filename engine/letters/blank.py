"""The empty sheet: a DOCX package with our styles and nothing else, as small as Word accepts.

python-docx brings a template of 800 kB with a theme, a thumbnail and 160 styles; a letter needs none of them. The
measures are those of GB/T 9704-2012 (信函格式 §10.1); 1 twip = 1/20 pt, 1 mm = 56.69 twips. Every measured property
stands in a named style, so that an office can change the look in one place.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from engine.letters.package import FIRST_DAY

AT_THE_FOOT = {"w": "8845", "wrap": "around", "vAnchor": "margin", "hAnchor": "margin", "yAlign": "bottom"}
AT_THE_TOP = {"w": "9638", "wrap": "around", "vAnchor": "page", "hAnchor": "page", "xAlign": "center", "y": "850"}
"""Frames (`w:framePr`): the foot of the text area, and 15 mm below the edge of the paper."""

RED = "FF0000"
GREY = "6B6B6B"

BODY_FONT = "仿宋_GB2312"
TITLE_FONT = "方正小标宋简体"
HEADING_FONT = "黑体"
PAGE_NUMBER_FONT = "宋体"
LATIN_FONT = "Times New Roman"

FALLBACKS = {
    BODY_FONT: ("仿宋", "FangSong", "Noto Serif CJK SC"),
    TITLE_FONT: ("方正小标宋_GBK", "FZXiaoBiaoSong-B05S", "华文中宋", "Noto Serif CJK SC"),
    HEADING_FONT: ("SimHei", "Noto Sans CJK SC"),
    PAGE_NUMBER_FONT: ("SimSun", "Noto Serif CJK SC"),
    LATIN_FONT: (),
}
"""Fonts that may stand in. 仿宋_GB2312 and 方正小标宋 are not free: a letter names them and takes the next there is."""

LINE = 579  # twips: 22 lines on the page; 22 of 580 are 4 twips more than 225 mm and would make it 21
CHARACTER = 316  # twips: 15.793 pt, 28 characters in a line
EXACT = 'w:lineRule="exact"'
OFF_THE_GRID = '<w:snapToGrid w:val="0"/>'
CLOSER = '<w:snapToGrid w:val="0"/>', '<w:spacing w:val="-6"/>'
"""28 characters of 16 pt are 158 mm and must stand in 156: 0.3 of a point less between two (run properties).

The grid of the page says the same, but LibreOffice computes it wrongly, so the text does not rely on it.
"""
TEXT_LINE = f'{OFF_THE_GRID}<w:spacing w:line="{LINE}" {EXACT}/>'
TWO_IN = f'<w:ind w:firstLineChars="200" w:firstLine="{2 * CHARACTER}"/>'
RULE_WIDTH = '<w:ind w:left="-454" w:right="-340"/>'  # 8 mm and 6 mm into the margins: 170 mm, centred on the paper
THICK = f'w:val="single" w:sz="20" w:space="0" w:color="{RED}"'
THIN = f'w:val="single" w:sz="6" w:space="0" w:color="{RED}"'


@dataclass(frozen=True, slots=True)
class Style:
    """A paragraph style: the inside of its `w:pPr`, and its characters."""

    name: str
    paragraph: str
    points: float = 16
    font: str = BODY_FONT
    colour: str = ""


ORGANISATION = Style(
    "发文机关标志",
    f'{OFF_THE_GRID}<w:spacing w:after="136"/>{RULE_WIDTH}<w:jc w:val="center"/>',  # 4 mm from its ink to the rule
    points=36,
    font=TITLE_FONT,
    colour=RED,
)
RULE_TOP = Style(
    "首页上双线",
    f'<w:pBdr><w:top {THICK}/><w:bottom {THIN}/></w:pBdr>{OFF_THE_GRID}<w:spacing w:line="40" {EXACT}/>{RULE_WIDTH}',
    points=1,
)
RULE_FOOT = Style(
    "首页下双线",
    f'<w:pBdr><w:top {THIN}/><w:bottom {THICK}/></w:pBdr>{OFF_THE_GRID}<w:spacing w:line="40" {EXACT}/>{RULE_WIDTH}',
    points=1,
)
UNDER_THE_RULE = 150
"""Twips: 7/8 of a character lie between rule and number (280), less half of the air of the number's own line."""
NUMBER = Style(
    "发文字号",
    f'{OFF_THE_GRID}<w:spacing w:before="{UNDER_THE_RULE}" w:line="{LINE}" {EXACT}/><w:jc w:val="right"/>',
)
URGENCY = Style(
    "紧急程度与发文字号",
    f'<w:tabs><w:tab w:val="right" w:pos="8845"/></w:tabs>{OFF_THE_GRID}'
    f'<w:spacing w:before="{UNDER_THE_RULE}" w:line="{LINE}" {EXACT}/>',
)
TITLE = Style(
    "公文标题",
    f'<w:keepNext/><w:keepLines/>{OFF_THE_GRID}<w:spacing w:before="{2 * LINE}" w:after="{LINE}" w:line="640" {EXACT}/>'
    '<w:jc w:val="center"/>',
    points=22,
    font=TITLE_FONT,
)
SALUTATION = Style("主送机关", TEXT_LINE)
BODY = Style("公文正文", f'{TEXT_LINE}{TWO_IN}<w:jc w:val="both"/>')
HEADING = Style("公文一级标题", f'<w:keepNext/>{TEXT_LINE}{TWO_IN}<w:jc w:val="both"/>', font=HEADING_FONT)
ATTACHMENT = Style("附件说明", TEXT_LINE)
SEAL = Style("印章位置", f'<w:keepNext/>{OFF_THE_GRID}<w:spacing w:line="{2 * LINE}" {EXACT}/>')  # two empty lines
SEAL_WORDS = Style(
    "印章样张",
    f'{OFF_THE_GRID}<w:spacing w:line="320" {EXACT}/><w:jc w:val="center"/>',
    points=12,
    colour=GREY,
)
SIGNATURE = Style("署名和成文日期", f'<w:keepNext/>{TEXT_LINE}<w:jc w:val="center"/>')
NOTE = Style("附注", f"<w:keepNext/>{TEXT_LINE}{TWO_IN}")
IMPRINT = Style(
    "版记",
    f'<w:keepNext/>{OFF_THE_GRID}<w:spacing w:line="480" {EXACT}/><w:ind w:left="280" w:right="280"/>',
    points=14,
)
IDENTITY = Style(
    "函件标识",
    '<w:keepNext/><w:tabs><w:tab w:val="right" w:pos="8565"/></w:tabs>'  # at the right the QR code
    f'{OFF_THE_GRID}<w:spacing w:after="40" w:line="240" w:lineRule="auto"/><w:ind w:left="280" w:right="280"/>',
    points=8,
    colour=GREY,
)
END = Style("文末", f'{OFF_THE_GRID}<w:spacing w:line="20" {EXACT}/>', points=1)
"""A line of no height: the 版记's frame is anchored to one, and a header must not push the text down."""
DRAFT = Style(
    "草稿标记",
    f'{OFF_THE_GRID}<w:spacing w:line="400" {EXACT}/><w:jc w:val="center"/>',
    points=14,
    font=HEADING_FONT,
    colour=GREY,
)
PAGE_ODD = Style(
    "页码单",
    f'{OFF_THE_GRID}<w:spacing w:after="300"/><w:ind w:right="280"/><w:jc w:val="right"/>',
    14,
    PAGE_NUMBER_FONT,
)
PAGE_EVEN = Style("页码双", f'{OFF_THE_GRID}<w:spacing w:after="300"/><w:ind w:left="280"/>', 14, PAGE_NUMBER_FONT)

STYLES = (
    *(ORGANISATION, RULE_TOP, RULE_FOOT, NUMBER, URGENCY, TITLE, SALUTATION, BODY, HEADING, ATTACHMENT),
    *(SEAL, SEAL_WORDS, SIGNATURE, NOTE, IMPRINT, IDENTITY, END, DRAFT, PAGE_ODD, PAGE_EVEN),
)

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def blank_package() -> bytes:
    """The empty letter as a DOCX file, ready for python-docx."""
    parts = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relationships(
            ("officeDocument", "word/document.xml", OFFICE),
            ("metadata/core-properties", "docProps/core.xml", f"{PACKAGE}/relationships"),
        ),
        "docProps/core.xml": _core_properties(),
        "word/_rels/document.xml.rels": _relationships(
            ("styles", "styles.xml", OFFICE),
            ("settings", "settings.xml", OFFICE),
            ("fontTable", "fontTable.xml", OFFICE),
        ),
        "word/document.xml": f"{XML}<w:document {W} {R}><w:body>{SECTION}</w:body></w:document>",
        "word/styles.xml": _styles(),
        "word/settings.xml": _settings(),
        "word/fontTable.xml": _fonts(),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        for name, text in parts.items():
            package.writestr(zipfile.ZipInfo(name, FIRST_DAY), text.encode())
    return target.getvalue()


SECTION = (
    '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/>'
    '<w:pgMar w:top="2098" w:right="1474" w:bottom="1984" w:left="1587" w:header="1720" w:footer="1134" w:gutter="0"/>'
    f'<w:titlePg/><w:docGrid w:type="linesAndChars" w:linePitch="{LINE}" w:charSpace="-848"/></w:sectPr>'
)
"""A4, margins 37/26/35/28 mm; on page 1 the ink of the organisation's name begins 30 mm below the upper edge, and the
lower rule stands 20 mm above the lower one. There the header is taller than the margin and moves the text down to where
21 lines are left: LibreOffice centres the lines of the grid in what it has. Later pages start at 37 mm."""


def _content_types() -> str:
    named = {"document": "document.main", "styles": "styles", "settings": "settings", "fontTable": "fontTable"}
    overrides = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{WORD_TYPE}.{kind}+xml"/>' for name, kind in named.items()
    )
    return (
        f'{XML}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
        f"{overrides}</Types>"
    )


def _relationships(*rows: tuple[str, str, str]) -> str:
    inside = "".join(
        f'<Relationship Id="rId{index}" Type="{base}/{kind}" Target="{target}"/>'
        for index, (kind, target, base) in enumerate(rows, start=1)
    )
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{inside}</Relationships>'


def _core_properties() -> str:
    return (
        f'{XML}<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>'
    )


def _styles() -> str:
    defaults = (
        f'<w:docDefaults><w:rPrDefault><w:rPr>{_fonts_of(BODY_FONT)}<w:sz w:val="32"/><w:szCs w:val="32"/>'
        '<w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr></w:rPrDefault>'
        "<w:pPrDefault/></w:docDefaults>"
    )
    normal = (
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:qFormat/>'
        '<w:rPr><w:sz w:val="32"/></w:rPr></w:style>'
    )
    character = (
        '<w:style w:type="character" w:default="1" w:styleId="DefaultParagraphFont">'
        '<w:name w:val="Default Paragraph Font"/><w:uiPriority w:val="1"/><w:semiHidden/></w:style>'
    )
    edges = "".join(
        f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{name.lower()}"/><w:basedOn w:val="Normal"/>'
        "</w:style>"
        for name in ("Header", "Footer")
    )
    ours = "".join(_style(index, style) for index, style in enumerate(STYLES, start=1))
    return f"{XML}<w:styles {W}>{defaults}{normal}{character}{edges}{ours}</w:styles>"


def _style(index: int, style: Style) -> str:
    colour = f'<w:color w:val="{style.colour}"/>' if style.colour else ""
    size = f'<w:sz w:val="{round(style.points * 2)}"/><w:szCs w:val="{round(style.points * 2)}"/>'
    snap, spacing = CLOSER if style.points == 16 else ("", "")
    return (
        f'<w:style w:type="paragraph" w:customStyle="1" w:styleId="Letter{index}"><w:name w:val="{style.name}"/>'
        f'<w:basedOn w:val="Normal"/><w:qFormat/><w:pPr>{style.paragraph}</w:pPr>'
        f"<w:rPr>{_fonts_of(style.font)}{snap}{colour}{spacing}{size}</w:rPr>"
        "</w:style>"
    )


def _fonts_of(font: str) -> str:
    latin = PAGE_NUMBER_FONT if font == PAGE_NUMBER_FONT else LATIN_FONT
    return f'<w:rFonts w:ascii="{latin}" w:hAnsi="{latin}" w:eastAsia="{font}" w:cs="{LATIN_FONT}"/>'


def _settings() -> str:
    word = "http://schemas.microsoft.com/office/word"
    return (
        f'{XML}<w:settings {W}><w:zoom w:percent="100"/><w:evenAndOddHeaders/>'
        '<w:characterSpacingControl w:val="doNotCompress"/>'
        f'<w:compat><w:compatSetting w:name="compatibilityMode" w:uri="{word}" w:val="15"/></w:compat>'
        '<w:themeFontLang w:val="en-US" w:eastAsia="zh-CN"/></w:settings>'
    )


def _fonts() -> str:
    fonts = "".join(
        f'<w:font w:name="{name}">'
        + (f'<w:altName w:val="{",".join(others)}"/>' if others else "")
        + ('<w:charset w:val="86"/><w:family w:val="roman"/>' if others else '<w:charset w:val="00"/>')
        + "</w:font>"
        for name, others in FALLBACKS.items()
    )
    return f"{XML}<w:fonts {W}>{fonts}</w:fonts>"
