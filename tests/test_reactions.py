"""What follows what: letters, sponsors, follow-ups, reminders, moves of the engine; once, later, and never twice."""

from __future__ import annotations

import pytest
from small_worlds import World, at, code

from engine.core.model import Command, Rejection
from engine.core.reactions import wishes

HEAD = """
case:
  unit:    {type: unit, optional: true}
  accused: {type: list, of: unit, default: []}
  num:     {type: int, default: 0}
privacy: {accused: case.accused}
roles: {clerk: 登记员, office: 信访部门, caller: 回访员, desk: 分办员}
opens: {register: {by: clerk}}
states:
  received: {initial: true, transitions: {assign: {to: assigned, by: clerk, takes: [unit, accused, num]}, note: {by: [clerk, engine], takes: [num, unit, accused], set: {num: =case.num + 1}}}}
  assigned:
    transitions:
      note:   {by: [clerk, engine], takes: [num, unit, accused]}
      answer: {to: handled, by: [clerk, engine], takes: [num], when: {ready: case.num < 9}}
      close:  {to: closed, by: [clerk, engine]}
  handled: {transitions: {close: {to: closed, by: [clerk, engine]}, note: {by: [clerk, engine]}}}
  closed:  {final: true, transitions: {reopen: {to: assigned, by: clerk}}}
deadlines:
  handling: {within: 2 working days, from: assigned, until: [handled], again: never, owner: =case.unit, remind: [50%]}
letters:
  supervision:    {title: 督办函, mark: 示信督, template: supervision, sign: office, auto: true, reply_within: 5 working days, level: 1}
  risk_warning:   {title: 风险警示函, mark: 示信警, template: risk_warning, sign: office, reply_within: 3 working days, level: 2}
  urging:         {title: 催办函, mark: 示信催, template: supervision, sign: office, auto: true, reply_within: 3 working days, level: 1}
tracks:
  letter: {use: letter}
  follow_up: {use: follow_up}
  sponsor: {use: sponsor}
  part:
    many: true
    opens: {by: [clerk]}
    data: {size: {type: int, default: 0}, words: {type: text, optional: true}}
    states:
      begun: {initial: true, transitions: {end: {to: ended, by: [clerk, engine], when: {small: track.size < 9}}}}
      ended: {final: true}
reactions:
"""
SUPERVISE = """
  supervise:
    upon: deadline.handling.missed
    do:
      - issue_letter: {kind: supervision, to: =event.owner, copy: office, else_to: %s}
      - escalate: {levels: 1}
"""


def assigned(reactions: str, when: str = "03-02 09:00", **given: object) -> World:
    """Given to a unit on Monday, 2 March 2026; due on the fourth."""
    world = World(HEAD + reactions).opens("03-02 08:00")
    assert code(world.does("assign", "clerk", when, **{"unit": "甲局", **given})) == ""
    return world.follows()


def letters(world: World) -> list[dict[str, object]]:
    return [{**track["data"], "state": track["state"]} for track in world.tracks("letter").values()]


# ── letters ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_breach_draws_an_automatic_letter_through_all_its_steps_in_one_go() -> None:
    world = assigned(SUPERVISE % "office").waits("03-05 00:00")
    (letter,) = letters(world)
    assert (letter["state"], letter["recipient"], letter["organisation"]) == ("delivered", "甲局", "信访局")
    assert letter["trigger"] == "deadline.handling.missed"
    steps = [event.type.split(".")[2] for event in world.events if event.type.startswith("lianxin.letter.")]
    assert steps == ["drafted", "checked", "signed", "delivered"]
    key, track = world.track("letter")
    assert track["number"] == {"mark": "示信督", "year": 2026, "number": 1}
    assert world.clock(f"{key}/reply")["due_at"] == "2026-03-12T23:59:59.999999Z"
    assert world.case.levels == {"supervision": "supervision", "sponsor": "L2"}


def test_the_office_may_be_named_by_its_role_as_recipient_and_copy() -> None:
    assert letters(assigned(SUPERVISE % "office").waits("03-05 00:00"))[0]["copy"] == ["信访局"]


@pytest.mark.parametrize("unit", ["甲局", "甲站"])
def test_a_letter_never_goes_to_an_accused_unit_and_says_so(unit: str) -> None:
    world = assigned(SUPERVISE % "office", unit="乙局")
    world.does("note", "clerk", "03-03 09:00", unit=unit)  # the owner stays
    world.does("note", "clerk", "03-03 09:00", unit="丙局", accused=["乙局"])
    world.waits("03-05 00:00")
    assert letters(world)[0]["recipient"] == "信访局"
    assert letters(world)[0]["copy"] == []  # nobody gets it twice
    assert world.incidents() == ["recipient-denied"]


