"""A letter is not printed with a character that the fonts lack."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest
from invented_fonts import font_with
from invented_letters import CONTENT, Page, template

from engine.core.errors import LianxinError
from engine.letters.compose import compose
from engine.letters.content import LetterContent
from engine.letters.glyphs import FontFile, FontRole, missing_glyphs, require_glyphs
from engine.letters.web import render_html


def require(content: LetterContent, font: FontFile) -> None:
    roles: tuple[FontRole, ...] = get_args(FontRole)
    require_glyphs(content.letter_id, compose(content, template()), dict.fromkeys(roles, (font,)))


@pytest.fixture
def everything(tmp_path: Path) -> str:
    """Every character the letter prints."""
    page = "".join(Page(render_html(CONTENT, template())).texts)
    return "".join(sorted(set(page + "年月日（印章）样张附件：—0123456789")))


def test_a_character_that_no_font_has_is_told(tmp_path: Path) -> None:
    fonts = [font_with(tmp_path / "a.ttf", "信访"), font_with(tmp_path / "b.ttf", "局𠮷")]
    assert missing_glyphs("信访局 𠮷\n\u3000", fonts) == ()
    assert missing_glyphs("㐂信𬭚访㐂", fonts) == ("㐂", "𬭚")
    assert missing_glyphs("信", []) == ("信",)
    assert missing_glyphs("信\ufe00\U000e0100", fonts) == ()


def test_a_letter_with_a_character_the_fonts_lack_is_not_printed(tmp_path: Path, everything: str) -> None:
    font = font_with(tmp_path / "a.ttf", everything + "县区管委会")
    require(CONTENT, font)
    rare = dataclasses.replace(CONTENT, recipient="㐂县水务局", copy=("𬭚区管委会",))
    with pytest.raises(LianxinError) as refused:
        require(rare, font)
    assert (refused.value.code, refused.value.exit_code) == ("LX-717", 6)
    assert refused.value.facts["characters"] == "㐂（U+3402，主送机关第1字）、𬭚（U+2CB5A，版记第1行第4字）"


def test_what_was_no_text_is_not_printed_either(tmp_path: Path, everything: str) -> None:
    font = font_with(tmp_path / "a.ttf", everything + "供水")
    with pytest.raises(LianxinError) as refused:
        require(dataclasses.replace(CONTENT, subject="供\x07水"), font)
    assert "U+FFFD" in refused.value.facts["characters"]


def test_a_font_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    font = font_with(tmp_path / "a.ttf", "信")
    assert missing_glyphs("访", [font]) == ("访",)
    font_with(tmp_path / "a.ttf", "信访局")
    assert missing_glyphs("访", [font]) == ()


def test_a_font_that_cannot_be_read_is_an_error_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "b.ttf").write_bytes(b"no font at all")
    for path in (tmp_path / "absent.ttf", tmp_path / "b.ttf", tmp_path):
        with pytest.raises(LianxinError) as refused:
            missing_glyphs("信", [FontFile(path)])
        assert refused.value.code == "LX-718"
