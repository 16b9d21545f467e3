"""After these facts, on this command, these facts: the order of a move, who may, what is denied, how tracks go."""

from __future__ import annotations

import pytest
from small_worlds import World, at, code

from engine.core.model import Accepted, Early, Outcome, Rejection

CASE = """
case:
  unit:    {type: unit, optional: true}
  others:  {type: list, of: unit, default: []}
  accused: {type: list, of: unit, default: []}
  num: {type: int, min: 0, max: 9, default: 0}
  ok:      {type: bool, optional: true}
  said:    {type: text, optional: true}
privacy: {accused: case.accused}
roles:
  clerk:   登记员
  desk:    {title: 分办员, not_of: case.unit}
  handler: {title: 承办人, of: case.unit}
  head:    {title: 负责人, of: case.unit, not_as: [handler]}
opens: {register: {by: clerk}}
"""

MOVES = (
    CASE
    + """
states:
  received:
    initial: true
    transitions:
      assign: {to: assigned, by: desk, needs: [unit], takes: [accused, others]}
      note:   {by: clerk, needs: [reason], takes: [num, accused]}
  assigned:
    transitions:
      answer:   {to: handled, by: handler, needs: {opinion: {type: text}, score: {type: int, min: 1, max: 5}}, when: {enough: event.score >= 2}, set: {num: =case.num + event.score}}
      transfer: {to: assigned, by: desk, needs: [unit]}
      accuse:   {by: desk, needs: {culprit: {type: list, of: unit}}, set: {accused: =event.culprit}}
      shift:    {by: desk, set: {unit: "=superior(case.unit)"}}
  handled:
    phase: handled
    transitions:
      rework:  {to: back, by: head}
      approve: {to: done, by: head, when: {ready: case.num > 0}, unless: {forbidden: has(case.ok) && !case.ok}, takes: [ok]}
  done: {phase: closed, final: true, transitions: {reopen: {to: assigned, by: desk}}}
transitions:
  drop: {from: "*", to: done, by: desk}
"""
)


def assigned(unit: str = "甲局", **more: object) -> World:
    world = World(MOVES).opens()
    assert isinstance(world.does("assign", "desk", "03-02 10:00", unit=unit, **more), Accepted)
    return world


def handled() -> World:
    world = assigned()
    assert code(world.does("answer", "handler", "03-03 09:00", who="p-jia@甲局", opinion="办了", score=3)) == ""
    return world


def facts(outcome: Outcome) -> dict[str, object]:
    assert isinstance(outcome, Rejection)
    return outcome.facts


# ── the order of a move: role, needs, denial, guard, set, state ──────────────────────────────────────────────────────


def test_a_move_enters_its_state_and_keeps_what_came_with_it() -> None:
    world = handled()
    event = world.events[-1]
    assert event.type == "lianxin.case.handled.v1"
    assert (event.data["transition"], event.data["from"], event.data["to"]) == ("answer", "assigned", "handled")
    assert event.data["with"] == {"event": {"opinion": "办了", "score": 3}}
    assert event.data["set"] == {"num": 3}
    assert event.data["inputs"] == {"event.score": 3, "case.num": 0}
    assert (world.case.state, world.case.phase, world.case.came_from, world.case.data["num"]) == (
        "handled", "handled", "assigned", 3,
    )  # fmt: skip


def test_what_is_wrong_is_told_in_the_order_role_needs_denial_guard() -> None:
    world = World(CASE + ORDERED).opens(accused=["甲局"])
    wrong: dict[str, object] = {}
    assert code(world.does("give", "clerk", "03-02 10:00", **wrong)) == "role-not-allowed"
    assert code(world.does("give", "desk", "03-02 10:00", **wrong)) == "needs"
    assert code(world.does("give", "desk", "03-02 10:00", unit="甲局", num=1)) == "accused-unit"
    assert code(world.does("give", "desk", "03-02 10:00", unit="乙局", num=1)) == "guard"
    assert code(world.does("give", "desk", "03-02 10:00", unit="乙局", num=2)) == ""


ORDERED = """
states:
  received: {initial: true, transitions: {give: {to: assigned, by: desk, needs: [unit, num], when: case.num > 1}}}
  assigned: {transitions: {finish: {to: closed, by: desk}}}
  closed: {final: true}
"""


def test_a_condition_that_does_not_hold_is_named_with_what_it_read() -> None:
    world = assigned()
    refused = world.does("answer", "handler", "03-03 09:00", who="p-jia@甲局", opinion="x", score=1)
    assert facts(refused)["guard"] == "enough"
    assert facts(refused)["inputs"] == {"event.score": 1}
    assert world.case.state == "assigned"