def test_copies_leave_accused_units_out() -> None:
    reactions = """
  tell: {upon: transition.assign, do: [{issue_letter: {kind: urging, to: 丙局, copy: "=[case.unit, '甲站', '甲局', '信访局']"}}]}
"""
    world = assigned(reactions, unit="乙局", accused=["甲局"])
    assert letters(world)[0]["copy"] == ["乙局", "信访局"]


def test_where_no_recipient_is_left_there_is_no_letter_but_an_incident() -> None:
    world = assigned(SUPERVISE % "甲站", unit="甲局")
    world.does("note", "clerk", "03-03 09:00", unit="丙局", accused=["甲局"])
    world.waits("03-05 00:00")
    assert letters(world) == []
    (refusal,) = [refused for command, refused in world.refused if command.kind == "open_track"]
    assert refusal.code == "no-recipient"
    assert world.case.levels["sponsor"] == "L2"  # the other action of the reaction is done all the same


def test_letter_numbers_are_dense_in_each_series_and_a_letter_keeps_its_own() -> None:
    reactions = """
  one: {upon: transition.note, do: [{issue_letter: {kind: urging, to: 甲局}}]}
  two: {upon: transition.note, do: [{issue_letter: {kind: supervision, to: 甲局}}]}
"""
    world = assigned(reactions)
    for day in ("03-03", "03-04", "12-31", "12-31"):
        world.does("note", "clerk", f"{day} 09:00")
    world.follows()
    numbers = [(t["data"]["kind"], t["number"]["number"]) for t in world.tracks("letter").values()]
    assert sorted(numbers) == [(kind, n) for kind in ("supervision", "urging") for n in (1, 2, 3, 4)]
    assert all(
        event.data["tracks"][event.data["track"]].get("number") for event in world.events if "delivered" in event.type
    )


def test_a_letter_is_numbered_in_the_year_its_signing_has_here() -> None:
    reactions = "  one: {upon: transition.note, do: [{issue_letter: {kind: urging, to: 甲局}}]}\n"
    world = World(HEAD + reactions).opens("03-02 08:00")
    world.rules = world.rules.__class__(
        **{
            **{name: getattr(world.rules, name) for name in ("workflow", "directory", "lookups", "edition")},
            "calendar": _shanghai(),
        }
    )
    world.does("assign", "clerk", "03-02 09:00")
    world.does("note", "clerk", "12-31 15:59")
    world.does("note", "clerk", "12-31 16:00")  # midnight there
    world.follows()
    assert [t["number"]["year"] for t in world.tracks("letter").values()] == [2026, 2027]


def _shanghai():  # type: ignore[no-untyped-def]
    from engine.app import assemble

    return assemble().calendars()["cn"]


def test_a_cause_that_is_doubtful_leaves_the_letter_a_draft() -> None:
    world = assigned(SUPERVISE % "office")
    command = Command(
        "clock", "x", world.case.case_id, "", "rung", "handling#1", _engine(), at("03-03"), notes=("imported",)
    )
    world.settle(command)  # the reminder
    command = Command(
        "clock", "y", world.case.case_id, "", "rung", "handling#1", _engine(), at("03-05"), notes=("imported",)
    )
    world.settle(command)
    world.follows()
    assert letters(world)[0]["state"] == "drafted"


def _engine():  # type: ignore[no-untyped-def]
    from engine.core.desk import ENGINE_ACTOR

    return ENGINE_ACTOR


def test_a_letter_that_is_signed_again_keeps_its_number() -> None:
    world = World(OWN_LETTER).opens("03-02 08:00")
    world.does("letter.open", "clerk", "03-02 09:00", kind="plain", recipient="甲局")
    world.does("letter.sign", "clerk", "03-02 10:00", who="p-1")
    number = world.track("letter")[1]["number"]
    world.does("letter.unsign", "clerk", "03-02 11:00")
    world.does("letter.sign", "clerk", "03-02 12:00", who="p-1")
    assert world.track("letter")[1]["number"] == number
    assert world.numbers == {("信访局", "plain", 2026): 1}


