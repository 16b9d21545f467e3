"""Rows that other people recorded, run through the whole engine: its own files say the numbers that are known of them.

The numbers in reference.json were computed from the rows by two other programs. The rows stand outside this project.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from broken_rows import Columns, broken_copy
from databases import url_of
from histories import History, Written, messages, run
from invented_rows import numbered_copy, shuffled_copy
from worker_parts import HandClock, a_worker, turned_by_and_by

from engine.app import assemble
from engine.audit.digests import state_digest
from engine.core.instants import Instant, from_datetime, to_datetime
from engine.resources import workflows_dir
from engine.runtime.asks import UNLIMITED, Ask
from engine.runtime.assembly import any_units
from engine.runtime.batching import Item
from engine.runtime.replay import replay
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault

pytestmark = pytest.mark.real

HERE = Path(__file__).parent / "real"
FILES = {
    "zh_replies": "zh_replies_706.csv",
    "baltimore": "baltimore311_3402.csv",
    "boston": "boston311-100.csv",
    "cfpb": "cfpb_349.csv",
    "nyc": "nyc311_924.csv",
    "receipt": "receipt.csv",
    "bpi2013": "bpi2013_problems.csv.gz",
    "roadtraffic": "roadtraffic100traces.xes",
    "running_example": "running-example.xes",
}
BOSTON_NOW = "2022-06-01T00:00:00-04:00"
SEED = 20260401


@pytest.fixture
def reference(data_dir: Path) -> dict[str, Any]:
    """The numbers that are known."""
    found: dict[str, Any] = orjson.loads((data_dir / "reference.json").read_bytes())
    return found


@pytest.fixture
def history(data_dir: Path, reference: dict[str, Any]) -> Callable[[str], History]:
    """What there is to run, by its name."""

    def found(name: str) -> History:
        until = {"baltimore": reference["baltimore311_3402"]["now"], "boston": BOSTON_NOW}.get(name)
        return History(
            workflow=HERE / f"{name}.yaml",
            map=HERE / f"{name}.map.yaml",
            events=data_dir / FILES[name],
            until=_instant(until) if until else None,
        )

    return found


@pytest.fixture(scope="module")
def runs() -> dict[str, Written]:
    """Runs that several tests look at, made once."""
    return {}


Ran = Callable[[str], Written]


@pytest.fixture
def ran(history: Callable[[str], History], runs: dict[str, Written], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A history in order and once, run through the engine."""

    def found(name: str) -> Written:
        if name not in runs:
            runs[name] = run(history(name), tmp_path_factory.mktemp(name))
        return runs[name]

    return found


# ── what is known of each file ───────────────────────────────────────────────────────────────────────────────────────


def test_working_days_with_make_up_days_decide_which_replies_were_late(ran: Ran, reference: dict[str, Any]) -> None:
    expected = reference["zh_replies_706"]
    written = ran("zh_replies")
    late = written.missed("handling")
    assert len(written.cases) == 706
    assert len(late) == expected["late_after_15_working_days"]
    assert len(written.letters) == len(late)
    verdicts = [f"{key},{int(key in late)}" for key in sorted((c["case_key"] for c in written.cases), key=int)]
    assert hashlib.sha256("\n".join(verdicts).encode()).hexdigest() == expected["verdict_sha256"]
    due = {row["case_id"]: _day(row["due_at"], "Asia/Shanghai") for row in written.deadlines if not row["track_id"]}
    answered = [event for event in written.events if event["type"] == "lianxin.case.handled.v1"]
    on_the_last_day = [e for e in answered if _day(e["occurred_at"], "Asia/Shanghai") == due[e["case_id"]]]
    assert len(on_the_last_day) == expected["answered_exactly_on_working_day_15"]


