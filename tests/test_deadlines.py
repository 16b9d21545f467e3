"""Deadlines of a case: what starts, ends, halts and extends them, whose they are, and what their end does."""

from __future__ import annotations

import pytest
from small_worlds import World, at, code

from engine.core import timing
from engine.core.clocks import END, reproject
from engine.core.decide import decide
from engine.core.desk import ENGINE_ACTOR
from engine.core.model import Command
from engine.core.timing import NO_TIME_MAX


def end_of(day: str) -> str:
    return f"2026-{day}T23:59:59.999999Z"


HEAD = """
case:
  unit:   {type: unit, optional: true}
  kind:   {type: enum, of: [fast, slow], default: slow}
  day:    {type: date, optional: true}
  length: {type: duration, optional: true}
  hold:   {type: bool, default: false}
  num:    {type: int, default: 0}
roles: {clerk: 登记员, handler: {title: 承办人, of: case.unit}, boss: 负责人}
opens: {register: {by: clerk}}
states:
  received:
    initial: true
    transitions:
      assign: {to: assigned, by: clerk, takes: [unit, kind, day, length, hold]}
      note:   {by: clerk, takes: [unit, kind, day, length, hold]}
      drop:   {to: closed, by: clerk}
  assigned:
    transitions:
      answer: {to: handled, by: clerk}
      object: {to: halted, by: clerk}
      send_back: {to: received, by: clerk}
      note:   {by: clerk, takes: [unit, kind, day, length, hold]}
      lapse:  {to: closed, by: [engine, boss]}
      object_in_time: {to: halted, by: clerk, before: answering}
      close:  {to: closed, by: clerk}
  halted:
    phase: assigned
    transitions:
      go_on: {to: assigned, by: clerk}
      note:  {by: clerk, takes: [hold, unit]}
      in_time: {by: clerk, before: answering}
      close: {to: closed, by: clerk}
  handled:
    transitions:
      rework: {to: assigned, by: clerk}
      close:  {to: closed, by: clerk}
  closed:
    final: true
    transitions:
      note:   {by: clerk, takes: [hold]}
      reopen: {to: assigned, by: clerk}
"""


def world(deadlines: str, more: str = "") -> World:
    """Opened on Monday, 2 March 2026. A deadline that says nothing of a second start never starts again."""
    if "again" not in deadlines:
        deadlines = deadlines.removesuffix("}") + ", again: never}"
    return World(f"{HEAD}deadlines:\n  answering: {deadlines}\n{more}").opens("03-02 09:00")


def assigned(deadlines: str, more: str = "", when: str = "03-02 10:00", **given: object) -> World:
    """And assigned an hour later."""
    one = world(deadlines, more)
    assert code(one.does("assign", "clerk", when, **given)) == ""
    return one


# ── starting and ending ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_clock_starts_with_its_state_ends_with_its_state_and_is_met_to_the_last_instant() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}")
    clock = one.clock("answering")
    assert (clock["started_at"], clock["due_at"], clock["status"]) == (at("03-02 10:00"), end_of("03-06"), "running")
    one.does("answer", "clerk", "03-06 23:59")
    assert one.clock("answering")["status"] == "met"
    assert one.clock("answering")["rungs"] == []


def test_a_breach_comes_at_the_first_instant_after_and_never_before() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}")
    assert code(one.rings("answering#1", "03-06 23:59")) == "rung-gone"
    one.waits("03-07 00:00")
    assert one.clock("answering")["missed_at"] == at("03-07 00:00")
    assert one.events[-1].occurred_at == at("03-07 00:00")
    assert code(one.rings("answering#1", "03-08 00:00")) == "rung-gone"


def test_a_fact_that_ends_an_overdue_clock_finds_the_breach_on_record_before_it() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}")
    one.does("answer", "clerk", "03-09 09:00")
    assert one.types()[-2:] == ["deadline.missed", "case.handled"]
    assert [event.occurred_at for event in one.events[-2:]] == [at("03-07 00:00"), at("03-09 09:00")]
    clock = one.clock("answering")
    assert (clock["status"], clock["missed_at"], clock["ended_at"]) == ("missed", at("03-07 00:00"), at("03-09 09:00"))