OWN_LETTER = """
case: {num: {type: int, default: 0}}
roles: {clerk: c}
opens: {register: {by: clerk}}
states: {received: {initial: true, transitions: {note: {by: clerk}}}}
letters: {plain: {title: 函, mark: 示, template: supervision, sign: clerk, reply_within: 3 working days, level: 2}, own: {title: 函, mark: 示自, template: supervision, sign: clerk, auto: true, reply_within: 3 working days}}
tracks:
  letter:
    many: true
    opens: {by: [clerk]}
    data: {kind: {type: letter_kind}, recipient: {type: unit}, copy: {type: list, of: unit, default: []}, organisation: {type: unit}, reply_within: {type: duration}}
    states:
      drafted: {initial: true, transitions: {check: {to: checked, by: [clerk, engine]}, sign: {to: signed, by: {kind: sign}}}}
      checked: {transitions: {sign: {to: signed, by: {kind: sign}, when: {never: case.num > 0}}}}
      signed:  {transitions: {unsign: {to: drafted, by: clerk}, deliver: {to: delivered, by: [clerk, engine]}}}
      delivered: {final: true}
"""


def test_an_automatic_letter_that_its_track_stops_waits_for_a_person() -> None:
    world = World(OWN_LETTER).opens("03-02 08:00")
    assert code(world.does("letter.open", "clerk", "03-02 09:00", kind="own", recipient="甲局")) == ""
    assert world.track("letter")[1]["state"] == "checked"
    assert world.incidents() == ["auto-refused"]


def test_the_level_of_supervision_is_that_of_the_highest_letter_in_force() -> None:
    reactions = """
  urge: {upon: transition.note, do: [{issue_letter: {kind: urging, to: 甲局}}]}
"""
    world = assigned(reactions)
    world.does("note", "clerk", "03-02 10:00")
    world.follows()
    assert world.case.levels["supervision"] == "supervision"  # a kind of the office's own counts by its level
    key, _ = world.track("letter")
    world.does("letter.answer", "letter_unit", "03-02 11:00", track=key, answer="x")
    world.does("letter.verify", "supervisor", "03-02 12:00", track=key)
    assert world.case.levels["supervision"] == "none"


# ── sponsors and reminders ───────────────────────────────────────────────────────────────────────────────────────────

RAISE = """
  raise: {upon: transition.note, do: [{escalate: {levels: 1}}]}
  raise_to: {upon: transition.close, do: [{escalate: {to_level: L3}}]}
"""


def test_a_sponsor_is_opened_at_level_two_and_raised_one_by_one_never_down() -> None:
    world = assigned(RAISE, unit="乙局")
    for hour, level, leader in (("10", "L2", "p-vice"), ("11", "L3", "p-mayor"), ("12", "L4", ""), ("13", "L5", "")):
        world.does("note", "clerk", f"03-02 {hour}:00")
        world.follows()
        track = world.track("sponsor")[1]
        assert (track["data"]["level"], track["data"]["leader"], world.case.levels["sponsor"]) == (level, leader, level)
    world.does("note", "clerk", "03-02 14:00")
    world.follows()
    assert world.refused[-1][1] == Rejection("already-at-level", {"level": "L5"})
    assert world.incidents() == ["no-leader", "no-leader"]


def test_a_sponsor_from_an_accused_unit_is_passed_over() -> None:
    world = assigned(RAISE, unit="乙局", accused=["信访局"])
    world.does("note", "clerk", "03-02 10:00")
    assert world.follows().track("sponsor")[1]["data"]["leader"] == "p-vice"
    other = assigned(RAISE, unit="")
    assert other.case.data.get("unit") in (None, "")


def test_closing_releases_the_sponsor_and_a_closed_case_gets_none() -> None:
    world = assigned(RAISE, unit="乙局")
    world.does("note", "clerk", "03-02 10:00")
    world.follows()
    world.does("close", "clerk", "03-02 11:00")
    assert world.case.levels["sponsor"] == "none"
    world.follows()
    assert world.refused[-1][1].code == "case-closed"
    assert world.case.levels["sponsor"] == "none"


REMIND = "  remind: {upon: deadline.handling.reminder, do: [{remind: {to: =event.owner, text: 将到期}}]}\n"


def test_a_reminder_is_on_record_and_raises_the_level_unless_a_letter_stands_higher() -> None:
    world = assigned(REMIND).waits("03-03 00:00")
    assert (world.events[-1].data["to_unit"], world.case.levels["supervision"]) == ("甲局", "reminded")
    assert world.events[-1].occurred_at == at("03-03")


def test_nobody_in_an_accused_unit_is_reminded() -> None:
    world = assigned(REMIND)
    world.does("note", "clerk", "03-02 10:00", unit="乙局", accused=["甲局"])
    world.waits("03-03 00:00")
    assert world.refused[-1][1].code == "accused-unit"
    assert "case.reminded" not in world.types()
    person = "  remind: {upon: transition.note, do: [{remind: {to: p-station}}]}\n"
    world = assigned(person, unit="乙局", accused=["甲局"])
    world.does("note", "clerk", "03-02 10:00")
    assert world.follows().refused[-1][1].code == "accused-unit"