def test_other_ways_to_count_days_give_the_numbers_known_for_them(
    history: Callable[[str], History], ran: Ran, reference: dict[str, Any], tmp_path: Path
) -> None:
    expected = reference["zh_replies_706"]
    written = history("zh_replies")
    text = written.workflow.read_text(encoding="utf-8")
    calendar_days = tmp_path / "sixty_days.yaml"
    calendar_days.write_text(
        text.replace("within: 15 working days", "within: 60 days\n    roll: none"), encoding="utf-8"
    )
    ran_sixty = run(replace(written, workflow=calendar_days), tmp_path / "sixty")
    assert len(ran_sixty.missed("handling")) == expected["late_after_60_calendar_days"]

    shutil.copytree(workflows_dir(), tmp_path / "workflows")
    weeks = (tmp_path / "workflows/calendars/plain_utc.yaml").read_text(encoding="utf-8")
    weeks = weeks.replace("plain_utc", "plain_shanghai").replace("zone: UTC", "zone: Asia/Shanghai")
    (tmp_path / "workflows/calendars/plain_shanghai.yaml").write_text(weeks, encoding="utf-8")
    plain = tmp_path / "plain_weeks.yaml"
    plain.write_text(text.replace("calendar: cn", "calendar: plain_shanghai"), encoding="utf-8")
    ran_plain = run(replace(written, workflow=plain, folder=tmp_path / "workflows"), tmp_path / "plain")
    late = ran_plain.missed("handling")
    assert len(late) == expected["late_if_makeup_days_and_holidays_are_ignored"]
    assert len(late ^ ran("zh_replies").missed("handling")) == expected["verdicts_that_differ"]


def test_the_source_s_own_due_instants_are_kept_to_the_second(ran: Ran, reference: dict[str, Any]) -> None:
    expected = reference["baltimore311_3402"]
    written = ran("baltimore")
    cases, handling = written.case_of, [row for row in written.deadlines if row["deadline"] == "handling"]
    missed_in = Counter(cases[row["case_id"]]["state"] for row in handling if row["status"] == "missed")
    statuses = [str(case["data"].get("status", "")) for case in written.cases]
    assert {
        "rows": len(written.cases),
        "with_due": len(handling),
        "closed": sum(case["state"] == "closed" for case in written.cases),
        "closed_late": missed_in["closed"],
        "open_overdue": missed_in["received"],
        "duplicates": sum("Duplicate" in status for status in statuses),
        "transferred": sum("Transferred" in status for status in statuses),
        "due_equals_created": sum(row["due_at"] == row["started_at"] for row in handling),
        "now": expected["now"],
    } == expected
    assert written.summary["now"] == _instant(expected["now"])
    assert len(written.letters) == expected["closed_late"] + expected["open_overdue"]
    assert _dense_per_year(written)


def test_our_verdict_is_the_city_s_own_in_every_case(ran: Ran, reference: dict[str, Any]) -> None:
    written = ran("boston")
    late = written.missed("target")
    ours = {case["case_key"]: "OVERDUE" if case["case_key"] in late else "ONTIME" for case in written.cases}
    assert Counter(ours.values()) == reference["boston311_100"]
    assert ours == {case["case_key"]: case["data"]["verdict"] for case in written.cases}


def test_who_disputes_an_answer_is_called_back_and_nobody_else(ran: Ran, reference: dict[str, Any]) -> None:
    expected = reference["cfpb_349"]
    written = ran("cfpb")
    disputed = {case["case_id"] for case in written.cases if case["data"].get("disputed")}
    assert len(written.followups) == expected["disputed"]
    assert {row["case_id"] for row in written.followups} == disputed
    assert sum(case["data"]["timely"] is True for case in written.cases) == expected["timely"]


def test_a_problem_passed_on_a_third_time_is_escalated_once_and_exactly_then(
    ran: Ran, reference: dict[str, Any]
) -> None:
    expected = reference["bpi2013_problems"]
    written = ran("bpi2013")
    data = [case["data"] for case in written.cases]
    assert {
        "cases": len(written.cases),
        "transfers": sum(said["transfers"] for said in data),
        "team_a_b_a": sum(said["returned"] for said in data),
        "three_or_more_transfers": sum(said["transfers"] >= 3 for said in data),
        "reopened_after_completion": sum(said["reopenings"] > 0 for said in data),
    } == expected
    assert sum(said["reopenings"] for said in data) == 81
    third: dict[str, Instant] = {}
    for event in written.events:
        if event["data"].get("set", {}).get("transfers") == 3:
            third.setdefault(event["case_id"], event["occurred_at"])
    escalated = [(e["case_id"], e["occurred_at"]) for e in written.events if e["type"] == "lianxin.sponsor.serving.v1"]
    assert sorted(escalated) == sorted(third.items())
    assert len(escalated) == expected["three_or_more_transfers"]
    assert written.inbox == {"accepted": 6660}


