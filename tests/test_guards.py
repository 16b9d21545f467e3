"""What an expression may say, what is found in it before it ever runs, and that it never guesses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.guards import (
    MAX_CHARACTERS,
    MEMO_ENTRIES,
    Evaluation,
    Fault,
    GuardFailed,
    GuardFaults,
    Kind,
    Scope,
    interpolation,
    untyped,
)

SCOPE = Scope(
    {
        "case": {
            "severity": Kind("int"),
            "urgent": Kind("bool"),
            "cost": Kind("decimal", optional=True),
            "unit": Kind("unit", optional=True),
            "accused": Kind("unit", many=True),
            "channel": Kind("enum", of=("letter", "visit", "phone")),
            "level": Kind("enum", of=("L1", "L2", "L3")),
            "satisfied": Kind("bool", optional=True),
            "due_on": Kind("date", optional=True),
            "limit": Kind("duration"),
            "topic": Kind("code", optional=True),
            "leader": Kind("person", optional=True),
        },
        "tracks": {"letter": {"open": Kind("int"), "at": {"letter": Kind("int"), "signed": Kind("int")}}},
        "event": {"owner": Kind("unit", optional=True), "raw": Kind("dyn")},
        "now": Kind("instant"),
    },
    hidden={"case.text": "个人信息 personal"},
)
NOW = "2026-04-01T01:00:00.000000Z"


class Town:
    """A small directory: 水务局 and 住建局 under 市政府; whoever asks for 无名局 gets no answer."""

    def __init__(self, edition: str = "one", above: str = "市政府") -> None:
        self.edition = edition
        self.above = above
        self.asked = 0

    def superior(self, unit: str) -> str:
        self.asked += 1
        if unit == "无名局":
            raise LookupError("not in the directory")
        return "" if unit == self.above else self.above

    def discipline_body(self, unit: str) -> str:
        return "纪检组"

    def in_or_under(self, unit: str, units: Sequence[str]) -> bool:
        return unit in units or self.above in units

    def day(self, instant: str) -> str:
        return instant[:10]

    def office_hours(self, instant: str) -> bool:
        return "01" <= instant[11:13] < "09"


def values(**case: Any) -> dict[str, Any]:
    usual = {"severity": 3, "urgent": False, "accused": [], "channel": "phone", "level": "L2", "limit": "5 days"}
    return {
        "case": {**usual, **case},
        "tracks": {"letter": {"open": 1, "at": {"letter": 0, "signed": 1}}},
        "event": {"raw": {"level": 2, "Date received": "x", "list": [1.5]}},
        "now": NOW,
    }


def evaluation(text: str, at: dict[str, Any] | None = None, town: Town | None = None, **how: Any) -> Evaluation:
    return SCOPE.compile(text, **how).evaluate(values() if at is None else at, town or Town())


def value(text: str, at: dict[str, Any] | None = None, **how: Any) -> Any:
    return evaluation(text, at, **how).value


def faults(text: str, scope: Scope = SCOPE, **how: Any) -> list[Fault]:
    with pytest.raises(GuardFaults) as caught:
        scope.compile(text, **how)
    return list(caught.value.faults)


def found(text: str, **how: Any) -> list[tuple[str, int, str | None]]:
    return [(fault.code, fault.column, fault.suggestion) for fault in faults(text, **how)]


def failure(text: str, at: dict[str, Any] | None = None, **how: Any) -> GuardFailed:
    with pytest.raises(GuardFailed) as caught:
        evaluation(text, at, **how)
    return caught.value


# ── what an expression gives ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("case.severity >= 3 && !case.urgent", True),
        ("case.channel in ['phone', 'visit']", True),
        ("'住建局' in case.accused", False),
        ("case.severity + 1", 4),
        ("tracks.letter.open == 0 || tracks.letter.at.signed > 0", True),
        ("tracks.letter.at.letter", 0),
        ("now < '2026-04-02T00:00:00.000000Z'", True),
        ("day(now) == '2026-04-01'", True),
        ("office_hours(now) ? 0 : 1", 0),
        ("superior('水务局')", "市政府"),
        ("superior('市政府')", ""),
        ("in_or_under('水务局', ['市政府'])", True),
        ("discipline_body('水务局')", "纪检组"),
        ("event.raw.level > 1", True),
        ("event.raw['Date received'] == 'x'", True),
        ("event.raw.list[0] > 1.4", True),
        ("size(case.accused) == 0", True),
        ("case.limit == '5 days'", True),
        ("case.level >= 'L2'", True),
        ("0.1 + 0.2 > 0.3", True),
        ("case.severity > 2 ? case.channel : 'none'", "phone"),
    ],
)
def test_an_expression_gives_its_value(text: str, expected: object) -> None:
    found = value(text)
    assert (type(found), found) == (type(expected), expected)


def test_the_record_holds_what_was_read_and_what_was_looked_up() -> None:
    at = values(unit="水务局", accused=["市政府"], cost="12.50")
    text = (
        "has(case.unit) && in_or_under(case.unit, case.accused) && has(case.cost) && case.cost > 12 && has(case.topic)"
    )
    assert evaluation(text, at) == Evaluation(
        False,
        {
            "case.accused": ["市政府"],
            "case.cost": "12.50",
            "case.unit": "水务局",
            "in_or_under(水务局, [市政府])": True,
        },
    )
    json.dumps(evaluation("event.raw.list[0] > 1.0").inputs, allow_nan=False)
    assert evaluation("event.raw.list[0] > 1.0").inputs == {"event.raw.list": ["1.5"]}


def test_a_guard_says_what_it_reads_and_calls_and_ensures() -> None:
    guard = SCOPE.compile("has(case.unit) && superior(case.unit) != '' && case.severity > 1 && size(case.accused) > 0")
    assert guard.kind == "bool"
    assert guard.reads == ("case.accused", "case.severity", "case.unit")
    assert guard.calls == ("size", "superior")
    assert guard.ensures == {"case.unit"}
    assert SCOPE.compile("!has(case.unit) || !has(case.topic)").refutes == {"case.unit", "case.topic"}


def test_a_decimal_is_a_text_outside_and_a_number_inside() -> None:
    assert value("has(case.cost) && case.cost >= 12", values(cost="12.00")) is True
    assert value("case.cost + 0.5", values(cost="12.00"), present=frozenset({"case.cost"})) == "12.5"
    assert value("1.0 / 4.0", want="decimal") == "0.25"
    assert failure("1.0 / 0.0").code == "LX-172"
    assert failure("has(case.cost) && case.cost > 1", values(cost="many")).code == "LX-171"


# ── what is found before it runs ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("case.severty > 1 && case.chanel == 'phone'", [("LX-151", 6, "severity"), ("LX-151", 26, "channel")]),
        ("'住建局' == 'a' || case.severty > 1", [("LX-151", 22, "severity")]),
        ("severity > 1", [("LX-151", 1, "case.severity")]),
        ("cas.severity > 1", [("LX-151", 1, "case.severity")]),
        ("tracks.leter.open > 1", [("LX-151", 8, "letter")]),
        ("superiro('a') == ''", [("LX-157", 1, "superior")]),
        ("case.severity + 'a' == ''", [("LX-152", 15, None)]),
        ("case.severity ==\n 'a'", [("LX-152", 15, None)]),
        ("superior(1) == ''", [("LX-152", 9, None)]),
        ("superior(now) == ''", [("LX-152", 10, None)]),
        ("case.urgent.deeper", [("LX-152", 12, None)]),
        ("case.severity = 1", [("LX-150", 15, None)]),
        ("case.severity >= ", [("LX-150", 18, None)]),
        ("", [("LX-150", 1, None)]),
        ("case.urgent && 'open", [("LX-150", 16, None)]),
        ("case == case", [("LX-158", 1, None), ("LX-158", 9, None)]),
        ("size(tracks.letter.at) > 0", [("LX-152", 5, None)]),
        ("has(case)", [("LX-158", 5, None)]),
        ("{'a': 1}.a == 1", [("LX-158", 1, None)]),
        ("b'a' == b'a'", [("LX-158", 1, None), ("LX-158", 9, None)]),
        ("case.text == 'x'", [("LX-159", 6, None)]),
        ("case.channel == 'phon'", [("LX-154", 17, "phone")]),
        ("'phon' != case.channel", [("LX-154", 1, "phone")]),
        ("case.channel in ['leter', 'visit']", [("LX-154", 18, "letter")]),
        ("case.channel == (case.urgent ? 'phon' : 'visit')", [("LX-154", 32, "phone")]),
        ("case.limit > '3 days'", [("LX-160", 12, None)]),
        ("case.channel < 'visit'", [("LX-160", 14, None)]),
        ("has(case.due_on) && case.due_on < now", [("LX-160", 33, None)]),
        ("has(case.due_on) && case.due_on < '2026-4-1'", [("LX-161", 35, None)]),
        ("now < '2026-04-01'", [("LX-161", 7, None)]),
        ("has(case.leader) && case.leader in case.accused", [("LX-160", 33, None)]),
        ("type(now) == string", [("LX-157", 1, None)]),
    ],
)
def test_a_fault_is_found_with_its_column_and_did_you_mean(
    text: str, expected: list[tuple[str, int, str | None]]
) -> None:
    assert found(text) == expected


@pytest.mark.parametrize("macro", ["all", "exists", "exists_one", "map", "filter"])
def test_comprehensions_are_no_part_of_the_language(macro: str) -> None:
    assert ("LX-157", 14, None) in found(f"case.accused.{macro}(x, x == 'a')")


@pytest.mark.parametrize(
    "text", ["dyn(case.severity) == 'a'", "timestamp(now) > timestamp(now)", "duration('1s') == duration('1s')"]
)
def test_functions_that_would_get_round_the_types_are_left_out(text: str) -> None:
    assert "LX-157" in [fault.code for fault in faults(text)]


def test_a_fault_is_told_in_both_languages_with_a_remedy() -> None:
    (fault,) = faults("case.satisfied")
    assert "case.satisfied 可能没有填写" in fault.message
    assert "case.satisfied may be unset" in fault.message
    assert "has(case.satisfied) && …" in fault.remedy
    assert fault.problem("complaint.yaml", None).facts == {"path": "case.satisfied"}


def test_long_and_deep_expressions_are_refused() -> None:
    assert SCOPE.compile("true" + " " * (MAX_CHARACTERS - 4)).kind == "bool"
    assert found("true" + " " * (MAX_CHARACTERS - 3)) == [("LX-156", 1, None)]
    assert found("(" * 40 + "true" + ")" * 40) == [("LX-156", 1, None)]
    assert found("1" + "+1" * 40) == [("LX-156", 1, None)]
    assert found("(" * 900 + "true" + ")" * 900) == [("LX-156", 1, None)]
    assert value(" && ".join(["true"] * 200)) is True


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("case.urgent", "bool"),
        ("case.severity", "int"),
        ("case.severity", "decimal"),
        ("case.unit", "unit"),
        ("superior(case.unit)", "unit"),
        ("'信访局'", "unit"),
        ("case.accused", "unit[]"),
        ("['水务局']", "unit[]"),
        ("case.accused[0]", "unit"),
        ("case.unit", "text"),
        ("case.channel", "code"),
        ("case.due_on", "date"),
        ("day(now)", "date"),
        ("now", "instant"),
        ("case.leader", "unit|person"),
        ("event.raw.level", "int"),
        ("has(case.unit) ? case.unit : '信访局'", "unit"),
        ("case.urgent ? 'phone' : case.channel", "enum"),
    ],
)
def test_a_result_may_stand_where_its_kind_is_wanted(text: str, want: str) -> None:
    SCOPE.compile(text, want, optional_ok=True)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("case.severity", "bool"),
        ("case.urgent", "int"),
        ("case.due_on", "unit"),
        ("case.leader", "unit"),
        ("now", "date"),
        ("case.accused", "unit"),
        ("case.unit", "unit[]"),
        ("'a' + 'b'", "unit"),
        ("1.5", "int"),
        ("'x'", "bool"),
    ],
)
def test_a_result_of_another_kind_is_refused(text: str, want: str) -> None:
    assert found(text, want=want, optional_ok=True) == [("LX-155", 1, None)]


def test_the_values_of_an_enum_bind_its_result() -> None:
    SCOPE.compile("case.urgent ? 'phone' : 'visit'", "enum", of=("phone", "visit"))
    assert found("case.urgent ? 'phone' : 'visti'", want="enum", of=("phone", "visit")) == [("LX-154", 25, "visit")]


# ── presence ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "has(case.satisfied) && case.satisfied",
        "has(case.satisfied) && !case.satisfied || case.severity >= 4",
        "!has(case.satisfied) || case.satisfied",
        "!(has(case.satisfied) && has(case.due_on)) || case.satisfied && case.due_on != '2026-01-01'",
        "has(case.satisfied) ? case.satisfied : false",
        "!has(case.satisfied) ? false : case.satisfied",
        "(case.urgent && has(case.satisfied)) && case.satisfied",
        "case.urgent && has(case.satisfied) && (case.severity > 1 || case.satisfied)",
    ],
)
def test_a_field_is_present_on_the_way_past_has(text: str) -> None:
    SCOPE.compile(text)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("case.satisfied", 1),
        ("case.satisfied && has(case.satisfied)", 1),
        ("has(case.satisfied) || case.satisfied", 24),
        ("!has(case.satisfied) && case.satisfied", 25),
        ("has(case.satisfied) ? true : case.satisfied", 30),
        ("(has(case.satisfied) || case.urgent) && case.satisfied", 41),
        ("has(case.unit) && case.satisfied", 19),
        ("has(case.satisfied) == true && case.satisfied", 32),
        ("superior(case.unit) == ''", 10),
    ],
)
def test_a_field_that_may_be_unset_is_not_read_unasked(text: str, column: int) -> None:
    assert found(text) == [("LX-153", column, None)]


def test_what_an_earlier_condition_ensures_is_present_for_the_next() -> None:
    first = SCOPE.compile("has(case.satisfied)")
    assert SCOPE.compile("!case.satisfied", "bool", first.ensures).kind == "bool"
    assert SCOPE.compile("!case.satisfied", "bool", frozenset({"case.satisfied"})).kind == "bool"


def test_an_owner_may_be_unset() -> None:
    owner = SCOPE.compile("superior(case.unit)", "unit", optional_ok=True)
    assert owner.evaluate(values(), Town()) == Evaluation(None, {})
    assert owner.evaluate(values(unit=None), Town()).value is None
    assert owner.evaluate(values(unit="水务局"), Town()).value == "市政府"
    either = SCOPE.compile("has(case.unit) ? case.unit : event.owner", "unit", optional_ok=True)
    assert either.evaluate(values(unit="水务局"), Town()).value == "水务局"
    assert either.evaluate(values(), Town()).value is None


presence = st.fixed_dictionaries(
    {"severity": st.integers(0, 5), "urgent": st.booleans()},
    optional={
        "satisfied": st.booleans(),
        "unit": st.sampled_from(["水务局", "住建局"]),
        "due_on": st.sampled_from(["2026-03-31", "2026-04-01"]),
    },
)
Meaning = Callable[[dict[str, Any]], bool]
"""What a condition should say of a case, in Python: KeyError where it reads an unset field."""

atoms: list[tuple[str, Meaning]] = [
    ("has(case.satisfied)", lambda case: "satisfied" in case),
    ("case.satisfied", lambda case: bool(case["satisfied"])),
    ("has(case.unit)", lambda case: "unit" in case),
    ("case.unit == '水务局'", lambda case: bool(case["unit"] == "水务局")),
    ("has(case.due_on)", lambda case: "due_on" in case),
    ("case.due_on < day(now)", lambda case: bool(case["due_on"] < "2026-04-01")),
    ("case.severity > 2", lambda case: bool(case["severity"] > 2)),
    ("case.urgent", lambda case: bool(case["urgent"])),
]


def negated(a: tuple[str, Meaning]) -> tuple[str, Meaning]:
    return f"!({a[0]})", lambda case: not a[1](case)


def both(a: tuple[str, Meaning], b: tuple[str, Meaning]) -> tuple[str, Meaning]:
    return f"({a[0]} && {b[0]})", lambda case: a[1](case) and b[1](case)


def either(a: tuple[str, Meaning], b: tuple[str, Meaning]) -> tuple[str, Meaning]:
    return f"({a[0]} || {b[0]})", lambda case: a[1](case) or b[1](case)


def chosen(a: tuple[str, Meaning], b: tuple[str, Meaning], c: tuple[str, Meaning]) -> tuple[str, Meaning]:
    return f"({a[0]} ? {b[0]} : {c[0]})", lambda case: b[1](case) if a[1](case) else c[1](case)


conditions = st.recursive(
    st.sampled_from(atoms),
    lambda inner: st.one_of(
        st.builds(negated, inner),
        st.builds(both, inner, inner),
        st.builds(either, inner, inner),
        st.builds(chosen, inner, inner, inner),
    ),
    max_leaves=6,
)


@given(conditions, presence)
def test_a_condition_that_passed_the_check_always_has_the_right_value(
    condition: tuple[str, Meaning], case: dict[str, Any]
) -> None:
    text, meaning = condition
    try:
        guard = SCOPE.compile(text, "bool")
    except GuardFaults:
        return
    verdict = guard.evaluate({"case": case, "now": NOW}, Town()).value
    assert verdict is meaning(case)
    known = guard.ensures if verdict else guard.refutes
    assert all(path.removeprefix("case.") in case for path in known)


# ── never a silent false ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_that_should_be_there_and_is_not_fails_the_guard() -> None:
    failed = failure("case.severity > 1", {"case": {}})
    assert (failed.code, failed.missing) == ("LX-170", "case.severity")
    assert failure("case.severity > 1", {}).missing == "case.severity"
    assert failure("case.satisfied", present=frozenset({"case.satisfied"})).missing == "case.satisfied"
    assert "case.severity" in failed.reason
    assert failure("day(now) == '2026-04-01'", {"case": {}}).missing == "now"


def test_a_value_of_another_type_fails_the_guard() -> None:
    assert failure("case.severity > 1", values(severity="3")).code == "LX-171"
    assert failure("case.severity > 1", values(severity=True)).code == "LX-171"
    assert failure("case.urgent", values(urgent=1)).code == "LX-171"
    assert failure("'a' in case.accused", values(accused="abc")).code == "LX-171"
    assert failure("case.channel == 'phone'", values(channel=["phone"])).code == "LX-171"


def test_what_cannot_be_computed_fails_the_guard() -> None:
    assert failure("1 / (case.severity - 3) == 1").code == "LX-172"
    assert failure("case.accused[0] == 'a'").code == "LX-172"
    assert failure("case.severity * 9007199254740991").code == "LX-172"
    assert failure("event.raw.nothing == 1").missing == "event.raw.nothing"
    assert failure("event.raw.level == 2 && event.raw.level.deeper == 1").code in ("LX-170", "LX-172")


def test_a_lookup_without_an_answer_fails_the_guard_also_where_it_would_not_matter() -> None:
    assert failure("superior('无名局') == ''").code == "LX-173"
    assert failure("superior('无名局') == '' || true").code == "LX-173"
    assert "superior(无名局)" in failure("superior('无名局') == ''").reason


def test_a_bug_in_a_lookup_is_not_taken_for_a_verdict() -> None:
    class Broken(Town):
        def superior(self, unit: str) -> str:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        evaluation("superior('水务局') == ''", town=Broken())


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────

REMEMBERED = [
    SCOPE.compile("case.severity >= 3 && !case.urgent"),
    SCOPE.compile("has(case.unit) && in_or_under(case.unit, case.accused)"),
    SCOPE.compile("has(case.due_on) && case.due_on < day(now)"),
    SCOPE.compile("has(case.cost) && case.cost > 1.0 || tracks.letter.open > 0"),
    SCOPE.compile("superior(case.unit)", optional_ok=True),
    SCOPE.compile("event.raw.level == case.severity"),
    SCOPE.compile("case.urgent"),
    SCOPE.compile("now > '2026-01-01T00:00:00.000000Z'"),
    SCOPE.compile("true"),
]

cases = st.fixed_dictionaries(
    {
        "severity": st.integers(0, 4),
        "urgent": st.booleans(),
        "accused": st.lists(st.sampled_from(["市政府", "水务局"]), max_size=2),
    },
    optional={
        "unit": st.none() | st.sampled_from(["水务局", "市政府"]),
        "due_on": st.sampled_from(["2026-03-31", "2026-04-01"]),
        "cost": st.sampled_from(["1.0", "1.00", "2.50"]),
    },
)


@given(
    st.sampled_from(REMEMBERED),
    cases,
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from([NOW, "2026-04-02T01:00:00.000000Z"]),
    st.sampled_from([("one", "市政府"), ("two", "省政府")]),
)
def test_a_remembered_result_is_the_fresh_one(
    guard: Any, case: dict[str, Any], opened: int, level: int, now: str, town: tuple[str, str]
) -> None:
    at = {"case": case, "now": now, "tracks": {"letter": {"open": opened}}, "event": {"raw": {"level": level}}}
    fresh = SCOPE.compile(guard.text, optional_ok=True).evaluate(at, Town(*town))
    assert guard.evaluate(at, Town(*town)) == fresh


def test_what_was_computed_once_is_not_looked_up_again_until_the_edition_changes() -> None:
    guard, town = SCOPE.compile("superior('水务局') == '市政府'"), Town()
    assert guard.evaluate(values(), town) is guard.evaluate(values(), town)
    assert town.asked == 1
    assert guard.evaluate(values(), Town("two", "省政府")).value is False


def test_a_guard_forgets_before_it_remembers_too_much() -> None:
    guard = SCOPE.compile("case.severity + 1")
    for severity in range(MEMO_ENTRIES + 10):
        assert guard.evaluate(values(severity=severity), Town()).value == severity + 1
    assert guard._memo is not None
    assert len(guard._memo) == 10


# ── scopes and foreign data ──────────────────────────────────────────────────────────────────────────────────────────


def test_names_that_look_alike_or_cannot_be_said_are_no_obstacle() -> None:
    scope = Scope({"a_1": {"a1": Kind("int"), "a_1": Kind("int"), "投诉": Kind("int"), "a_1_": {}}, "": Kind("int")})
    assert scope.compile("a_1.a1 + a_1.a_1").evaluate({"a_1": {"a1": 1, "a_1": 2}}, Town()).value == 3
    assert faults("a_1.投诉 == 1", scope)[0].code == "LX-150"
    assert faults("a_1.in == 1", scope)[0].code == "LX-150"


def test_a_text_that_begins_with_an_equals_sign_is_an_expression() -> None:
    assert interpolation("=case.unit") == "case.unit"
    assert interpolation("= case.unit ") == "case.unit "
    assert interpolation("a=b") is None
    assert interpolation("") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("row.Number", "17"),
        ("row['Date received']", "03/01/2026"),
        ("row.Number + '-open'", "17-open"),
        ("row.CloseDate != ''", False),
        ("has(row.Nothing) ? row.Nothing : 'none'", "none"),
        ("has(row.Null)", False),
        ("row.Count + 1", 4),
        ("row.Ratio", 0.5),
        ("row.Ratio * 2.0", 1.0),
        ("row.List", ["a", 1]),
        ("row.Deep.er['x y']", {"k": None}),
        ("int(row.Number) > 9 && row.Number.startsWith('1')", True),
        ("row[row.Name]", "17"),
    ],
)
def test_foreign_data_are_read_as_they_are(text: str, expected: object) -> None:
    row = {
        "Number": "17",
        "Date received": "03/01/2026",
        "CloseDate": "",
        "Null": None,
        "Count": 3,
        "Ratio": 0.5,
        "List": ["a", 1],
        "Deep": {"er": {"x y": {"k": None}}},
        "Name": "Number",
    }
    assert untyped(text, ["row"]).evaluate({"row": row}) == expected


@pytest.mark.parametrize("text", ["row.Nothing", "row.Nothing + '-x'", "row['No thing']", "row.A.B"])
def test_a_cell_that_is_not_there_says_so(text: str) -> None:
    with pytest.raises(GuardFailed) as caught:
        untyped(text, ["row"]).evaluate({"row": {"A": "text"}})
    assert caught.value.missing in ("Nothing", "No thing", "B")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rwo.A", "LX-151"),
        ("row.A +", "LX-150"),
        ("day(row.A)", "LX-158"),
        ("row.all(x, x)", "LX-157"),
        ("timestamp(row.A)", "LX-157"),
        ("x" * (MAX_CHARACTERS + 1), "LX-156"),
    ],
)
def test_a_faulty_expression_over_foreign_data_is_refused(text: str, code: str) -> None:
    with pytest.raises(GuardFaults) as caught:
        untyped(text, ["row"])
    assert code in [fault.code for fault in caught.value.faults]


def test_foreign_data_that_do_not_fit_fail() -> None:
    with pytest.raises(GuardFailed):
        untyped("row.A + 1", ["row"]).evaluate({"row": {"A": "text"}})
    with pytest.raises(GuardFailed):
        untyped("row.A + 1", ["row"]).evaluate({"row": {"A": 2**70}})