def test_unless_refuses_where_it_holds_and_an_unset_optional_is_not_false() -> None:
    world = handled()
    refused = world.does("approve", "head", "03-04 09:00", who="p-x@甲局", ok=False)
    assert facts(refused)["guard"] == "forbidden"
    assert code(world.does("approve", "head", "03-04 09:00", who="p-x@甲局")) == ""


def test_needs_of_the_case_are_laid_over_it_and_needs_of_the_move_stay_with_the_fact() -> None:
    world = handled()
    assert world.case.data["unit"] == "甲局"
    assert "opinion" not in world.case.data
    assert "score" not in world.case.data


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"opinion": "x"}, ("needs", "score")),
        ({"opinion": "x", "score": 9}, ("bad-value", "score")),
        ({"opinion": "x", "score": True}, ("bad-value", "score")),
        ({"opinion": "x", "score": "3"}, ("bad-value", "score")),
        ({"opinion": "x", "score": 3, "colour": "red"}, ("unknown-field", "colour")),
        ({"opinion": "x", "score": 3, "num": 1}, ("unknown-field", "num")),
    ],
)
def test_a_value_that_is_missing_wrong_or_not_asked_for_is_refused_by_name(
    values: dict[str, object], refused: tuple[str, str]
) -> None:
    outcome = assigned().does("answer", "handler", "03-03 09:00", who="p-jia@甲局", **values)
    assert (code(outcome), facts(outcome)["field"]) == refused


def test_a_move_that_is_not_possible_says_which_are() -> None:
    refused = assigned().does("approve", "head", "03-03 09:00", who="p-x@甲局")
    assert code(refused) == "no-transition"
    assert facts(refused)["possible"] == ["accuse", "answer", "drop", "shift", "transfer"]


def test_a_move_without_a_target_stays_and_a_move_to_its_own_state_enters_it() -> None:
    world = World(MOVES).opens()
    world.does("note", "clerk", "03-02 09:30", reason="电话记录", num=2)
    assert world.types() == ["case.received", "case.note"]
    assert (world.case.state, world.case.came_from, world.case.data["num"]) == ("received", "", 2)
    world.does("assign", "desk", "03-02 10:00", unit="甲局")
    world.does("transfer", "desk", "03-02 11:00", unit="乙局")
    assert world.types()[-1] == "case.assigned"


def test_back_returns_to_the_state_before_and_there_may_be_none() -> None:
    world = handled()
    assert code(world.does("rework", "head", "03-04 09:00", who="p-x@甲局")) == ""
    assert (world.case.state, world.case.came_from) == ("assigned", "handled")
    nowhere = World(CASE + "states: {received: {initial: true, transitions: {undo: {to: back, by: clerk}}}}").opens()
    assert code(nowhere.does("undo", "clerk", "03-02 10:00")) == "no-transition"


def test_star_is_every_state_that_is_neither_final_nor_sealed() -> None:
    world = assigned()
    assert code(world.does("drop", "desk", "03-03 09:00")) == ""
    assert code(world.does("drop", "desk", "03-03 10:00")) == "no-transition"
    assert code(world.does("reopen", "desk", "03-03 11:00")) == ""


def test_a_case_begins_once_and_not_by_a_move() -> None:
    world = World(MOVES)
    assert code(world.does("assign", "desk", "03-02 10:00", unit="甲局")) == "no-case"
    world.opens()
    assert code(world.does("register", "clerk", "03-02 11:00")) == "case-exists"


def test_an_opening_fills_in_defaults_and_refuses_what_no_field_is() -> None:
    world = World(MOVES)
    assert facts(world.does("register", "clerk", "03-02 09:00", colour="red"))["field"] == "colour"
    world.opens(num=4)
    assert world.case.data == {"num": 4, "accused": [], "others": []}


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_belongs_to_the_unit_or_to_something_under_it() -> None:
    answer = {"opinion": "x", "score": 3}
    assert code(assigned().does("answer", "handler", "03-03 09:00", who="p-yi@乙局", **answer)) == "role-not-allowed"
    assert code(assigned().does("answer", "handler", "03-03 09:00", who="p-x@", **answer)) == "role-not-allowed"
    assert code(assigned().does("answer", "handler", "03-03 09:00", who="p-station@甲站", **answer)) == ""
    assert code(assigned("甲站").does("answer", "handler", "03-03 09:00", who="p-x@甲局", **answer)) == (
        "role-not-allowed"
    )


