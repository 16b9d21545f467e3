"""Laws that hold of every workflow and every stream of commands, proved on invented ones with the real line and store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from invented_workflows import asks, streams, workflows
from small_worlds import directory

from engine.app import assemble
from engine.audit.verify import verify
from engine.core.errors import LianxinError
from engine.core.evolve import evolve
from engine.core.instants import Instant, plus
from engine.core.machine import BACK
from engine.core.model import Case, Event
from engine.core.workflow import Workflow
from engine.runtime.asks import Ask
from engine.runtime.handle import Answer, Line, handle
from engine.runtime.replay import replay
from engine.runtime.rulebook import RuleBook
from engine.runtime.simulate import Simulation
from engine.store import batch as outcomes
from engine.store.keys import fixed_keys
from engine.store.store import Store
from engine.store.vault import Vault, seeded_random

FEW = settings(max_examples=12)
END = "end"


class Run:
    """One invented workflow at work: batches in, time turned, reactions followed; the log and what it came to."""

    def __init__(self, workflow: Workflow, line: Line) -> None:
        self.workflow, self.line = workflow, line
        line.park = True
        self.simulation = Simulation(line, assemble().consumers, "arrival")

    def take(self, batch: Sequence[Ask]) -> list[Answer]:
        """A batch at the instant of its last message; before it, every point of a clock up to there."""
        return self._step(max(message.time for message in batch), batch)

    def wait(self) -> None:
        """A fortnight, for whatever is still to come."""
        self._step(plus(self.simulation.now, timedelta(days=14)), [])

    def _step(self, at: Instant, batch: Sequence[Ask]) -> list[Answer]:
        try:
            with self.line.store.transaction() as tx:
                return self.simulation.step(tx, max(at, self.simulation.now), batch)
        except LianxinError as error:
            if error.code == "LX-412":
                reject()  # a workflow whose reactions set each other off for ever
            raise

    def log(self) -> list[Event]:
        with self.line.store.read() as reader:
            return reader.log(0, 100_000)

    def cases(self) -> dict[str, Case]:
        ids = {event.case_id for event in self.log() if event.version}
        with self.line.store.read() as reader:
            return {case_id: case for case_id in ids if (case := reader.case(case_id)) is not None}

    def inbox(self) -> dict[str, int]:
        """What became of each message from outside."""
        with self.line.store.read() as reader:
            rows = reader._driver.execute("SELECT id, outcome FROM inbox WHERE source = 'urn:drawn'")
            return dict(rows.fetchall())


@contextmanager
def at_work(workflow: Workflow, path: Path | None = None) -> Iterator[Run]:
    keys = fixed_keys(b"laws")
    vault = Vault(keys, seeded_random(b"laws"))
    assembly = assemble()
    url = f"sqlite:///{path}" if path else "sqlite://"
    with Store.open(url, vault=vault, durable=False) as store:
        book = RuleBook({"drawn": workflow}, assembly.calendars(), directory())
        yield Run(workflow, assembly.line(store, keys, vault, book))


def batches(data: st.DataObject, messages: Sequence[Ask]) -> list[list[Ask]]:
    """The messages cut into batches somewhere."""
    found: list[list[Ask]] = [[]]
    for message in messages:
        cut: bool = data.draw(st.booleans())
        if found[-1] and cut:
            found.append([])
        found[-1].append(message)
    return found


def drawn(data: st.DataObject) -> tuple[Workflow, list[Ask]]:
    workflow = data.draw(workflows())
    return workflow, asks(data.draw(streams(workflow)))


# ── the log and its fold ─────────────────────────────────────────────────────────────────────────────────────────────


@FEW
@given(st.data())
def test_after_every_batch_each_case_is_the_fold_of_its_log_byte_for_byte(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    with at_work(workflow) as run:
        for batch in batches(data, messages):
            run.take(batch)
            folds: dict[str, Case] = {}
            for event in run.log():
                if event.version:
                    read = orjson.loads(event.body)
                    assert event.data == read["data"], "what is folded is what was hashed"
                    folds[event.case_id] = evolve(folds.get(event.case_id, Case(event.case_id)), event)
            stored = run.cases()
            assert stored.keys() == folds.keys()
            for case_id, case in stored.items():
                assert case.state_bytes() == folds[case_id].state_bytes()
                assert (case.version, case.digest) == (folds[case_id].version, folds[case_id].digest)
        assert replay(run.line.store).equal


@FEW
@given(st.data())
def test_positions_and_versions_are_dense_and_every_record_verifies(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.db"
        with at_work(workflow, path) as run:
            for batch in batches(data, messages):
                run.take(batch)
            run.wait()
            log = run.log()
            run.line.store.checkpoint()
        assert [event.position for event in log] == list(range(1, len(log) + 1))
        last: Counter[str] = Counter()
        for event in log:
            if event.version:
                last[event.case_id] += 1
                assert event.version == last[event.case_id]
        report = verify(path)
        assert report.ok, report.findings


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@FEW
@given(st.data())
def test_every_message_is_in_the_log_exactly_once_or_refused_parked_or_dead(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    order = data.draw(st.permutations(range(len(messages)))) if data.draw(st.booleans()) else range(len(messages))
    with at_work(workflow) as run:
        for batch in batches(data, [messages[n] for n in order]):
            run.take(batch)
        inbox = run.inbox()
        assert inbox.keys() == {message.id for message in messages}
        causes: dict[str, list[Event]] = {}
        for event in run.log():
            cause = orjson.loads(event.body)["cause"]
            if cause.get("source") == "urn:drawn":
                causes.setdefault(cause["id"], []).append(event)
        for id_, outcome in inbox.items():
            kinds = {bool(event.version) for event in causes.get(id_, [])}
            match outcome:
                case outcomes.ACCEPTED:
                    assert kinds == {True}
                    own = [event for event in causes[id_] if event.actor.get("role") != "engine"]
                    assert len(own) == 1, "one record for one wish; what it brings about is the engine's"
                case outcomes.REJECTED:
                    assert kinds == {False}
                    assert len(causes[id_]) == 1
                case _:
                    assert not kinds
        with run.line.store.read() as reader:
            parked = {row.id for row in reader.parked()}
            dead = {row.id for row in reader.dead_letters()}
        assert parked == {id_ for id_, outcome in inbox.items() if outcome == outcomes.PARKED}
        assert dead == {id_ for id_, outcome in inbox.items() if outcome == outcomes.DEAD_LETTER}


@FEW
@given(st.data())
def test_repetitions_change_nothing(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    cut = batches(data, messages)
    with at_work(workflow) as once, at_work(workflow) as often:
        for number, batch in enumerate(cut):
            once.take(batch)
            before = data.draw(st.lists(st.sampled_from(messages[: sum(map(len, cut[: number + 1]))]), max_size=5))
            old = [message for message in before if message not in batch]
            often.take([*old, *batch, *data.draw(st.lists(st.sampled_from(batch), max_size=3))])
        assert [event.body for event in once.log()] == [event.body for event in often.log()]
        for message in messages:
            (answer,) = handle([message], often.line, often.simulation.now)
            assert answer.status == "duplicate"
        assert [event.body for event in once.log()] == [event.body for event in often.log()]


@FEW
@given(st.data())
def test_in_which_batches_the_messages_came_leaves_no_trace_but_when_they_were_recorded(data: st.DataObject) -> None:
    """Of messages in their order: what comes out of order may be late in one batch and in time in another."""
    workflow, messages = drawn(data)
    logs = []
    for _ in range(2):
        with at_work(workflow) as run:
            for batch in batches(data, messages):
                handle(batch, run.line, batch[-1].time)
            logs.append([_without_times_of_recording(event) for event in run.log()])
    assert logs[0] == logs[1]


def _without_times_of_recording(event: Event) -> Any:
    body = orjson.loads(event.body)
    del body["recorded_at"]
    return _without_commitments(body)


def _without_commitments(value: Any) -> Any:
    """Salts are drawn batch by batch, so commitments differ."""
    if isinstance(value, dict):
        return "sealed" if "sealed" in value else {name: _without_commitments(v) for name, v in value.items()}
    return [_without_commitments(v) for v in value] if isinstance(value, list) else value


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@FEW
@given(st.data())
def test_each_point_of_a_clock_comes_once_and_never_early(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    with at_work(workflow) as run:
        for batch in batches(data, messages):
            run.take(batch)
        run.wait()
        fired: set[tuple[str, str, str]] = set()
        before: dict[str, Case] = {}
        for event in run.log():
            if not event.version:
                continue
            case = before.get(event.case_id, Case(event.case_id))
            after = before[event.case_id] = evolve(case, event)
            for key, clock in event.data.get("clocks", {}).items():
                was = case.clocks.get(key)
                if clock["status"] in ("missed", "lapsed") and (was is None or was["status"] == "running"):
                    assert event.occurred_at > clock["due_at"]
                    assert event.recorded_at >= event.occurred_at
                    assert (event.case_id, key, END) not in fired
                    fired.add((event.case_id, key, END))
                if event.type == "lianxin.deadline.reminder.v1":
                    name = event.data["reminder"]
                    assert was is not None
                    assert was["rungs"][0] == {"at": event.occurred_at, "name": name}
                    assert event.recorded_at >= event.occurred_at
                    assert (event.case_id, key, name) not in fired
                    fired.add((event.case_id, key, name))
            for clock in after.clocks.values():
                assert [rung["at"] for rung in clock["rungs"]] == sorted(rung["at"] for rung in clock["rungs"])
                assert bool(clock["rungs"]) == (clock["status"] == "running")


@FEW
@given(st.data())
def test_nothing_is_armed_on_a_closed_case_or_an_ended_track_but_what_is_marked_to_stay(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    with at_work(workflow) as run:
        for batch in batches(data, messages):
            run.take(batch)
            for case in run.cases().values():
                closed = workflow.main.states[case.state].final
                for clock in case.clocks.values():
                    if clock["status"] != "running" or clock.get("keep"):
                        continue
                    if not clock["track"]:
                        assert not closed
                        continue
                    track = case.tracks[clock["track"]]
                    assert track["open"]
                    assert not closed or workflow.tracks[track["track"]].after_close == "keep"


# ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@FEW
@given(st.data())
def test_nothing_moves_but_as_the_workflow_allows(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    with at_work(workflow) as run:
        for batch in batches(data, messages):
            run.take(batch)
        run.wait()
        cases: dict[str, Case] = {}
        for event in run.log():
            if not event.version:
                continue
            case = cases.get(event.case_id, Case(event.case_id))
            cases[event.case_id] = evolve(case, event)
            if "from" in event.data:
                _check_move(workflow, case, event)
            elif "to" in event.data:
                machine = workflow.tracks[case_track(event)] if "track" in event.data else workflow.main
                assert event.data["to"] == machine.initial


def case_track(event: Event) -> str:
    return str(event.data["tracks"][event.data["track"]]["track"])


def _check_move(workflow: Workflow, case: Case, event: Event) -> None:
    head, _, tail = event.data["transition"].partition(".")
    track = case.tracks[event.data["track"]] if tail else None
    machine = workflow.tracks[head] if tail else workflow.main
    state = track["state"] if track else case.state
    assert event.data["from"] == state
    row = machine.table[state, tail or head]
    came_from = track.get("came_from", "") if track else case.came_from
    assert event.data["to"] == (came_from if row.to == BACK else row.to)
    role = event.actor["role"]
    automatic = machine.name == "letter" and role == "engine"
    assert automatic or role in row.by.roles
    if row.by.all or row.by.two:
        assert len(set(event.data["signers"])) == 2


# ── the denial ───────────────────────────────────────────────────────────────────────────────────────────────────────


@FEW
@given(st.data())
def test_no_accused_unit_gets_the_matter_acts_in_it_or_is_written_to(data: st.DataObject) -> None:
    workflow, messages = drawn(data)
    with at_work(workflow) as run:
        for batch in batches(data, messages):
            run.take(batch)
        run.wait()
        cases: dict[str, Case] = {}
        for event in run.log():
            if not event.version:
                continue
            before = cases.get(event.case_id, Case(event.case_id))
            case = cases[event.case_id] = evolve(before, event)
            accused = case.data.get("accused") or []
            if not accused:
                continue

            def denied(unit: str, accused: list[str] = accused) -> bool:
                return directory().in_or_under(unit, accused)

            assert not denied(case.data.get("unit", ""))
            assert not denied(str(event.data.get("to_unit", "")))
            if before.data.get("accused"):
                assert not any(
                    directory().in_or_under(event.actor.get("unit", ""), before.data["accused"]) for _ in "x"
                )
            for key, track in event.data.get("tracks", {}).items():
                if key in before.tracks and before.tracks[key]["data"] == track["data"]:
                    continue
                held = [track["data"].get(name, "") for name in ("unit", "recipient", "organisation")]
                assert not any(denied(unit) for unit in [*held, *track["data"].get("copy", [])])