def test_sixty_days_after_the_notice_is_the_day_of_the_penalty_whatever_the_clocks_did(
    ran: Ran, reference: dict[str, Any]
) -> None:
    expected = reference["roadtraffic100traces"]
    written = ran("roadtraffic")
    zone = expected["time_zone"]
    due = {row["case_id"]: _day(row["due_raw_at"], zone) for row in written.deadlines}
    notice, penalty = (
        {event["case_id"]: _day(event["occurred_at"], zone) for event in written.events if event["type"] == type_}
        for type_ in ("lianxin.case.notified.v1", "lianxin.case.penalised.v1")
    )
    both = notice.keys() & penalty.keys()
    assert len(both) == expected["cases_with_notice_and_penalty"]
    assert {case: due[case] for case in both} == {case: penalty[case] for case in both}
    assert {penalty[case] - notice[case] for case in both} == {timedelta(days=expected["local_days_between"])}
    assert len(written.cases) == 100
    assert written.inbox == {"accepted": 390}


def test_permits_that_ended_late_and_those_still_open(ran: Ran, reference: dict[str, Any]) -> None:
    expected = reference["receipt"]
    written = ran("receipt")
    cases = written.case_of
    ended_late = [
        row for row in written.deadlines if row["status"] == "missed" and cases[row["case_id"]]["state"] == "closed"
    ]
    refused = [event for event in written.events if event["type"] == "lianxin.case.rejected.v1"]
    steps = sum(case["data"]["steps"] for case in written.cases)
    assert {
        "cases": len(written.cases),
        "events": steps + len(refused),
        "ended_after_deadline": len(ended_late),
        "open": sum(case["state"] == "received" for case in written.cases),
    } == expected
    # What is refused is on record: steps that the source dates before their permit was asked for.
    assert {(event["data"]["command"], event["data"]["code"]) for event in refused} == {("step", "too-early")}
    assert len({event["case_id"] for event in refused}) == 2


