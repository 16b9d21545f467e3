"""CloudEvents by the Kafka protocol binding: what others write is read by us, and what we write by others."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from engine.bus.kafka import events
from engine.core.instants import parse
from schemas.intake import JSON, IntakeEvent, Unreadable, content, read_event

EVENT = {
    "specversion": "1.0",
    "id": "测-1",
    "source": "urn:test:hotline",
    "type": "org.example.call",
    "subject": "HL-7",
    "time": "2026-04-01T09:00:00Z",
    "sequence": "17",
    "partitionkey": "HL-7",
    "data": {"level": 3, "text": "楼道积水"},
}


def theirs(event: dict[str, Any]) -> CloudEvent:
    about = {name: value for name, value in event.items() if name != "data"}
    about["time"] = datetime(2026, 4, 1, 9, tzinfo=UTC)
    return CloudEvent(attributes={**about, "datacontenttype": "application/json"}, data=event["data"])


def message(headers: events.Headers, value: bytes) -> KafkaMessage:
    return KafkaMessage(headers=dict(headers), key=None, value=value)


@pytest.mark.parametrize("written", [to_binary_event, to_structured_event])
def test_messages_of_the_official_sdk_are_read(written: Any) -> None:
    sent = written(theirs(EVENT))
    found = events.read(list(sent.headers.items()), sent.value)
    assert isinstance(found, IntakeEvent), found
    assert (found.id, found.source, found.type, found.subject) == (
        "测-1",
        "urn:test:hotline",
        "org.example.call",
        "HL-7",
    )
    assert (found.time, found.sequence, found.data) == (parse("2026-04-01T09:00:00Z"), 17, EVENT["data"])
    assert found.extensions["partitionkey"] == "HL-7"


@pytest.mark.parametrize("written", [events.binary, events.structured])
def test_ours_are_read_by_the_official_sdk(written: Any) -> None:
    found = from_kafka_event(message(*written(EVENT)))
    assert (found.get_id(), found.get_source(), found.get_type(), found.get_subject()) == (
        "测-1", "urn:test:hotline", "org.example.call", "HL-7",
    )  # fmt: skip
    assert found.get_time() == datetime(2026, 4, 1, 9, tzinfo=UTC)
    assert found.get_extension("partitionkey") == "HL-7"
    assert found.get_data() == EVENT["data"]


@given(
    st.dictionaries(
        st.text("abcdefgh", min_size=1, max_size=8), st.text("楼道 abc", max_size=20) | st.integers(-9, 9), max_size=4
    ),
    st.booleans(),
)
def test_what_we_write_we_read_in_either_mode(data: dict[str, Any], binary: bool) -> None:
    event = {**EVENT, "data": data}
    found = events.read(*(events.binary if binary else events.structured)(event))
    as_a_file_says_it = read_event(orjson.dumps(event))
    assert isinstance(found, IntakeEvent)
    assert isinstance(as_a_file_says_it, IntakeEvent)
    found.extensions.pop("datacontenttype", None)
    assert content(found) == content(as_a_file_says_it)


@given(
    st.lists(
        st.tuples(st.sampled_from(["ce_id", "ce_type", "content-type", "x", "CE_ID"]), st.none() | st.binary()),
        max_size=5,
    ),
    st.none() | st.binary(),
)
def test_whatever_a_message_holds_the_answer_is_an_event_or_a_reason(headers: Any, value: bytes | None) -> None:
    assert isinstance(events.read(headers, value), IntakeEvent | Unreadable)
    assert isinstance(events.kept(headers, value), bytes)


def test_a_binary_message_that_cannot_be_read_is_kept_whole_and_can_be_mended() -> None:
    headers, value = events.binary({**EVENT, "specversion": "0.3"})
    assert events.read(headers, value) == Unreadable(
        "unsupported-version", 'only `specversion` "1.0" is understood', "specversion", "urn:test:hotline", "测-1"
    )
    kept = orjson.loads(events.kept(headers, value))
    assert base64.b64decode(kept["data_base64"]) == value
    mended = read_event(orjson.dumps({**kept, "specversion": "1.0"}))
    assert isinstance(mended, IntakeEvent)
    assert mended.data == EVENT["data"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("application/cloudevents+avro", "unsupported-content"),
        ("application/cloudevents-batch+json", "unsupported-content"),
        ("application/cloudevents+json; charset=gb18030", "unsupported-content"),
    ],
)
def test_a_format_we_do_not_read_is_named(kind: str, reason: str) -> None:
    found = events.read([("content-type", kind.encode())], b"{}")
    assert isinstance(found, Unreadable)
    assert found.reason == reason


# ── the specification's own features ─────────────────────────────────────────────────────────────────────────────


@dataclass
class Scenario:
    """What one scenario of the feature file gives, and what it wants to be found."""

    name: str
    payload: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    data: Any = None


def scenarios(text: str) -> Iterator[Scenario]:
    """The scenarios of a feature file, an outline once for each of its examples."""
    for block in re.split(r"\n\s*Scenario", text)[1:]:
        title = block.split("\n", 1)[0].partition(":")[2].strip()
        texts = re.findall(r'"""\n(.*?)"""', block, re.DOTALL)
        before, _, examples = block.partition("Examples:")
        given, _, wanted = before.partition("the attributes are:")
        headers, attributes = table(given.partition("headers:")[2]), table(wanted)
        kinds = [row.strip("| ").strip() for row in examples.splitlines() if row.strip().startswith("|")][1:]
        for kind in kinds or [""]:
            filled = {name: value.replace("<contentType>", kind) for name, value in headers.items()}
            yield Scenario(f"{title} {kind}", texts[0], filled, attributes, orjson.loads(texts[1]))


def table(text: str) -> dict[str, str]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]
    return {row[0]: row[1] for row in rows if row[0] != "key" and len(row) == 2}


@pytest.mark.real
def test_the_specification_s_features_for_kafka_hold(data_dir: Path) -> None:
    file = data_dir / "peer" / "ce_conformance" / "features" / "kafka-protocol-binding.feature"
    found = list(scenarios(file.read_text(encoding="utf-8")))
    assert len(found) >= 3
    for scenario in found:
        event = events.read([(k, v.encode()) for k, v in scenario.headers.items()], scenario.payload.encode())
        assert isinstance(event, IntakeEvent), (scenario.name, event)
        kind = event.extensions.get("datacontenttype", JSON)
        said = {"id": event.id, "source": event.source, "type": event.type, "time": event.time, "datacontenttype": kind,
                "specversion": "1.0"}  # fmt: skip
        wanted = {**scenario.attributes, "time": parse(scenario.attributes["time"])}
        assert said == wanted, scenario.name
        assert event.data == scenario.data, scenario.name
