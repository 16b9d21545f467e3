"""Questions about cases over HTTP: what a key may see, and no word more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_parts import Town, problem, town
from worker_parts import answer, approve, assign, at, case_id, close, register

from schemas import http_answers as told

MORNING, TEN, ELEVEN = "2026-04-01 09:00", "2026-04-01 10:00", "2026-04-01 11:00"
CANARY = "王金丝雀"
HALL = "urn:test:hall"


@pytest.fixture(scope="module")
def a_town() -> Iterator[Town]:
    """Twelve cases of the water office, one with everything in it, one that complains about the water office."""
    with town() as running:
        running.batch([m for n in range(12) for m in (register(f"W{n}", MORNING), assign(f"W{n}", TEN, unit="水务局"))])
        petitioner = {"name": CANARY, "phone": "13800000000"}
        running.batch(
            [
                register("FULL", MORNING, severity=5, petitioner=petitioner, text=f"{CANARY}反映"),
                assign("FULL", TEN, unit="住建局", person="p-1028"),
                answer("FULL", ELEVEN),
                approve("FULL", ELEVEN),
                close("FULL", "2026-04-01 11:30"),
                register("ACCUSED", MORNING, accused=["水务局"], petitioner=petitioner),
                assign("ACCUSED", TEN, unit="住建局"),
                register("HALL", MORNING, source=HALL),
            ]
        )
        yield running


def ids(page: Any) -> list[str]:
    assert page.status_code == 200, page.text
    told.CasePage.model_validate(page.json())
    return [row["case_id"] for row in page.json()["cases"]]


def every_page(running: Town, key: str | None = None, **filters: Any) -> list[str]:
    found: list[str] = []
    after = ""
    for _ in range(100):
        page = running.get("/v1/cases", key, after=after, **filters)
        found += ids(page)
        after = page.json()["next"]
        if not after:
            return found
    raise AssertionError("pages without end")


def test_a_case_is_told_without_anything_personal(a_town: Town) -> None:
    full = case_id(a_town.line, "FULL")
    pages = [a_town.get(f"/v1/cases/{full}{tail}") for tail in ("", "/events", "/why")]
    case, events, why = (page.json() for page in pages)
    told.Case.model_validate(case)
    told.FactPage.model_validate(events)
    told.Why.model_validate(why)
    assert (case["state"], case["unit"], case["workflow"]["name"]) == ("reviewed", "住建局", "complaint")
    assert [step["to"] for step in case["path"]] == ["received", "assigned", "handled", "reviewed"]
    assert case["data"]["severity"] == 5
    assert case["clocks"]
    assert {"transition": "close", "title": "办结", "to": "closed", "by": ["office"]} in case["moves"]
    everything = b"".join(page.content for page in pages)
    for never in (CANARY, "13800000000", "sealed", "p-1028", "FULL", "/workflows/", "contact"):
        assert never.encode() not in everything, never


def test_events_and_why_say_what_was_refused_and_by_which_line(a_town: Town) -> None:
    full = case_id(a_town.line, "FULL")
    facts = a_town.get(f"/v1/cases/{full}/events").json()["events"]
    refused = [fact for fact in facts if "refusal" in fact]
    assert [(fact["transition"], fact["refusal"]["code"]) for fact in refused] == [("close", "guard")]
    assert refused[0]["version"] is None
    past = a_town.get(f"/v1/cases/{full}/why").json()["past"]
    (reason,) = [record for record in past if record.get("refusal")]
    assert reason["place"].startswith("complaint.yaml:")
    assert reason["refusal"]["reason"]["zh"]
    assert any(record.get("reaction") == "call_back" for record in past)


def test_events_come_in_pages(a_town: Town) -> None:
    full = case_id(a_town.line, "FULL")
    whole = a_town.get(f"/v1/cases/{full}/events").json()
    assert whole["next"] is None
    found, after = [], ""
    for _ in range(len(whole["events"])):
        page = a_town.get(f"/v1/cases/{full}/events", limit=2, after=after).json()
        found += page["events"]
        if (after := page["next"]) is None:
            break
    assert found == whole["events"]


def test_pages_hold_every_case_once(a_town: Town) -> None:
    everything = every_page(a_town)
    assert len(everything) == len(set(everything)) == 15
    for limit in (1, 4, 14, 15, 16):
        assert every_page(a_town, limit=limit) == everything


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"unit": "水务局"}, 12),
        ({"unit": "没有的局"}, 0),
        ({"phase": "reviewed"}, 1),
        ({"phase": "closed"}, 0),
        ({"state": "assigned", "unit": "住建局"}, 1),
        ({"state": "received"}, 1),
        ({"workflow": "complaint"}, 15),
        ({"overdue": "true"}, 0),
    ],
)
def test_filters_choose(a_town: Town, filters: dict[str, Any], count: int) -> None:
    assert len(every_page(a_town, **filters, limit=5)) == count


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"workflow": "complant"}, "workflow"),
        ({"phase": "gone"}, "phase"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"after": "x"}, "after"),
        ({"after": "AAAA"}, "after"),
        ({"overdue": "perhaps"}, "overdue"),
        ({"stat": "closed"}, "stat"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(a_town: Town, parameters: dict[str, Any], field: str) -> None:
    assert problem(a_town.get("/v1/cases", **parameters), 422, "LX-387")["field"] == field


def test_overdue_cases_are_found_once_they_are() -> None:
    with town() as running:
        running.batch([register("K1", MORNING), assign("K1", TEN), register("K2", MORNING), assign("K2", TEN)])
        running.batch([answer("K2", ELEVEN), approve("K2", ELEVEN), close("K2", "2026-04-01 11:30")])
        running.clock.turn(at("2026-04-25 09:00"))
        page = running.get("/v1/cases", overdue=True)
        assert ids(page) == [case_id(running.line, "K1")]
        assert page.json()["cases"][0]["overdue"] == ["handling"]


# ── who sees what ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_units_key_sees_what_the_unit_is_liable_for(a_town: Town) -> None:
    key = a_town.make_key("water", units=["水务局"])
    assert set(every_page(a_town, key, limit=5)) == {case_id(a_town.line, f"W{n}") for n in range(12)}
    assert a_town.get(f"/v1/cases/{case_id(a_town.line, 'W3')}", key).status_code == 200
    assert a_town.get("/v1/cases", key, unit="住建局").json() == {"cases": [], "next": None}


def test_a_case_that_may_not_be_seen_and_one_that_is_not_there_are_the_same(a_town: Town) -> None:
    water, blind = a_town.make_key("water-2", units=["水务局"]), a_town.make_key("blind", reads=False)
    for key, case in ((water, "ACCUSED"), (water, "FULL"), (blind, "W1")):
        for tail in ("", "/events", "/why"):
            hidden = a_town.get(f"/v1/cases/{case_id(a_town.line, case)}{tail}", key)
            missing = a_town.get(f"/v1/cases/{case_id(a_town.line, 'nothing')}{tail}", key)
            problem(hidden, 404, "LX-384")
            assert hidden.content == missing.content
    problem(a_town.get("/v1/cases", blind), 403, "LX-399")


def test_two_worlds_that_differ_only_in_a_case_about_the_unit_look_the_same_to_it() -> None:
    worlds = []
    for accused in (["水务局"], ["城管局"]):
        with town() as running:
            running.batch([register("S1", MORNING), assign("S1", TEN, unit="水务局")])
            running.batch([register("S2", MORNING, accused=accused), assign("S2", TEN, unit="住建局")])
            key = running.make_key("water", units=["水务局"])
            mine = case_id(running.line, "S1")
            paths = ("/v1/cases", f"/v1/cases/{mine}", f"/v1/cases/{mine}/events", f"/v1/cases/{mine}/why")
            worlds.append([running.get(path, key).content for path in paths])
    assert worlds[0] == worlds[1]


def test_a_key_without_units_sees_what_its_sources_opened(a_town: Town) -> None:
    key = a_town.make_key("hall-reads", sources=[HALL])
    assert every_page(a_town, key) == [case_id(a_town.line, "HALL")]


def test_a_page_goes_on_for_the_key_that_began_it_alone(a_town: Town) -> None:
    after = a_town.get("/v1/cases", limit=2).json()["next"]
    other = a_town.make_key("other-reader")
    problem(a_town.get("/v1/cases", other, after=after), 422, "LX-387")
