"""Order and repetition: facts may come twice and out of order; what they come to is the same, and none is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from histories import History, Written, run
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_rows import MAP, WORKFLOW, Row, disordered, invented, write

from engine.app import assemble
from engine.core.errors import LianxinError, Problem
from engine.core.model import JsonObject
from engine.language.compile import compile_workflow
from engine.runtime import simulate
from engine.runtime.simulate import Order

EXAMPLES = 12
LATE_ENOUGH = "2026-06-01T00:00:00.000000Z"
HANDLING_MISSED = "deadline.handling.missed"


def outcome(rows: Sequence[Row], order: Order = "occurred", until: str | None = None) -> Written:
    """What these rows come to, read in this order."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "invented.yaml").write_text(WORKFLOW, encoding="utf-8")
        (folder / "invented.map.yaml").write_text(MAP, encoding="utf-8")
        write(rows, folder / "rows.csv")
        files = (folder / "invented.yaml", folder / "invented.map.yaml", folder / "rows.csv")
        return run(History(*files, until, order), folder / "out")


def rows(*said: str) -> list[Row]:
    """Rows written as `does at …` of one case: `call 03-02 09:00`, `assign 03-02 10:00 甲局`."""
    found = []
    for n, text in enumerate(said, start=1):
        does, day, time, *more = text.split()
        row = Row(n, f"m{n}", "2026-0001", does, f"2026-{day} {time}", channel="phone" if does == "call" else "")
        found.append(replace(row, unit=more[0]) if does == "assign" else row)
    return found


# ── sorted by what happened when ─────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32), window=st.sampled_from([3, 50, 200, 10_000]))
def test_shuffled_and_repeated_facts_come_to_the_same(seed: int, window: int) -> None:
    in_order = invented(seed)
    first = outcome(in_order, until=LATE_ENOUGH)
    second = outcome(disordered(in_order, seed, window), until=LATE_ENOUGH)
    assert second.digests == first.digests
    assert second.by_case() == first.by_case()
    assert second.inbox == first.inbox
    assert second.summary["answers"].get("duplicate", 0) == round(len(in_order) * 0.05)


def test_sorting_on_disk_is_sorting_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    in_order = invented(7)
    first = outcome(in_order)
    monkeypatch.setattr(simulate, "SORTED_IN_MEMORY_MAX", 13)
    assert outcome(disordered(in_order, 7)).digests == first.digests


def test_how_many_facts_share_a_transaction_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    in_order = invented(8)
    first = outcome(in_order)
    monkeypatch.setattr(simulate, "STEPS_PER_COMMIT", 1)
    monkeypatch.setattr(simulate, "BATCH_MESSAGES_MAX", 1)
    assert outcome(in_order).digests == first.digests


def test_at_one_instant_the_sequence_decides() -> None:
    call, assign, answer = rows("call 03-02 09:00", "assign 03-02 09:00 甲局", "answer 03-02 09:00")
    assert outcome([answer, assign, call]).inbox == {"accepted": 3}
    wrong_way_round = [replace(answer, n=1), replace(assign, n=2), replace(call, n=3)]
    assert outcome(wrong_way_round).inbox == {"accepted": 1, "rejected": 2}


def test_a_fact_at_the_due_instant_comes_before_the_clock() -> None:
    """Five working days from Monday 2 March end at 24:00 of the ninth; the review has 24 hours, to the instant."""
    answered = rows("call 03-02 09:00", "assign 03-02 10:00 甲局", "answer 03-09 23:59", "approve 03-10 23:59")
    assert _statuses(outcome(answered, until=LATE_ENOUGH)) == {"handling": "met", "review": "met"}
    a_minute_later = [
        *answered[:2],
        replace(answered[2], at="2026-03-10 00:00"),
        replace(answered[3], at="2026-03-11 00:01"),
    ]
    assert _statuses(outcome(a_minute_later, until=LATE_ENOUGH)) == {"handling": "missed", "review": "missed"}


def test_the_same_id_with_other_content_is_a_dead_letter_and_no_repetition() -> None:
    call, assign = rows("call 03-02 09:00", "assign 03-02 10:00 甲局")
    other = replace(assign, n=3, unit="乙局")
    written = outcome([call, assign, replace(assign, n=9), other])
    assert [(row["id"], row["reason"]) for row in written.dead_letters] == [("m2", "id-reused")]
    assert written.summary["answers"]["duplicate"] == 1
    assert written.cases[0]["unit"] == "甲局"


# ── taken as they arrive ─────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 2**32), window=st.sampled_from([3, 50, 200]))
def test_no_fact_is_lost_however_it_arrives(seed: int, window: int) -> None:
    in_order = invented(seed)
    sent = disordered(in_order, seed, window)
    written = outcome(sent, order="arrival")
    assert sum(written.inbox.values()) == len(in_order)
    assert set(written.inbox) <= {"accepted", "rejected", "early"}
    answered = written.summary["answers"]
    assert answered["duplicate"] == len(sent) - len(in_order)
    refused = Counter(event["data"]["code"] for event in written.events if event["type"].endswith(".rejected.v1"))
    assert sum(refused.values()) == written.inbox["rejected"]


def test_an_early_fact_waits_and_is_taken_up_when_its_turn_has_come() -> None:
    call, assign, answer = rows("call 03-02 09:00", "assign 03-02 10:00 甲局", "answer 03-03 09:00")
    written = outcome([answer, assign, call], order="arrival", until=LATE_ENOUGH)
    assert written.summary["answers"]["early"] == 2
    assert written.inbox == {"accepted": 3}
    assert written.cases[0]["state"] == "handled"
    moves = [(e["type"].split(".")[2], e["occurred_at"][:10]) for e in written.events if ".case." in e["type"]]
    assert moves[:3] == [("received", "2026-03-02"), ("assigned", "2026-03-02"), ("handled", "2026-03-03")]
    assert _statuses(written)["handling"] == "met"


