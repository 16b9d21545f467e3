"""Letters: what they say, and what they refuse. Every office, unit and case is invented."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from invented_letters import CONTENT, ROOT, template

from engine.core.catalogue.letters import CODES
from engine.core.errors import LianxinError
from engine.letters.compose import compose
from engine.letters.content import Fact, LetterContent, content_digest, number_text, path_of
from engine.letters.template import template_digest
from engine.letters.title import TITLE_CELLS_MAX, cells, title_lines
from engine.letters.web import render_html
from engine.letters.word import render_docx


def test_a_number_has_six_cornered_brackets_no_leading_zero_and_no_ordinal() -> None:
    assert number_text("扬信督", 2026, 12) == "扬信督\u30142026\u301512号"
    assert number_text("扬信责", 2026, 1) == "扬信责〔2026〕1号"


@pytest.mark.parametrize(
    ("mark", "year", "number"),
    [
        *[("", 2026, 1), ("示信督", 2026, 0), ("示信督", 2026, -1), ("示信督", 26, 1), ("示信督", 9999, 1)],
        *[("../示", 2026, 1), ("示 信", 2026, 1), ("示〔", 2026, 1), ("示_信", 2026, 1), ("示" * 17, 2026, 1)],
    ],
)
def test_what_is_no_number_is_refused(mark: str, year: int, number: int) -> None:
    with pytest.raises(LianxinError) as refused:
        number_text(mark, year, number)
    assert refused.value.code == "LX-712"


@given(st.integers(1900, 2200), st.integers(1, 999_999_999))
def test_every_number_names_a_file_of_its_own_kind(year: int, number: int) -> None:
    path = path_of("supervision", number_text("示信督", year, number))
    assert path.parts == ("supervision", f"示信督〔{year}〕{number}号")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        *[("supervision", "../../etc/passwd"), ("supervision", ".."), ("supervision", ""), ("supervision", "a/b")],
        *[("../supervision", "示信督〔2026〕12号"), ("", "lt-1"), ("supervision", "示信督〔2026〕012号")],
        *[
            ("supervision", "示信督〔2026〕12号\n"),
            ("supervision", "lt-1\0"),
            ("supervision", "张某某"),
            ("SUP", "lt-1"),
        ],
    ],
)
def test_no_other_text_becomes_part_of_a_path(kind: str, number: str) -> None:
    with pytest.raises(LianxinError) as refused:
        path_of(kind, number)
    assert refused.value.code == "LX-713"


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_path_stays_below_its_folder(kind: str, number: str) -> None:
    try:
        path = path_of(kind, number)
    except LianxinError:
        return
    assert not path.is_absolute()
    assert len(path.parts) == 2
    assert ".." not in path.parts


def test_a_letter_without_a_number_is_named_by_its_id() -> None:
    assert str(path_of("reminder", "lt-7h2k9q4m")) == "reminder/lt-7h2k9q4m"


def test_the_digest_is_that_of_the_fields_as_canonical_json() -> None:
    fields = dataclasses.asdict(CONTENT)
    canonical = rfc8785.dumps({name: _plain(value) for name, value in fields.items()})
    assert content_digest(CONTENT) == hashlib.sha256(canonical).hexdigest()


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(LetterContent)])
def test_the_digest_commits_to_every_field(name: str) -> None:
    value = getattr(CONTENT, name)
    change: dict[str, Any] = {name: (*value, "又一项") if isinstance(value, tuple) else f"{value}改"}
    changed = dataclasses.replace(CONTENT, **change)
    assert content_digest(changed) != content_digest(CONTENT)


def test_the_digest_of_a_template_changes_with_its_words() -> None:
    one = template()
    assert template_digest(one) == template_digest(template())
    assert template_digest(one) != template_digest(dataclasses.replace(one, title="关于{subject}的函"))


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(LianxinError) as refused:
        content_digest(dataclasses.replace(CONTENT, subject="供水\ud800"))
    assert refused.value.code == "LX-710"


def test_a_letter_has_no_place_for_a_petitioner() -> None:
    assert {field.name for field in dataclasses.fields(LetterContent)} == {
        *("letter_id", "kind", "title_kind", "organisation", "recipient", "case_ref", "subject", "number", "unit"),
        *(
            "copy",
            "facts",
            "basis",
            "demands",
            "reply_due",
            "reply_within",
            "calendar_edition",
            "contact",
            "signed_on",
            "signers",
        ),
        *("attachments", "urgency"),
    }
    with pytest.raises((AttributeError, TypeError)):
        CONTENT.petitioner = "某人"  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        dataclasses.replace(CONTENT, petitioner="某人")  # type: ignore[call-arg]


def test_facts_are_a_dated_list_that_names_its_events() -> None:
    facts = [block.text for block in compose(CONTENT, template()).blocks if block.role == "fact"]
    assert facts == [
        "2026年4月1日，信访部门将该事项交办你单位（案序2）。",
        "2026年4月24日，办理期限届满，未收到办理结果（案序6）。",
    ]


def test_a_rule_is_cited_with_its_law_once() -> None:
    basis = next(block.text for block in compose(CONTENT, template()).blocks if "上述情形" in block.text)
    assert basis == "上述情形不符合《信访工作条例》第二十三条、第三十四条的规定。"


def test_the_demands_of_the_letter_replace_those_of_the_template() -> None:
    sheet = compose(dataclasses.replace(CONTENT, demands=("3日内恢复供水", "书面答复。")), template())
    assert [block.text for block in sheet.blocks if block.role == "demand"] == ["1.3日内恢复供水。", "2.书面答复。"]


def test_sections_are_counted_in_chinese_and_only_where_they_stand() -> None:
    headings = [block.text for block in compose(CONTENT, template()).blocks if block.role == "heading"]
    assert headings == ["一、办理经过", "二、督办要求"]
    bare = compose(dataclasses.replace(CONTENT, facts=()), template())
    assert [block.text for block in bare.blocks if block.role == "heading"] == ["一、督办要求"]


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, "请于2026年5月6日（含当日）前，…。上述期限按工作日历（cn 2025-11）计算。"),
        ({"calendar_edition": ""}, "请于2026年5月6日（含当日）前，…。"),
        ({"reply_due": None, "reply_within": "5 working days"}, "请自收到本函之日起5个工作日内，…。"),
        ({"reply_due": None, "reply_within": "24小时"}, "请自收到本函之日起24小时内，…。"),
        ({"reply_due": None, "reply_within": "30 days"}, "请自收到本函之日起30日内，…。"),
        ({"reply_due": None}, "请将办理情况、处理结果和证明材料及时书面反馈我单位。"),
    ],
)
def test_the_answer_is_asked_for_by_a_day_or_within_a_time(change: dict[str, Any], asked: str) -> None:
    texts = [block.text for block in compose(dataclasses.replace(CONTENT, **change), template()).blocks]
    shortened = [text.replace("将办理情况、处理结果和证明材料书面反馈我单位", "…") for text in texts]
    assert asked in shortened


def test_a_brace_in_a_value_is_not_a_placeholder() -> None:
    sheet = compose(dataclasses.replace(CONTENT, subject="{contact}"), template())
    assert "{contact}" in "".join(sheet.title)
    assert "0555" not in "".join(sheet.title)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"organisation": " "}, "LX-711"),
        ({"recipient": ""}, "LX-711"),
        ({"case_ref": ""}, "LX-711"),
        ({"facts": (Fact("2026-04-01", " "),)}, "LX-711"),
        ({"demands": ("",)}, "LX-711"),
        ({"number": "12"}, "LX-712"),
        ({"number": "示信督[2026]12号"}, "LX-712"),
        ({"signed_on": "2026-02-30"}, "LX-714"),
        ({"signed_on": "20260401"}, "LX-714"),
        ({"reply_due": ""}, "LX-714"),
        ({"facts": (Fact("2026-4-1", "甲"),)}, "LX-714"),
        ({"reply_within": "soon"}, "LX-719"),
    ],
)
def test_what_no_letter_can_be_made_of_is_refused_by_both_renderers(change: dict[str, Any], code: str) -> None:
    for render in (render_docx, render_html):
        with pytest.raises(LianxinError) as refused:
            render(dataclasses.replace(CONTENT, **change), template())
        assert refused.value.code == code


@given(st.text(alphabet="关于督办供水事项（）《》，LX-2026 信访办理有关的函", min_size=1, max_size=120))
def test_a_title_is_broken_without_losing_a_character(title: str) -> None:
    lines = title_lines(title)
    assert "".join(lines) == title
    assert all(line and cells(line) <= TITLE_CELLS_MAX for line in lines)


def test_a_title_is_broken_by_sense() -> None:
    assert title_lines("关于对示例市水务局办理信访事项有关责任问题的问责建议函") == (
        "关于对示例市水务局办理信访事项",
        "有关责任问题的问责建议函",
    )
    assert title_lines("关于物业服务领域信访风险的警示函") == ("关于物业服务领域信访风险的警示函",)


def test_every_code_of_letters_has_a_sentence_and_every_sentence_a_code() -> None:
    files = [*(ROOT / "engine" / "letters").glob("*.py"), ROOT / "engine" / "runtime" / "letter_office.py"]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    assert set(re.findall(r'"(LX-\d+)"', source)) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_each_sentence_stands_in_both_languages_with_the_same_facts(code: str) -> None:
    entry = CODES[code]
    assert set(re.findall(r"\{(\w+)\}", entry.zh)) == set(re.findall(r"\{(\w+)\}", entry.en))
    assert entry.remedy_zh.endswith("。")
    assert entry.remedy_en.endswith(".")