def test_a_follow_up_is_scheduled_with_its_own_first_limit() -> None:
    reactions = "  call: {upon: transition.note, do: [{schedule_follow_up: {after: 4 working days, by: caller}}]}\n"
    world = assigned(reactions)
    world.does("note", "clerk", "03-02 10:00")
    key, track = world.follows().track("follow_up")
    assert track["data"]["caller"] == "caller"
    assert world.clock(f"{key}/first_try")["due_at"] == "2026-03-06T23:59:59.999999Z"


# ── moves of the engine ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_engine_makes_a_move_in_the_case_at_the_instant_of_its_cause() -> None:
    world = assigned("  go: {upon: transition.note, do: [{fire: answer, with: {num: =case.num + 1}}]}\n")
    world.does("note", "clerk", "03-02 10:00")
    world.follows()
    assert (world.case.state, world.case.data["num"]) == ("handled", 1)
    assert (world.events[-1].occurred_at, world.events[-1].actor) == (at("03-02 10:00"), {"role": "engine"})
    assert world.case.last_fact_at == at("03-02 10:00")


EACH = """
  end_parts:
    upon: transition.note
    do:
      - {fire: part.end, where: "track.size > 1"}
"""


def test_a_move_of_tracks_is_made_in_each_that_it_is_meant_for_and_in_no_other() -> None:
    world = assigned(EACH)
    for size in (1, 2, 3):
        world.does("part.open", "clerk", "03-02 10:00", size=size)
    world.does("note", "clerk", "03-02 11:00")
    world.follows()
    assert [t["state"] for t in world.tracks("part").values()] == ["begun", "ended", "ended"]
    world.does("note", "clerk", "03-02 12:00")  # those that have ended are not meant again
    world.follows()
    assert world.refused == []


def test_what_one_track_refuses_holds_up_no_other_and_is_on_record() -> None:
    world = assigned(EACH)
    for size in (9, 2):
        world.does("part.open", "clerk", "03-02 10:00", size=size)
    world.does("note", "clerk", "03-02 11:00")
    world.follows()
    assert [t["state"] for t in world.tracks("part").values()] == ["begun", "ended"]
    assert world.incidents() == ["fire-refused"]
    alone = assigned(EACH)
    alone.does("part.open", "clerk", "03-02 10:00", size=9)
    alone.does("note", "clerk", "03-02 11:00")
    assert alone.follows().refused[-1][1].code == "guard"


def test_the_engine_opens_a_track_with_what_the_file_says() -> None:
    world = assigned("  open: {upon: transition.note, do: [{open: part, with: {size: =case.num + 4}}]}\n")
    world.does("note", "clerk", "03-02 10:00", num=3)
    assert world.follows().track("part")[1]["data"]["size"] == 7


# ── once, later, never twice ─────────────────────────────────────────────────────────────────────────────────────────

ONCE = """
  first:
    upon: transition.note
    once: true
    do:
      - remind: {to: 乙局}
      - open: part
      - fire: answer
"""


def test_once_does_all_it_says_and_does_it_once() -> None:
    world = assigned(ONCE)
    world.does("note", "clerk", "03-02 10:00")
    world.follows()
    assert world.types()[-3:] == ["case.reminded", "part.begun", "case.handled"]
    world.does("note", "clerk", "03-02 11:00")
    world.follows()
    assert world.types().count("case.reminded") == 1
    assert len(world.tracks("part")) == 1


def test_once_is_once_also_where_two_facts_wake_it_before_it_has_acted() -> None:
    world = World(HEAD + ONCE.replace("fire: answer", "remind: {to: 丙局}")).opens("03-02 08:00")
    world.does("assign", "clerk", "03-02 09:00", unit="甲局")
    world.does("note", "clerk", "03-02 10:00")
    world.does("note", "clerk", "03-02 11:00")
    world.follows()
    assert world.types().count("case.reminded") == 2  # both of the first fact, none of the second
    assert len(world.tracks("part")) == 1
    assert [refused.code for _, refused in world.refused] == ["once"] * 3


def test_once_whose_first_action_is_refused_still_does_the_others_once() -> None:
    text = ONCE.replace("to: 乙局", "to: 甲站").replace("      - fire: answer\n", "")
    world = assigned(text, unit="乙局", accused=["甲局"])
    world.does("note", "clerk", "03-02 10:00")
    world.does("note", "clerk", "03-02 11:00")
    world.follows()
    assert len(world.tracks("part")) == 1


