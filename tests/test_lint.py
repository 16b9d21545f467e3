"""The linter: a red and a green file per rule (tests/bad), quiet on what ships, right where it decides by trying."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow_checks import BAD, ROOT, SCHEMES, TEMPLATES, calendar, codes, compiled, directory, findings, shipped

from engine.core.catalogue.lint import CODES
from engine.core.guards import Guard, GuardFailed, GuardFaults, Kind, Scope
from engine.core.instants import Instant
from engine.core.lengths import parse_length
from engine.core.workflow import NamedCondition
from engine.language.lint import ethical_line, lint
from engine.language.lint_law import cited_article, days
from engine.language.lint_logic import ERROR, MAX_COMBINATIONS, UNKNOWN, UNSET, assignments, evaluator, holds
from engine.language.lint_people import profiling
from engine.language.lint_subject import Subject
from engine.language.lint_values import Possible
from engine.language.yaml_source import load

LINTED = sorted(code for code in CODES if "LX-240" <= code <= "LX-279")
EXPECTED = [line.split() for line in (BAD / "expected.txt").read_text(encoding="utf-8").split("\n")[1:-1]]
REAL = sorted(path for path in (ROOT / "tests" / "real").glob("*.yaml") if ".map." not in path.name)


def read(name: str) -> str:
    return (BAD / f"{name}.yaml").read_text(encoding="utf-8")


# ── every rule ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", LINTED)
def test_every_rule_has_a_file_that_breaks_it_and_one_that_keeps_it(code: str) -> None:
    red = {name for name, told, *_ in EXPECTED if told == code}
    assert red
    assert all((BAD / f"{name}.mended.yaml").exists() for name in red)


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_shipped_workflows_are_clean_under_strict(path: Path) -> None:
    assert findings(path.read_bytes(), path.name, schemes=None) == []


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_the_workflows_of_real_rows_have_no_errors(path: Path) -> None:
    assert [p for p in findings(path.read_bytes(), path.name) if p.severity == "error"] == []


def test_people_scored_counted_or_made_to_be_satisfied_are_errors_and_everything_else_warns() -> None:
    for name, code, *_ in EXPECTED:
        if code in LINTED:
            severities = {p.severity for p in findings(read(name)) if p.code == code}
            assert severities == {"error" if code >= "LX-270" else "warning"}


def test_what_is_not_given_is_not_asked_about() -> None:
    for name in (
        "no_such_template",
        "role_nobody_holds",
        "unit_not_in_the_directory",
        "no_such_scheme",
        "calendar_ends_before",
    ):
        text = read(name)
        assert lint(compiled(text), load(text, name)) == []
        assert len(findings(text)) == 1


def test_the_day_decides_whether_the_calendar_is_long_enough() -> None:
    text = read("calendar_ends_before")
    workflow, source = compiled(text), load(text, "sample.yaml")
    told = {
        day: [
            p.code
            for p in lint(workflow, source, calendar(), directory(), today=day, templates=TEMPLATES, schemes=SCHEMES)
        ]
        for day in (date(2025, 6, 30), date(2026, 6, 30))
    }
    assert told == {date(2025, 6, 30): [], date(2026, 6, 30): ["LX-258"]}


def test_the_ethical_line_can_be_asked_for_alone() -> None:
    text = read("scores_people").replace("    on_breach: list\n", "")
    assert [p.code for p in ethical_line(compiled(text), load(text, "sample.yaml"))] == ["LX-271"]
    assert set(codes(text)) == {"LX-271", "LX-247"}


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    ["score", "credit_score", "points", "penalty_points", "vip", "is_vip", "vip_level", "watchlist", "watch_list",
     "blacklisted_by", "key_person", "key_people", "threat", "threats_made", "political_status", "ethnic", "ethnicity",
     "religion", "relatives", "relative_phone", "face", "face_id", "facial_image", "jifen", "zhong_dian_ren_yuan",
     "Score", "credit-score", "积分", "扣分", "信用分", "重点人员标记", "特殊人员", "稳控措施", "缠访", "闹访", "扬言",
     "非访次数", "政治面貌", "民族", "宗教信仰", "亲属电话", "人脸照片"],
)  # fmt: skip
def test_names_that_score_or_label_people_are_refused(name: str) -> None:
    assert profiling(name)


@pytest.mark.parametrize(
    "name",
    ["facility", "surface", "interface", "scoreboard_visible", "checkpoint", "viewpoint", "appointment", "accredited",
     "relatively_urgent", "discredited", "severity", "place", "topic", "satisfied", "person", "rating", "key_place",
     "建筑面积分类", "信用分类", "是非访谈", "满意", "责任单位", "紧急程度"],
)  # fmt: skip
def test_names_that_only_look_like_it_are_not(name: str) -> None:
    assert profiling(name) == ""


# ── the law ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("law", "article"),
    [
        ("信访工作条例 第三十四条", 34),
        ("《信访工作条例》第二十二条第一款", 22),
        ("信访工作条例第34条", 34),
        ("信访工作条例（2022）第二十条", 20),
        ("信访工作条例 第一百零三条", 103),
        ("信访工作条例 第十条", 10),
        ("浙江省信访条例 第二十条", None),
        ("信访工作条例", None),
        ("", None),
    ],
)
def test_the_article_cited_is_read_in_either_numerals(law: str, article: int | None) -> None:
    assert cited_article(law) == article


@given(st.integers(0, 2_000))
def test_working_days_take_up_at_least_their_weeks(amount: int) -> None:
    assert days(parse_length(f"{amount} working days")) == amount + 2 * (amount // 5)


@pytest.mark.parametrize(
    ("within", "told"),
    [("60 days", False), ("61 days", True), ("40 working days", False), ("44 working days", False),
     ("45 working days", True), ("2 months", False), ("1440 hours", False), ("1441 hours", True)],
)  # fmt: skip
def test_a_length_is_compared_with_the_laws_in_calendar_days(within: str, told: bool) -> None:
    text = read("longer_than_the_law").replace("within: 90 days", f"within: {within}")
    assert ("LX-257" in codes(text)) is told


# ── trying values ────────────────────────────────────────────────────────────────────────────────────────────────────

SCOPE = Scope(
    {
        "case": {
            "kind": Kind("enum", of=("a", "b", "c")),
            "sure": Kind("bool"),
            "maybe": Kind("bool", optional=True),
            "level": Kind("int"),
        }
    }
)


class NoLookups:
    """Nothing is looked up here."""

    edition = "none"

    def superior(self, unit: str) -> str:
        raise AssertionError(unit)

    def discipline_body(self, unit: str) -> str:
        raise AssertionError(unit)

    def in_or_under(self, unit: str, units: Any) -> bool:
        raise AssertionError(unit)

    def day(self, instant: Instant) -> str:
        raise AssertionError(instant)

    def office_hours(self, instant: Instant) -> bool:
        raise AssertionError(instant)


ATOMS = st.sampled_from(
    ["case.sure", "has(case.maybe)", "case.maybe", "case.kind == 'a'", "case.kind != 'b'", "case.kind in ['a', 'c']",
     "case.level >= 3", "case.level < 2", "case.level == 4", "true", "case.maybe == case.sure"]
)  # fmt: skip


def _joined(parts: tuple[str, str, str]) -> str:
    left, operation, right = parts
    return f"({left}) {operation} ({right})"


EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(_joined),
        st.tuples(inner, inner, inner).map(lambda parts: "({}) ? ({}) : ({})".format(*parts)),
    ),
    max_leaves=6,
)
VALUES = st.fixed_dictionaries(
    {"kind": st.sampled_from("abc"), "sure": st.booleans(), "level": st.integers(0, 6)},
    optional={"maybe": st.booleans()},
)


def _compiled(text: str) -> Guard | None:
    """None where an optional field is read without has(): such an expression never comes to the linter."""
    try:
        return SCOPE.compile(text, want="bool")
    except GuardFaults:
        return None


@given(EXPRESSIONS, VALUES)
def test_trying_says_what_the_engine_would_say(text: str, values: dict[str, Any]) -> None:
    guard = _compiled(text)
    if guard is None:
        return
    found = evaluator(text)({"case.maybe": UNSET} | {f"case.{name}": value for name, value in values.items()})
    try:
        assert found is guard.evaluate({"case": values}, NoLookups()).value
    except GuardFailed:
        assert found is ERROR


@given(EXPRESSIONS, VALUES, st.sets(st.sampled_from(["kind", "sure", "level", "maybe"])))
def test_what_is_not_known_never_turns_a_verdict_round(text: str, values: dict[str, Any], hidden: set[str]) -> None:
    if _compiled(text) is None:
        return
    whole = {"case.maybe": UNSET} | {f"case.{name}": value for name, value in values.items()}
    partly = {path: value for path, value in whole.items() if path.removeprefix("case.") not in hidden}
    found = evaluator(text)(partly)
    assert found is UNKNOWN or found is evaluator(text)(whole)


def test_an_unset_value_read_is_a_refusal_with_when_and_with_unless() -> None:
    guard = Scope({"case": {"maybe": Kind("bool", optional=True)}}).compile(
        "case.maybe", present=frozenset({"case.maybe"})
    )
    for unless in (False, True):
        assert holds([NamedCondition("", guard, unless)], {"case.maybe": UNSET}) is False
        assert holds([NamedCondition("", guard, unless)], {}) is None


def test_too_many_combinations_are_not_tried() -> None:
    assert list(assignments({str(n): range(10) for n in range(4)})) == []
    assert len(list(assignments({"a": range(10), "b": range(MAX_COMBINATIONS // 10)}))) == MAX_COMBINATIONS // 10 * 10


# ── values followed through the states ───────────────────────────────────────────────────────────────────────────────

CONDITIONS = st.sampled_from(
    ["case.kind == 'a'", "case.kind != 'a'", "case.sure", "!case.sure", "has(case.maybe)", "!has(case.maybe)",
     "has(case.maybe) && case.maybe", "case.kind in ['b', 'c'] || case.sure", ""]
)  # fmt: skip
SETS = st.sampled_from(
    ["", "set: {kind: b}", "set: {sure: true}", "set: {maybe: null}", "needs: [maybe]", "takes: [kind]"]
)
MOVES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), CONDITIONS, SETS), min_size=3, max_size=14)


def _written(moves: list[tuple[int, int, str, str]]) -> str:
    """A workflow of six states with these moves between them."""
    lines = [
        "lianxin: 1", "workflow: walked", "calendar: cn", "case:",
        "  kind: {type: enum, of: [a, b, c], default: a, title: 类}", "  sure: {type: bool, default: false, title: 是}",
        "  maybe: {type: bool, optional: true, title: 或}", "roles: {clerk: 员}", "opens: {register: {by: clerk}}",
        "states:",
    ]  # fmt: skip
    for state in range(6):
        here = [(n, move) for n, move in enumerate(moves) if move[0] == state]
        lines.append(f"  s{state}:\n    phase: assigned\n    initial: {str(state == 0).lower()}")
        lines += ["    transitions:"] if here else []
        for number, (_, to, condition, more) in here:
            parts = [
                f"to: s{to}",
                "by: clerk",
                *([f'when: "{condition}"'] if condition else []),
                *([more] if more else []),
            ]
            lines.append(f"      m{number}: {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n"


@given(MOVES, st.lists(st.tuples(st.integers(0, 13), st.booleans(), st.sampled_from("abc")), max_size=12), st.data())
def test_a_value_that_the_linter_rules_out_never_comes_up(
    moves: list[tuple[int, int, str, str]], walk: list[tuple[int, bool, str]], data: st.DataObject
) -> None:
    text = _written(moves)
    workflow = compiled(text)
    possible = Possible(Subject(workflow, load(text, "walked.yaml")), workflow.main)
    values: dict[str, Any] = {
        "case.kind": data.draw(st.sampled_from("abc")),
        "case.sure": data.draw(st.booleans()),
        "case.maybe": data.draw(st.sampled_from([True, False, UNSET])),
    }
    here = "s0"
    for number, yes, kind in walk:
        here, values = _walked(workflow.main.table.get((here, f"m{number}")), here, values, yes, kind)
        for path, value in values.items():
            assert value in possible.at(here)[path]


def _walked(row: Any, here: str, values: dict[str, Any], yes: bool, kind: str) -> tuple[str, dict[str, Any]]:
    """One move as the engine makes it: needs laid over, conditions asked, fields set."""
    if row is None:
        return here, values
    brought: dict[str, Any] = {"case.maybe": yes} if row.case_needs else {}
    brought |= {"case.kind": kind} if row.takes else {}
    after = {**values, **brought}
    if holds(row.conditions, after) is not True:
        return here, values
    for field, value in row.sets:
        after[f"case.{field.name}"] = UNSET if value is None else value
    return row.to, after