def test_an_early_fact_whose_case_never_comes_stays_visible() -> None:
    answer = rows("answer 03-03 09:00")
    written = outcome(answer, order="arrival", until=LATE_ENOUGH)
    assert written.inbox == {"early": 1}
    assert outcome(answer).inbox == {"rejected": 1}  # when all facts are known, it is known to be none


def test_a_fact_that_was_in_time_but_comes_late_corrects_the_record_and_the_letter_keeps_its_number() -> None:
    call, assign, answer = rows("call 03-02 09:00", "assign 03-02 10:00 甲局", "answer 03-09 23:59")
    later = replace(call, n=9, id="m9", case="2026-0002", at="2026-03-20 09:00")  # the clock goes on
    breached = outcome([call, assign, later], order="arrival")
    corrected = outcome([call, assign, later, answer], order="arrival")
    assert _statuses(breached)["handling"] == "missed"
    assert _statuses(corrected)["handling"] == "met"
    (before,), (after, *_) = ([w for w in x.letters if w["cause"] == HANDLING_MISSED] for x in (breached, corrected))
    assert after == before
    assert after["number"] == "示信督〔2026〕1号"
    (event,) = [event for event in corrected.events if event["type"] == "lianxin.case.handled.v1"]
    assert event["data"]["clocks"]["handling#1"]["corrected"] is True
    (letter,) = [track for track in event["data"]["tracks"].values() if track["track"] == "letter"]
    assert (letter["corrected"], letter["number"]["number"]) == (True, 1)  # it stays, with its number, and is marked
    assert event["occurred_at"] < after["signed_at"]
    assert "lianxin.case.reminded.v1" in {event["type"] for event in corrected.events}  # a reaction to the correction


def test_a_fact_that_was_late_stays_late_whenever_it_comes() -> None:
    call, assign, answer = rows("call 03-02 09:00", "assign 03-02 10:00 甲局", "answer 03-10 00:00")
    later = replace(call, n=9, id="m9", case="2026-0002", at="2026-03-20 09:00")
    written = outcome([call, assign, later, answer], order="arrival")
    assert _statuses(written)["handling"] == "missed"
    assert written.inbox == {"accepted": 4}


def test_a_fact_older_than_the_case_s_last_one_is_refused_on_record_and_moves_nothing() -> None:
    first, second, rework, answer = rows(
        "call 03-02 09:00", "assign 03-02 10:00 甲局", "answer 03-03 09:00", "rework 03-04 09:00"
    )
    written = outcome([first, second, rework, answer, replace(second, n=9, id="m9", at="2026-03-02 12:00")], "arrival")
    (refused,) = [event for event in written.events if event["type"].endswith(".rejected.v1")]
    assert refused["data"]["code"] == "late-fact"
    assert written.cases[0]["state"] == "assigned"


# ── a command that opens and moves ───────────────────────────────────────────────────────────────────────────────────


def test_the_first_call_opens_the_case_and_each_later_one_is_added_to_it() -> None:
    calls = rows("call 03-02 09:00", "call 03-02 09:00", "call 03-03 09:00")
    for order in ("occurred", "arrival"):
        written = outcome(calls, order)
        assert written.inbox == {"accepted": 3}
        assert [case["data"]["calls"] for case in written.cases] == [3]
        assert [event["type"] for event in written.events] == [
            "lianxin.case.received.v1",
            "lianxin.case.call.v1",
            "lianxin.case.call.v1",
        ]


def test_each_caller_has_a_place_of_his_own_in_the_vault() -> None:
    calls = rows("call 03-02 09:00", "call 03-02 09:00", "call 03-03 09:00")
    calls = [replace(row, caller=f"某{row.n}") for row in calls]
    contacts = [event["data"]["contact"] for event in outcome(calls).events]
    persons = [person for contact in contacts for person in contact if person != "case"]
    assert len(set(persons)) == 3
    assert "case" in contacts[0]
    assert "case" not in contacts[2]


def test_what_an_opening_and_a_move_of_one_name_both_take_is_of_one_type() -> None:
    """It is read, and kept from sight, before it is known which of the two the command will be."""
    other = WORKFLOW.replace(
        "needs: {channel: {type: enum, of: [letter, visit, phone, web]}}", "needs: {channel: {type: text}}"
    )
    assert [problem.code for problem in _problems(other)] == ["LX-215"]


def test_a_deadline_from_a_command_that_comes_again_says_what_a_second_start_does() -> None:
    silent = (
        "  contact: {within: 2 days, roll: none, from: transition.call, until: [assigned], owner: office}\nletters:"
    )
    assert [problem.code for problem in _problems(WORKFLOW.replace("letters:", silent))] == ["LX-219"]
    said = silent.replace("owner", "again: restart, owner")
    assert not _problems(WORKFLOW.replace("letters:", said))


def _problems(text: str) -> Sequence[Problem]:
    assembly = assemble()
    try:
        compile_workflow(text, "invented.yaml", assembly.actions, assembly.tracks())
    except LianxinError as error:
        return error.problems
    return ()


def _statuses(written: Written) -> JsonObject:
    first = min(written.cases, key=lambda case: str(case["case_key"]))["case_id"]
    return {
        row["deadline"]: row["status"] for row in written.deadlines if row["case_id"] == first and not row["track_id"]
    }
