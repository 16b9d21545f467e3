"""How findings are told: caret under what is meant, both languages, a page per code; JSON and SARIF for tools."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import catalogue
from engine.core.catalogue import CODES, Entry, explain, join, remedy, sentence
from engine.core.errors import LianxinError, Problem, Span
from engine.core.report import EXCERPT_CHARACTERS, as_json, cells, sarif, suggest, text
from engine.language.yaml_source import load

SOURCE = "标题: 投诉办理\nstates:\n  received: {to: yes, title: 受理}\n"
PROBLEM = Problem("LX-112", "a.yaml", Span(3, 18, 21), {"word": "yes"}, suggestion="true")


def test_a_finding_shows_its_place_sentence_line_caret_remedy_and_suggestion() -> None:
    assert text([PROBLEM], {"a.yaml": SOURCE}) == (
        "a.yaml:3:18: 错误 error LX-112 未加引号的 yes 在不同 YAML 版本中含义不同"
        " / The bare word yes means different things in YAML 1.1 and 1.2\n"
        "    3 │   received: {to: yes, title: 受理}\n"
        "      │                  ^^^\n"
        "  → 是文字就加引号，是是非就写 true 或 false / Quote it if it is text, or say true or false\n"
        "  → 是否想写 did you mean: true\n"
    )


@pytest.mark.parametrize(
    ("line", "column", "end", "caret"),
    [
        ("标题: 投诉办理", 5, 9, "      ^^^^^^^^"),
        ("标题: abc 办", 9, 10, "          ^^"),
        ("（一）: yes", 6, 9, "        ^^^"),
        ("e\u0301té: yes", 7, 10, "     ^^^"),
        ("\tkey: yes", 7, 10, "      ^^^"),
        ("key:", 5, 6, "    ^"),
    ],
)
def test_the_caret_stands_under_what_is_meant_though_chinese_is_two_cells_wide(
    line: str, column: int, end: int, caret: str
) -> None:
    problem = Problem("LX-112", "a.yaml", Span(1, column, end), {"word": "x"})
    shown = text([problem], {"a.yaml": line}).split("\n")
    assert shown[2] == "      │ " + caret


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30), st.data())
def test_the_caret_begins_where_the_text_before_it_ends(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(line)))
    problem = Problem("LX-112", "a.yaml", Span(1, column, column + 1), {"word": "x"})
    shown = text([problem], {"a.yaml": line}).split("\n")[2]
    assert shown.index("^") == len("      │ ") + cells(line[: column - 1])


def test_a_long_line_is_cut_around_the_caret() -> None:
    problem = Problem("LX-112", "a.yaml", Span(1, 5_001, 5_004), {"word": "yes"})
    shown = text([problem], {"a.yaml": "长" * 5_000 + "yes" + "长" * 5_000}).split("\n")
    assert len(shown[1]) < EXCERPT_CHARACTERS + 20
    assert shown[2].endswith("^^^")
    assert cells(shown[1][: shown[1].index("yes")]) == shown[2].index("^")


def test_what_would_move_the_cursor_or_cannot_be_printed_is_not_printed() -> None:
    problem = Problem("LX-102", "a.yaml", Span(1, 2, 3), {"character": "U+001B"})
    shown = text([problem], {"a.yaml": "a\x1b[2J\ud800"})
    assert "\x1b" not in shown
    shown.encode()


def test_findings_are_told_in_order_of_place_and_each_once() -> None:
    last = Problem("LX-104", "b.yaml", Span(1, 1, 2))
    first = Problem("LX-104", "a.yaml", Span(2, 5, 6))
    shown = text([last, first, first, Problem("LX-108", "a.yaml")], {})
    assert re.findall(r"^[ab][^ ]*", shown, re.MULTILINE) == ["a.yaml:", "a.yaml:2:5:", "b.yaml:1:1:"]
    assert text([], {}) == ""


def test_a_warning_is_called_one_and_a_place_outside_the_text_shows_no_line() -> None:
    problem = Problem("LX-112", "a.yaml", Span(9, 1, 2), {"word": "x"}, "warning")
    shown = text([problem], {"a.yaml": "one line"})
    assert "警告 warning" in shown
    assert "│" not in shown


def test_json_has_everything_apart() -> None:
    (finding,) = as_json([PROBLEM])
    assert json.loads(json.dumps(finding)) == finding
    assert finding == {
        "code": "LX-112",
        "severity": "error",
        "file": "a.yaml",
        "line": 3,
        "column": 18,
        "end_column": 21,
        "message": {
            "zh": "未加引号的 yes 在不同 YAML 版本中含义不同",
            "en": "The bare word yes means different things in YAML 1.1 and 1.2",
        },
        "remedy": {
            "zh": "是文字就加引号，是是非就写 true 或 false",
            "en": "Quote it if it is text, or say true or false",
        },
        "facts": {"word": "yes"},
        "suggestion": "true",
    }


def test_sarif_names_rules_levels_and_regions() -> None:
    report = sarif([PROBLEM, Problem("LX-108", "文件.yaml", None, {"limit": "1"}, "warning")])
    json.dumps(report)
    (run,) = report["runs"]
    assert report["version"] == "2.1.0"
    assert run["columnKind"] == "unicodeCodePoints"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["LX-108", "LX-112"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    by_code = {result["ruleId"]: result for result in run["results"]}
    assert by_code["LX-112"]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a.yaml"},
        "region": {"startLine": 3, "startColumn": 18, "endColumn": 21},
    }
    assert by_code["LX-108"]["level"] == "warning"
    assert by_code["LX-108"]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "%E6%96%87%E4%BB%B6.yaml"}
    }
    assert sarif([])["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("severty", "severity"),
        ("Severity", "severity"),
        ("reply-by", "reply_by"),
        ("投诉办里", "投诉办理"),
        ("severity", None),
        ("zebra", None),
        ("", None),
    ],
)
def test_did_you_mean_names_what_is_near_and_nothing_else(word: str, meant: str | None) -> None:
    assert suggest(word, ["severity", "unit", "reply_by", "投诉办理"]) == meant


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_both_languages_a_remedy_and_a_page(code: str) -> None:
    entry = CODES[code]
    assert re.fullmatch(r"LX-[1-9]\d\d", code)
    for chinese in (entry.zh, entry.remedy_zh):
        assert re.search(r"[\u4e00-\u9fff]", chinese)
    for english in (entry.en, entry.remedy_en):
        assert re.search(r"[A-Za-z]{2}", english)
    page = explain(code)
    assert page.startswith(code)
    assert all(part.split("{")[0] in page for part in (entry.zh, entry.en, entry.remedy_zh, entry.remedy_en))


def test_every_area_of_codes_is_in_the_catalogue() -> None:
    folder = Path(catalogue.__file__).parent
    areas = {path.stem for path in folder.glob("*.py")} - {"__init__", "entry"}
    assert areas
    assert {name for name in areas if not hasattr(catalogue, name)} == set()


def test_a_code_can_stand_only_once() -> None:
    entry = Entry("一", "one", "做", "do")
    assert list(join([{"LX-999": entry}, {"LX-998": entry}])) == ["LX-998", "LX-999"]
    with pytest.raises(AssertionError, match="LX-999"):
        join([{"LX-999": entry}, {"LX-999": entry}])


def test_a_sentence_is_filled_from_the_facts_and_never_fails() -> None:
    assert (
        sentence("LX-104", {"key": "{first_line}", "first_line": "3"}, "zh")
        == "键 {first_line} 重复（前一个在第 3 行）"
    )
    assert sentence("LX-104", {"key": "a", "first_line": "3"}, "en") == "The key a is given twice (first on line 3)"
    assert sentence("LX-104", {}, "en") == "The key … is given twice (first on line …)"
    assert sentence("LX-000", {"b": "2", "a": "1"}) == "LX-000 a=1 b=2"
    assert remedy("LX-114", {"time": "17:30"}, "en") == 'Quote it: "17:30"'
    assert remedy("LX-000", {}) == ""
    assert str(LianxinError("LX-108", limit=5)) == sentence("LX-108", {"limit": "5"})


def test_a_page_that_does_not_exist_is_not_made_up() -> None:
    with pytest.raises(LookupError):
        explain("LX-000")


def test_every_placeholder_of_what_is_read_is_filled() -> None:
    faulty = "on: !x 1\na: {when: f(a, b), c: yes, c: 1}\nat: 17:30\nn: 0x1\nd: 'x\n<<: 1\n? [k]\n: v\nz: *q\n"
    source = load(faulty, "a.yaml")
    assert len({problem.code for problem in source.problems}) >= 7
    assert "…" not in text(source.problems, {"a.yaml": faulty})
    assert catalogue.CODES.keys() >= {problem.code for problem in source.problems}