@pytest.mark.parametrize("move", ["close", "object", "send_back"])
def test_a_fact_that_cancels_closes_or_halts_an_overdue_clock_does_not_hide_the_breach(move: str) -> None:
    text = "{within: 4 working days, from: assigned, until: [handled], cancel: [received], pause: {while: [halted]}, again: never}"
    one = assigned(text)
    one.does(move, "clerk", "03-09 09:00")
    assert one.types()[-2] == "deadline.missed"
    assert one.clock("answering")["status"] == "missed"


def test_a_fact_that_has_nothing_to_do_with_an_overdue_clock_leaves_the_breach_to_the_clock() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}")
    one.does("note", "clerk", "03-09 09:00")
    assert one.clock("answering")["status"] == "running"


def test_cancel_ends_neither_met_nor_missed() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled], cancel: [received], again: never}")
    one.does("send_back", "clerk", "03-03 09:00")
    assert one.clock("answering")["status"] == "cancelled"
    one.waits("04-01 00:00")
    assert one.clock("answering")["status"] == "cancelled"


def test_a_move_that_stays_starts_nothing_and_one_named_does() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled], again: restart}")
    one.does("note", "clerk", "03-03 09:00")
    assert one.statuses() == {"answering#1": "running"}
    two = assigned("{within: 4 working days, from: transition.note, until: [handled], again: restart}")
    two.does("note", "clerk", "03-03 09:00")
    two.does("note", "clerk", "03-04 09:00")
    assert two.statuses() == {"answering#1": "cancelled", "answering#2": "running"}


def test_a_fact_with_two_names_that_start_a_deadline_starts_it_once() -> None:
    text = "{within: 4 working days, from: [assigned, transition.assign, any event], until: [handled], again: restart}"
    one = assigned(text)
    assert one.statuses() == {"answering#1": "cancelled", "answering#2": "running"}
    assert [event.data.get("names") for event in one.events] == [None, None]


def test_when_is_asked_once_when_the_clock_would_start_of_the_case_after_the_move() -> None:
    text = "{when: case.kind == 'fast', within: 4 working days, from: assigned, until: [handled]}"
    assert assigned(text).statuses() == {}
    one = assigned(text, kind="fast")
    one.does("note", "clerk", "03-03 09:00", kind="slow")
    assert one.statuses() == {"answering#1": "running"}
    two = assigned(text)
    two.does("note", "clerk", "03-03 09:00", kind="fast")
    assert two.statuses() == {}


def test_a_length_may_be_a_field_or_a_table_and_where_there_is_none_an_incident_says_so() -> None:
    table = "{within: {by: case.kind, fast: 24 hours, slow: 3 days}, roll: none, from: assigned, until: [handled]}"
    assert assigned(table, kind="fast").clock("answering")["due_at"] == at("03-03 10:00")
    assert assigned(table).clock("answering")["due_at"] == end_of("03-05")
    field = "{within: =case.length, roll: none, from: assigned, until: [handled]}"
    assert assigned(field, length="2 days").clock("answering")["due_at"] == end_of("03-04")
    one = assigned(field)
    assert one.statuses() == {}
    assert one.incidents() == ["no-length"]


def test_a_length_in_hours_is_in_time_to_the_instant() -> None:
    for when, status in (("03-03 10:00", "met"), ("03-03 10:01", "missed")):
        one = assigned("{within: 24 hours, from: assigned, until: [handled]}")
        one.does("answer", "clerk", when)
        assert one.clock("answering")["status"] == status


def test_a_last_day_that_is_a_rest_day_is_rolled_and_the_unmoved_one_is_kept() -> None:
    one = assigned("{within: 5 days, roll: next working day, from: assigned, until: [handled]}")
    assert (one.clock("answering")["due_raw_at"], one.clock("answering")["due_at"]) == (
        end_of("03-07"),
        end_of("03-09"),
    )


def test_a_given_due_day_lasts_until_its_end() -> None:
    one = assigned("{due: =case.day, from: assigned, until: [handled]}", day="2026-03-05")
    assert one.clock("answering")["due_at"] == end_of("03-05")


def test_a_deadline_from_a_date_starts_when_the_date_is_known_and_never_again() -> None:
    text = "{within: 10 days, roll: none, from: =case.day, until: [handled]}"
    one = world(text)
    assert one.statuses() == {}
    one.does("note", "clerk", "03-03 09:00", day="2026-03-01")
    assert (one.clock("answering")["started_at"], one.clock("answering")["due_at"]) == (at("03-01"), end_of("03-11"))
    one.does("note", "clerk", "03-04 09:00", day="2026-03-20")
    assert one.clock("answering")["due_at"] == end_of("03-11")
    assert one.statuses() == {"answering#1": "running"}