def test_not_of_belongs_neither_to_the_unit_nor_to_anything_under_it() -> None:
    for who in ("p-x@甲局", "p-x@甲站"):
        assert code(assigned().does("transfer", "desk", "03-03 09:00", who=who, unit="乙局")) == "role-not-allowed"
    assert code(assigned().does("transfer", "desk", "03-03 09:00", who="p-x@乙局", unit="乙局")) == ""


def test_who_leaves_out_a_unit_still_belongs_to_the_one_the_directory_says() -> None:
    assert code(assigned().does("transfer", "desk", "03-03 09:00", who="p-station", unit="乙局")) == "role-not-allowed"
    assert code(assigned().does("transfer", "desk", "03-03 09:00", who="p-station@信访局", unit="乙局")) == (
        "role-not-allowed"
    )
    assert code(assigned().does("transfer", "desk", "03-03 09:00", who="p-nobody", unit="乙局")) == ""


def test_not_as_is_asked_of_the_person_and_never_forgets() -> None:
    world = handled()
    assert str(facts(world.does("approve", "head", "03-04 09:00", who="p-jia@甲局"))["reason"]).endswith("in this case")
    world.does("rework", "head", "03-04 10:00", who="p-x@甲局")
    world.does("answer", "handler", "03-04 11:00", who="p-y@甲局", opinion="x", score=2)
    assert code(world.does("approve", "head", "03-04 12:00", who="p-jia@甲局")) == "role-not-allowed"
    assert code(world.does("approve", "head", "03-04 13:00", who="p-y@甲局")) == "role-not-allowed"
    assert code(world.does("approve", "head", "03-04 14:00", who="p-x@甲局")) == ""


PERSON = """
case: {boss: {type: person}, guest: {type: person, optional: true}}
roles: {clerk: c, boss: {title: b, is: case.boss}}
opens: {register: {by: clerk}}
states:
  received: {initial: true, transitions: {act: {by: boss}, change: {by: clerk, needs: [boss]}}}
"""


def test_is_one_person_as_the_case_says_now() -> None:
    world = World(PERSON).opens(boss="p-1")
    assert code(world.does("act", "boss", "03-02 10:00", who="p-2")) == "role-not-allowed"
    assert code(world.does("act", "boss", "03-02 10:00", who="p-1")) == ""
    world.does("change", "clerk", "03-02 11:00", boss="p-2")
    assert code(world.does("act", "boss", "03-02 12:00", who="p-1")) == "role-not-allowed"
    assert code(world.does("act", "boss", "03-02 12:00", who="p-2")) == ""


SIGNED = """
case: {num: {type: int, default: 0}, unit: {type: unit, optional: true}}
roles: {clerk: c, head: h, chair: {title: z, not_as: [head]}}
opens: {register: {by: clerk}}
states:
  received:
    initial: true
    transitions:
      both:  {to: assigned, by: {all: [head, clerk]}, needs: [legal_basis]}
      twice: {to: assigned, by: {two: head}, needs: [num], when: {small: case.num < 5}}
      leave: {to: handled, by: clerk}
  assigned: {transitions: {return: {to: received, by: clerk}}}
  handled: {transitions: {return: {to: received, by: clerk}}}
"""


def test_all_want_one_of_each_role_in_any_order_and_different_people() -> None:
    world = World(SIGNED).opens()
    law = {"legal_basis": "条例"}
    assert code(world.does("both", "clerk", "03-02 10:00", who="p-1", **law)) == ""
    assert world.case.state == "received"
    assert code(world.does("both", "clerk", "03-02 11:00", who="p-2", **law)) == "already-signed"
    assert code(world.does("both", "head", "03-02 12:00", who="p-1", **law)) == "same-person"
    assert code(world.does("both", "head", "03-02 12:00", **law)) == "person-required"
    assert code(world.does("both", "head", "03-02 13:00", who="p-3", **law)) == ""
    assert world.case.state == "assigned"
    assert world.events[-1].data["signers"] == ["p-1", "p-3"]
    assert world.case.approvals == {}
    assert world.case.acted == {"clerk": ["p-1"], "head": ["p-3"]}


def test_two_of_one_role_are_two_people_and_the_condition_is_asked_of_each() -> None:
    world = World(SIGNED).opens()
    assert code(world.does("twice", "head", "03-02 10:00", who="p-1", num=7)) == "guard"
    assert code(world.does("twice", "head", "03-02 10:00", who="p-1", num=1)) == ""
    assert code(world.does("twice", "head", "03-02 10:00", who="p-1", num=1)) == "same-person"
    assert code(world.does("twice", "head", "03-02 10:00", who="p-2", num=9)) == "guard"
    assert (world.case.state, world.case.data["num"]) == ("received", 0)
    assert world.events[-1].data["proposed"] == {"num": 1}
    assert code(world.does("twice", "head", "03-02 10:00", who="p-2", num=2)) == ""
    assert (world.case.state, world.case.data["num"]) == ("assigned", 2)


