"""What a YAML text means, what is refused in it and where, all in one run."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import Span
from engine.language.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_PROBLEMS, Source, load


def read(text: str | bytes) -> Source:
    return load(text, "complaint.yaml")


def codes(text: str | bytes) -> list[str]:
    return [problem.code for problem in read(text).problems]


def only(text: str | bytes, code: str) -> Span:
    """The place of the one problem of this text."""
    problems = read(text).problems
    assert [problem.code for problem in problems] == [code]
    assert problems[0].span is not None
    return problems[0].span


# ── what a text means ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("交办", "交办"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("15", 15),
        ("-3", -3),
        ("0", 0),
        ("1.5", Decimal("1.5")),
        ("1.50", Decimal("1.50")),
        ("2026-04-01", "2026-04-01"),
        ("2026-04-01 09:00", "2026-04-01 09:00"),
        ("2026-04-01T09:00:00+08:00", "2026-04-01T09:00:00+08:00"),
        ('"17:30"', "17:30"),
        ("'yes'", "yes"),
        ('"012"', "012"),
        ("15 working days", "15 working days"),
        ("=case.objections + 1", "=case.objections + 1"),
        ("50%", "50%"),
        ("case.route in ['SUG', 'F5']", "case.route in ['SUG', 'F5']"),
        ("-", None),
    ],
)
def test_a_value_means_what_it_looks_like(text: str, value: object) -> None:
    source = read(f"key: {text}" if text != "-" else "key:")
    assert source.problems == ()
    assert source.data == {"key": value}
    assert type(source.data["key"]) is type(value)


def test_mappings_keep_their_order_and_whole_numbers_as_keys_are_texts() -> None:
    source = read("b: 1\na: 2\n2026: {x: [1, {k: z}]}\n")
    assert source.problems == ()
    assert list(source.data.items()) == [("b", 1), ("a", 2), ("2026", {"x": [1, {"k": "z"}]})]


def test_an_empty_text_is_nothing_and_a_byte_order_mark_is_passed_over() -> None:
    assert (read("").data, read("").problems, read("").span(())) == (None, (), None)
    assert read("# only a remark\n").data is None
    assert read(b"\xef\xbb\xbfkey: 1\r\nother: 2\r\n").data == {"key": 1, "other": 2}


def test_an_anchor_is_used_again() -> None:
    source = read("a: &days [1, 2]\nb: *days\nc: &word 交办\nd: *word\n")
    assert source.problems == ()
    assert source.data == {"a": [1, 2], "b": [1, 2], "c": "交办", "d": "交办"}
    assert source.span(("b",)) == Span(2, 4, 9)
    assert source.span(("c",)) == Span(3, 10, 12)


texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0xFFFD, exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"))
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=12,
    ),
    st.booleans(),
)
def test_whatever_json_can_say_is_read_back_as_it_was(data: Any, escaped: bool) -> None:
    source = read(json.dumps({"data": data}, ensure_ascii=escaped))
    assert source.problems == ()
    assert source.data == {"data": data}


@given(st.text(st.sampled_from("0123456789+-._:xobeETZ~nyaulNYOfsrtI "), min_size=1, max_size=9))
def test_a_word_is_refused_or_means_the_same_to_an_ordinary_yaml_reader(word: str) -> None:
    source = read(f"key: {word}\n")
    try:
        theirs = yaml.load(f"key: {word}\n", yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError):
        return
    if source.problems or not isinstance(theirs, dict) or "key" not in theirs:
        return
    ours, common = source.data["key"], theirs["key"]
    if isinstance(ours, Decimal):
        assert float(ours) == common
    elif type(common).__module__ == "datetime":
        assert isinstance(ours, str)  # dates stay text, by decision
    else:
        assert (type(ours), ours) == (type(common), common)


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", ["yes", "No", "ON", "off", "y", "N"])
def test_a_switch_word_is_refused_as_key_and_as_value(word: str) -> None:
    assert only(f"key: {word}", "LX-112") == Span(1, 6, 6 + len(word))
    assert only(f"{word}: key", "LX-112") == Span(1, 1, 1 + len(word))
    assert codes(f"key: '{word}'\n'{word}': 1") == []


@pytest.mark.parametrize(
    "number",
    [
        "0o17",
        "017",
        "0x1F",
        "0b11",
        "1_000",
        "1e3",
        "1.5e3",
        ".5",
        "5.",
        ".inf",
        "-.INF",
        ".nan",
        "+.5",
        "9007199254740992",
    ],
)
def test_a_number_that_readers_disagree_about_is_refused(number: str) -> None:
    assert only(f"key: {number}", "LX-113") == Span(1, 6, 6 + len(number))
    assert codes(f"key: '{number}'") == []


@pytest.mark.parametrize("time", ["17:30", "09:00", "23:59:59", "1:30.5"])
def test_a_bare_time_of_day_is_refused(time: str) -> None:
    assert only(f"at: {time}", "LX-114") == Span(1, 5, 5 + len(time))


@pytest.mark.parametrize(
    ("text", "place"),
    [("true: 1", Span(1, 1, 5)), ("~: 1", Span(1, 1, 2)), ("1.5: 1", Span(1, 1, 4)), ("? [a]\n: 1", Span(1, 3, 4))],
)
def test_a_key_is_a_text(text: str, place: Span) -> None:
    assert only(text, "LX-115") == place


def test_an_alias_is_no_key() -> None:
    assert codes("a: &x b\n*x : 1") == ["LX-115"]


def test_a_key_given_twice_is_refused_where_it_stands_again() -> None:
    text = "状态: 1\nother: {a: 1, a: 2}\n状态: 2\n"
    assert [(p.code, p.span, p.facts) for p in read(text).problems] == [
        ("LX-104", Span(2, 15, 16), {"key": "a", "first_line": "2"}),
        ("LX-104", Span(3, 1, 3), {"key": "状态", "first_line": "1"}),
    ]


@pytest.mark.parametrize("tag", ["!!str x", "!!python/object:os.system x", "!mine x", "!!timestamp 2026-01-01"])
def test_a_tag_is_refused(tag: str) -> None:
    assert codes(f"key: {tag}") == ["LX-105"]
    assert codes(f"key: {tag.split(maxsplit=1)[0]} [1]") == ["LX-105"]


def test_a_merge_key_is_refused_unless_quoted() -> None:
    assert only("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n", "LX-116") == Span(3, 3, 5)
    assert read('"<<": 1').data == {"<<": 1}


def test_several_documents_are_refused_and_one_with_a_header_is_not() -> None:
    assert only("a: 1\n---\nb: 2\n", "LX-111") == Span(2, 1, 4)
    assert codes("---\na: 1\n...\n") == []


@pytest.mark.parametrize("text", ["a: *nowhere", "a: &x\n  b: *x", "a: &x [*x]"])
def test_an_alias_needs_an_anchor_before_it_and_outside(text: str) -> None:
    assert codes(text) == ["LX-107"]


def test_bytes_that_are_no_utf_8_have_one_problem_with_its_place() -> None:
    assert only("标题: 投诉".encode("gb18030"), "LX-101") == Span(1, 1, 2)
    assert only("标题: ok\n名: ".encode() + b"\xff", "LX-101") == Span(2, 4, 5)


@pytest.mark.parametrize(
    "character", ["\0", "\a", "\x1b", "\x7f", "\ud800", "\ufeff", "\uffff", "\r", "\x85", "\u2028"]
)
def test_a_character_no_text_should_hold_has_one_problem_with_its_place(character: str) -> None:
    assert only(f"a: 1\nb: 办{character}理", "LX-102") == Span(2, 5, 6)


def test_a_character_no_text_should_hold_is_found_behind_an_escape_too() -> None:
    assert only('a: "x\\0y"', "LX-102") == Span(1, 4, 10)
    assert read('a: "x\\ty\\n"').data == {"a": "x\ty\n"}


def test_a_text_that_is_too_large_is_not_read() -> None:
    assert codes("a: " + "x" * MAX_BYTES) == ["LX-108"]
    assert codes(("a: " + "x" * MAX_BYTES).encode()) == ["LX-108"]
    assert codes("a: " + "x" * (MAX_BYTES - 3)) == []


def test_nesting_stops_at_its_limit() -> None:
    assert codes("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    assert only("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "LX-109") == Span(1, MAX_DEPTH + 1, MAX_DEPTH + 2)
    assert codes("[" * 100_000) == ["LX-109"]
    assert codes("- " * 1_000 + "x") == ["LX-109"]


def test_an_alias_bomb_stops_at_its_limit() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    source = read("\n".join(lines))
    assert [problem.code for problem in source.problems] == ["LX-110"]
    assert not source.whole
    assert expanded(source.data) < 2 * MAX_NODES


def expanded(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(expanded, value)) if isinstance(value, list) else 1


# ── the traps ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("x: {when: in_or_under(case.unit, case.accused), to: a}", "in_or_under(case.unit, case.accused)"),
        ("x: {to: =superior(case.unit, 1)}", "=superior(case.unit, 1)"),
        ("when: [in_or_under(case.unit, case.accused), case.open]", "in_or_under(case.unit, case.accused)"),
        ("title: {zh: 投诉, 办理, en: Complaint}", "投诉, 办理"),
    ],
)
def test_a_comma_that_cuts_a_text_inside_braces_is_found(text: str, cut: str) -> None:
    problems = read(text).problems
    assert [(p.code, p.facts["text"]) for p in problems] == [("LX-117", cut)]


@pytest.mark.parametrize(
    "text",
    [
        'x: {when: "in_or_under(case.unit, case.accused)", to: a}',
        "x: {a: f(b), c: [d(e), g], h: }",
        "x: {a: , b: 1}",
        "x: [a) first, (b) second]",
    ],
)
def test_a_comma_between_whole_texts_is_no_trap(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "when: !has(case.unit)",
        "when: !case.open",
        "when: ! has(case.unit)",
        "x: {when: !has(case.unit), to: a}",
        "unless:\n  - !case.open\n",
        "when: !in_or_under(case.unit, case.accused)",
        "key: =1\nwhen: &a !case.open\n",
    ],
)
def test_a_leading_exclamation_mark_is_named_for_what_it_was_meant_to_be(text: str) -> None:
    assert codes(text) == ["LX-106"]


@pytest.mark.parametrize(
    "text",
    [
        "when: case.a ? case.b : case.c",
        "set:\n  - case.a ? 1 : 2\n",
        "set:\n  case.a == 1 ? 'x' : 'y'\n",
        "x: [case.a ? 1 : 2]",
    ],
)
def test_a_colon_inside_an_expression_is_found(text: str) -> None:
    assert codes(text) == ["LX-118"]


@pytest.mark.parametrize("text", ["x: {when: case.route in ['A', 'B']}", "x: {when: case.a ? 1 : 2}"])
def test_signs_of_yaml_inside_an_expression_inside_braces_are_found(text: str) -> None:
    assert codes(text) == ["LX-120"]


def test_an_expression_cut_by_a_comment_is_found_and_a_remark_after_a_whole_one_is_not() -> None:
    assert only("when: case.kind == 'no #1'", "LX-119") == Span(1, 7, 23)
    assert codes("set: {x: 1}\nwhen:\n  - case.a ==  # 3\n") == ["LX-119"]
    assert codes("when: case.kind == 'a'   # only these\ntitle: don't  # a remark\n") == []


# ── all faults in one run, with places ───────────────────────────────────────────────────────────────────────────────


def test_faults_of_syntax_in_several_sections_are_found_in_one_run() -> None:
    text = "a: {b: c\nd: yes\ne: 'x\nf: 1\ng: [1\nh: 2\n"
    source = read(text)
    assert [(p.code, p.span.line if p.span else 0) for p in source.problems] == [
        ("LX-103", 1),
        ("LX-112", 2),
        ("LX-103", 3),
        ("LX-103", 5),
    ]
    assert source.data == {"d": "yes", "f": 1, "h": 2}
    assert not source.whole


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a:\n\t- b", 2, 1),
        ("a: @b", 1, 4),
        ("a: 'b", 1, 4),
        ('a: "\\q"', 1, 5),
        ("a:\n  - 1\n - 2\n", 3, 2),
        ("a: b: c", 1, 5),
        ("a: b\nc", 2, 1),
        ("x: {a: 1", 1, 4),
    ],
)
def test_a_fault_of_syntax_is_told_in_both_languages_with_its_place(text: str, line: int, column: int) -> None:
    (problem,) = read(text).problems
    assert (problem.code, problem.span) == ("LX-103", Span(line, column, column + 1))
    assert any("\u4e00" <= character <= "\u9fff" for character in problem.facts["detail"])


def test_an_alias_whose_anchor_could_not_be_read_is_not_blamed() -> None:
    assert codes("a: {x: &q 1\nb: *q\n") == ["LX-103"]


@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%@ \n\t?=(投"), max_size=40))
def test_no_text_makes_the_reader_stumble(text: str) -> None:
    source = read(text)
    for problem in source.problems:
        assert problem.span is not None
        assert 1 <= problem.span.line <= len(source.lines)
        assert problem.span.column < problem.span.end_column
    assert source.problems or source.whole


@given(st.binary(max_size=40))
def test_no_bytes_make_the_reader_stumble(content: bytes) -> None:
    source = read(content)
    assert source.whole or source.problems


def test_findings_are_bounded() -> None:
    assert len(codes("[" + "yes, " * (MAX_PROBLEMS + 50) + "]")) == MAX_PROBLEMS


TEXT = """\
workflow: complaint
states:
  received:
    title: 登记
    when: has(case.unit) && case.x > 1
    needs: [unit, reason]
  next: {to: "a b"}