def test_any_event_starts_it_again_and_a_closed_case_has_none() -> None:
    one = world("{within: 4 working days, from: any event, until: [handled], again: restart}")
    one.does("note", "clerk", "03-03 09:00")
    assert one.statuses() == {"answering#1": "cancelled", "answering#2": "running"}
    one.does("drop", "clerk", "03-04 09:00")
    one.does("note", "clerk", "03-05 09:00")
    assert one.statuses() == {"answering#1": "cancelled", "answering#2": "cancelled"}
    one.does("reopen", "clerk", "03-06 09:00")
    assert one.statuses()["answering#3"] == "running"


def test_nothing_runs_on_a_closed_case_but_what_is_marked_to_stay() -> None:
    text = "{within: 4 working days, from: [closed, transition.note], until: [assigned], again: restart%s}"
    one = assigned(text % "")
    one.does("close", "clerk", "03-03 09:00")
    one.does("note", "clerk", "03-04 09:00", hold=True)
    assert one.statuses() == {}
    two = assigned(text % ", after_close: keep")
    two.does("close", "clerk", "03-03 09:00")
    assert two.statuses() == {"answering#1": "running"}
    two.does("note", "clerk", "03-04 09:00", hold=True)
    assert two.statuses() == {"answering#1": "cancelled", "answering#2": "running"}


# ── a second start ───────────────────────────────────────────────────────────────────────────────────────────────────

AGAIN = "{within: 4 working days, from: assigned, until: [handled], again: %s}"


def test_again_never_keeps_the_first_result() -> None:
    one = assigned(AGAIN % "never")
    one.does("answer", "clerk", "03-03 09:00")
    one.does("rework", "clerk", "03-04 09:00")
    assert one.statuses() == {"answering#1": "met"}


def test_again_restart_begins_anew_and_ends_an_open_run_as_cancelled() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled], again: restart}")
    one.does("answer", "clerk", "03-03 09:00")
    one.does("rework", "clerk", "03-04 09:00")
    assert one.clock("answering", 2)["due_at"] == end_of("03-10")
    one.does("send_back", "clerk", "03-05 09:00")
    one.does("assign", "clerk", "03-06 09:00")
    assert one.statuses() == {"answering#1": "met", "answering#2": "cancelled", "answering#3": "running"}


def test_a_restart_of_an_overdue_run_does_not_hide_its_breach() -> None:
    one = assigned("{within: 2 working days, from: assigned, until: [handled], again: restart}")
    one.does("send_back", "clerk", "03-04 09:00")
    one.does("assign", "clerk", "03-06 09:00")
    assert one.statuses() == {"answering#1": "missed", "answering#2": "running"}


def test_again_resume_goes_on_with_what_is_left() -> None:
    one = assigned(AGAIN % "resume")
    one.does("answer", "clerk", "03-04 09:00")  # two of four days are used
    one.does("rework", "clerk", "03-09 09:00")
    assert one.clock("answering", 2)["due_at"] == end_of("03-11")
    one.does("send_back", "clerk", "03-10 09:00")
    one.does("assign", "clerk", "03-10 10:00")
    assert "answering#3" not in one.case.clocks  # it never stopped


def test_nothing_is_left_of_a_missed_run_to_resume_with() -> None:
    one = assigned(AGAIN % "resume").waits("03-09 00:00")
    one.does("answer", "clerk", "03-10 09:00")
    one.does("rework", "clerk", "03-11 09:00")
    assert one.statuses()["answering#1"] == "missed"
    assert one.clock("answering", 2)["due_at"] == end_of("03-11")


def test_a_run_that_was_resumed_keeps_the_extension_it_was_granted() -> None:
    one = assigned(
        "{within: 4 working days, from: assigned, until: [handled], again: resume, extend: {by: 3 working days, times: 1, approved_by: boss}}"
    )
    one.does("grant_extension_answering", "boss", "03-03 09:00", reason="x")
    one.does("answer", "clerk", "03-03 10:00")
    one.does("rework", "clerk", "03-03 11:00")
    assert one.clock("answering", 2)["due_at"] == end_of("03-11")
    assert code(one.does("grant_extension_answering", "boss", "03-04 09:00", reason="x")) == "extension-cap"


