"""`POST /v1/events`: answered after the commit, never a 2xx without a durable effect, the same key the same answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from http_parts import BATCH, STRUCTURED, Town, outcome, problem, town
from worker_parts import answer, assign, case_id, close, facts, register

from engine.api.bodies import BODY_BYTES_MAX
from engine.runtime.asks import Source

MORNING = "2026-04-01 11:00"


@pytest.fixture(scope="module")
def a_town() -> Iterator[Town]:
    with town() as running:
        yield running


def binary(message: dict[str, Any], **changed: str) -> tuple[bytes, dict[str, str]]:
    """The message in binary mode: its data, and its attributes as headers."""
    headers = {f"ce-{name}": str(value) for name, value in message.items() if name != "data"}
    return orjson.dumps(message["data"]), {"content-type": "application/json", **headers, **changed}


# ── what is taken ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_is_in_the_log_when_202_is_said(a_town: Town) -> None:
    said = outcome(a_town.post(register("A1", MORNING)))
    assert said == {
        "source": "urn:test:hotline", "id": "A1-1", "outcome": "accepted", "case_id": case_id(a_town.line, "A1"),
        "version": 1,
    }  # fmt: skip
    assert [e.case_id for e in facts(a_town.line, "lianxin.case.received.v1")].count(said["case_id"]) == 1


def test_binary_mode_says_the_same_as_structured_mode(a_town: Town) -> None:
    message = register("A2", MORNING)
    body, headers = binary(message)
    kind = headers.pop("content-type")
    assert outcome(a_town.post(body, kind=kind, **headers))["outcome"] == "accepted"
    assert outcome(a_town.post(message))["outcome"] == "duplicate"


def test_headers_are_percent_encoded_and_may_be_quoted(a_town: Town) -> None:
    body, headers = binary(register("A3", MORNING), **{"ce-subject": "%E4%BF%A1-3", "ce-id": '"quo\\"ted%20id"'})
    kind = headers.pop("content-type")
    said = outcome(a_town.post(body, kind=kind, **headers))
    assert (said["id"], said["case_id"]) == ('quo"ted id', case_id(a_town.line, "信-3"))


def test_each_message_of_a_batch_has_its_own_outcome_in_their_order(a_town: Town) -> None:
    response = a_town.batch(
        [
            register("B1", MORNING),
            register("B1", MORNING),
            close("B1", "2026-04-01 11:30"),
            answer("B9", "2026-04-01 11:30"),
            {**register("B2", MORNING), "time": "yesterday"},
            {"hello": "world"},
            register("B1", "2026-04-01 11:05"),
            {**register("B3", MORNING), "type": "org.nobody.knows"},
        ]
    )
    assert response.status_code == 202, response.text
    said = response.json()["outcomes"]
    assert [one["outcome"] for one in said] == [
        "accepted", "duplicate", "early", "early", "dead-letter", "dead-letter", "dead-letter", "dead-letter",
    ]  # fmt: skip
    assert said[1]["first"] == {"outcome": "accepted", "case_id": said[0]["case_id"], "version": 1}
    assert said[3]["needs"] == "case"
    assert (said[4]["code"], said[4]["field"]) == ("bad-time", "time")
    assert (said[5]["code"], said[5]["field"]) == ("missing-attribute", "specversion")
    assert said[6]["code"] == "id-reused"
    assert said[7]["code"] == "unknown-type"
    assert all(one["reason"]["zh"] and one["reason"]["en"] for one in said[4:])
    with a_town.line.store.read() as reader:
        assert {"bad-time", "missing-attribute", "id-reused", "unknown-type"} <= {
            row.reason for row in reader.dead_letters()
        }


def test_an_unreadable_message_of_a_batch_is_kept_once_however_often_it_comes(a_town: Town) -> None:
    before = len(_dead(a_town))
    first = a_town.batch([{"specversion": "1.0", "data": "没有编号"}]).json()["outcomes"][0]
    again = a_town.batch([{"specversion": "1.0", "data": "没有编号"}]).json()["outcomes"][0]
    assert (first["outcome"], again["outcome"]) == ("dead-letter", "duplicate")
    assert len(_dead(a_town)) == before + 1


def test_an_empty_batch_is_taken_and_nothing_happens(a_town: Town) -> None:
    response = a_town.batch([])
    assert (response.status_code, response.json()) == (202, {"outcomes": []})


def test_what_the_rules_refuse_is_on_record_and_says_why(a_town: Town) -> None:
    a_town.batch([register("C1", MORNING), assign("C1", "2026-04-01 11:10")])
    said = outcome(a_town.post({**assign("C1", "2026-04-01 11:20"), "id": "C1-again"}))
    assert (said["outcome"], said["code"]) == ("rejected", "no-transition")
    assert "assign" in said["reason"]["en"]
    assert facts(a_town.line, "lianxin.case.rejected.v1")
    again = outcome(a_town.post({**assign("C1", "2026-04-01 11:20"), "id": "C1-again"}))
    assert again["first"] == {name: said[name] for name in ("outcome", "case_id", "code", "reason")}


def test_a_message_that_came_before_is_told_what_became_of_it_then(a_town: Town) -> None:
    first = outcome(a_town.post(answer("C2", MORNING)))
    assert first["outcome"] == "early"
    again = outcome(a_town.post(answer("C2", MORNING)))
    assert (again["outcome"], again["first"]["outcome"], again["first"]["needs"]) == ("duplicate", "early", "case")


# ── keys of idempotency ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_idempotency_key_gives_the_same_answer_whatever_came_between(a_town: Town) -> None:
    key = {"idempotency-key": "7f1c-1"}
    first = a_town.post(answer("D1", "2026-04-01 11:30"), **key)
    assert outcome(first)["outcome"] == "early"
    a_town.batch([register("D1", MORNING), assign("D1", "2026-04-01 11:10")])
    again = a_town.post(answer("D1", "2026-04-01 11:30"), **key)
    assert again.content == first.content
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")


def test_an_idempotency_key_is_for_one_body_of_one_caller(a_town: Town) -> None:
    key = {"idempotency-key": "7f1c-2"}
    assert outcome(a_town.post(register("D2", MORNING), **key))["outcome"] == "accepted"
    said = problem(a_town.post(register("D3", MORNING), **key), 409, "LX-396")
    assert said["field"] == "idempotency-key"
    other = a_town.make_key("another")
    assert outcome(a_town.post(register("D3", MORNING), other, **key))["outcome"] == "accepted"


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_an_idempotency_key_that_cannot_be_one_is_refused(a_town: Town, key: str) -> None:
    with a_town.client() as client:
        raw = {"content-type": STRUCTURED, "idempotency-key": key.encode()}
        response = client.post("/v1/events", content=orjson.dumps(register("D4", MORNING)), headers=raw)  # type: ignore[arg-type]
    problem(response, 400, "LX-395")


def test_the_same_key_twice_at_once_is_done_once(a_town: Town) -> None:
    responses: list[httpx.Response] = []
    body = register("D5", MORNING)

    def call() -> None:
        responses.append(a_town.post(body, **{"idempotency-key": "7f1c-5"}))

    callers = [threading.Thread(target=call) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len({response.content for response in responses}) == 1
    assert outcome(responses[0])["outcome"] == "accepted"


# ── what is not taken ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "status", "code", "field"),
    [
        ({"id": None}, 422, "LX-335", "id"),
        ({"source": 5}, 422, "LX-337", "source"),
        ({"specversion": "0.3"}, 422, "LX-336", "specversion"),
        ({"time": "2026-04-01 09:00"}, 422, "LX-347", "time"),
        ({"id": "a\u0007"}, 422, "LX-342", "id"),
        ({"Extension": "x"}, 422, "LX-338", "Extension"),
    ],
)
def test_a_message_at_fault_is_refused_by_field_and_may_come_again_mended(
    a_town: Town, changed: dict[str, Any], status: int, code: str, field: str
) -> None:
    before = len(_dead(a_town))
    said = problem(a_town.post({**register("E1", MORNING), **changed}), status, code)
    assert (said["field"], said["kept"]) == (field, False)
    assert len(_dead(a_town)) == before


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"5", b'{"a":1,"a":2}', b"[" * 100 + b"]" * 100])
def test_what_is_no_message_is_refused(a_town: Town, body: bytes) -> None:
    assert problem_of(a_town.post(body)) == 400
    if body != b"[]":
        assert problem_of(a_town.post(body, kind=BATCH)) == 400


def problem_of(response: httpx.Response) -> int:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["kept"] is False
    return response.status_code


@pytest.mark.parametrize(
    ("message", "status", "code", "field"),
    [
        ({"type": "org.nobody.knows"}, 422, "LX-352", "type"),
        ({"type": "lianxin.case.fly"}, 422, None, None),
        ({"data": {"workflow": "complaint", "actor": {"role": "clerk"}, "wiht": {}}}, 422, "LX-349", "data.wiht"),
        ({"data": {"workflow": "nothing", "actor": {"role": "clerk"}, "with": {}}}, 422, "LX-353", "workflow"),
    ],
)
def test_a_message_that_the_door_cannot_use_is_kept_as_a_dead_letter_and_says_so_each_time(
    a_town: Town, message: dict[str, Any], status: int, code: str | None, field: str | None
) -> None:
    sent = {**register("F1", MORNING), "id": f"F1-{field}", "subject": f"F1-{field}", **message}
    if code is None:
        assert outcome(a_town.post(sent))["outcome"] in ("rejected", "early")
        return
    first, again = a_town.post(sent), a_town.post(sent)
    said = problem(first, status, code)
    assert (said["field"], said["kept"], said["id"]) == (field, True, sent["id"])
    assert again.json() == said


def test_an_id_used_for_something_else_is_a_conflict(a_town: Town) -> None:
    assert outcome(a_town.post(register("G1", MORNING)))["outcome"] == "accepted"
    said = problem(a_town.post(register("G1", "2026-04-01 11:01")), 409, "LX-356")
    assert (said["field"], said["kept"]) == ("id", True)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/json", "application/cloudevents+avro", "application/cloudevents+json; charset=gbk",
             "application/cloudevents-batch+xml"]
)  # fmt: skip
def test_other_forms_are_refused(a_town: Town, kind: str) -> None:
    assert problem(a_town.post(register("H1", MORNING), kind=kind), 415, "LX-393")["field"] == "content-type"


def test_a_packed_body_is_refused(a_town: Town) -> None:
    problem(a_town.post(b"\x1f\x8b", **{"content-encoding": "gzip"}), 415, "LX-393")


def test_a_header_that_stands_twice_is_refused(a_town: Town) -> None:
    body, headers = binary(register("H2", MORNING))
    pairs = [*headers.items(), ("ce-id", "other"), ("authorization", f"Bearer {a_town.key}")]
    response = httpx.post(f"{a_town.url}/v1/events", content=body, headers=pairs, trust_env=False)
    assert problem(response, 422, "LX-339")["field"] == "id"


def test_what_is_too_large_is_refused_by_its_size_before_it_is_read(a_town: Town) -> None:
    with a_town.client(**{"content-type": STRUCTURED}) as client:
        said_so = client.post("/v1/events", content=b"{" * (BODY_BYTES_MAX + 1))
        streamed = client.post("/v1/events", content=(b"[" * 65_536 for _ in range(64)))
    problem(said_so, 413, "LX-392")
    problem(streamed, 413, "LX-392")


def test_a_batch_of_too_many_is_refused(a_town: Town) -> None:
    response = a_town.batch([{}] * 501)
    assert response.status_code == 413
    assert response.json()["reason"] == "too-large"


@pytest.mark.parametrize(
    ("asked", "language"), [("zh-CN,zh;q=0.9", "zh"), ("en-GB", "en"), ("fr", "both"), ("", "both")]
)
def test_problems_speak_the_language_that_is_asked_for(a_town: Town, asked: str, language: str) -> None:
    said = problem(a_town.post({**register("H3", MORNING), "id": None}, **{"accept-language": asked}), 422, "LX-335")
    chinese, english = "缺少" in said["detail"], "is missing" in said["detail"]
    assert (chinese, english) == {"zh": (True, False), "en": (False, True), "both": (True, True)}[language]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "LX-384"),
        ("GET", "/v1/events", 405, "LX-385"),
        ("DELETE", "/v1/cases", 405, "LX-385"),
        ("BREW", "/v1/events", 400, "LX-394"),
        ("GET", "/v1/cases/", 404, "LX-384"),
    ],
)
def test_other_addresses_and_methods_are_problems_too(
    a_town: Town, method: str, path: str, status: int, code: str
) -> None:
    with a_town.client() as client:
        problem(client.request(method, path), status, code)


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer x", "Bearer lianxin_a_b", "Basic {key}", "Bearer {key}x", "{key}"]
)
def test_without_a_key_that_holds_nothing_is_read(a_town: Town, given: str) -> None:
    with a_town.client("", authorization=given.format(key=a_town.key)) as client:
        response = client.post("/v1/events", content=b"{}", headers={"content-type": STRUCTURED})
        problem(response, 401, "LX-390")
        assert response.headers["www-authenticate"].startswith("Bearer")
        problem(client.get("/v1/cases"), 401, "LX-390")


def test_a_key_sends_for_its_sources_and_types_alone(a_town: Town) -> None:
    key = a_town.make_key("hall", sources=["urn:test:hall*"], types=["lianxin.case.register"])
    assert problem(a_town.post(register("I1", MORNING), key), 403, "LX-391")["field"] == "source"
    mine = register("I1", MORNING, source="urn:test:hall:2")
    assert outcome(a_town.post(mine, key))["outcome"] == "accepted"
    assert (
        problem(a_town.post(assign("I1", "2026-04-01 11:10", source="urn:test:hall"), key), 403, "LX-391")["field"]
        == "type"
    )
    said = problem(a_town.batch([mine, register("I2", MORNING)], key), 403, "LX-391")
    assert (said["field"], said["index"]) == ("source", 1)


def test_a_units_key_acts_for_its_unit_and_what_is_under_it(a_town: Town) -> None:
    key = a_town.make_key("enforcement", units=["城管局"])
    a_town.batch([register("J1", MORNING), assign("J1", "2026-04-01 11:10", unit="城管局")])
    message = answer("J1", "2026-04-01 11:20")
    before = len(facts(a_town.line))
    assert problem(a_town.post(message, key), 403, "LX-391")["field"] == "unit"
    message["data"]["actor"]["unit"] = "水务局"
    said = problem(a_town.batch([register("J2", MORNING), message], key), 403, "LX-391")
    assert (said["field"], said["index"]) == ("unit", 0)
    assert len(facts(a_town.line)) == before, "nothing of a request that is beyond the key is taken"
    message["data"]["actor"]["unit"] = "城管局"
    assert outcome(a_town.post(message, key))["outcome"] == "accepted"


def test_to_the_accused_unit_a_case_looks_as_if_there_were_none(a_town: Town) -> None:
    key = a_town.make_key("accused", units=["城管局"])
    a_town.batch([register("K1", MORNING, accused=["城管局"]), assign("K1", "2026-04-01 11:10", unit="水务局")])

    def asked(case: str) -> dict[str, Any]:
        message = answer(case, "2026-04-01 11:20")
        message["data"]["actor"]["unit"] = "城管局"
        first, again = outcome(a_town.post(message, key)), outcome(a_town.post(message, key))
        assert first.pop("case_id") == case_id(a_town.line, case)
        assert again["first"].pop("case_id") == case_id(a_town.line, case)
        return {"first": {**first, "id": ""}, "again": {**again, "id": ""}}

    assert asked("K1") == asked("K-none")


def test_a_source_that_is_not_listed_is_a_dead_letter_here_too() -> None:
    with town(sources={"urn:test:hall": Source(max_backdate=None)}) as running:
        said = problem(running.post(register("L1", MORNING)), 422, "LX-350")
        assert (said["field"], said["kept"]) == ("source", True)


def _dead(running: Town) -> list[Any]:
    with running.line.store.read() as reader:
        return reader.dead_letters()