note: |
  first
  second line
"""


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (("workflow",), False, Span(1, 11, 20)),
        (("workflow",), True, Span(1, 1, 9)),
        (("states", "received", "title"), False, Span(4, 12, 14)),
        (("states", "received", "needs", 1), False, Span(6, 19, 25)),
        (("states", "received", "needs"), False, Span(6, 12, 26)),
        (("states", "next"), True, Span(7, 3, 7)),
        (("states", "received", "nothing", "there"), False, Span(3, 3, 12)),
        (("states", "received", "needs", 9), False, Span(6, 12, 26)),
        (("states", "received", "title", "deeper"), True, Span(4, 12, 14)),
    ],
)
def test_every_value_and_key_has_its_place_or_that_of_the_nearest_above(
    path: tuple[str | int, ...], key: bool, place: Span
) -> None:
    span = read(TEXT).span(path, key)
    if path == ("states", "received", "nothing", "there"):
        assert span is not None
        assert span.line == 4  # a block mapping stands where its first key does
    else:
        assert span == place


def test_a_character_inside_a_text_has_its_place() -> None:
    source = read(TEXT)
    assert source.locate(("states", "received", "when"), 5) == Span(5, 15, 16)
    assert source.locate(("states", "next", "to"), 3) == Span(7, 17, 18)
    assert source.locate(("note",), 7) == Span(10, 3, 4)
    assert source.locate(("note",), 8) == Span(10, 4, 5)
    assert source.locate(("states", "nothing"), 4) == source.span(("states", "nothing"))


def test_a_place_counts_characters_and_not_bytes() -> None:
    assert read("标题: {zh: 投诉办理, en: x}").span(("标题", "en")) == Span(1, 20, 21)


def test_a_thousand_lines_are_read_whole() -> None:
    text = "".join(f"k{n}:\n  title: {{zh: 投诉, en: Complaint}}\n  within: {n} days\n" for n in range(334))
    source = read(text)
    assert source.problems == ()
    assert len(source.data) == 334
    assert source.span(("k333", "within")) == Span(1002, 11, 19)
