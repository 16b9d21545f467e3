"""Dead letters: kept sealed, opened with a purpose, mended, tried again, put away; all of it on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from test_import import bring, row, write
from worker_parts import HandClock, a_worker, answer, assign, at, case_id, facts, open_line, register, send

from engine.core.errors import LianxinError
from engine.core.model import JsonObject
from engine.runtime import dead_letters
from engine.runtime.dead_letters import discard, open_numbers, retry, show
from engine.runtime.handle import Answer, Line
from engine.runtime.office import Here
from engine.runtime.worker import Worker
from engine.store.batch import DeadLetterRow

pytestmark = pytest.mark.usefixtures("on_both")

BY = {"role": "operator", "person": "p-7"}
CLERK = {"workflow": "complaint", "actor": {"role": "clerk"}, "with": {"channel": "phone"}}


@contextmanager
def an_office(folder: Path | None = None, local: str = "2026-04-01 10:00") -> Iterator[tuple[Line, Worker, Here]]:
    with open_line(folder) as line, a_worker(line, HandClock(at(local))) as worker:
        yield line, worker, Here(worker.writer)


def kept(line: Line, state: str = "") -> list[DeadLetterRow]:
    with line.store.read() as reader:
        return reader.dead_letters(state=state)


def bad(key: str = "K1", **more: JsonObject | str | int) -> JsonObject:
    return register(key, "2026-04-01 09:00", **{"severity": "sehr", **more})


def statuses(answers: list[Answer]) -> list[str]:
    return [answer.status for answer in answers]


def test_a_poison_message_delays_nobody_and_says_what_is_wrong() -> None:
    with an_office() as (line, worker, _):
        answers = send(worker, [b"{", bad("K1"), register("K2", "2026-04-01 09:00"), bad("K3", unit="没有这个局")])
        assert [a["status"] for a in answers] == ["dead-letter", "dead-letter", "accepted", "dead-letter"]
        assert [(d.reason, d.field, d.state, d.attempts) for d in kept(line)] == [
            ("not-json", "", "open", 1),
            ("bad-value", "severity", "open", 1),
            ("bad-value", "severity", "open", 1),
        ]


def test_the_content_is_sealed_and_opened_for_a_purpose_that_goes_on_record() -> None:
    with an_office() as (line, worker, office):
        send(worker, [bad(text="楼道积水", petitioner={"name": "欧阳秋水"})])
        (row_,) = kept(line)
        assert "欧阳".encode() not in row_.sealed
        opened = show(office, row_.number, "find out what the gateway sends", BY)
        assert b"\xe6\xac\xa7" in opened.content
        assert opened.row.reason == "bad-value"
        (read,) = facts(line, dead_letters.READ_EVENT)
        assert read.data == {"number": row_.number, "purpose": "find out what the gateway sends", "by": BY}
        for number, purpose, code in ((99, "why not", "LX-380"), (row_.number, " ", "LX-383")):
            with pytest.raises(LianxinError) as refused:
                show(office, number, purpose, BY)
            assert refused.value.code == code
        assert len(facts(line, dead_letters.READ_EVENT)) == 1


def test_what_is_mended_is_tried_again_and_enters_as_if_it_had_come_so() -> None:
    with an_office() as (line, worker, office):
        send(worker, [bad()])
        (number,) = open_numbers_of(line)
        wish = orjson.loads(show(office, number, "mend", BY).content)
        wish["values"]["severity"] = 4
        (given,) = retry(office, [number], BY, orjson.dumps(wish))
        assert given.status == "accepted"
        (opened,) = facts(line, "lianxin.case.received.v1")
        assert opened.data["with"]["case"]["severity"] == 4
        assert opened.occurred_at == HandClock(at("2026-04-01 09:00")).at
        assert [d.state for d in kept(line)] == ["retried"]
        (again,) = facts(line, dead_letters.RETRIED_EVENT)
        assert (again.data["by"], again.data["mended"], again.data["outcome"]) == (BY, True, "accepted")
        with pytest.raises(LianxinError) as refused:
            retry(office, [number], BY)
        assert refused.value.code == "LX-381"
        assert send(worker, [bad()])[0]["status"] == "dead-letter", "the broken one is another message of that id"
        assert send(worker, [assign("K1", "2026-04-01 09:30")])[0]["status"] == "accepted"


def test_tried_again_in_vain_it_stays_and_the_attempts_are_counted() -> None:
    with an_office() as (line, worker, office):
        send(worker, [bad()])
        (number,) = open_numbers_of(line)
        assert statuses(retry(office, [number], BY)) == ["dead-letter"]
        (mended,) = retry(office, [number], BY, orjson.dumps({**bad(), "data": 5}))
        assert (mended.status, mended.code) == ("dead-letter", "wrong-type")
        assert [(d.state, d.attempts, d.reason) for d in kept(line)] == [("open", 3, "bad-value")]
        assert [e.data["outcome"] for e in facts(line, dead_letters.RETRIED_EVENT)] == ["dead-letter"] * 2


def test_as_it_is_when_the_cause_is_gone(tmp_path: Path) -> None:
    """The unit was missing in the directory; the source was not listed. Both are mended outside."""
    from engine.runtime.asks import UNLIMITED

    with open_line(tmp_path, sources={}) as line, a_worker(line, HandClock(at("2026-04-01 10:00"))) as worker:
        send(worker, [register("K1", "2026-04-01 09:00"), assign("K1", "2026-04-01 09:30")])
        assert {d.reason for d in kept(line)} == {"unknown-source"}
    with an_office(tmp_path) as (line, worker, office):
        line.sources = {"*": UNLIMITED}
        assert statuses(retry(office, open_numbers_of(line), BY)) == ["accepted", "accepted"]
        assert [e.type for e in facts(line) if e.case_id == case_id(line, "K1") and e.version] == [
            "lianxin.case.received.v1",
            "lianxin.case.assigned.v1",
        ]


def test_a_mended_message_may_be_a_whole_new_cloudevent() -> None:
    with an_office() as (line, worker, office):
        send(worker, [b'{"specversion": "1.0", "id": "x1", broken'])
        (number,) = open_numbers_of(line)
        assert statuses(retry(office, [number], BY, orjson.dumps(register("K1", "2026-04-01 09:00")))) == ["accepted"]
        assert send(worker, [register("K1", "2026-04-01 09:00")])[0]["status"] == "duplicate"


def test_a_retry_is_known_like_any_message_so_nothing_happens_twice() -> None:
    with an_office() as (line, worker, office):
        first = register("K1", "2026-04-01 09:00", severity=2)
        send(worker, [first, {**first, "data": {**CLERK, "with": {"channel": "web"}}}])
        (number,) = open_numbers_of(line)
        assert kept(line)[0].reason == "id-reused"
        assert [a.code for a in retry(office, [number], BY)] == ["id-reused"]
        (same,) = retry(office, [number], BY, orjson.dumps(first))
        assert same.status == "duplicate"
        assert len(facts(line, "lianxin.case.received.v1")) == 1
        assert not open_numbers_of(line)


def test_one_that_was_settled_by_a_later_delivery_of_the_same_id_is_not_decided_again() -> None:
    """Two dead letters of one id: the second one's retry finds that the first one's was taken."""
    with an_office() as (line, worker, office):
        send(worker, [bad()])
        send(worker, [bad(severity="zu sehr")])
        one, two = open_numbers_of(line)
        mended = orjson.dumps(register("K1", "2026-04-01 09:00"))
        assert statuses(retry(office, [one], BY, mended)) == ["accepted"]
        assert statuses(retry(office, [two], BY, mended)) == ["duplicate"]
        assert len(facts(line, "lianxin.case.received.v1")) == 1


def test_all_at_once_each_with_its_own_answer() -> None:
    with an_office() as (line, worker, office):
        send(worker, [bad(f"K{n}") for n in range(5)])
        numbers = open_numbers_of(line)
        for number in numbers[:2]:
            wish = orjson.loads(show(office, number, "mend", BY).content)
            assert (
                retry(office, [number], BY, orjson.dumps({**wish, "values": {"channel": "phone"}}))[0].status
                == "accepted"
            )
        assert statuses(retry(office, numbers[2:], BY)) == ["dead-letter"] * 3
        with pytest.raises(LianxinError) as refused:
            retry(office, numbers[2:], BY, b"{}")
        assert refused.value.code == "LX-382"


def test_put_away_with_a_reason_it_is_kept_and_open_no_more() -> None:
    with an_office() as (line, worker, office):
        send(worker, [bad("K1"), bad("K2")])
        one, two = open_numbers_of(line)
        with pytest.raises(LianxinError) as refused:
            discard(office, [one], "", BY)
        assert refused.value.code == "LX-383"
        discard(office, [one], "a test message of the gateway", BY)
        assert [(d.number, d.state) for d in kept(line)] == [(one, "discarded"), (two, "open")]
        (put_away,) = facts(line, dead_letters.DISCARDED_EVENT)
        assert put_away.data == {"number": one, "reason": "a test message of the gateway", "by": BY}
        with pytest.raises(LianxinError) as settled:
            discard(office, [two, one], "both", BY)
        assert settled.value.code == "LX-381"
        assert open_numbers_of(line) == [two], "all of them or none"


def test_a_row_that_was_bad_is_mended_with_the_map_s_own_words(tmp_path: Path) -> None:
    """A row's dead letter keeps its zone and formats, so its mended wish means what the row meant."""
    path = write(tmp_path, [row("N1", "2026-03-02 09:00", level="sehr"), row("N2", "vorgestern")])
    with an_office(tmp_path) as (line, _, office):
        bring(tmp_path, path, office)
        one, two = open_numbers_of(line)
        assert [(d.file, d.row, d.field) for d in kept(line)] == [
            ("old.csv", 2, "level"),
            ("old.csv", 3, "received"),
        ]
        with line.store.read() as reader:
            assert not reader.parked(), "a row comes in whole or not at all"
        said = orjson.loads(show(office, one, "mend", BY).content)
        wish, assigning = said["wishes"]
        assert (wish["zone"], wish["petitioner"]) == ("Asia/Shanghai", {"name": "许晴川"})
        assert assigning["values"] == {"unit": "住建局"}
        wish["values"]["severity"] = "3"
        assert statuses(retry(office, [one], BY, orjson.dumps(said))) == ["accepted"]
        with line.store.read() as reader:
            (case,) = reader.cases()
            assert case["state"] == "assigned"
        assert "vorgestern" in show(office, two, "what was in the cell", BY).content.decode()
        mended: JsonObject = {"workflow": "complaint", "does": "register", "role": "clerk", "case_key": "N2"}
        mended |= {"id": "N2-r", "time": "2026-03-02T09:00:00+08:00", "values": {"channel": "letter"}}
        for broken, reason in (
            ({"time": "vorgestern"}, "bad-value"),
            ({"does": ""}, "missing-attribute"),
            ({"x": 1}, "unknown-field"),
        ):
            (given,) = retry(office, [two], BY, orjson.dumps(mended | broken))
            assert (given.status, given.code) == ("dead-letter", reason)
        assert statuses(retry(office, [two], BY, orjson.dumps(mended))) == ["accepted"]


def test_what_follows_from_a_mended_message_follows() -> None:
    with an_office() as (line, worker, office):
        send(worker, [register("K1", "2026-04-01 09:00", severity=5), assign("K1", "2026-04-01 09:10")])
        send(worker, [{**answer("K1", "2026-04-01 09:20"), "data": {**CLERK, "actor": {"role": "handlr"}}}])
        (number,) = open_numbers_of(line)
        assert kept(line)[0].reason == "unknown-role"
        mended = answer("K1", "2026-04-01 09:20")
        assert statuses(retry(office, [number], BY, orjson.dumps(mended))) == ["accepted"]
        assert len(facts(line, "lianxin.follow_up.scheduled.v1")) == 1


def open_numbers_of(line: Line) -> list[int]:
    with line.store.read() as reader:
        return open_numbers(reader)
