"""Letter templates: what ships, and what is refused with its place."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from invented_letters import CONTENT, KINDS, ROOT, letter, template

from engine.core.errors import LianxinError, Span
from engine.language.yaml_source import load
from engine.letters.compose import compose
from engine.letters.template import PLACEHOLDERS, load_template

LEAST = {"lianxin": 1, "letter": "supervision", "title": "关于{subject}的函", "opening": ["甲。"], "closing": ["乙。"]}


def faults(change: dict[str, Any]) -> tuple[Any, ...]:
    with pytest.raises(LianxinError) as refused:
        load_template(LEAST | change, "t.yaml")
    assert refused.value.code == "LX-700"
    return refused.value.problems


def test_an_unknown_placeholder_is_refused_with_its_place_and_the_nearest_name() -> None:
    source = load(
        "lianxin: 1\nletter: supervision\ntitle: 关于{subjct}的函\n"
        "opening: [甲。]\nclosing:\n  - 乙。\n  - 请{reciver}办理。\n",
        "supervision.yaml",
    )
    with pytest.raises(LianxinError) as refused:
        load_template(source.data, source.file, source.span)
    title, closing = refused.value.problems
    assert (title.code, title.span, title.suggestion) == ("LX-701", Span(3, 8, 20), "subject")
    assert (closing.code, closing.span and closing.span.line, closing.suggestion) == ("LX-701", 7, "recipient")
    assert closing.facts["key"] == "closing.1"
    assert closing.facts["known"] == ", ".join(PLACEHOLDERS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"opening": ["关于{subject的函"]}, "LX-703"),
        ({"opening": ["关于subject}的函"]}, "LX-703"),
        ({"opening": ["关于｛subject｝的函"]}, "LX-703"),
        ({"opening": ["{{subject}}"]}, "LX-703"),
        ({"opening": ["{}"]}, "LX-701"),
        ({"opening": ["{subject.__class__}"]}, "LX-701"),
        ({"opening": ["{subject!r}"]}, "LX-701"),
        ({"openings": ["甲。"]}, "LX-704"),
        ({"opening": "甲。"}, "LX-706"),
        ({"opening": []}, "LX-706"),
        ({"opening": ["甲。", 3]}, "LX-706"),
        ({"title": None}, "LX-706"),
        ({"letter": "../x"}, "LX-706"),
        ({"lianxin": 2}, "LX-706"),
        ({"lianxin": True}, "LX-706"),
        ({"numbered": "no"}, "LX-706"),
        ({3: "甲"}, "LX-704"),
    ],
)
def test_a_template_with_a_fault_is_refused(change: dict[str, Any], code: str) -> None:
    assert {problem.code for problem in faults(change)} == {code}


def test_all_faults_of_a_template_are_told_in_one_run() -> None:
    found = faults({"titel": "x", "opening": 3, "closing": ["{phone}{nummer}"]})
    assert sorted(problem.code for problem in found) == ["LX-701", "LX-702", "LX-704", "LX-706"]
    assert next(problem for problem in found if problem.code == "LX-704").suggestion == "title"


def test_a_template_lacking_a_part_says_which() -> None:
    with pytest.raises(LianxinError) as refused:
        load_template({"lianxin": 1, "letter": "supervision"}, "t.yaml")
    assert [problem.facts["key"] for problem in refused.value.problems] == ["title", "opening", "closing"]


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_what_is_no_mapping_is_no_template(data: object) -> None:
    with pytest.raises(LianxinError) as refused:
        load_template(data, "t.yaml")
    assert [problem.code for problem in refused.value.problems] == ["LX-706"]


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        *[("signatures", value, "LX-706") for value in (0, 9, "2", True, None, [2])],
        *[("organisation", value, "LX-706") for value in (3, "", ["局"])],
        *[(key, "{organisation}办公室", "LX-703") for key in ("organisation", "contact")],
    ],
)
def test_who_signs_and_who_the_office_is_are_checked(key: str, value: object, code: str) -> None:
    (problem,) = faults({key: value})
    assert (problem.code, problem.facts["key"]) == (code, key)


def test_a_fault_is_told_with_file_line_and_column() -> None:
    text = (ROOT / "workflows" / "letters" / "accountability.yaml").read_text(encoding="utf-8")
    broken = text.replace("signatures: 2", "signatures: two").replace("{unit}继续办理", "{units}继续办理")
    source = load(broken.encode(), "letters/accountability.yaml")
    with pytest.raises(LianxinError) as refused:
        load_template(source.data, source.file, source.span)
    lines = broken.splitlines()
    places = {p.code: (p.file, p.span.line, p.span.column) for p in refused.value.problems if p.span}
    assert places == {
        "LX-706": ("letters/accountability.yaml", lines.index("signatures: two") + 1, len("signatures: ") + 1),
        "LX-701": ("letters/accountability.yaml", next(n for n, t in enumerate(lines, 1) if "{units}" in t), 5),
    }


def test_the_office_says_its_full_name_and_whom_to_ask() -> None:
    said = dataclasses.replace(template(), organisation="示例市江都示例区信访局", contact="督查科，0555-7654321")
    sheet = compose(dataclasses.replace(CONTENT, contact=""), said)
    assert (sheet.organisation, sheet.signature) == ("示例市江都示例区信访局", "示例市江都示例区信访局")
    assert sheet.note == "（联系方式：督查科，0555-7654321）"
    assert compose(CONTENT, said).note == "（联系方式：督查科，0555-1234567）"


def test_the_three_letters_and_the_reminder_ship() -> None:
    assert KINDS == ["accountability", "reminder", "risk_warning", "supervision"]
    assert [template(kind).kind for kind in KINDS] == KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reply_due", ["2026-05-06", None])
def test_a_shipped_template_leaves_nothing_open(kind: str, reply_due: str | None) -> None:
    sheet = compose(dataclasses.replace(letter(kind), reply_due=reply_due), template(kind))
    text = "\n".join((*sheet.title, *(block.text for block in sheet.blocks)))
    assert not re.search(r"[{}]|\bNone\b|事项事项|。。|，。", text)
    assert ("5月6日（含当日）" in text) == (reply_due is not None)
    assert all(block.text.endswith(("。", "：")) for block in sheet.blocks if block.role != "heading")


def test_titles_are_those_of_the_office() -> None:
    titles = {kind: "".join(compose(letter(kind), template(kind)).title) for kind in KINDS}
    assert titles == {
        "supervision": "关于督办锦绣花园供水中断事项（案号LX-2026-0412）的函",
        "risk_warning": "关于锦绣花园供水中断信访风险的警示函",
        "accountability": "关于对示例市水务局办理信访事项有关责任问题的问责建议函",
        "reminder": "关于锦绣花园供水中断事项（案号LX-2026-0412）的催办提醒",
    }


def test_a_subject_that_ends_in_the_next_word_is_not_doubled() -> None:
    sheet = compose(dataclasses.replace(CONTENT, subject="供水事项"), template())
    assert "".join(sheet.title) == "关于督办供水事项（案号LX-2026-0412）的函"


def test_an_accountability_letter_must_say_whom_it_is_about() -> None:
    with pytest.raises(LianxinError) as refused:
        compose(dataclasses.replace(letter("accountability"), unit=None), template("accountability"))
    assert (refused.value.code, refused.value.facts["placeholder"]) == ("LX-716", "unit")


def test_a_template_serves_only_its_own_kind() -> None:
    with pytest.raises(LianxinError) as refused:
        compose(letter("risk_warning"), template("supervision"))
    assert refused.value.code == "LX-715"


@pytest.mark.parametrize("name", ["petitioner", "phone", "信访人", "姓名", "id_number"])
def test_a_template_that_asks_for_the_petitioner_is_refused_without_a_guess(name: str) -> None:
    (problem,) = faults({"opening": [f"关于{{{name}}}反映的事项。"]})
    assert problem.code == "LX-702"
    assert problem.suggestion is None


@pytest.mark.parametrize("kind", KINDS)
def test_no_shipped_title_can_hold_more_than_case_unit_and_subject(kind: str) -> None:
    used = set(re.findall(r"\{(\w+)\}", template(kind).title))
    assert used <= {"subject", "case_ref", "unit"}
