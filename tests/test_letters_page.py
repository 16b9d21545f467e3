"""The letter on paper and on the screen: measured in the file, the same bytes every time, safe for any text."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from typing import Any

import docx
import pytest
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_letters import CONTENT, DRAFT, ROOT, Page, letter, template

from engine.letters.compose import compose, printable
from engine.letters.content import Fact, LetterContent, content_digest
from engine.letters.qr import qr_png
from engine.letters.title import cells
from engine.letters.web import render_html
from engine.letters.word import render_docx

VML = "urn:schemas-microsoft-com:vml"


def opened(content: LetterContent, kind: str = "supervision") -> Document:
    return docx.Document(io.BytesIO(render_docx(content, template(kind))))


def styled(document: Document, style: str) -> list[Any]:
    wanted = document.styles[style]
    return [paragraph for paragraph in document.paragraphs if paragraph.style == wanted]


def parts(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        names = (name for name in package.namelist() if name.endswith((".xml", ".rels")))
        return {name: package.read(name).decode() for name in names}


def test_the_paper_is_a4_with_the_margins_and_the_grid_of_the_standard() -> None:
    (section,) = opened(CONTENT).sections
    size = section._sectPr.find(qn("w:pgSz"))
    assert (size.get(qn("w:w")), size.get(qn("w:h"))) == ("11906", "16838")
    margins = (section.top_margin, section.bottom_margin, section.left_margin, section.right_margin)
    for margin, millimetres in zip(margins, (37, 35, 28, 26), strict=True):
        assert margin is not None
        assert abs(margin - Mm(millimetres)) < Mm(0.1)
    grid = section._sectPr.find(qn("w:docGrid"))
    attributes = {name: grid.get(qn(f"w:{name}")) for name in ("type", "linePitch", "charSpace")}
    assert attributes == {"type": "linesAndChars", "linePitch": "579", "charSpace": "-848"}


@pytest.mark.parametrize(
    ("style", "points", "font"),
    [
        *[("公文标题", 22, "方正小标宋简体"), ("公文正文", 16, "仿宋_GB2312"), ("公文一级标题", 16, "黑体")],
        *[("发文机关标志", 36, "方正小标宋简体"), ("版记", 14, "仿宋_GB2312"), ("发文字号", 16, "仿宋_GB2312")],
    ],
)
def test_sizes_and_chinese_fonts_are_those_of_the_standard(style: str, points: int, font: str) -> None:
    found = opened(CONTENT).styles[style]
    assert found.font.size == Pt(points)
    assert found.element.rPr.rFonts.get(qn("w:eastAsia")) == font


def test_fonts_that_are_not_free_name_a_stand_in() -> None:
    table = parts(render_docx(CONTENT, template()))["word/fontTable.xml"]
    assert re.search(r'w:name="仿宋_GB2312"><w:altName w:val="仿宋,[^"]*Noto Serif CJK SC"', table)
    assert re.search(r'w:name="方正小标宋简体"><w:altName w:val="[^"]*Noto Serif CJK SC"', table)


def test_the_organisation_is_red_between_red_double_rules() -> None:
    document = opened(CONTENT)
    (section,) = document.sections
    assert section.different_first_page_header_footer
    mark, rule = section.first_page_header.paragraphs
    assert mark.text == "示例市信访局"
    assert document.styles["发文机关标志"].font.color.rgb == RGBColor(0xFF, 0, 0)
    (foot,) = section.first_page_footer.paragraphs
    assert borders(rule) == [("top", "20", "FF0000"), ("bottom", "6", "FF0000")]  # thick above thin
    assert borders(foot) == [("top", "6", "FF0000"), ("bottom", "20", "FF0000")]
    assert section.header_distance is not None
    assert abs(section.header_distance - Mm(30.3)) < Mm(0.1)  # the rest is the air above the characters


def borders(paragraph: Any) -> list[tuple[str, str, str]]:
    drawn = paragraph.style.element.pPr.find(qn("w:pBdr"))
    return [(line.tag.split("}")[1], line.get(qn("w:sz")), line.get(qn("w:color"))) for line in drawn]


def test_a_long_name_is_set_smaller_and_stays_on_one_line() -> None:
    content = dataclasses.replace(CONTENT, organisation="示例市信访工作联席会议办公室督查督办工作领导小组")
    run = opened(content).sections[0].first_page_header.paragraphs[0].runs[0]
    assert run.font.size is not None
    assert run.font.size.pt * cells(content.organisation) <= 170 / 25.4 * 72


def test_the_number_stands_at_the_right_edge() -> None:
    document = opened(CONTENT)
    (number,) = styled(document, "发文字号")
    assert number.text == "示信督〔2026〕12号"
    assert number.style.paragraph_format.alignment == WD_ALIGN_PARAGRAPH.RIGHT
    urgent = opened(dataclasses.replace(CONTENT, urgency="特急"))
    (line,) = styled(urgent, "紧急程度与发文字号")
    assert line.text == "特急\t示信督〔2026〕12号"
    (stop,) = line.style.paragraph_format.tab_stops
    assert stop.position.twips == 11906 - 1587 - 1474


def test_title_salutation_and_body_are_set_as_the_standard_says() -> None:
    document = opened(CONTENT)
    (title,) = styled(document, "公文标题")
    assert title.style.paragraph_format.alignment == WD_ALIGN_PARAGRAPH.CENTER
    assert title.text.split("\n") == ["关于督办锦绣花园供水中断事项", "（案号LX-2026-0412）的函"]
    assert [paragraph.text for paragraph in styled(document, "主送机关")] == ["示例市水务局："]
    body = document.styles["公文正文"].element.pPr
    assert body.find(qn("w:ind")).get(qn("w:firstLineChars")) == "200"
    assert body.find(qn("w:spacing")).get(qn("w:line")) == "579"


def test_attachments_signature_date_and_copy_close_the_letter() -> None:
    texts = [paragraph.text for paragraph in opened(CONTENT).paragraphs]
    start = texts.index("特此函告。") + 1
    assert texts[start : start + 6] == [
        "附件：1.办理记录",
        "2.现场核实记录",
        "",  # the seal's place
        "示例市信访局",
        "2026年4月7日",
        "（联系方式：督查科，0555-1234567）",
    ]
    assert texts[start + 6 : start + 9] == [
        f"函件标识 lt-7h2k9q4m\t\n内容摘要 SHA-256 {content_digest(CONTENT)}",
        "抄送：示例市住房和城乡建设局，示例市人民政府督查室。",
        "签发：办公室主任",
    ]
    assert texts[start + 9 :] == [""]


def test_a_dashed_circle_says_where_the_seal_belongs() -> None:
    (place,) = styled(opened(CONTENT), "印章位置")
    (circle,) = place._p.findall(f".//{{{VML}}}oval")
    assert circle.find(f"{{{VML}}}stroke").get("dashstyle") == "dash"
    assert [words.text for words in circle.iter(qn("w:t"))] == ["（印章）", "样张"]


def test_name_and_date_are_centred_on_each_other() -> None:
    document = opened(dataclasses.replace(CONTENT, organisation="示例市信访工作联席会议办公室"))
    name, date = styled(document, "署名和成文日期")
    assert name.style.paragraph_format.alignment == WD_ALIGN_PARAGRAPH.CENTER
    assert name.paragraph_format.left_indent == date.paragraph_format.left_indent
    centre = (442.2 - date.paragraph_format.left_indent.pt) / 2  # points from the right edge
    assert centre >= cells(name.text) * 15.793 / 2  # the name is not cut at the edge


def test_there_is_no_picture_but_the_code_no_macro_and_no_link_to_anywhere() -> None:
    data = render_docx(CONTENT, template())
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        inside = {name: package.read(name) for name in package.namelist()}
    code = f"示信督〔2026〕12号\nSHA-256 {content_digest(CONTENT)}"
    assert inside.pop("word/media/image1.png") == qr_png(code)
    assert all(name.endswith((".xml", ".rels")) for name in inside)
    assert not any(b"TargetMode" in text for text in inside.values())


def test_pages_after_the_first_are_numbered_on_the_outside() -> None:
    document = opened(CONTENT)
    (section,) = document.sections
    assert document.settings.odd_and_even_pages_header_footer
    odd, even = section.footer.paragraphs[0], section.even_page_footer.paragraphs[0]
    assert [footer.text.split() for footer in (odd, even)] == [["—", "—"], ["—", "—"]]
    assert [footer.style.name for footer in (odd, even)] == ["页码单", "页码双"]
    assert all('w:instr="PAGE"' in footer._p.xml for footer in (odd, even))


@pytest.mark.parametrize(
    ("content", "draft"),
    [
        *[(DRAFT, True), (CONTENT, False), (dataclasses.replace(CONTENT, number=None), True)],
        *[(dataclasses.replace(CONTENT, signed_on=None), True)],
    ],
)
def test_an_unsigned_letter_is_marked_as_a_draft_on_every_page(content: LetterContent, draft: bool) -> None:
    section = opened(content).sections[0]
    headers = [section.first_page_header, section.header, section.even_page_header]
    for header in headers:
        assert (header.paragraphs[0].text == "草稿：未经签发，不具效力") == draft
        assert ("v:textpath" in header._element.xml) == draft
    assert ("草稿：未经签发" in render_html(content, template())) == draft


def test_a_draft_leaves_number_and_day_open() -> None:
    sheet = compose(DRAFT, template())
    assert sheet.number == "（签发时编号）"
    assert re.fullmatch(r"\s+年\s+月\s+日", sheet.date)


def test_a_reminder_needs_no_number() -> None:
    reminder = dataclasses.replace(letter("reminder"), number=None)
    sheet = compose(reminder, template("reminder"))
    assert (sheet.draft, sheet.number) == (False, "")
    assert styled(opened(reminder, "reminder"), "发文字号") == []
    assert compose(dataclasses.replace(reminder, signed_on=None), template("reminder")).draft


@pytest.mark.parametrize("content", [CONTENT, DRAFT])
def test_rendering_again_gives_the_same_bytes(content: LetterContent) -> None:
    assert render_docx(content, template()) == render_docx(content, template())
    assert render_html(content, template()) == render_html(content, template())


def test_another_process_on_another_day_gives_the_same_bytes() -> None:
    script = (
        "import hashlib, sys; sys.path.insert(0, 'tests'); import test_letters_page as t;"
        "print(hashlib.sha256(t.render_docx(t.CONTENT, t.template())).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Pacific/Kiritimati", "SOURCE_DATE_EPOCH": "1"}
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == hashlib.sha256(render_docx(CONTENT, template())).hexdigest()


def test_the_file_tells_no_time_but_that_of_the_letter() -> None:
    data = render_docx(CONTENT, template())
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        entries = package.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert entries[0].filename == "[Content_Types].xml"
    core = docx.Document(io.BytesIO(data)).core_properties
    assert core.created is not None
    assert core.modified is not None
    assert {core.created.date().isoformat(), core.modified.date().isoformat()} == {"2026-04-07"}
    assert (core.author, core.last_modified_by) == ("示例市信访局", "示例市信访局")


HOSTILE = "<script>alert(1)</script> & \"x\" 'y' </w:t> ]]> &#60;\x00\x07\x1b\u202e反\r\n次行"


def hostile(text: str) -> LetterContent:
    """A letter with this text wherever a text can stand."""
    return dataclasses.replace(
        CONTENT,
        letter_id=text,
        title_kind=text,
        organisation=text,
        recipient=text,
        case_ref=text,
        subject=text,
        copy=(text,),
        facts=(Fact("2026-04-01", text, 2),),
        basis=(text, f"{text} 第三条"),
        demands=(text,),
        calendar_edition=text,
        contact=text,
        signers=(text,),
        attachments=(text,),
        urgency=text,
    )


def test_markup_and_control_characters_are_text_on_both_pages() -> None:
    shown = printable(HOSTILE)
    assert not re.search(r"[\x00-\x1f\u202e]", shown)
    assert shown.count("\ufffd") == 4  # three control characters and a reversal of direction
    content = hostile(HOSTILE)
    page = render_html(content, template())
    assert "<script" not in page
    assert not any(tag == "script" for tag, _ in Page(page).tags)
    assert f"2026年4月1日，{shown}（案序2）。" in Page(page).texts
    assert f"2026年4月1日，{shown}（案序2）。" in [paragraph.text for paragraph in opened(content).paragraphs]


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip))
def test_any_text_at_all_gives_a_letter_that_opens_and_says_it(text: str) -> None:
    content = hostile(text)
    fact = next(block.text for block in compose(content, template()).blocks if block.role == "fact")
    document = docx.Document(io.BytesIO(render_docx(content, template())))
    assert fact in [paragraph.text for paragraph in document.paragraphs]
    page = Page(render_html(content, template()))
    assert fact in page.texts
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "article", "header", "p", "span", "h1", "h2", "br", "div"),
        "footer",
    }


def test_both_pages_say_the_same() -> None:
    words = [paragraph.text for paragraph in opened(CONTENT).paragraphs if paragraph.text.strip()]
    page = "".join(Page(render_html(CONTENT, template())).texts)
    for text in words:
        assert re.sub(r"\s", "", text) in re.sub(r"\s", "", page)


def test_the_page_asks_nobody_for_anything() -> None:
    page = render_html(CONTENT, template())
    assert not re.search(r"https?:|//|url\(|@import|src=|href=", page)
    tags = Page(page).tags
    assert ("html", {"lang": "zh-CN"}) in tags
    policy = next(attrs for tag, attrs in tags if tag == "meta" and "http-equiv" in attrs)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert "@page { size: A4;" in page