def test_a_signature_is_for_the_state_it_was_given_in() -> None:
    world = World(SIGNED).opens()
    world.does("twice", "head", "03-02 10:00", who="p-1", num=1)
    world.does("leave", "clerk", "03-02 11:00", who="p-9")
    assert world.case.approvals == {}
    world.does("return", "clerk", "03-02 12:00", who="p-9")
    assert code(world.does("twice", "head", "03-02 13:00", who="p-2", num=1)) == ""
    assert world.case.state == "received"


# ── the denial ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given",
    [
        {"unit": "甲局", "accused": ["甲局"]},
        {"unit": "甲站", "accused": ["甲局"]},
        {"unit": "乙局", "accused": ["甲局"], "others": ["丙局", "甲站"]},
        {"unit": "甲局", "accused": ["市政府"]},
    ],
)
def test_no_unit_field_or_list_of_units_may_name_an_accused_unit_or_one_under_it(given: dict[str, object]) -> None:
    assert code(World(MOVES).does("register", "clerk", "03-02 09:00", **given)) == "accused-unit"
    assert code(World(MOVES).opens().does("assign", "desk", "03-02 10:00", **given)) == "accused-unit"


def test_an_accused_unit_above_does_not_deny_what_is_beside_it() -> None:
    assert code(World(MOVES).opens(accused=["甲站"]).does("assign", "desk", "03-02 10:00", unit="甲局")) == ""


def test_the_accused_unit_cannot_act_whatever_its_role() -> None:
    world = World(MOVES).opens(accused=["甲局"])
    for who in ("p-x@甲局", "p-x@甲站", "p-jia", "p-station@信访局"):
        assert code(world.does("note", "clerk", "03-02 10:00", who=who, reason="x")) == "accused-unit", who
    assert code(world.does("note", "clerk", "03-02 10:00", who="p-x@乙局", reason="x")) == ""


def test_who_accuses_the_handling_unit_must_take_the_case_from_it() -> None:
    world = World(MOVES).opens(unit="甲局")
    assert facts(world.does("note", "clerk", "03-02 10:00", reason="x", accused=["甲局"]))["field"] == "unit"
    given = {"unit": "乙局", "accused": ["甲局"]}
    assert code(world.does("assign", "desk", "03-02 10:00", **given)) == ""


def test_what_a_move_sets_is_denied_like_what_it_is_given() -> None:
    assert code(assigned().does("accuse", "desk", "03-03 09:00", culprit=["甲局"])) == "accused-unit"
    assert code(assigned().does("accuse", "desk", "03-03 09:00", culprit=["乙局"])) == ""
    world = assigned("甲站", accused=["乙局"])
    assert code(world.does("shift", "desk", "03-03 09:00")) == ""
    assert world.case.data["unit"] == "甲局"


TRACKS = (
    CASE
    + """
states:
  received: {initial: true, transitions: {go: {to: assigned, by: clerk, takes: [accused, unit]}, blame: {by: clerk, needs: [accused]}}}
  assigned: {transitions: {finish: {to: closed, by: clerk}, blame: {by: clerk, needs: [accused]}}}
  closed: {final: true, transitions: {reopen: {to: assigned, by: clerk}}}
tracks:
  help:
    many: true
    after_close: cancel
    data:
      unit:    {type: unit}
      copies:  {type: list, of: unit, default: []}
      guide:   {type: person, optional: true}
      accused: {type: list, of: unit, default: []}
      part:    {type: enum, of: [lead, assist], default: assist}
    opens: {by: [desk, helper], from: [assigned], when: {one_lead: "new.part == 'assist' || counts.leads == 0"}}
    states:
      asked:    {initial: true, transitions: {reply: {to: answered, by: helper, needs: [reason]}, turn: {by: desk, needs: [unit]}, guide: {by: desk, needs: [guide]}, stop: {to: stopped, by: desk}}}
      answered: {transitions: {redo: {to: back, by: desk}, accept: {to: accepted, by: desk}}}
      accepted: {final: true, transitions: {reopen: {to: asked, by: desk}}}
      stopped:  {final: true}
    deadlines:
      reply: {within: 2 working days, from: asked, until: [answered], again: restart, owner: =track.unit}
  once:
    after_close: block
    opens: {by: [desk]}
    states: {begun: {initial: true, transitions: {end: {to: ended, by: desk}}}, ended: {final: true}}
  stays:
    many: true
    after_close: keep
    opens: {by: [desk]}
    states: {begun: {initial: true, transitions: {end: {to: ended, by: desk}}}, ended: {final: true}}
    deadlines: {soon: {within: 5 working days, from: begun, until: [ended], again: never, owner: office}}
counts:
  leads: {of: help, where: "track.part == 'lead' && track.open"}
"""
).replace("  clerk:   登记员", "  clerk:   登记员\n  helper:  {title: 协办, of: track.unit}")