LATER = """
  later:
    upon: transition.note
    after: 30 days
    when: case.num < 5
    %s
    do: [{open: part, with: {size: =event.run + 3}}, {remind: {to: 乙局}}]
"""


def test_what_comes_later_comes_at_the_beginning_of_its_day_and_asks_its_condition_again() -> None:
    world = assigned(LATER % "")
    world.does("note", "clerk", "03-02 10:00")
    world.waits("03-31 23:59")
    assert world.tracks("part") == {}
    world.waits("04-01 00:00")
    assert world.track("part")[1]["opened_at"] == at("04-01")
    assert world.types().count("case.reminded") == 1
    other = assigned(LATER % "")
    other.does("note", "clerk", "03-02 10:00")
    other.follows()
    other.does("note", "clerk", "03-10 10:00", num=7)
    other.waits("05-01 00:00")
    assert other.tracks("part") == {}
    assert other.clock("reaction.later")["status"] == "met"


def test_what_comes_later_comes_although_the_case_is_closed_by_then() -> None:
    world = assigned(LATER % "")
    world.does("note", "clerk", "03-02 10:00")
    world.follows()
    world.does("close", "clerk", "03-03 10:00")
    world.waits("04-01 00:00")
    assert len(world.tracks("part")) == 1


def test_later_and_once_comes_once_with_all_it_says() -> None:
    world = assigned(LATER % "once: true")
    world.does("note", "clerk", "03-02 10:00")
    world.does("note", "clerk", "03-03 10:00")
    world.waits("05-01 00:00")
    assert len(world.tracks("part")) == 1
    assert world.types().count("case.reminded") == 1
    assert world.types().count("reaction.due") == 2


def test_later_in_hours_comes_at_its_instant() -> None:
    world = assigned((LATER % "").replace("30 days", "36 hours"))
    world.does("note", "clerk", "03-02 10:00")
    world.waits("03-03 21:59")
    assert world.tracks("part") == {}
    world.waits("03-03 22:00")
    assert world.track("part")[1]["opened_at"] == at("03-03 22:00")


def test_reading_the_log_again_wishes_for_the_same_and_each_wish_has_an_id_of_its_own() -> None:
    world = assigned(SUPERVISE % "office" + RAISE + REMIND + EACH + ONCE + LATER % "")
    world.does("note", "clerk", "03-02 10:00")
    world.waits("06-01 00:00")
    heard = [event for event in world.events if event.reacts]
    first, second = world.wished(heard), world.wished(heard)
    assert first == second
    ids = [command.id for command in first]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= world.done


def test_a_track_opened_by_hand_and_one_opened_by_a_reaction_upon_it_are_two() -> None:
    world = assigned(
        "  part: {upon: part.state.begun.entered, when: track.size < 2, do: [{open: part, with: {size: 2}}]}\n"
    )
    assert code(world.does("part.open", "clerk", "03-02 10:00", size=1)) == ""
    world.follows()
    assert sorted(t["data"]["size"] for t in world.tracks("part").values()) == [1, 2]


# ── what cannot be decided ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_condition_of_a_reaction_that_cannot_be_computed_is_a_refusal_on_record_for_each_action() -> None:
    reactions = (
        "  bad: {upon: transition.note, when: 10 / case.num > 1, do: [{remind: {to: 乙局}}, {open: part}]}\n" + RAISE
    )
    world = assigned(reactions)
    world.does("note", "clerk", "03-02 10:00", num=0)
    world.follows()
    assert [refused.code for _, refused in world.refused] == ["guard-failed"] * 2
    assert world.refused[0][1].facts["expression"] == "10 / case.num > 1"
    assert world.case.levels["sponsor"] == "L2"  # other reactions go on


def test_a_parameter_that_cannot_be_computed_is_a_refusal_of_that_action() -> None:
    reactions = (
        "  bad: {upon: transition.note, do: [{open: part, with: {size: =10 / case.num}}, {remind: {to: 乙局}}]}\n"
    )
    world = assigned(reactions)
    world.does("note", "clerk", "03-02 10:00", num=0)
    world.follows()
    assert [refused.code for _, refused in world.refused] == ["guard-failed"]
    assert "case.reminded" in world.types()


def test_a_fact_that_no_reaction_waits_for_carries_no_summary() -> None:
    world = assigned(REMIND)
    assert all("summary" not in event.data for event in world.events)
    assert all(not wishes(event, world.rules, "reminders", ("remind",), "") for event in world.events)
