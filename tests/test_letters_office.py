"""The DOCX of a letter as a word processor lays it out: LibreOffice makes a PDF of it, and that is measured."""

from __future__ import annotations

import dataclasses

import pytest
from invented_letters import CONTENT, DRAFT, letter, template
from letters_measured import MEASURES, PAGE, printed_by_office, table
from measured_pages import BOTTOM, LEFT, MM, RIGHT, TOP, Page, ink, measured
from test_letters_pdf import CELL, CHINESE, PLAIN, paragraph, worded

from engine.letters.word import render_docx

PITCH = 579 / 20 / MM


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Letters of some lengths, opened by LibreOffice and printed."""
    letters = {
        "one": render_docx(PLAIN, worded(paragraph(40))),
        "two": render_docx(CONTENT, template()),
        "three": render_docx(PLAIN, worded(*(paragraph(length) for length in (500, 400, 150, 100)))),
        "draft": render_docx(DRAFT, template()),
        "accountability": render_docx(letter("accountability"), template("accountability")),
        "long": render_docx(dataclasses.replace(PLAIN, organisation=paragraph(40)), worded(paragraph(300))),
    }
    return printed_by_office(letters, tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def laid_out(office: dict[str, bytes]) -> dict[str, list[Page]]:
    return {name: measured(data) for name, data in office.items()}


def test_every_letter_opens_and_has_its_pages(laid_out: dict[str, list[Page]]) -> None:
    assert {name: len(laid_out[name]) for name in ("one", "three")} == {"one": 1, "three": 3}
    for pages in laid_out.values():
        for page in pages:
            assert page.width == pytest.approx(210, abs=0.1)
            assert page.height == pytest.approx(297, abs=0.1)


def test_the_text_stands_within_its_margins_in_lines_of_28(laid_out: dict[str, list[Page]]) -> None:
    lines = [line for page in laid_out["three"] for line in page.body() if set(line.text) <= set(CHINESE)]
    full = [line for line in lines if line.left < LEFT + 1 and line.right > RIGHT - 3]
    assert full
    for line in full:
        assert len(line.text) == 28
        assert line.left == pytest.approx(LEFT, abs=0.5)
        assert line.right == pytest.approx(RIGHT, abs=1)
    for line in (line for line in lines if line.left > LEFT + 1):
        assert line.left == pytest.approx(LEFT + 2 * CELL, abs=0.5)


def test_a_full_page_has_22_lines(laid_out: dict[str, list[Page]]) -> None:
    body = laid_out["three"][1].body()
    assert len(body) == 22
    assert body[-1].baseline - body[0].baseline == pytest.approx(21 * PITCH, abs=0.2)
    assert TOP - 1 <= body[0].baseline - 0.88 * 16 / MM <= TOP + (PITCH - 16 / MM) / 2 + 1.5
    assert body[-1].baseline <= BOTTOM


def test_mark_and_rules_stand_where_the_standard_puts_them(office: dict[str, bytes]) -> None:
    mark = ink(office["three"], 0, (22, 20, 188, 44), red=True)
    rule = ink(office["three"], 0, (5, 44.5, 205, 50), red=True)
    foot = ink(office["three"], 0, (5, 270, 205, 285), red=True)
    assert mark[1] == pytest.approx(30, abs=0.5)
    assert (mark[0] + mark[2]) / 2 == pytest.approx(105, abs=0.7)
    assert rule[1] - mark[3] == pytest.approx(4, abs=0.5)
    for lines in (rule, foot):
        assert lines[0] == pytest.approx(20, abs=0.3)
        assert lines[2] == pytest.approx(190, abs=0.3)
    assert foot[3] == pytest.approx(297 - 20, abs=0.5)
    with pytest.raises(AssertionError, match="no ink"):
        ink(office["three"], 1, (5, 20, 205, 285), red=True)


def test_the_number_is_at_the_right_and_no_page_number_on_the_first_page(laid_out: dict[str, list[Page]]) -> None:
    first, second, third = laid_out["three"]
    assert first.line("示信督〔2026〕12号").right == pytest.approx(RIGHT, abs=0.5)
    assert not any("—" in line.text for line in first.lines)
    assert second.line("—2—").left == pytest.approx(LEFT + 14 / MM, abs=0.5)
    assert third.line("—3—").right == pytest.approx(RIGHT - 14 / MM, abs=0.5)


def test_the_dash_of_the_page_number_is_7_mm_under_the_text(
    office: dict[str, bytes], laid_out: dict[str, list[Page]]
) -> None:
    dash = laid_out["three"][1].line("—2—").characters[0]
    stroke = ink(office["three"], 1, (dash["x0"] / MM, BOTTOM + 2, dash["x1"] / MM, BOTTOM + 14))
    assert (stroke[1] + stroke[3]) / 2 == pytest.approx(BOTTOM + 7, abs=1)


@pytest.mark.parametrize("name", ["one", "two", "three", "accountability", "long"])
def test_the_copies_stand_at_the_foot_of_the_last_page_and_not_alone(
    name: str, laid_out: dict[str, list[Page]]
) -> None:
    *others, last = laid_out[name]
    assert not any("签发：" in line.text for page in others for line in page.lines)
    assert last.line("签发：").baseline == pytest.approx(BOTTOM - 2, abs=1.5)
    assert last.line("2026年4月7日").baseline < last.line("内容摘要").baseline


@pytest.mark.parametrize("name", ["one", "three", "long"])
def test_name_and_date_stand_in_the_circle(
    name: str, office: dict[str, bytes], laid_out: dict[str, list[Page]]
) -> None:
    page = laid_out[name][-1]
    date = page.line("2026年4月7日")
    middle = (date.left + date.right) / 2
    circle = ink(
        office[name],
        len(laid_out[name]) - 1,
        (middle - 30, date.baseline - 40, middle + 30, date.baseline + 12),
        red=True,
    )
    assert circle[2] - circle[0] == pytest.approx(42, abs=1.5)
    assert (circle[0] + circle[2]) / 2 == pytest.approx(middle, abs=1)
    assert circle[1] < page.line("（印章）").baseline < page.line("样张").baseline < date.baseline < circle[3]


def test_both_signers_of_an_accountability_letter_are_named(laid_out: dict[str, list[Page]]) -> None:
    assert laid_out["accountability"][-1].line("签发：").text == "签发：联席会议召集人、信访部门负责人"


def test_a_draft_says_so_on_every_page(laid_out: dict[str, list[Page]]) -> None:
    for page in laid_out["draft"]:
        assert page.line("草稿：未经签发，不具效力").baseline < 25


def test_the_page_about_letters_tells_what_is_measured() -> None:
    told = {}
    for row in PAGE.read_text(encoding="utf-8").splitlines():
        label, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        if label in {measure[0] for measure in MEASURES}:
            told[label] = [float(cell.split()[0]) for cell in cells]
    measures = table()
    assert list(told) == [label for label, *_ in measures]
    for label, asked, _, ours, theirs in measures:
        assert told[label] == [asked, pytest.approx(ours, abs=0.05), pytest.approx(theirs, abs=0.1)]
        assert ours == pytest.approx(asked, abs=0.15)
        assert theirs == pytest.approx(asked, abs=1)