def tracked(**more: object) -> World:
    world = World(TRACKS).opens(**more)
    assert code(world.does("go", "clerk", "03-02 10:00")) == ""
    return world


def test_a_track_is_opened_by_its_roles_from_its_states_under_its_conditions() -> None:
    early = World(TRACKS).opens()
    assert code(early.does("help.open", "desk", "03-02 10:00", unit="乙局")) == "no-transition"
    world = tracked()
    assert code(world.does("help.open", "clerk", "03-02 11:00", unit="乙局")) == "role-not-allowed"
    assert code(world.does("help.open", "helper", "03-02 11:00", who="p-yi@丙局", unit="丙局")) == "role-not-allowed"
    assert code(world.does("help.open", "desk", "03-02 11:00", unit="乙局", part="lead")) == ""
    assert facts(world.does("help.open", "desk", "03-02 12:00", unit="丙局", part="lead"))["guard"] == "one_lead"
    assert code(world.does("help.open", "desk", "03-02 12:00", unit="丙局")) == ""
    assert len(world.tracks("help")) == 2


def test_of_a_track_that_is_not_many_one_is_open_at_a_time() -> None:
    world = tracked()
    assert code(world.does("once.open", "desk", "03-02 11:00")) == ""
    assert code(world.does("once.open", "desk", "03-02 12:00")) == "track-open"
    assert code(world.does("once.end", "desk", "03-02 13:00")) == ""
    assert code(world.does("once.open", "desk", "03-02 14:00")) == ""


def test_of_many_tracks_the_one_meant_is_named_or_the_only_one_that_can() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    world.does("help.open", "desk", "03-02 12:00", unit="丙局")
    first, second = world.tracks("help")
    assert facts(world.does("help.turn", "desk", "03-02 13:00", unit="乙局"))["tracks"] == [first, second]
    assert code(world.does("help.turn", "desk", "03-02 13:00", track="help-x", unit="乙局")) == "no-track"
    assert code(world.does("help.stop", "desk", "03-02 13:00", track=second)) == ""
    assert code(world.does("help.turn", "desk", "03-02 14:00", unit="甲局")) == ""
    assert world.case.tracks[first]["data"]["unit"] == "甲局"


def test_a_track_moves_without_the_case_and_back_is_its_own_state_before() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    world.does("help.reply", "helper", "03-02 12:00", who="p-yi@乙局", reason="x")
    assert world.case.state == "assigned"
    assert world.case.came_from == "received"
    world.does("help.redo", "desk", "03-02 13:00")
    _, track = world.track("help")
    assert (track["state"], track["came_from"], track["open"]) == ("asked", "answered", True)


def test_a_case_does_not_close_while_a_track_that_blocks_is_open() -> None:
    world = tracked()
    world.does("once.open", "desk", "03-02 11:00")
    assert code(world.does("finish", "clerk", "03-02 12:00")) == "track-open"
    world.does("once.end", "desk", "03-02 13:00")
    assert code(world.does("finish", "clerk", "03-02 14:00")) == ""


def test_closing_cancels_some_tracks_with_their_clocks_and_keeps_others() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    world.does("stays.open", "desk", "03-02 12:00")
    world.does("finish", "clerk", "03-02 13:00")
    (help_id, helped), (stays_id, stayed) = world.track("help"), world.track("stays")
    assert not helped["open"]
    assert world.clock(f"{help_id}/reply")["status"] == "cancelled"
    assert stayed["open"]
    assert world.clock(f"{stays_id}/soon")["status"] == "running"
    assert code(world.does("stays.end", "desk", "03-03 09:00")) == ""


def test_a_track_that_the_closing_cancelled_is_over_also_after_a_reopening() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    world.does("finish", "clerk", "03-02 13:00")
    help_id, _ = world.track("help")
    for when in ("03-02 14:00", "03-02 16:00"):
        for track in ("", help_id):
            assert code(world.does("help.turn", "desk", when, track=track, unit="丙局")) == "no-transition"
        world.does("reopen", "clerk", "03-02 15:00")
    assert code(world.does("help.open", "desk", "03-02 17:00", unit="丙局")) == ""
    assert code(world.does("help.turn", "desk", "03-02 18:00", unit="乙局")) == ""