def test_again_keep_due_runs_towards_the_first_due_day_with_its_reminders() -> None:
    one = assigned(
        "{within: 4 working days, from: assigned, until: [handled], again: keep due, remind: [1 working day before]}"
    )
    one.does("answer", "clerk", "03-03 09:00")
    one.does("rework", "clerk", "03-04 09:00")
    clock = one.clock("answering", 2)
    assert (clock["started_at"], clock["due_at"]) == (at("03-04 09:00"), end_of("03-06"))
    assert [rung["name"] for rung in clock["rungs"]] == ["1 working day before", END]


def test_a_kept_due_day_that_has_passed_is_missed_at_the_instant_it_starts_with_all_that_a_breach_does() -> None:
    text = "{within: 4 working days, from: assigned, until: [handled], again: keep due, else_to: office, owner: =case.unit, then: lapse}"
    one = assigned(text)
    one.does("answer", "clerk", "03-03 09:00")
    one.does("rework", "clerk", "03-09 09:00")
    clock = one.clock("answering", 2)
    assert (clock["status"], clock["missed_at"]) == ("missed", at("03-09 09:00"))
    (breach,) = [event for event in one.events if event.type == "lianxin.deadline.missed.v1"]
    assert (breach.occurred_at, breach.data["owner"]) == (at("03-09 09:00"), "信访局")
    assert one.incidents() == ["no-owner"]
    assert one.case.state == "closed"


def test_an_end_whose_move_starts_what_has_ended_already_is_not_followed_for_ever() -> None:
    text = "{within: 4 working days, from: [received, assigned], until: [handled], again: keep due, then: lapse}"
    head = HEAD.replace("lapse:  {to: closed,", "lapse: {to: assigned,")
    one = World(f"{head}deadlines: {{answering: {text}}}").opens("03-02 09:00")
    one.does("assign", "clerk", "03-02 10:00")
    one.does("answer", "clerk", "03-03 09:00")
    assert code(one.does("rework", "clerk", "03-09 09:00")) == ""
    assert one.incidents().count("starts-for-ever") == 1
    assert one.case.state == "assigned"


def test_a_clock_that_its_own_end_starts_with_no_time_left_rings_a_few_times_and_no_more() -> None:
    text = "{within: 20 hours, from: assigned, until: [handled], again: resume, else_to: office, then: lapse}"
    head = HEAD.replace("lapse:  {to: closed,", "lapse: {to: assigned,")
    one = World(f"{head}deadlines: {{answering: {text}}}").opens("03-02 09:00")
    one.does("assign", "clerk", "03-02 10:00")
    one.waits("03-20 09:00")
    assert len(one.case.clocks) == 1 + NO_TIME_MAX
    assert one.incidents() == ["no-owner"] * (1 + NO_TIME_MAX) + ["starts-for-ever"]
    one.does("answer", "clerk", "03-20 10:00")
    assert one.case.state == "handled"


def test_a_clock_that_its_own_end_starts_every_day_is_started_so_often_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "RUNS_MAX", 7)
    text = "{within: 20 hours, from: assigned, until: [handled], again: restart, owner: office, then: lapse}"
    head = HEAD.replace("lapse:  {to: closed,", "lapse: {to: assigned,")
    one = World(f"{head}deadlines: {{answering: {text}}}").opens("03-02 09:00")
    one.does("assign", "clerk", "03-02 10:00")
    one.waits("03-30 09:00")
    assert len(one.case.clocks) == 7
    assert one.incidents() == ["starts-for-ever"]


def test_a_kept_due_day_can_be_extended() -> None:
    one = assigned(
        "{within: 4 working days, from: assigned, until: [handled], again: keep due, pause: {while: [halted]}, extend: {by: 2 days, times: 1, approved_by: boss}}"
    )
    one.does("object", "clerk", "03-03 09:00")
    one.does("go_on", "clerk", "03-03 10:00")
    one.does("answer", "clerk", "03-03 11:00")
    one.does("rework", "clerk", "03-04 09:00")
    assert code(one.does("grant_extension_answering", "boss", "03-05 09:00", reason="x")) == ""
    assert one.clock("answering", 2)["due_at"] == end_of("03-08")


# ── whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────────

OWNED = "{within: 4 working days, from: received, until: [handled], owner: =case.unit%s}"


def test_an_owner_is_found_as_soon_as_there_is_one_and_then_frozen() -> None:
    one = world(OWNED % "")
    assert "owner" not in one.clock("answering")
    one.does("note", "clerk", "03-03 09:00", unit="甲局")
    assert one.clock("answering")["owner"] == "甲局"
    one.does("note", "clerk", "03-04 09:00", unit="乙局")
    assert one.clock("answering")["owner"] == "甲局"


@pytest.mark.parametrize(("else_to", "owner"), [(", else_to: office", "信访局"), (", else_to: 丙局", "丙局"), ("", "")])
def test_a_breach_that_finds_no_owner_goes_to_else_to_and_opens_an_incident(else_to: str, owner: str) -> None:
    one = world(OWNED % else_to).waits("03-09 00:00")
    assert one.events[-1].data["owner"] == owner
    assert one.incidents() == ["no-owner"]


TRACK = """
tracks:
  part:
    many: true
    opens: {by: [clerk]}
    data: {days: {type: int, default: 0}, unit: {type: unit, optional: true}}
    states:
      begun: {initial: true, transitions: {halt: {to: halted, by: clerk}, end: {to: ended, by: clerk}, give: {by: clerk, needs: [unit]}}}
      halted: {transitions: {go_on: {to: begun, by: clerk}}}
      ended: {final: true, transitions: {again: {to: begun, by: clerk}, remark: {by: clerk}}}
    deadlines:
      step:  {within: 3 working days, from: begun, until: [ended], again: %s, owner: =case.unit%s}
"""


def test_the_clock_of_a_track_finds_its_owner_in_the_case_also_when_the_case_moves() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}", TRACK % ("never", ""))
    one.does("part.open", "clerk", "03-02 11:00")
    part, _ = one.track("part")
    assert "owner" not in one.clock(f"{part}/step")
    one.does("note", "clerk", "03-03 09:00", unit="乙局")
    assert one.clock(f"{part}/step")["owner"] == "乙局"


def test_the_final_state_of_a_track_ends_its_clocks_and_starts_none() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}", TRACK % ("restart", ""))
    one.does("part.open", "clerk", "03-02 11:00")
    part, _ = one.track("part")
    one.does("part.end", "clerk", "03-03 09:00")
    assert one.clock(f"{part}/step")["status"] == "met"
    one.does("part.remark", "clerk", "03-03 10:00")
    assert f"{part}/step#2" not in one.case.clocks
    one.does("part.again", "clerk", "03-04 09:00")
    assert one.clock(f"{part}/step", 2)["status"] == "running"


def test_the_overdue_clock_of_a_track_that_ends_is_missed_first() -> None:
    text = (TRACK % ("never", "")).replace("until: [ended]", "until: [halted]")
    one = assigned("{within: 20 working days, from: assigned, until: [handled]}", text)
    one.does("part.open", "clerk", "03-02 11:00")
    part, _ = one.track("part")
    one.does("part.end", "clerk", "03-09 09:00")
    assert one.clock(f"{part}/step")["status"] == "missed"


def test_the_overdue_clock_of_a_track_that_the_closing_cancels_is_missed_first() -> None:
    text = (TRACK % ("never", "")).replace("many: true", "many: true\n    after_close: cancel")
    one = assigned("{within: 20 working days, from: assigned, until: [handled]}", text)
    one.does("part.open", "clerk", "03-02 11:00")
    part, _ = one.track("part")
    one.does("close", "clerk", "03-09 09:00")
    assert one.clock(f"{part}/step")["status"] == "missed"
    assert one.clock("answering")["status"] == "cancelled"


# ── rights, and what the end does ────────────────────────────────────────────────────────────────────────────────────


def test_a_right_lapses_and_is_no_breach() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled], right: true}").waits("03-09 00:00")
    assert one.clock("answering")["status"] == "lapsed"
    assert "missed_at" not in one.clock("answering")
    assert one.types()[-1] == "deadline.lapsed"
    assert one.incidents() == []


