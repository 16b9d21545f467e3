"""CloudEvents over HTTP as the specification and its SDK have it; OpenAPI and AsyncAPI as the routes and models are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import api_documents
import orjson
import pytest
import requests
import schemathesis
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from http_parts import STRUCTURED, Town, outcome, problem, town
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.requests import Request
from worker_parts import assign, case_id, register

from engine.api.application import ROUTES, undone
from engine.api.bodies import delivery
from engine.api.openapi import EXAMPLE
from engine.core.instants import parse
from schemas.intake import JSON, IntakeEvent

MORNING = "2026-04-01 11:00"
EXAMPLES = 40
"""Requests that are invented for each operation and role: some 800 in all; routes without parameters take one each."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ROLES = ("all", "unit", "sender", "nobody")


# ── the official SDK ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("written", [to_binary_event, to_structured_event])
def test_messages_of_the_official_sdk_are_taken(written: Any) -> None:
    said = register("信-1", MORNING)
    about = {name: value for name, value in said.items() if name not in ("data", "time", "sequence")}
    about |= {
        "time": datetime(2026, 4, 1, 3, tzinfo=UTC),
        "datacontenttype": JSON,
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    sent = written(CloudEvent(attributes=about, data=said["data"]))
    headers = {name.lower(): value for name, value in sent.headers.items()}
    with town() as running:
        taken = outcome(running.post(sent.body, kind=headers.pop("content-type"), **headers))
        assert (taken["outcome"], taken["case_id"]) == ("accepted", case_id(running.line, "信-1"))
        again = outcome(running.post({**said, "time": "2026-04-01T03:00:00Z"}))
        assert again["outcome"] == "duplicate", "whichever mode it comes in, it is the same message"


def test_the_official_sdk_reads_what_our_documents_show() -> None:
    found = from_http_event(HTTPMessage({"content-type": STRUCTURED}, orjson.dumps(EXAMPLE)))
    assert (found.get_id(), found.get_type()) == (EXAMPLE["id"], EXAMPLE["type"])
    assert found.get_data() == EXAMPLE["data"]


# ── the specification's own features ─────────────────────────────────────────────────────────────────────────────


def scenarios(text: str) -> Iterator[tuple[dict[str, str], bytes, dict[str, str], Any]]:
    """Headers, body, the attributes and the data that are wanted; an outline once for each of its examples."""
    for block in re.split(r"\n\s*Scenario", text)[1:]:
        request, wanted = (_plain(found) for found in re.findall(r'"""\n(.*?)"""', block, re.DOTALL))
        before, _, examples = block.partition("Examples:")
        attributes = {name: value for name, value in _rows(before.partition("the attributes are:")[2]) if name != "key"}
        for (kind,) in list(_rows(examples))[1:]:
            head, _, body = request.replace("<contentType>", kind).partition("\n\n")
            headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
            filled = {name: value.replace("<contentType>", kind) for name, value in attributes.items()}
            yield headers, body.encode(), filled, orjson.loads(wanted)


def _rows(text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        if line.strip().startswith("|"):
            yield tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def _plain(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.real
def test_the_specification_s_features_for_http_hold(data_dir: Path) -> None:
    file = data_dir / "peer" / "ce_conformance" / "features" / "http-protocol-binding.feature"
    found = list(scenarios(file.read_text(encoding="utf-8")))
    assert len(found) == 4
    with town() as running:
        for headers, body, wanted, data in found:
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            (read,) = delivery(Request({"type": "http", "headers": raw}), body, "", "").messages
            event = read.event
            assert isinstance(event, IntakeEvent), event
            kind = event.extensions.get("datacontenttype", JSON)
            said = {
                "id": event.id,
                "source": event.source,
                "type": event.type,
                "time": event.time,
                "specversion": "1.0",
            }
            assert {**said, "datacontenttype": kind} == {**wanted, "time": parse(wanted["time"])}
            assert event.data == data
            others = {
                n.lower(): v for n, v in headers.items() if n.lower() not in ("content-type", "content-length", "host")
            }
            refused = problem(running.post(body, kind=headers["Content-Type"], **others), 422, "LX-352")
            assert (refused["id"], refused["source"]) == (wanted["id"], wanted["source"])


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_documents_are_those_of_the_routes_and_models() -> None:
    for path, text in api_documents.documents().items():
        assert path.read_text(encoding="utf-8") == text, "run: python deploy/api_documents.py"


def test_every_reference_in_the_documents_leads_somewhere() -> None:
    for text in api_documents.documents().values():
        document = json.loads(text)
        for reference in re.findall(r'"\$ref": "#/([^"]+)"', text):
            here = document
            for step in reference.split("/"):
                here = here[step]
            assert here


def test_the_example_is_a_message_and_is_taken() -> None:
    document = json.loads(api_documents.documents()[api_documents.DOCS / "openapi.json"])
    schema = {"$ref": "#/components/schemas/Envelope", "components": document["components"]}
    Draft202012Validator(schema).validate(EXAMPLE)
    with town() as running:
        assert outcome(running.post(EXAMPLE))["outcome"] == "accepted"
        served = running.get("/openapi.json", "").json()
    assert served == document


# ── every route, every role ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def a_town() -> Iterator[Town]:
    with town() as running:
        running.batch([register("K1", MORNING), assign("K1", "2026-04-01 11:10", unit="水务局")])
        yield running


@pytest.fixture(scope="module")
def keys(a_town: Town) -> dict[str, str]:
    return {
        "all": a_town.key,
        "unit": a_town.make_key("unit", units=["水务局"]),
        "sender": a_town.make_key("sender", sources=["urn:x:*"], types=["x.*"], reads=False),
        "nobody": "",
    }


SCHEMA = schemathesis.openapi.from_dict(undone().openapi())
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_request_meets_a_fault_of_ours(operation: str, role: str, a_town: Town, keys: dict[str, str]) -> None:
    described = OPERATIONS[operation]
    assert len(OPERATIONS) == len(ROUTES)
    invented = [described.as_strategy(generation_mode=mode) for mode in GenerationMode]

    with requests.Session() as session:
        session.trust_env = False

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)
        @given(st.one_of(invented), st.booleans())
        def holds(case: Any, known: bool) -> None:
            if known and "case_id" in case.path_parameters:
                case.path_parameters["case_id"] = case_id(a_town.line, "K1")
            given_headers = {"authorization": f"Bearer {keys[role]}"} if keys[role] else {}
            response = case.call(base_url=a_town.url, headers=given_headers, session=session)
            case.validate_response(response, checks=CHECKS)

        holds()