def test_nothing_is_opened_on_a_closed_case_that_could_not_stay_open_there() -> None:
    world = tracked()
    world.does("finish", "clerk", "03-02 13:00")
    assert code(world.does("once.open", "desk", "03-02 14:00")) == "case-closed"
    assert code(world.does("stays.open", "desk", "03-02 14:00")) == ""


def test_a_final_state_of_a_track_may_have_moves_out() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    world.does("help.reply", "helper", "03-02 12:00", who="p-yi@乙局", reason="x")
    world.does("help.accept", "desk", "03-02 13:00")
    assert world.track("help")[1]["open"] is False
    assert code(world.does("help.reopen", "desk", "03-02 14:00")) == ""
    assert world.track("help")[1]["open"] is True
    assert world.clock(f"{world.track('help')[0]}/reply", 2)["status"] == "running"


@pytest.mark.parametrize(
    "given",
    [
        {"unit": "甲局"},
        {"unit": "乙局", "copies": ["丙局", "甲站"]},
        {"unit": "乙局", "guide": "p-station"},
        {"unit": "甲局", "accused": ["丙局"]},  # a field of the track that happens to have that name denies nothing
    ],
)
def test_a_track_is_given_to_no_accused_unit_and_to_nobody_in_one(given: dict[str, object]) -> None:
    world = tracked(accused=["甲局"])
    assert code(world.does("help.open", "desk", "03-02 11:00", **given)) == "accused-unit"
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    assert code(world.does("help.turn", "desk", "03-02 12:00", unit="甲站")) == "accused-unit"
    assert code(world.does("help.guide", "desk", "03-02 12:00", guide="p-jia")) == "accused-unit"
    assert code(world.does("help.guide", "desk", "03-02 12:00", guide="p-yi")) == ""


def test_a_track_whose_unit_is_accused_later_may_be_ended_or_turned_away_and_nothing_else() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="甲局")
    assert code(world.does("blame", "clerk", "03-02 12:00", accused=["甲局"])) == ""
    reply = world.does("help.reply", "helper", "03-02 13:00", who="p-jia@甲局", reason="x")
    assert code(reply) == "accused-unit"
    assert code(world.does("help.guide", "desk", "03-02 13:00", guide="p-yi")) == "accused-unit"
    assert code(world.does("help.turn", "desk", "03-02 13:00", unit="丙局")) == ""
    other = tracked()
    other.does("help.open", "desk", "03-02 11:00", unit="甲局")
    other.does("blame", "clerk", "03-02 12:00", accused=["甲局"])
    assert code(other.does("help.stop", "desk", "03-02 13:00")) == ""


# ── facts from other systems: early and late ─────────────────────────────────────────────────────────────────────────


def test_a_fact_whose_case_or_state_has_not_come_yet_is_early() -> None:
    world = World(MOVES)
    assert world.does("assign", "desk", "03-02 10:00", intake=True, unit="甲局") == Early("case")
    world.opens()
    given = {"opinion": "x", "score": 3}
    early = world.does("answer", "handler", "03-03 09:00", intake=True, **given)
    assert isinstance(early, Early)
    assert code(world.does("answer", "handler", "03-03 09:00", **given)) == "no-transition"  # a person is told at once


def test_a_fact_for_which_no_way_leads_any_more_is_refused() -> None:
    world = World(TRACKS).opens()
    world.does("go", "clerk", "03-02 10:00")
    assert code(world.does("go", "clerk", "03-02 11:00", intake=True)) == "no-transition"
    assert code(world.does("fly", "clerk", "03-02 11:00", intake=True)) == "no-transition"


def test_a_late_fact_that_would_move_is_refused_and_one_at_the_same_instant_is_not_late() -> None:
    world = assigned()
    world.does("transfer", "desk", "03-03 09:00", unit="乙局")
    late = world.does("transfer", "desk", "03-02 11:00", intake=True, unit="丙局")
    assert facts(late) == {"at": at("03-02 11:00"), "last_fact_at": at("03-03 09:00")}
    assert code(world.does("transfer", "desk", "03-03 09:00", intake=True, unit="丙局")) == ""
    assert world.case.data["unit"] == "丙局"


CORRECTED = """
case: {unit: {type: unit, optional: true}, num: {type: int, default: 0}}
roles: {clerk: c, handler: {title: h, of: case.unit}}
opens: {register: {by: clerk}}
states:
  received: {initial: true, transitions: {answer: {to: handled, by: handler, needs: {opinion: {type: text}}, takes: [num]}, drop: {to: closed, by: clerk}, stay: {by: clerk}, set_aside: {to: aside, by: clerk}}}
  aside:    {phase: assigned, transitions: {answer: {to: handled, by: handler, needs: {opinion: {type: text}}}}}
  handled:  {transitions: {stay: {by: clerk}}}
  closed:   {final: true}
deadlines:
  handling: {within: 2 working days, from: received, until: [handled], cancel: [aside], again: never, owner: =case.unit}
"""