def test_what_is_possible_before_a_deadline_is_too_late_after_it_and_at_no_other_time() -> None:
    text = "{within: 4 working days, from: assigned, until: [halted, handled], right: true, again: never}"
    for when, said in (("03-06 23:59", ""), ("03-07 00:00", "too-late")):
        assert code(assigned(text).does("object_in_time", "clerk", when)) == said
        assert code(assigned(text).waits(when).does("object_in_time", "clerk", when)) == said
    one = assigned(text)
    one.does("answer", "clerk", "03-03 09:00")
    one.does("rework", "clerk", "03-03 10:00")
    assert code(one.does("object_in_time", "clerk", "03-03 11:00")) == "too-late"


def test_a_right_that_was_used_in_time_is_not_lost_because_the_message_was_late() -> None:
    text = "{within: 4 working days, from: assigned, until: [halted, handled], right: true, again: never}"
    one = assigned(text).waits("03-10 00:00")
    assert one.clock("answering")["status"] == "lapsed"
    assert code(one.does("object_in_time", "clerk", "03-06 10:00", intake=True)) == ""
    assert (one.clock("answering")["status"], one.clock("answering")["corrected"]) == ("met", True)


def test_a_clock_that_stands_still_is_not_over_although_its_old_due_day_has_passed() -> None:
    text = "{within: 4 working days, from: assigned, until: [handled], pause: {while: [halted]}, again: never}"
    one = assigned(text)
    one.does("object", "clerk", "03-05 09:00")
    assert code(one.does("in_time", "clerk", "03-20 09:00")) == ""


def test_the_end_of_a_deadline_makes_its_move_at_its_own_instant() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled], then: lapse}").waits("03-12 00:00")
    assert one.types()[-2:] == ["deadline.missed", "case.closed"]
    assert one.events[-1].occurred_at == at("03-07 00:00")
    assert one.events[-1].actor == {"role": "engine"}
    assert one.case.last_fact_at == at("03-07 00:00")


def test_a_fact_after_the_end_finds_the_move_that_the_end_makes() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled, halted], then: lapse, again: never}")
    assert code(one.does("answer", "clerk", "03-09 09:00")) == "no-transition"
    assert one.case.state == "assigned"  # nothing of it is kept: the clock will say so
    one.waits("03-09 10:00")
    assert one.case.state == "closed"


def test_a_fact_before_the_move_that_an_end_has_made_is_late() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled], then: lapse}").waits("03-12 00:00")
    assert code(one.does("answer", "clerk", "03-06 09:00", intake=True)) == ""
    assert one.types()[-1] == "deadline.corrected"
    assert one.case.state == "closed"
    assert code(one.does("note", "clerk", "03-06 09:00", intake=True, hold=True)) == "late-fact"


def test_the_end_of_the_clock_of_a_track_moves_the_track() -> None:
    text = TRACK % ("never", ", then: end")
    text = text.replace("end: {to: ended, by: clerk}", "end: {to: ended, by: [clerk, engine]}")
    one = assigned("{within: 20 working days, from: assigned, until: [handled]}", text)
    one.does("part.open", "clerk", "03-02 11:00")
    one.waits("03-10 00:00")
    assert one.track("part")[1]["state"] == "ended"


# ── standing still ───────────────────────────────────────────────────────────────────────────────────────────────────

PAUSED = "{within: 4 working days, from: assigned, until: [handled], pause: {while: [halted]%s, law: 条例}, again: never, remind: [1 working day before]}"


def test_a_clock_stands_still_in_the_states_of_its_pause_with_its_reminders_and_goes_on_with_what_is_left() -> None:
    one = assigned(PAUSED % "")
    one.does("object", "clerk", "03-04 09:00")
    one.waits("03-16 08:00")
    assert one.clock("answering")["status"] == "running"
    assert "since" not in one.clock("answering")
    one.does("go_on", "clerk", "03-16 09:00")
    clock = one.clock("answering")
    assert clock["due_at"] == end_of("03-18")
    assert clock["pauses"] == [[at("03-04 09:00"), at("03-16 09:00"), "条例"]]
    assert [rung["at"] for rung in clock["rungs"]] == [at("03-17"), at("03-19")]


def test_a_pause_with_a_condition_lasts_as_long_as_it_holds() -> None:
    one = assigned(PAUSED % ", when: case.hold")
    one.does("object", "clerk", "03-03 09:00")
    assert "since" in one.clock("answering")
    one.does("note", "clerk", "03-04 09:00", hold=True)
    assert "since" not in one.clock("answering")
    one.does("note", "clerk", "03-09 09:00", hold=False)
    assert one.clock("answering")["since"] == at("03-09 09:00")
    assert one.clock("answering")["due_at"] == end_of("03-11")


