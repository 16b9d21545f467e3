"""What a source may send: its types and the units it acts for, at every door alike."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from worker_parts import HANDLER, HandClock, a_worker, assign, at, drop, facts, open_line, register, said, send

from engine.runtime.asks import Ask, Source, fits
from engine.runtime.dead_letters import OPERATIONS as DEAD_LETTERS
from engine.runtime.importer import OPERATIONS as IMPORTS
from engine.runtime.messages import packed
from engine.runtime.worker import WorkerSettings

pytestmark = pytest.mark.usefixtures("on_both")

NOW = at("2026-04-01 12:00")
OF_ONE_UNIT = {"urn:test:hotline": Source(units=frozenset({HANDLER}))}
OF_ONE_TYPE = {"urn:test:hotline": Source(types=frozenset({"lianxin.case.register"}))}


def answered(unit: str, key: str = "K1", id: str = "K1-3") -> dict[str, Any]:
    message = said(id, "answer", key, "2026-04-01 11:30", role="handler", opinion="已办理")
    message["data"]["actor"]["unit"] = unit
    return message


def wish(**changed: Any) -> Ask:
    fields: dict[str, Any] = {
        "source": "urn:test:hotline", "id": "r1", "workflow": "complaint", "does": "register", "role": "clerk",
        "case_key": "K9", "time": "2026-04-01T03:30:00.000000Z", "values": {"channel": "phone"}, "content": b"{}",
    }  # fmt: skip
    return Ask(**{**fields, **changed})


@pytest.mark.parametrize(
    ("name", "patterns", "fitting"),
    [
        ("org.city.call.logged", {"org.city.*"}, True),
        ("org.citadel.call", {"org.city.*"}, False),
        ("org.city.", {"org.city.*"}, True),
        ("lianxin.case.answer", {"lianxin.case.answer"}, True),
        ("lianxin.case.answers", {"lianxin.case.answer"}, False),
        ("anything", {"*"}, True),
        ("anything", set(), False),
    ],
)
def test_a_type_is_named_whole_or_by_its_beginning(name: str, patterns: set[str], fitting: bool) -> None:
    assert fits(name, patterns) is fitting


def test_a_type_that_its_source_may_not_send_is_a_dead_letter_and_the_others_go_on() -> None:
    with open_line(None, sources=OF_ONE_TYPE) as line, a_worker(line, HandClock(NOW)) as worker:
        first, second = send(worker, [register("K1", "2026-04-01 11:30"), assign("K1", "2026-04-01 11:40")])
    assert first["status"] == "accepted"
    assert (second["status"], second["code"], second["facts"]["field"]) == ("dead-letter", "not-allowed", "type")


@pytest.mark.parametrize(
    ("unit", "status"), [(HANDLER, "accepted"), ("水务局", "dead-letter"), ("", "dead-letter"), ("某局", "dead-letter")]
)
def test_a_source_acts_for_its_own_units_alone(unit: str, status: str) -> None:
    sources = OF_ONE_UNIT | {"urn:test:office": Source()}
    before = [
        register("K1", "2026-04-01 11:10", source="urn:test:office"),
        assign("K1", "2026-04-01 11:20", source="urn:test:office"),
    ]
    with open_line(None, sources=sources) as line, a_worker(line, HandClock(NOW)) as worker:
        send(worker, before)
        (found,) = send(worker, [answered(unit)])
    assert found["status"] == status
    if status == "dead-letter":
        assert (found["code"], found["facts"]["field"]) == ("not-allowed", "unit")


def test_what_is_under_a_unit_belongs_to_it() -> None:
    sources = {"*": Source(units=frozenset({"城管局"}))}
    with open_line(None, sources=sources) as line, a_worker(line, HandClock(NOW)) as worker:
        (under,) = send(worker, [answered("执法大队")])
        (above,) = send(worker, [answered("市政府", id="K1-4")])
    assert (under["status"], above["status"]) == ("early", "dead-letter")


def test_the_same_holds_for_files_in_the_spool(tmp_path: Path) -> None:
    settings = WorkerSettings(spool=tmp_path / "intake", listen=False)
    drop(tmp_path / "intake", "a.ndjson", [answered("水务局")], "2026-04-01 11:45")
    with open_line(tmp_path, sources=OF_ONE_UNIT) as line, a_worker(line, HandClock(NOW), settings) as worker:
        worker.drain()
        with line.store.read() as reader:
            (kept,) = reader.dead_letters()
    assert (kept.reason, kept.field) == ("not-allowed", "unit")


@pytest.mark.parametrize(
    ("sources", "kept"),
    [
        (OF_ONE_UNIT, [("not-allowed", "unit")]),
        ({"urn:test:hotline": Source(types=frozenset({"lianxin.case.assign"}))}, [("not-allowed", "type")]),
        ({"urn:test:hotline": Source(commands=frozenset({"assign"}))}, [("not-allowed", "type")]),
        (OF_ONE_TYPE, []),
        ({"urn:test:other": Source(commands=frozenset({"assign"}))}, []),
    ],
)
def test_and_for_the_rows_of_an_import_whose_source_is_listed(
    sources: dict[str, Source], kept: list[tuple[str, str]]
) -> None:
    with open_line(None, sources=sources) as line, a_worker(line, HandClock(NOW)) as worker:
        writer, now = worker.writer, worker.time.now()
        about = {"partition": "rows.csv#1", "workflow": "complaint"}
        begun = IMPORTS["import.begin"](writer, about, now)
        batch = {**about, "epoch": begun["epoch"], "from": 0, "messages": [packed(wish())]}
        IMPORTS["import.batch"](writer, batch, now)
        with line.store.read() as reader:
            assert [(row.reason, row.field) for row in reader.dead_letters()] == kept


def test_trying_a_dead_letter_again_opens_no_door_that_is_shut() -> None:
    with open_line(None, sources=OF_ONE_UNIT) as line, a_worker(line, HandClock(NOW)) as worker:
        send(worker, [answered("水务局")])
        request = {"numbers": [1], "by": {"role": "office"}}
        again = DEAD_LETTERS["dead-letter.retry"](worker.writer, request, worker.time.now())["answers"]
        assert [a["status"] for a in again] == ["dead-letter"]
        content = orjson.dumps({"does": "register", "workflow": "complaint", "role": "clerk", "case_key": "K1",
                                "time": NOW, "unit": "水务局"})  # fmt: skip
        mended = request | {"content": base64.b64encode(content).decode()}
        again = DEAD_LETTERS["dead-letter.retry"](worker.writer, mended, worker.time.now())["answers"]
        assert [a["status"] for a in again] == ["dead-letter"]
        assert not facts(line, "lianxin.case.received.v1")