def breached() -> World:
    """Due on 4 March at 24:00; the breach is on record, and so is a later fact."""
    world = World(CORRECTED).opens(unit="甲局").waits("03-06 00:00")
    assert world.clock("handling")["status"] == "missed"
    return world


def test_an_answer_in_time_that_comes_after_the_breach_is_a_move_and_corrects_it() -> None:
    world = breached()
    assert code(world.does("answer", "handler", "03-04 23:59", intake=True, opinion="x")) == ""
    assert world.case.state == "handled"
    clock = world.clock("handling")
    assert (clock["status"], clock["corrected"], clock["ended_at"]) == ("met", True, at("03-04 23:59"))
    assert "missed_at" not in clock


def test_an_answer_that_was_late_leaves_the_breach_and_says_when_it_came() -> None:
    world = breached()
    world.does("answer", "handler", "03-05 00:00", intake=True, opinion="x")
    clock = world.clock("handling")
    assert (clock["status"], clock["missed_at"], clock["ended_at"]) == (
        "missed", at("03-05 00:00"), at("03-05 00:00"),
    )  # fmt: skip


def test_a_case_that_was_closed_or_set_aside_in_time_was_not_late() -> None:
    for move, to in (("drop", "closed"), ("set_aside", "aside")):
        world = breached()
        assert code(world.does(move, "clerk", "03-04 10:00", intake=True)) == ""
        clock = world.clock("handling")
        assert (world.case.state, clock["status"], clock["corrected"]) == (to, "cancelled", True)
        assert "missed_at" not in clock


def test_a_late_fact_corrects_the_breach_and_moves_nothing() -> None:
    world = breached()
    world.does("stay", "clerk", "03-06 09:00", intake=True)
    assert code(world.does("answer", "handler", "03-04 10:00", intake=True, opinion="按时办了", num=5)) == ""
    event = world.events[-1]
    assert event.type == "lianxin.deadline.corrected.v1"
    assert event.occurred_at == at("03-04 10:00")
    assert event.data["with"] == {"event": {"opinion": "按时办了"}}
    assert (world.case.state, world.case.data["num"]) == ("received", 0)
    assert world.clock("handling")["status"] == "met"
    assert world.case.last_fact_at == at("03-06 09:00")


def test_a_late_fact_corrects_only_what_whoever_sent_it_may_do_and_only_whole() -> None:
    world = breached()
    world.does("stay", "clerk", "03-06 09:00", intake=True)
    assert code(world.does("answer", "clerk", "03-04 10:00", intake=True, opinion="x")) == "role-not-allowed"
    assert code(world.does("answer", "handler", "03-04 10:00", who="p-yi@乙局", intake=True, opinion="x")) == (
        "role-not-allowed"
    )
    assert code(world.does("answer", "handler", "03-04 10:00", intake=True)) == "needs"
    assert world.clock("handling")["status"] == "missed"


def test_a_late_fact_that_corrects_nothing_is_refused() -> None:
    world = breached()
    world.does("stay", "clerk", "03-06 09:00", intake=True)
    assert code(world.does("answer", "handler", "03-05 10:00", intake=True, opinion="x")) == "late-fact"
    assert code(world.does("stay", "clerk", "03-04 10:00", intake=True)) == "late-fact"


def test_a_fact_of_a_track_that_comes_before_its_turn_waits_and_one_that_is_late_moves_nothing() -> None:
    world = tracked()
    assert code(world.does("help.accept", "desk", "03-02 11:00", intake=True)) == "no-transition"
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    early = world.does("help.accept", "desk", "03-02 14:00", intake=True)
    assert isinstance(early, Early)
    world.does("help.turn", "desk", "03-02 12:00", unit="丙局")
    assert code(world.does("help.turn", "desk", "03-02 11:30", intake=True, unit="乙局")) == "late-fact"
    assert world.track("help")[1]["data"]["unit"] == "丙局"
    assert code(world.does("help.turn", "desk", "03-02 12:00", intake=True, unit="乙局")) == ""


