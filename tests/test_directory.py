"""Who is above whom, who leads, who may act as what, and what is said of a broken file."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.core.calendar import load_calendar
from engine.core.catalogue.calendar import CODES
from engine.core.directory import OPEN_ROOT, Lookups, load_directory, open_directory
from engine.core.errors import LianxinError, Span

FOLDER = Path(__file__).parent.parent / "workflows"


def read(path: str) -> dict[str, Any]:
    data = yaml.safe_load((FOLDER / path).read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


CITY = load_directory(read("directory.yaml"), "directory.yaml")
units = st.sampled_from(CITY.units)


def holder(unit: str, post: str) -> str:
    """Who the file says holds a post."""
    found = read("directory.yaml")["units"][unit]["posts"][post]["holder"]
    assert isinstance(found, str)
    return found


# ---- the tree


def test_a_unit_is_there_or_not() -> None:
    assert "住建局" in CITY
    assert "火星局" not in CITY
    assert CITY.office in CITY


def test_the_chain_of_superiors_ends_at_the_root() -> None:
    assert CITY.superior("质量安全站") == "住建局"
    assert CITY.superior("住建局") == "区委区政府"
    assert CITY.superior("区委区政府") == "市委市政府"
    assert CITY.superior("市委市政府") == ""
    assert CITY.superior("火星局") == ""


def test_what_is_under_an_accused_unit_is_found_at_any_depth() -> None:
    assert CITY.in_or_under("质量安全站", ["住建局"])
    assert CITY.in_or_under("质量安全站", ["水务局", "区委区政府"])
    assert CITY.in_or_under("住建局", ["住建局"])
    assert not CITY.in_or_under("住建局", ["质量安全站"])
    assert not CITY.in_or_under("住建局", [])
    assert CITY.in_or_under("火星局", ["火星局"])
    assert not CITY.in_or_under("火星局", ["区委区政府"])
    assert CITY.under("住建局") == ("质量安全站",)
    assert "质量安全站" in CITY.under("区委区政府")


@given(units, units)
def test_under_and_in_or_under_say_the_same(one: str, other: str) -> None:
    assert CITY.in_or_under(one, [other]) == (one == other or one in CITY.under(other))


@given(units)
def test_a_superior_contains_what_is_below(unit: str) -> None:
    above = CITY.superior(unit)
    assert above == "" or CITY.in_or_under(unit, [above])


def test_the_discipline_body_is_the_nearest_one_named() -> None:
    assert CITY.discipline_body("住建局") == "区纪委监委"
    assert CITY.discipline_body("区纪委监委") == "市纪委监委"
    assert CITY.discipline_body("市委市政府") == ""
    assert CITY.discipline_body("火星局") == ""
    tree = read("directory.yaml")
    del tree["units"]["质量安全站"]["discipline_body"]
    assert load_directory(tree).discipline_body("质量安全站") == "区纪委监委"


# ---- leaders and roles


def test_each_level_has_its_leader() -> None:
    assert CITY.leader("住建局", "L1") == holder("住建局", "局长")
    assert CITY.leader("住建局", "L2") == holder("区委区政府", "副区长（城建）")
    assert CITY.leader("住建局", "L3") == holder("区委区政府", "区长")
    assert CITY.leader("住建局", "L4") == holder("市委市政府", "副市长（城建）")
    assert CITY.leader("住建局", "L5") == holder("市委市政府", "市长")


def test_a_unit_below_has_its_own_superiors_leader_and_inherits_the_field() -> None:
    assert CITY.leader("质量安全站", "L2") == holder("住建局", "局长")
    assert CITY.leader("质量安全站", "L4") == CITY.leader("住建局", "L4")


@given(st.sampled_from([unit for unit in CITY.units if CITY.in_or_under(unit, ["区委区政府"])]))
def test_every_unit_of_the_district_can_be_escalated_to_the_top(unit: str) -> None:
    assert all(CITY.leader(unit, level) for level in ("L1", "L2", "L3", "L4", "L5"))


def test_nobody_leads_an_unknown_unit_or_at_an_unknown_level() -> None:
    assert CITY.leader("火星局", "L1") is None
    assert CITY.leader("住建局", "L6") is None


def test_a_vacant_post_leads_nobody() -> None:
    data = read("directory.yaml")
    del data["units"]["住建局"]["posts"]["局长"]["holder"]
    vacant = load_directory(data)
    assert vacant.leader("住建局", "L1") is None
    assert vacant.leader("质量安全站", "L2") is None


@pytest.mark.parametrize("role", ["clerk", "desk", "decider", "auditor", "supervisor", "caller", "office_head"])
def test_the_office_can_fill_its_roles(role: str) -> None:
    assert {person.unit for person in CITY.holders(role)} == {"信访局"}


def test_two_people_can_sign_where_two_must() -> None:
    for role in ("desk", "office", "office_head", "convenor"):
        assert len({person.ref for person in CITY.holders(role)}) >= 2


def test_a_role_can_be_asked_for_in_one_unit() -> None:
    handlers = CITY.holders("handler", "水务局")
    assert handlers
    assert {person.unit for person in handlers} == {"水务局"}
    assert CITY.holders("handler", "信访局") == ()
    assert CITY.holders("astronaut") == ()


def test_somebody_with_two_posts_is_one_person_in_a_unit() -> None:
    data = read("directory.yaml")
    data["units"]["信访局"]["posts"]["登记员"]["holder"] = "p-1"
    data["units"]["信访局"]["posts"]["回访员"]["holder"] = "p-1"
    directory = load_directory(data)
    assert [person.roles for person in directory.people if person.ref == "p-1"] == [("clerk", "caller")]


def test_people_stand_in_the_shipped_directory_by_reference_only() -> None:
    assert all(person.ref.startswith("p-") for person in CITY.people)


# ---- editions and lookups


def test_equal_content_is_one_edition() -> None:
    again = load_directory(read("directory.yaml"))
    assert again == CITY
    assert {again, CITY} == {CITY}
    changed = read("directory.yaml") | {"office": "市信访局"}
    assert load_directory(changed) != CITY


def test_an_open_directory_holds_the_names_given_under_one_root() -> None:
    foreign = open_directory(["Roads", "Parks", "Roads", ""])
    assert foreign.units == (OPEN_ROOT, "Parks", "Roads")
    assert foreign.superior("Parks") == OPEN_ROOT
    assert foreign.superior(OPEN_ROOT) == ""
    assert foreign.leader("Parks", "L1") is None
    assert foreign.leader("Parks", "L5") is None
    assert foreign.discipline_body("Parks") == ""
    assert open_directory(["Parks", "Roads"]) == foreign
    assert open_directory(["Public works / streets"]).leader("Public works / streets", "L2") is None


def test_conditions_ask_directory_and_calendar_through_one_object() -> None:
    calendar = load_calendar(read("calendars/cn.yaml"))
    ask = Lookups(CITY, calendar)
    assert ask.superior("住建局") == "区委区政府"
    assert ask.discipline_body("住建局") == "区纪委监委"
    assert ask.in_or_under("质量安全站", ["住建局"])
    assert ask.day("2026-04-01T16:00:00.000000Z") == "2026-04-02"
    assert ask.office_hours("2026-04-01T01:00:00.000000Z")
    assert Lookups(open_directory([]), calendar).edition != ask.edition
    assert Lookups(CITY, load_calendar(read("calendars/plain_utc.yaml"))).edition != ask.edition


# ---- broken files


def broken(change: dict[tuple[str, ...], Any]) -> list[tuple[str, str | None]]:
    """The codes found in a directory with these values put in (None takes a key out), with their did-you-mean."""
    data = deepcopy(read("directory.yaml"))
    for path, value in change.items():
        inner: Any = data
        for step in path[:-1]:
            inner = inner[step]
        if value is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
    with pytest.raises(LianxinError) as caught:
        load_directory(data, "units.yaml", lambda path: Span(len(path), 1, 2))
    assert caught.value.code == "LX-800"
    for problem in caught.value.problems:
        assert (problem.file, problem.span is None) == ("units.yaml", False)
        entry = CODES[problem.code]
        assert all(text.format(**problem.facts) for text in (entry.zh, entry.en, entry.remedy_zh, entry.remedy_en))
    return [(problem.code, problem.suggestion) for problem in caught.value.problems]


def test_an_unknown_superior_is_found_with_a_suggestion() -> None:
    assert broken({("units", "水务局", "parent"): "区委区政俯"}) == [("LX-821", "区委区政府")]
    assert broken({("office",): "信仿局"}) == [("LX-821", "信访局")]
    assert broken({("units", "水务局", "discipline_body"): "区纪监委"}) == [("LX-821", "区纪委监委")]


def test_a_circle_is_found_once() -> None:
    assert broken({("units", "住建局", "parent"): "质量安全站"}) == [("LX-822", None)]


def test_a_second_root_is_found() -> None:
    assert broken({("units", "水务局", "parent"): None}) == [("LX-823", None)]


def test_two_spellings_of_one_name_are_found() -> None:
    unit = read("directory.yaml")["units"]["古井街道"]
    assert broken({("units", "古井 街道"): unit}) == [("LX-824", None)]


def test_an_unknown_level_is_found() -> None:
    assert broken({("units", "水务局", "leaders", "L9"): "post:区委区政府/区长"})[0][0] == "LX-825"
    assert broken({("units", "水务局", "leaders", "L1"): "post:水务局/局长"}) == [("LX-826", None)]


def test_a_unit_without_a_head_is_found() -> None:
    assert broken({("units", "水务局", "head"): None}) == [("LX-827", None)]


def test_a_post_that_does_not_exist_is_found() -> None:
    assert broken({("units", "水务局", "head"): "局座"}) == [("LX-828", "局长")]
    assert broken({("units", "水务局", "leaders", "L2"): "post:区委区政府/副区长（城健）"}) == [
        ("LX-828", "post:区委区政府/副区长（城建）")
    ]


def test_a_holder_named_twice_is_found() -> None:
    assert broken({("units", "水务局", "posts", "承办人", "holder"): ["p-1", "p-1"]}) == [("LX-829", None)]


def test_an_unknown_key_is_found_with_a_suggestion() -> None:
    assert broken({("units", "水务局", "parents"): "区委区政府"}) == [("LX-802", "parent")]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (None, ["LX-801"]),
        ({}, ["LX-803"] * 4),
        ({"lianxin": 1, "directory": "x", "office": "a", "units": ["a"]}, ["LX-801", "LX-821"]),
        ({"lianxin": 1, "directory": "x", "office": "a", "units": {"a": "b"}}, ["LX-801", "LX-827"]),
        (
            {"lianxin": 1, "directory": "x", "office": "a", "units": {"a": {"head": "h", "posts": ["h"]}}},
            ["LX-801", "LX-828"],
        ),
        (
            {
                "lianxin": 1,
                "directory": "x",
                "office": "a",
                "units": {"a": {"head": "h", "posts": {"h": None}, "leaders": []}},
            },
            ["LX-801", "LX-801"],
        ),
        (
            {
                "lianxin": 1,
                "directory": "x",
                "office": "a",
                "units": {"a": {"head": "h", "posts": {"h": {"holder": 7}}}},
            },
            ["LX-801"],
        ),
    ],
)
def test_a_file_of_another_form_is_refused_with_reasons(data: object, codes: list[str]) -> None:
    with pytest.raises(LianxinError) as caught:
        load_directory(data)
    assert sorted(problem.code for problem in caught.value.problems) == codes


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers() | st.text() | st.lists(st.text()), max_size=4))
def test_whatever_stands_under_units_ends_in_findings(entries: dict[str, Any]) -> None:
    data = {"lianxin": 1, "directory": "x", "office": "a", "units": entries}
    with pytest.raises(LianxinError) as caught:  # no generated unit has both a head and its post
        load_directory(data)
    assert caught.value.problems