def test_a_pause_whose_condition_reads_the_tracks_follows_them() -> None:
    one = assigned(PAUSED % ", when: tracks.part.open > 0", TRACK % ("never", ""))
    one.does("object", "clerk", "03-03 09:00")
    one.does("part.open", "clerk", "03-03 10:00")
    assert "since" not in one.clock("answering")
    one.does("part.end", "clerk", "03-03 11:00")
    assert "since" in one.clock("answering")


def test_a_pause_of_a_track_follows_the_case() -> None:
    text = TRACK % ("never", ", pause: {while: [begun], when: case.hold}")
    one = assigned("{within: 20 working days, from: assigned, until: [handled]}", text)
    one.does("part.open", "clerk", "03-02 11:00")
    part, _ = one.track("part")
    one.does("note", "clerk", "03-03 09:00", hold=True)
    assert "since" not in one.clock(f"{part}/step")
    one.does("note", "clerk", "03-04 09:00", hold=False)
    assert "since" in one.clock(f"{part}/step")


def test_a_clock_that_starts_in_a_state_of_its_pause_stands_still_from_the_first_instant() -> None:
    one = assigned("{within: 4 working days, from: halted, until: [handled], pause: {while: [halted]}, again: never}")
    one.does("object", "clerk", "03-03 09:00")
    assert "since" not in one.clock("answering")
    one.does("go_on", "clerk", "03-09 09:00")
    assert one.clock("answering")["due_at"] == end_of("03-13")


def test_ending_a_clock_that_stands_still_is_no_breach() -> None:
    one = assigned(PAUSED % "")
    one.does("object", "clerk", "03-04 09:00")
    one.does("close", "clerk", "04-20 09:00")
    assert one.clock("answering")["status"] == "cancelled"


# ── extensions ───────────────────────────────────────────────────────────────────────────────────────────────────────

EXTENDED = "{within: 5 days, roll: next working day, from: assigned, until: [handled], again: never, pause: {while: [halted]}, remind: [1 day before], extend: {by: %s, times: 1%s, approved_by: boss}}"
ASKED = ", asked_by: clerk"


def test_an_extension_is_asked_for_granted_before_the_due_day_and_counted_from_the_unrolled_one() -> None:
    one = assigned(EXTENDED % ("10 days", ASKED))
    assert (one.clock("answering")["due_raw_at"], one.clock("answering")["due_at"]) == (
        end_of("03-07"),
        end_of("03-09"),
    )
    assert code(one.does("grant_extension_answering", "boss", "03-03 09:00", reason="x")) == "not-asked"
    assert code(one.does("ask_extension_answering", "clerk", "03-03 09:00", reason="x")) == ""
    assert code(one.does("grant_extension_answering", "clerk", "03-03 10:00", reason="x")) == "role-not-allowed"
    assert code(one.does("grant_extension_answering", "boss", "03-03 10:00", reason="x")) == ""
    assert (one.clock("answering")["due_raw_at"], one.clock("answering")["extended"]) == (end_of("03-17"), 1)
    assert code(one.does("ask_extension_answering", "clerk", "03-04 09:00", reason="x")) == "extension-cap"
    assert code(one.does("grant_extension_answering", "boss", "03-04 09:00", reason="x")) == "not-asked"


def test_an_extension_that_was_refused_may_be_asked_for_again() -> None:
    one = assigned(EXTENDED % ("10 days", ASKED))
    one.does("ask_extension_answering", "clerk", "03-03 09:00", reason="x")
    assert code(one.does("refuse_extension_answering", "boss", "03-03 10:00", reason="x")) == ""
    assert code(one.does("grant_extension_answering", "boss", "03-03 11:00", reason="x")) == "not-asked"
    assert code(one.does("ask_extension_answering", "clerk", "03-03 12:00", reason="x")) == ""


def test_an_extension_comes_before_the_due_day_or_never() -> None:
    for when, said in (("03-09 23:59", ""), ("03-10 00:00", "too-late")):
        one = assigned(EXTENDED % ("10 days", ""))
        assert code(one.does("grant_extension_answering", "boss", when, reason="x")) == said