def test_a_late_answer_of_a_track_corrects_its_breach() -> None:
    world = tracked()
    world.does("help.open", "desk", "03-02 11:00", unit="乙局")
    world.waits("03-06 00:00")
    help_id, _ = world.track("help")
    assert world.clock(f"{help_id}/reply")["status"] == "missed"
    world.does("help.turn", "desk", "03-06 12:00", unit="乙局")
    assert code(world.does("help.reply", "helper", "03-04 12:00", intake=True, reason="x")) == ""
    assert world.clock(f"{help_id}/reply")["status"] == "met"
    assert world.track("help")[1]["state"] == "asked"


# ── what cannot be computed ──────────────────────────────────────────────────────────────────────────────────────────

COMPUTED = """
case: {num: {type: int, default: 0}, note: {type: code, default: x}, secret: {type: code, personal: true, optional: true}}
roles: {clerk: c}
opens: {register: {by: clerk}}
states:
  received: {initial: true, transitions: {divide: {to: handled, by: clerk, when: 10 / case.num > 1, takes: [secret]}, count: {by: clerk, when: counts.fine > 0}, go: {by: clerk}}}
  handled: {final: true}
tracks:
  part:
    many: true
    opens: {by: [clerk]}
    data: {d: {type: int, default: 0}}
    states: {begun: {initial: true, transitions: {end: {to: ended, by: clerk}}}, ended: {final: true}}
counts: {fine: {of: part, where: 10 / track.d > 1}}
reactions:
  listen: {upon: transition.go, do: [{fire: go}]}
""".replace("go: {by: clerk}", "go: {by: [clerk, engine]}").replace("do: [{fire: go}]", "do: [{open: part}]")


def test_a_condition_that_cannot_be_computed_is_a_refusal_and_never_a_silent_no() -> None:
    world = World(COMPUTED).opens()
    refused = world.does("divide", "clerk", "03-02 10:00")
    assert code(refused) == "guard-failed"
    assert facts(refused)["expression"] == "10 / case.num > 1"
    world.does("part.open", "clerk", "03-02 10:00")
    assert code(world.does("count", "clerk", "03-02 11:00")) == "guard-failed"


def test_a_count_that_cannot_be_computed_does_not_hold_up_facts_that_do_not_ask_for_it() -> None:
    world = World(COMPUTED).opens()
    world.does("part.open", "clerk", "03-02 10:00")
    assert code(world.does("go", "clerk", "03-02 11:00")) == ""
    assert "fine" not in world.events[-1].data["summary"]["counts"]


# ── what is personal ─────────────────────────────────────────────────────────────────────────────────────────────────

PERSONAL = """
case:
  wish:   {type: text, optional: true}
  phones: {type: list, of: text, optional: true}
  age:    {type: int, min: 0, max: 150, optional: true, personal: true}
  num: {type: int, default: 0}
roles: {clerk: c}
opens: {register: {by: clerk}}
states:
  received: {initial: true, transitions: {tell: {by: clerk, needs: [wish, phones], takes: [age]}, end: {to: done, by: clerk, when: case.num > 5}}}
  done: {final: true, phase: closed}
tracks:
  talk:
    many: true
    opens: {by: [clerk]}
    data: {words: {type: text}, kind: {type: code, default: call}}
    states: {begun: {initial: true, transitions: {end: {to: ended, by: clerk}}}, ended: {final: true}}
reactions:
  heard: {upon: [transition.tell, talk.state.begun.entered], do: [{remind: {to: office, text: 有新情况}}]}
"""
SEALED = {"sealed": "x" * 43}


def test_lists_and_numbers_that_are_personal_come_as_commitments_and_are_taken() -> None:
    world = World(PERSONAL).opens()
    assert code(world.does("tell", "clerk", "03-02 10:00", wish=SEALED, phones=SEALED, age=SEALED)) == ""
    assert world.case.data["phones"] == SEALED


def test_no_personal_field_nor_its_commitment_is_in_what_reactions_and_other_systems_see() -> None:
    world = World(PERSONAL).opens()
    world.does("tell", "clerk", "03-02 10:00", wish=SEALED, phones=SEALED, age=SEALED)
    world.does("talk.open", "clerk", "03-02 11:00", words=SEALED)
    for event in world.events:
        if "summary" in event.data:
            assert "sealed" not in repr(event.data["summary"])
    assert world.events[-1].data["summary"]["track"]["kind"] == "call"
    world.follows()
    assert [event.data["text"] for event in world.events if event.type.endswith("reminded.v1")] == ["有新情况"] * 2


def test_commands_that_nobody_knows_are_refused_without_their_values() -> None:
    world = World(PERSONAL).opens()
    refused = world.does("tell", "clerk", "03-02 10:00", wish=SEALED, phones=SEALED, colour="某人的秘密")
    assert "某人的秘密" not in repr(refused)