def test_a_burst_of_requests_arrives_whole(ran: Ran, data_dir: Path) -> None:
    written = ran("nyc")
    with (data_dir / FILES["nyc"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(written.cases) == len(rows) == 924
    assert Counter(case["data"]["channel"] for case in written.cases) == Counter(
        row["Open Data Channel Type"] for row in rows
    )
    closed = sum(bool(row["Closed Date"]) for row in rows)
    assert Counter(case["state"] for case in written.cases) == {"closed": closed, "received": len(rows) - closed}
    assert written.inbox == {"accepted": len(rows) + closed}
    assert not written.dead_letters


def test_every_event_of_the_textbook_s_log_arrives(ran: Ran) -> None:
    written = ran("running_example")
    assert written.inbox == {"accepted": 42}
    assert Counter(case["state"] for case in written.cases) == {"paid": 3, "rejected": 3}


def test_the_command_line_writes_the_same(history: Callable[[str], History], ran: Ran, tmp_path: Path) -> None:
    """What is proved here of the engine is what `lianxin simulate` gives."""
    whole = history("zh_replies")
    options = ["--events", whole.events, "--map", whole.map, "--out", tmp_path]
    command = [sys.executable, "-m", "engine.app", "simulate", whole.workflow, *options]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    assert orjson.loads((tmp_path / "summary.json").read_bytes()) == ran("zh_replies").summary


# ── broken rows ──────────────────────────────────────────────────────────────────────────────────────────────────────

BREAKABLE = {
    "zh_replies": Columns(("received_at", "replied_at"), ("case_id",)),
    "baltimore": Columns(
        times=("CreatedDate", "DueDate", "CloseDate", "StatusDate"),
        keys=("ServiceRequestNum",),
        typed=("MethodReceived",),
    ),
    "boston": Columns(("open_dt", "target_dt", "closed_dt"), ("case_enquiry_id",), ("source", "ontime")),
    "cfpb": Columns(
        times=("Date received", "Date sent to company"),
        keys=("Complaint ID",),
        typed=("Submitted via", "Timely response?", "Consumer disputed?"),
    ),
    "nyc": Columns(("Created Date", "Closed Date"), ("Unique Key",), ("Open Data Channel Type",)),
    "receipt": Columns(
        times=("case:startdate", "case:enddate", "case:deadline", "time:timestamp"),
        keys=("case:concept:name", "concept:instance"),
        typed=("case:channel",),
    ),
    "bpi2013": Columns(("time",), ("case_id",), ("state",)),
}
KEYS = {name: columns.keys[0] for name, columns in BREAKABLE.items()}


@pytest.mark.parametrize("name", BREAKABLE)
def test_broken_rows_become_dead_letters_and_touch_nothing_else(
    name: str, history: Callable[[str], History], ran: Ran, tmp_path: Path
) -> None:
    whole, before = history(name), ran(name)
    copy = tmp_path / FILES[name].removesuffix(".gz")
    broken = broken_copy(whole.events, copy, BREAKABLE[name], SEED)
    until = whole.until or before.summary["now"]
    written = run(replace(whole, events=copy, until=until), tmp_path / "out")

    said = {row["row"]: row for row in written.dead_letters}
    assert sorted(row["row"] for row in written.dead_letters) == [one.row for one in broken]
    for one in broken:
        letter = said[one.row]
        assert (letter["file"], letter["field"]) == (copy.name, one.column), one
        assert letter["reason"] in one.reasons, one

    touched = _keys_of_lines(whole.events, KEYS[name], {one.row for one in broken})
    expected, found = before.by_case(numbers=False), written.by_case(numbers=False)
    for key in touched:
        expected.pop(key, None)
        found.pop(key, None)
    assert found == expected


# ── order and repetition ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["zh_replies", "baltimore", "bpi2013", "receipt"])
def test_shuffled_and_repeated_rows_give_the_same_state_and_the_same_letters(
    name: str, history: Callable[[str], History], ran: Ran, tmp_path: Path
) -> None:
    in_order, in_disorder = ran(name), run(_shuffled(history(name), tmp_path), tmp_path / "out")
    assert in_disorder.digests == in_order.digests
    assert in_disorder.inbox == in_order.inbox
    assert in_disorder.by_case() == in_order.by_case()
    assert in_disorder.summary["answers"]["duplicate"] > in_order.summary["answers"].get("duplicate", 0)


@pytest.mark.parametrize("name", ["zh_replies", "baltimore", "bpi2013"])
def test_rows_taken_as_they_arrive_are_all_accounted_for(
    name: str, history: Callable[[str], History], ran: Ran, tmp_path: Path
) -> None:
    arrived = run(replace(_shuffled(history(name), tmp_path), order="arrival"), tmp_path / "arrived")
    assert sum(arrived.inbox.values()) == sum(ran(name).inbox.values())
    assert not arrived.dead_letters
    refused = sum(event["type"] == "lianxin.case.rejected.v1" for event in arrived.events)
    assert refused >= arrived.inbox["rejected"]
    assert len(arrived.cases) == len(ran(name).cases)


def test_replies_known_late_but_given_in_time_clear_the_unit_and_the_letter_keeps_its_number(
    history: Callable[[str], History], ran: Ran, reference: dict[str, Any], tmp_path: Path
) -> None:
    """The rows do not stand in the order of time: nearly every reply comes when its due day is long past."""
    arrived = run(replace(_shuffled(history("zh_replies"), tmp_path), order="arrival"), tmp_path / "arrived")
    late = arrived.missed("handling")
    assert len(late) == reference["zh_replies_706"]["late_after_15_working_days"]
    assert late == ran("zh_replies").missed("handling")
    corrected = [e for e in arrived.events if any("corrected" in c for c in e["data"].get("clocks", {}).values())]
    cases_with_letters = Counter(letter["case_id"] for letter in arrived.letters)
    assert corrected
    assert max(cases_with_letters.values()) == 1
    assert {event["case_id"] for event in corrected} | _ids(arrived, late) == set(cases_with_letters)
    assert all(letter["number"] and letter["state"] == "delivered" for letter in arrived.letters)
    assert _dense_per_year(arrived)


REPLIES_APART = """\
workflow: zh_replies
source: zh_replies_706.csv
format: csv
time_zone: Asia/Shanghai
time_format: "%Y-%m-%d %H:%M:%S"
sequence: line_number
rows:
  - does: register
    as: clerk
    when: row.what == 'received_at'
    id: =row.case_id + '-received'
    case_key: =row.case_id
    time: =row.at
    with: {number: =row.case_id}
  - does: answer
    as: handler
    when: row.what == 'replied_at'
    id: =row.case_id + '-replied'
    case_key: =row.case_id
    time: =row.at
"""


def test_replies_that_come_before_their_messages_wait_and_are_taken_up(
    history: Callable[[str], History], ran: Ran, tmp_path: Path
) -> None:
    """Message and reply as rows of their own, in the order of time but for the shuffling: some replies come first."""
    whole = history("zh_replies")
    with whole.events.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    apart = sorted((row[what], row["case_id"], what) for row in rows for what in ("received_at", "replied_at"))
    in_order, shuffled, map_ = tmp_path / "in_order.csv", tmp_path / "shuffled.csv", tmp_path / "apart.map.yaml"
    lines = [f"{number},{case},{what},{at}" for number, (at, case, what) in enumerate(apart, start=1)]
    in_order.write_text("\n".join(["line_number,case_id,what,at", *lines]) + "\n", encoding="utf-8")
    shuffled_copy(in_order, shuffled, SEED)
    map_.write_text(REPLIES_APART, encoding="utf-8")
    arrived = run(replace(whole, map=map_, events=shuffled, order="arrival"), tmp_path / "arrived")
    assert arrived.summary["answers"]["early"] > 0
    assert arrived.inbox == {"accepted": 2 * len(rows)}  # none waits any longer
    assert arrived.missed("handling") == ran("zh_replies").missed("handling")
    assert _dense_per_year(arrived)


# ── from here on, how the tests look at things ───────────────────────────────────────────────────────────────────────


# ── the same on both databases ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("name", ["zh_replies", "boston", "running_example"])
def test_a_worker_that_gets_the_rows_as_they_happen_ends_where_simulate_ends(
    history: Callable[[str], History], ran: Ran, name: str
) -> None:
    whole = history(name)
    assembly = assemble(whole.folder)
    workflow = assembly.workflow(whole.workflow)
    keys = fixed_keys()
    vault = Vault(keys)
    with Store.open(url_of(None), vault=vault) as store:
        book = assembly.book({workflow.name: workflow}, any_units(), store)
        line = assembly.line(store, keys, vault, book, {"*": UNLIMITED})
        asks = [ask for ask in messages(whole, book) if isinstance(ask, Ask)]
        asks.sort(key=lambda ask: (ask.time, ask.sequence))
        with a_worker(line, HandClock(asks[0].time)) as worker:
            for at, together in groupby(asks, key=lambda ask: ask.time):
                turned_by_and_by(worker, at)
                worker.writer.take_in([Item(ask) for ask in together], worker.time.now())
            turned_by_and_by(worker, whole.until or asks[-1].time)
            worker.drain()
        with store.read() as reader:
            assert state_digest(reader) == ran(name).digests[0]
        assert replay(store).equal


def _shuffled(history: History, folder: Path) -> History:
    """The history with its rows numbered in a column, then shuffled within 200 lines, 5 % of them twice."""
    numbered, shuffled = folder / "numbered.csv", folder / "shuffled.csv"
    numbered_copy(history.events, numbered, "line_number")
    shuffled_copy(numbered, shuffled, SEED)
    map_ = folder / history.map.name
    text = history.map.read_text(encoding="utf-8")
    map_.write_text(f"source: file:{history.events.name}\nsequence: line_number\n{text}", encoding="utf-8")
    return replace(history, map=map_, events=shuffled)


def _keys_of_lines(events: Path, column: str, lines: set[int]) -> set[str]:
    with gzip.open(events, "rt") if events.suffix == ".gz" else events.open(encoding="utf-8", newline="") as file:
        return {row[column] for number, row in enumerate(csv.DictReader(file), start=2) if number in lines}


def _dense_per_year(written: Written) -> bool:
    """Of each year 1…n, none twice and none left out."""
    years: defaultdict[str, list[int]] = defaultdict(list)
    for letter in written.letters:
        year, number = letter["number"].split("〔")[1].removesuffix("号").split("〕")
        years[year].append(int(number))
    return all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in years.values())


def _ids(written: Written, keys: set[str]) -> set[str]:
    return {case["case_id"] for case in written.cases if case["case_key"] in keys}


def _instant(text: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text))


def _day(instant: Instant, zone: str) -> date:
    return to_datetime(instant).astimezone(ZoneInfo(zone)).date()
