"""The PDF of a letter, measured against GB/T 9704-2012 (信函格式): millimetres from the upper left corner."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pdfplumber
import pytest
import segno
from invented_fonts import font_with
from invented_letters import CONTENT, DRAFT, ROOT, letter, template
from measured_pages import BOTTOM, LEFT, MM, RIGHT, TOP, Page, ink, measured

from engine.core.errors import LianxinError
from engine.letters.compose import compose
from engine.letters.content import content_digest
from engine.letters.fonts import find_fonts
from engine.letters.pdf import render_pdf
from engine.letters.template import Template

PITCH = 28.99 / MM
CELL = 156 / 28
AIR = 0.52 / MM  # of a size in points: half of a full-width mark, which may hang over
CHINESE = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒日月盈昃辰宿列张"


def worded(*paragraphs: str, title: str = "关于督办供水中断事项的函") -> Template:
    return Template(kind="supervision", title=title, opening=paragraphs, closing=("特此函告。",))


PLAIN = dataclasses.replace(CONTENT, facts=(), basis=(), demands=(), attachments=(), contact="", calendar_edition="")


def paragraph(characters: int) -> str:
    return (CHINESE * (characters // len(CHINESE) + 1))[:characters]


@lru_cache
def pdf_of(pages: int) -> bytes:
    """A letter of that many pages, of Chinese characters only."""
    lengths = {1: [80], 2: [500, 200, 20], 3: [500, 400, 150, 100]}[pages]
    return render_pdf(PLAIN, worded(*(paragraph(length) for length in lengths)))


@lru_cache
def pages_of(pages: int) -> list[Page]:
    found = measured(pdf_of(pages))
    assert len(found) == pages
    return found


PAGES = pytest.mark.parametrize("pages", [1, 2, 3])


@PAGES
def test_the_paper_is_a4(pages: int) -> None:
    for page in pages_of(pages):
        assert page.width == pytest.approx(210, abs=0.01)
        assert page.height == pytest.approx(297, abs=0.01)


@PAGES
def test_the_text_stands_within_its_margins_and_fills_the_width(pages: int) -> None:
    lines = [line for page in pages_of(pages) for line in page.body()]
    assert min(line.left for line in lines) == pytest.approx(LEFT, abs=0.05)
    assert max(line.right for line in lines) == pytest.approx(RIGHT, abs=0.1)
    for line in lines:
        assert line.baseline - 0.88 * 16 / MM >= TOP
        assert line.baseline + 0.12 * 16 / MM <= BOTTOM


@PAGES
def test_a_full_line_has_28_characters_at_one_pitch(pages: int) -> None:
    full = [line for page in pages_of(pages) for line in page.body() if line.right > RIGHT - 1 and line.left < LEFT + 1]
    assert full
    for line in full:
        if set(line.text) <= set(CHINESE):
            assert len(line.text) == 28
            steps = [b["x0"] - a["x0"] for a, b in zip(line.characters, line.characters[1:], strict=False)]
            assert all(step == pytest.approx(CELL * MM, abs=0.05) for step in steps)


@PAGES
def test_the_first_line_is_two_characters_in_and_the_others_are_flush(pages: int) -> None:
    lines = [line for page in pages_of(pages) for line in page.body() if set(line.text) <= set(CHINESE)]
    begins = [line for line in lines if line.text.startswith(CHINESE[:3]) and line.left > LEFT + 1]
    assert len(begins) == {1: 1, 2: 3, 3: 4}[pages]
    for line in lines:
        assert line.left == pytest.approx(LEFT + (2 * CELL if line in begins else 0), abs=0.1)


def test_a_full_page_has_22_lines_at_one_pitch() -> None:
    body = pages_of(3)[1].body()
    assert len(body) == 22
    for above, below in pairwise(body):
        assert below.baseline - above.baseline == pytest.approx(PITCH, abs=0.04)
    assert body[-1].baseline - body[0].baseline == pytest.approx(21 * PITCH, abs=0.05)


@PAGES
def test_red_double_rules_stand_on_the_first_page_only(pages: int) -> None:
    first, *later = pages_of(pages)
    assert all(page.rules == () for page in later)
    upper, under, above, lower = first.rules
    for rule in first.rules:
        assert rule.left == pytest.approx(20, abs=0.05)  # 170 mm, centred
        assert rule.right == pytest.approx(190, abs=0.05)
    thickness = [rule.thickness for rule in (upper, under, above, lower)]
    assert thickness == [pytest.approx(points, abs=0.01) for points in (2.5, 0.75, 0.75, 2.5)]
    assert lower.bottom == pytest.approx(297 - 20, abs=0.05)


@PAGES
def test_the_mark_begins_30_mm_below_the_edge_and_the_rule_4_mm_below_it(pages: int) -> None:
    mark = ink(pdf_of(pages), 0, (20, 20, 190, 45), red=True)
    assert mark[1] == pytest.approx(30, abs=0.15)
    assert pages_of(pages)[0].rules[0].top - mark[3] == pytest.approx(4, abs=0.15)
    assert (mark[0] + mark[2]) / 2 == pytest.approx(105, abs=0.5)  # centred on the paper


@PAGES
def test_the_number_stands_at_the_right_under_the_rule(pages: int) -> None:
    first = pages_of(pages)[0]
    number = first.line("示信督〔2026〕12号")
    assert number.right == pytest.approx(RIGHT, abs=0.1)
    above = number.baseline - 0.88 * 16 / MM - first.rules[1].bottom
    assert above == pytest.approx(7 / 8 * 16 / MM, abs=0.1)


def test_title_and_salutation_keep_their_distances() -> None:
    first = pages_of(1)[0]
    number, salutation = first.line("示信督"), first.line("示例市水务局：")
    titles = [line for line in first.lines if line.size == 22]
    for line in titles:
        assert (line.left + line.right) / 2 == pytest.approx((LEFT + RIGHT) / 2, abs=0.3)
    # two empty lines above (half of its own air is less than half of a line of the text), one below
    assert titles[0].baseline - number.baseline == pytest.approx(
        2 * PITCH + (PITCH + 32 / MM) / 2 + (22 - 16) * 0.38 / MM, abs=0.1
    )
    assert salutation.baseline - titles[-1].baseline == pytest.approx(
        PITCH + (PITCH + 32 / MM) / 2 + (16 - 22) * 0.38 / MM, abs=0.1
    )
    assert salutation.left == pytest.approx(LEFT, abs=0.05)


@PAGES
def test_page_numbers_stand_outside_from_page_two_on(pages: int) -> None:
    found = pages_of(pages)
    assert not any("—" in line.text for line in found[0].lines)
    for number, page in enumerate(found[1:], start=2):
        line = page.line(f"—{number}—")
        assert line.size == 14
        if number % 2:
            assert line.right == pytest.approx(RIGHT - 14 / MM, abs=0.1)
        else:
            assert line.left == pytest.approx(LEFT + 14 / MM, abs=0.1)


def test_the_dash_of_the_page_number_is_7_mm_under_the_text() -> None:
    data = pdf_of(2)
    dash = pages_of(2)[1].line("—2—").characters[0]
    stroke = ink(data, 1, (dash["x0"] / MM, BOTTOM + 2, dash["x1"] / MM, BOTTOM + 14))
    assert (stroke[1] + stroke[3]) / 2 == pytest.approx(BOTTOM + 7, abs=0.3)


@PAGES
def test_the_copies_stand_at_the_foot_of_the_last_page(pages: int) -> None:
    *others, last = pages_of(pages)
    assert not any("抄送" in line.text for page in others for line in page.lines)
    copies, signed = last.line("抄送："), last.line("签发：")
    assert (copies.size, signed.size) == (14, 14)
    assert copies.left == pytest.approx(LEFT + 14 / MM, abs=0.1)
    assert signed.baseline + (0.12 * 14 + 5) / MM == pytest.approx(BOTTOM, abs=0.2)  # 24 points a line, 5 below


def test_second_lines_of_the_copies_stand_under_the_first_word() -> None:
    copies = tuple(f"示例市{name}区人民政府督查室" for name in CHINESE[:8])
    (page,) = measured(render_pdf(dataclasses.replace(PLAIN, copy=copies), worded("甲")))
    first, second = [line for line in page.lines if line.size == 14 and "示例市" in line.text][:2]
    assert first.text.startswith("抄送：")
    assert second.left == pytest.approx(first.left + 3 * 14 / MM, abs=0.2)


def test_name_and_date_stand_in_the_circle_and_the_date_is_four_characters_in() -> None:
    (page,) = pages_of(1)
    name, date = page.lines[[line.text for line in page.lines].index("2026年4月7日") - 1], page.line("2026年4月7日")
    assert name.text == "示例市信访局"
    assert date.right == pytest.approx(RIGHT - 4 * CELL, abs=0.2)
    middle = (date.left + date.right) / 2
    assert (name.left + name.right) / 2 == pytest.approx(middle, abs=0.2)
    circle = ink(pdf_of(1), 0, (middle - 30, name.baseline - 30, middle + 30, date.baseline + 12), red=True)
    assert circle[2] - circle[0] == pytest.approx(42, abs=0.6)
    assert (circle[0] + circle[2]) / 2 == pytest.approx(middle, abs=0.3)
    text = page.body()[[line.text for line in page.body()].index("特此函告。")]
    assert 0 < circle[1] - (text.baseline + 0.12 * 16 / MM) < PITCH  # its top is within a line of the text
    for words in ("（印章）", "样张"):
        assert circle[1] < page.line(words).baseline < name.baseline


def test_both_signers_of_an_accountability_letter_are_named() -> None:
    pages = measured(render_pdf(letter("accountability"), template("accountability")))
    assert pages[-1].line("签发").text == "签发：联席会议召集人、信访部门负责人"


def test_an_accountability_letter_with_one_signature_is_not_set() -> None:
    with pytest.raises(LianxinError) as refused:
        render_pdf(dataclasses.replace(CONTENT, kind="accountability"), template("accountability"))
    assert refused.value.code == "LX-721"
    draft = dataclasses.replace(DRAFT, kind="accountability")
    assert compose(draft, template("accountability")).draft


def test_a_draft_says_so_on_every_page_and_bears_no_number() -> None:
    data = render_pdf(DRAFT, template())
    pages = measured(data)
    assert len(pages) > 1
    for page in pages:
        assert page.line("草稿：未经签发，不具效力").baseline < 25
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        for sheet in pdf.pages:
            assert {c["text"] for c in sheet.chars if c["matrix"][1]} >= {"草", "稿"}
        assert "CreationDate" not in pdf.metadata
    assert pages[0].line("（签发时编号）").right <= RIGHT + AIR * 16


def test_the_qr_code_holds_number_and_digest() -> None:
    expected = segno.make_qr(
        f"示信督〔2026〕12号\nSHA-256 {content_digest(PLAIN)}", error="m", encoding="utf-8", boost_error=False
    )
    with pdfplumber.open(io.BytesIO(pdf_of(1))) as pdf:
        black = pdf.pages[0].to_image(resolution=600).original.convert("L").point(lambda grey: 255 if grey < 128 else 0)
    box = ink(pdf_of(1), 0, (160, 225, 184, 252))
    side = len(expected.matrix)
    assert box[2] - box[0] == pytest.approx(16, abs=0.2)
    step = (box[2] - box[0]) / side
    for row, modules in enumerate(expected.matrix):
        for column, on in enumerate(modules):
            x, y = (round((edge + (n + 0.5) * step) / 25.4 * 600) for edge, n in ((box[0], column), (box[1], row)))
            assert (black.getpixel((x, y)) == 255) == bool(on)


def streams(data: bytes) -> list[dict[str, Any]]:
    from pdfminer.pdftypes import resolve1

    with pdfplumber.open(io.BytesIO(data)) as pdf:
        fonts = [font for page in pdf.pages for font in resolve1(page.page_obj.resources["Font"]).values()]
        return [resolve1(resolve1(resolve1(f)["DescendantFonts"])[0]) for f in fonts]


def test_every_font_is_inside_the_file() -> None:
    from pdfminer.pdftypes import resolve1

    for font in streams(pdf_of(3)):
        assert resolve1(font["FontDescriptor"])["FontFile3"]


def test_the_file_says_which_fonts_stand_in() -> None:
    with pdfplumber.open(io.BytesIO(pdf_of(1))) as pdf:
        said = pdf.metadata
    assert said["Title"] == "关于督办供水中断事项的函"
    assert said["Author"] == "示例市信访局"
    assert content_digest(PLAIN) in said["Keywords"]
    assert said["CreationDate"] == said["ModDate"] == "D:20260407000000Z"  # the day of signing, not today
    for standard, font in find_fonts().substitutions():
        assert f"{standard} 由 {font.family}" in said["Subject"]


def test_rendering_again_gives_the_same_bytes_in_another_process_on_another_day() -> None:
    script = (
        "import hashlib, sys; sys.path.insert(0, 'tests'); import invented_letters as t;"
        "from engine.letters.pdf import render_pdf;"
        "print(hashlib.sha256(render_pdf(t.CONTENT, t.template())).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Pacific/Kiritimati", "SOURCE_DATE_EPOCH": "1"}
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    render_pdf(DRAFT, template())  # what was set before leaves no trace
    assert told.stdout.strip() == hashlib.sha256(render_pdf(CONTENT, template())).hexdigest()


@pytest.mark.parametrize("character", ["䶮", "喆"])
def test_a_rare_character_is_printed_where_a_font_has_it_and_refused_by_name_and_place_where_none_has(
    character: str, tmp_path: Path, fonts_without_rare_characters: Path
) -> None:
    content = dataclasses.replace(PLAIN, recipient=f"示例市{character}镇政府")
    shown = measured(render_pdf(content, worded("甲")))
    assert shown[0].line(f"示例市{character}镇政府：")
    with pytest.raises(LianxinError) as refused:
        render_pdf(content, worded("甲"), find_fonts([fonts_without_rare_characters]))
    assert (refused.value.code, refused.value.exit_code) == ("LX-717", 6)
    assert refused.value.facts["characters"] == f"{character}（U+{ord(character):04X}，主送机关第4字）"
    assert render_pdf(PLAIN, worded("甲"), find_fonts([fonts_without_rare_characters])).startswith(b"%PDF")


def test_without_a_chinese_font_nothing_is_printed(tmp_path: Path) -> None:
    with pytest.raises(LianxinError) as refused:
        render_pdf(PLAIN, worded("甲"), find_fonts([tmp_path, tmp_path / "absent"]))
    assert (refused.value.code, refused.value.exit_code) == ("LX-720", 5)


@pytest.fixture(scope="module")
def fonts_without_rare_characters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family of the right name with the characters of one letter and no others."""
    folder = tmp_path_factory.mktemp("fonts")
    sheet = compose(PLAIN, worded("甲"))
    known = "".join(
        (
            *dataclasses.asdict(sheet)["title"],
            *(block.text for block in sheet.blocks),
            sheet.organisation,
            sheet.identity,
        )
    )
    known += "".join((*sheet.imprint, sheet.salutation, sheet.number, sheet.date, sheet.signature))
    known += "镇政府（印章）样张附件：— 0123456789abcdef"
    for name in ("Noto Serif CJK SC", "Noto Sans CJK SC"):
        font_with(folder / f"{name}.ttf", known, family=name)
    return folder