def test_an_extension_moves_the_reminders_that_have_not_come_and_repeats_none() -> None:
    one = assigned(EXTENDED % ("10 days", "")).waits("03-06 12:00")
    assert one.types().count("deadline.reminder") == 1
    one.does("grant_extension_answering", "boss", "03-09 09:00", reason="x")
    one.waits("04-01 00:00")
    assert one.types().count("deadline.reminder") == 1
    two = assigned(EXTENDED % ("10 days", ""))
    two.does("grant_extension_answering", "boss", "03-03 09:00", reason="x")
    assert [rung["at"] for rung in two.clock("answering")["rungs"]] == [at("03-16"), at("03-18")]


@pytest.mark.parametrize(
    ("within", "by", "due"),
    [
        ("24 hours", "12 hours", at("03-03 22:00")),
        ("24 hours", "2 days", at("03-05 10:00")),
        ("5 working days", "5 days", end_of("03-16")),  # Saturday the 14th is no working day
        ("5 days", "1 month", end_of("04-07")),
        ("5 days", "30 hours", end_of("03-09")),
        ("1 month", "10 working days", end_of("04-16")),
    ],
)
def test_an_extension_may_be_of_another_unit(within: str, by: str, due: str) -> None:
    roll = "" if "working" in within or "hours" in within else "roll: none, "
    text = f"{{within: {within}, {roll}from: assigned, until: [handled], extend: {{by: {by}, approved_by: boss}}}}"
    one = assigned(text)
    assert code(one.does("grant_extension_answering", "boss", "03-02 12:00", reason="x")) == ""
    assert one.clock("answering")["due_at"] == due


def test_a_clock_that_stands_still_can_be_extended() -> None:
    one = assigned(EXTENDED % ("10 days", ""))
    one.does("object", "clerk", "03-04 09:00")
    assert code(one.does("grant_extension_answering", "boss", "03-20 09:00", reason="x")) == ""
    assert "since" not in one.clock("answering")
    one.does("go_on", "clerk", "03-23 09:00")
    assert one.clock("answering")["due_raw_at"] == "2026-04-05T23:59:59.999999Z"


# ── reminders ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_reminders_come_once_in_order_and_only_after_the_start() -> None:
    text = "{within: 10 working days, from: assigned, until: [handled], remind: [50%, 3 working days before, 12 hours before, 50%, 40 days before]}"
    one = assigned(text).waits("04-01 00:00")
    reminded = [(e.data["reminder"], e.occurred_at) for e in one.events if e.type == "lianxin.deadline.reminder.v1"]
    assert reminded == [
        ("50%", at("03-09")),
        ("3 working days before", at("03-11")),
        ("12 hours before", "2026-03-16T11:59:59.999999Z"),
    ]


def test_two_reminders_at_one_instant_both_come() -> None:
    text = "{within: 10 working days, from: assigned, until: [handled], remind: [50%, 5 working days before]}"
    one = assigned(text).waits("04-01 00:00")
    assert one.types().count("deadline.reminder") == 2


def test_a_clock_that_has_ended_or_stands_still_does_not_ring() -> None:
    one = assigned(PAUSED % "")
    one.does("object", "clerk", "03-04 09:00")
    assert code(one.rings("answering#1", "04-01 00:00")) == "rung-gone"
    one.does("close", "clerk", "03-05 09:00")
    assert code(one.rings("answering#1", "04-01 00:00")) == "rung-gone"
    assert code(one.rings("answering#9", "04-01 00:00")) == "rung-gone"


# ── a later edition of the calendar ──────────────────────────────────────────────────────────────────────────────────


def test_a_new_calendar_moves_no_delayed_reaction_that_it_has_no_reason_to_move() -> None:
    more = "reactions: {later: {upon: transition.assign, after: 30 days, do: [{fire: lapse}]}}\n"
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}", more).follows()
    clock = one.clock("reaction.later")
    assert clock["rungs"][0]["at"] == at("04-01")
    assert reproject(clock, one.rules.calendar) is clock


def test_a_calendar_that_moves_nothing_is_no_fact() -> None:
    one = assigned("{within: 4 working days, from: assigned, until: [handled]}")
    command = Command("calendar", "1", one.case.case_id, "", "calendar", "plain_utc", ENGINE_ACTOR, at("03-03"))
    assert code(decide(one.case, command, one.rules)) == "nothing-moved"
