"""The door: what comes in is understood exactly, and what cannot be used is told why, with a fixed word."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.core import instants
from schemas import rfc3339
from schemas.case_command import CaseCommand, CommandName, command_name, read_command
from schemas.envelope import Envelope, json_schema
from schemas.intake import (
    MAX_ATTRIBUTE_CHARS,
    MAX_BATCH_EVENTS,
    IntakeEvent,
    Unreadable,
    content,
    event_of,
    read_batch,
    read_binary,
    read_event,
)
from schemas.json_text import MAX_DEPTH, MAX_INTEGER, MAX_MESSAGE_BYTES, JsonFault, read_json

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "a1",
    "source": "urn:city:hotline",
    "type": "org.city.hotline.call.logged",
    "subject": "HL-7",
    "time": "2026-04-01T09:00:00+08:00",
    "data": {"level": 3, "text": "路灯不亮"},
}


def message(**changed: Any) -> bytes:
    """A good message with some attributes changed; `...` takes one away."""
    return orjson.dumps({name: value for name, value in {**GOOD, **changed}.items() if value is not ...})


def with_data(text: str) -> bytes:
    """A good message whose data is this JSON text."""
    return message(data=...)[:-1] + b',"data":' + text.encode() + b"}"


def with_text(raw: bytes) -> bytes:
    """A good message with these very bytes for its id."""
    return message().replace(b'"a1"', b'"' + raw + b'"')


def good(raw: bytes) -> IntakeEvent:
    event = read_event(raw)
    assert isinstance(event, IntakeEvent), event
    return event


def bad(raw: bytes) -> Unreadable:
    refused = read_event(raw)
    assert isinstance(refused, Unreadable), refused
    return refused


BAD: list[tuple[str, bytes, str, str | None]] = [
    # what is no JSON
    ("nothing", b"", "not-json", None),
    ("blanks", b" \n\t ", "not-json", None),
    ("a word", b"hello", "not-json", None),
    ("half a message", message()[:40], "not-json", None),
    ("a missing last brace", message()[:-1], "not-json", None),
    ("a comma too many", message()[:-1] + b",}", "not-json", None),
    ("two messages", message() + message(), "not-json", None),
    ("a comment", b"// hi\n" + message(), "not-json", None),
    ("single quotes", message().replace(b'"', b"'"), "not-json", None),
    ("bare keys", b"{id: 1}", "not-json", None),
    ("NaN", with_data('{"level":NaN}'), "not-json", None),
    ("Infinity", with_data('{"level":-Infinity}'), "not-json", None),
    ("a leading zero", with_data('{"level":03}'), "not-json", None),
    ("hexadecimal", with_data('{"level":0x10}'), "not-json", None),
    ("Python's True", with_data("True"), "not-json", None),
    ("an unknown escape", with_text(rb"\x41"), "not-json", None),
    ("XML", b"<event id='a1'/>", "not-json", None),
    ("YAML", b"id: a1\nsource: x\n", "not-json", None),
    ("a form", b"id=a1&source=x", "not-json", None),
    ("a zip file", b"PK\x03\x04\x14\x00", "not-json", None),
    ("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + message(), "not-json", None),
    # bytes
    ("GB18030", json.dumps({**GOOD, "data": "路灯不亮"}, ensure_ascii=False).encode("gb18030"), "not-utf8", None),
    ("UTF-16", message().decode().encode("utf-16"), "not-utf8", None),
    ("Latin-1", with_text(b"caf\xe9"), "not-utf8", None),
    ("an overlong slash", with_text(b"\xc0\xaf"), "not-utf8", None),
    ("a cut character", with_text("灯".encode()[:2]), "not-utf8", None),
    ("beyond Unicode", with_text(b"\xf5\x80\x80\x80"), "not-utf8", None),
    ("random bytes", bytes(range(128, 256)), "not-utf8", None),
    # surrogates, NUL, control characters
    ("half a pair in id", with_text(rb"\ud83d"), "surrogate", None),
    ("the other half", with_text(rb"\ude00"), "surrogate", None),
    ("a pair the wrong way round", with_text(rb"\ude00\ud83d"), "surrogate", None),
    ("half a pair in data", with_data(r'{"text":"\ud800"}'), "surrogate", None),
    ("half a pair as key", with_data(r'{"\udfff":1}'), "surrogate", None),
    ("a surrogate as UTF-8", with_text(b"\xed\xa0\xbd"), "surrogate", None),
    ("NUL in id", with_text(rb"a\u0000b"), "control-character", "id"),
    ("NUL in data", with_data(r'{"with":{"text":"a\u0000"}}'), "control-character", "data.with.text"),
    ("NUL in a key", with_data(r'{"a\u0000":1}'), "control-character", "data"),
    ("NUL in a list", with_data(r'{"tags":["a","\u0000"]}'), "control-character", "data.tags"),
    ("a raw NUL", with_text(b"a\x00b"), "control-character", None),
    ("a raw line feed", with_text(b"a\nb"), "control-character", None),
    ("a line feed in source", message(source="urn:a\nX-Admin: 1"), "control-character", "source"),
    ("a bell in type", message(type="a\u0007"), "control-character", "type"),
    ("C1 in subject", message(subject="a\u0085"), "control-character", "subject"),
    ("a tab in an extension", message(partition="a\tb"), "control-character", "partition"),
    ("a noncharacter", message(id="a\ufffe"), "control-character", "id"),
    # size and depth
    ("10 MB", message(data="x" * 10_000_000), "too-large", None),
    ("one byte too many", b" " * (MAX_MESSAGE_BYTES + 1 - len(message())) + message(), "too-large", None),
    ("a long id", message(id="x" * (MAX_ATTRIBUTE_CHARS + 1)), "too-large", "id"),
    ("a long source", message(source="源" * (MAX_ATTRIBUTE_CHARS + 1)), "too-large", "source"),
    ("deep arrays", with_data("[" * MAX_DEPTH + "]" * MAX_DEPTH), "too-deep", None),
    ("deep objects", with_data('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH), "too-deep", None),
    ("a bomb of brackets", b"[" * 1_000_000, "too-deep", None),
    ("a closed bomb", b"[" * 500_000 + b"]" * 500_000, "too-deep", None),
    ("a bomb of objects", b'{"a":' * 200_000, "too-deep", None),
    ("brackets and quotes", b'["' * 300_000, "not-json", None),
    # not an event
    ("null", b"null", "not-an-object", None),
    ("a number", b"7", "not-an-object", None),
    ("a text", b'"a1"', "not-an-object", None),
    ("an array", b"[" + message() + b"]", "not-an-object", None),
    # attributes
    ("no attributes", b"{}", "missing-attribute", "specversion"),
    ("no specversion", message(specversion=...), "missing-attribute", "specversion"),
    ("specversion 0.3", message(specversion="0.3"), "unsupported-version", "specversion"),
    ("specversion as a number", message(specversion=1.0), "wrong-type", "specversion"),
    ("no id", message(id=...), "missing-attribute", "id"),
    ("id null", message(id=None), "missing-attribute", "id"),
    ("id empty", message(id=""), "missing-attribute", "id"),
    ("id a number", message(id=17), "wrong-type", "id"),
    ("id an object", message(id={"a": 1}), "wrong-type", "id"),
    ("no source", message(source=...), "missing-attribute", "source"),
    ("source a list", message(source=["a"]), "wrong-type", "source"),
    ("no type", message(type=...), "missing-attribute", "type"),
    ("type a bool", message(type=True), "wrong-type", "type"),
    ("subject a number", message(subject=7), "wrong-type", "subject"),
    ("subject empty", message(subject=""), "missing-attribute", "subject"),
    ("an extension with capitals", message(caseKey="a"), "bad-name", "caseKey"),
    ("an extension with a dash", message(**{"case-key": "a"}), "bad-name", "case-key"),
    ("an extension object", message(trace={"a": 1}), "wrong-type", "trace"),
    ("an extension float", message(weight=0.5), "wrong-type", "weight"),
    ("sequence a word", message(sequence="first"), "wrong-type", "sequence"),
    ("sequence a float", message(sequence=1.5), "wrong-type", "sequence"),
    ("sequence a bool", message(sequence=True), "wrong-type", "sequence"),
    ("sequence negative", message(sequence=-1), "number-out-of-range", "sequence"),
    ("sequence in other digits", message(sequence="١٢"), "wrong-type", "sequence"),
    ("equal keys in data", with_data('{"level":1,"level":2}'), "duplicate-key", "level"),
    ("equal keys far down", with_data('{"a":[{"b":{"c":1,"c" : 1}}]}'), "duplicate-key", "c"),
    ("equal keys by escape", with_data(r'{"a\"":1,"\u0061\u0022":2}'), "duplicate-key", 'a"'),
    ("two ids", message()[:-1] + b',"id":"a2"}', "duplicate-key", "id"),
    ("data twice over", message(data_base64="YQ=="), "data-twice", "data_base64"),
    ("no base64", message(data=..., data_base64="a*b"), "bad-base64", "data_base64"),
    ("base64 a number", message(data=..., data_base64=5), "wrong-type", "data_base64"),
    ("base64 of no JSON", message(data=..., data_base64="YWI="), "not-json", "data"),
    # numbers
    ("2^53", with_data(f'{{"level":{MAX_INTEGER + 1}}}'), "number-out-of-range", "data.level"),
    ("-2^63", with_data('{"with":{"level":-9223372036854775808}}'), "number-out-of-range", "data.with.level"),
    ("twenty digits", with_data('{"id_number":11010519491231002000}'), "number-out-of-range", "data.id_number"),
    ("300 digits", with_data("1" * 300), "number-out-of-range", "data"),
    ("1e400", with_data('{"level":1e400}'), "number-out-of-range", None),
    ("a large float", with_data('{"amounts":[1,1e30]}'), "number-out-of-range", "data.amounts"),
    # time
    ("time a number", message(time=1767225600), "wrong-type", "time"),
    ("time empty", message(time=""), "bad-time", "time"),
    ("no time, no arrival", message(time=...), "missing-attribute", "time"),
    ("time without offset", message(time="2026-04-01T09:00:00"), "time-without-offset", "time"),
    ("a date", message(time="2026-04-01"), "time-without-offset", "time"),
    ("a space for the T", message(time="2026-04-01 09:00:00"), "time-without-offset", "time"),
    ("a zone's name", message(time="2026-04-01T09:00:00 Asia/Shanghai"), "bad-time", "time"),
    ("half an offset", message(time="2026-04-01T09:00:00+08"), "bad-time", "time"),
    ("an offset of 25 hours", message(time="2026-04-01T09:00:00+25:00"), "bad-time", "time"),
    ("American", message(time="04/01/2026 09:00:00 AM"), "bad-time", "time"),
    ("Chinese", message(time="2026年4月1日9时"), "bad-time", "time"),
    ("30 February", message(time="2026-02-30T09:00:00Z"), "bad-time", "time"),
    ("29 February 2026", message(time="2026-02-29T09:00:00Z"), "bad-time", "time"),
    ("month 13", message(time="2026-13-01T09:00:00Z"), "bad-time", "time"),
    ("hour 24", message(time="2026-04-01T24:00:00Z"), "bad-time", "time"),
    ("second 60", message(time="2026-04-01T09:00:60Z"), "bad-time", "time"),
    ("week date", message(time="2026-W14-3T09:00:00Z"), "bad-time", "time"),
    ("no separators", message(time="20260401T090000Z"), "bad-time", "time"),
    ("year 9999", message(time="9999-12-31T23:59:59Z"), "year-out-of-range", "time"),
    ("year 0001", message(time="0001-01-01T00:00:00+14:00"), "year-out-of-range", "time"),
    ("year 1899", message(time="1899-12-31T23:59:59Z"), "year-out-of-range", "time"),
    ("year 0000", message(time="0000-01-01T00:00:00Z"), "bad-time", "time"),
    ("full-width digits", message(time="２０２６-04-01T09:00:00Z"), "bad-time", "time"),
    ("time of a megabyte", message(time="9" * 900_000), "bad-time", "time"),
]


@pytest.mark.parametrize(("raw", "reason", "field"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_each_bad_message_is_told_its_own_reason(raw: bytes, reason: str, field: str | None) -> None:
    refused = bad(raw)
    assert (refused.reason, refused.field) == (reason, field)
    assert 0 < len(refused.detail) <= 200


def test_a_reason_names_the_sender_where_he_can_be_read_and_never_the_contents() -> None:
    refused = bad(message(time="2026-04-01T09:00:00", data={"caller": "李秀英"}))
    assert (refused.source, refused.id) == ("urn:city:hotline", "a1")
    assert "李秀英" not in str(refused)
    assert "09:00" not in str(refused)


def test_of_two_ids_neither_is_believed() -> None:
    refused = bad(message()[:-1] + b',"id":"a2"}')
    assert (refused.source, refused.id) == ("urn:city:hotline", None)


def test_bytes_that_would_be_gb18030_are_recognised() -> None:
    assert "GB18030" in bad('{"id":"路灯"}'.encode("gb18030")).detail


def test_a_message_becomes_an_event_with_its_time_in_utc() -> None:
    assert good(message(sequence="0042", dataschema="urn:s", traceparent="00-a")) == IntakeEvent(
        id="a1",
        source="urn:city:hotline",
        type="org.city.hotline.call.logged",
        subject="HL-7",
        time="2026-04-01T01:00:00.000000Z",
        data={"level": 3, "text": "路灯不亮"},
        sequence=42,
        extensions={"dataschema": "urn:s", "traceparent": "00-a"},
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-04-01T01:00:00Z", "2026-04-01T01:00:00.000000Z"),
        ("2026-04-01t01:00:00z", "2026-04-01T01:00:00.000000Z"),
        ("2026-04-01T01:00:00-00:00", "2026-04-01T01:00:00.000000Z"),
        ("2026-04-01T09:00:00.5+08:00", "2026-04-01T01:00:00.500000Z"),
        ("2026-04-01T09:00:00.123456789+08:00", "2026-04-01T01:00:00.123456Z"),
        ("2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000000Z"),
        ("2200-12-31T23:59:59-12:00", "2201-01-01T11:59:59.000000Z"),
    ],
)
def test_every_way_to_write_an_instant_gives_the_same_text(written: str, meant: str) -> None:
    assert good(message(time=written)).time == meant


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_the_door_reads_time_as_the_core_does(moment: Any) -> None:
    text = moment.isoformat()
    try:
        meant = instants.parse(text)
    except (ValueError, OverflowError):
        meant = None
    try:
        read = rfc3339.read_time(text)
    except rfc3339.TimeFault:
        read = None
    # An offset with seconds, as clocks had before railways, is no RFC 3339.
    assert read == meant or (read is None and len(text.rpartition("+")[2]) > 5)


def test_door_and_core_accept_the_same_years() -> None:
    assert rfc3339.YEARS_ACCEPTED == instants.YEARS_ACCEPTED


def test_a_byte_order_mark_is_tolerated() -> None:
    assert good(b"\xef\xbb\xbf" + message()) == good(message())


def test_a_message_of_the_largest_size_and_depth_is_read() -> None:
    filler = MAX_MESSAGE_BYTES - len(message(data=""))
    assert len(good(message(data="x" * filler)).data) == filler
    good(with_data("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)))


def test_brackets_and_colons_inside_texts_are_only_texts() -> None:
    text = '{"a":1,"a":2}[[[[' * 20 + '\\" \\u0022 \\\\u0000'
    assert good(message(data={"text": text})).data == {"text": text}


def test_what_looks_like_an_escaped_nul_is_none() -> None:
    assert good(with_data(r'{"text":"\\u0000"}')).data == {"text": "\\u0000"}


def test_floats_of_foreign_data_are_kept() -> None:
    assert good(with_data('{"lat":31.23,"n":1e3}')).data == {"lat": 31.23, "n": 1000.0}


def test_an_attribute_that_is_null_is_absent() -> None:
    assert good(message(subject=None, sequence=None, traceparent=None, data_base64=None)) == good(message(subject=...))


def test_a_message_without_time_takes_its_arrival_and_stays_the_same_message() -> None:
    first = read_event(message(time=...), received_at="2026-04-01T01:00:00.000000Z")
    again = read_event(message(time=...), received_at="2026-04-01T01:00:07.000000Z")
    assert isinstance(first, IntakeEvent)
    assert isinstance(again, IntakeEvent)
    assert first.time == "2026-04-01T01:00:00.000000Z"
    assert content(first) == content(again)
    assert content(first) != content(good(message(time="2026-04-01T01:00:00Z")))


def test_data_may_come_as_base64() -> None:
    encoded = base64.b64encode(b'{"level":3}').decode()
    assert good(message(data=..., data_base64=encoded)).data == {"level": 3}
    text = good(message(data=..., data_base64=encoded, datacontenttype="text/plain"))
    assert (text.data, text.extensions) == ('{"level":3}', {"datacontenttype": "text/plain"})


# ── what is compared ─────────────────────────────────────────────────────────────────────────────────────────────

SAME = [
    message(sequence=7),
    message(sequence="8", traceparent="00-b", datacontenttype="application/json; charset=utf-8"),
    message(time="2026-04-01T01:00:00.000Z"),
    json.dumps(dict(reversed(GOOD.items())), indent=2).encode(),
    message(data={"text": "路灯不亮", "level": 3.0}),
    message(data=..., data_base64=base64.b64encode(orjson.dumps(GOOD["data"])).decode()),
]
OTHER = [
    message(id="a2"),
    message(source="urn:city:web"),
    message(type="other"),
    message(subject="HL-8"),
    message(subject=...),
    message(time="2026-04-01T09:00:01+08:00"),
    message(data={"level": 4, "text": "路灯不亮"}),
    message(data={"level": "3", "text": "路灯不亮"}),
    message(data={"level": True, "text": "路灯不亮"}),
    message(data=None),
    message(region="330100"),
]


@pytest.mark.parametrize("raw", SAME)
def test_a_message_sent_again_another_way_says_the_same(raw: bytes) -> None:
    assert content(good(raw)) == content(good(message()))


@pytest.mark.parametrize("raw", OTHER)
def test_a_message_that_says_something_else_is_found_out(raw: bytes) -> None:
    assert content(good(raw)) != content(good(message()))


def test_no_attribute_can_pass_for_another() -> None:
    contents = {
        content(good(message(region="x"))),
        content(good(message(subject="x"))),
        content(good(message(data="x"))),
    }
    assert len(contents) == 3


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────────────

safe_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
foreign = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.floats(-1e9, 1e9) | safe_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(safe_text, inner, max_size=4),
    max_leaves=12,
)


@given(foreign)
def test_whatever_an_honest_system_sends_comes_through_unchanged(data: Any) -> None:
    assert good(message(data=data)).data == data
    assert good(json.dumps({**GOOD, "data": data}).encode()).data == data


@given(foreign, foreign)
def test_contents_are_equal_only_if_the_data_are(one: Any, other: Any) -> None:
    def said(value: Any) -> str:
        return json.dumps(json.loads(json.dumps(value), parse_float=lambda text: plain(float(text))), sort_keys=True)

    same = content(good(message(data=one))) == content(good(message(data=other)))
    assert same == (said(one) == said(other))


def plain(number: float) -> float | int:
    return int(number) if number.is_integer() else number


written_members = st.tuples(
    st.sampled_from([*GOOD, "level", "datacontenttype"]),
    st.one_of(
        st.sampled_from([orjson.dumps(value).decode() for value in GOOD.values()]),
        st.sampled_from(
            ["1", "-0", "1.0", "1e2", "9007199254740993", "null", "[[1]]", '{"a":1,"a":2}', '"\\u0041"', '"v.0"', '""']
        ),
        st.sampled_from(['"2026-04-01T09:00:00Z"', '"2026-04-01T09:00:00.0Z"', '"2026-04-01T09:00:61Z"', '"\x85"']),
    ),
)


@given(st.lists(written_members, max_size=4), st.permutations(list(GOOD)), st.sampled_from([",", ", "]))
def test_the_short_reading_of_a_usual_message_says_what_the_whole_reading_says(
    more: list[tuple[str, str]], names: list[str], comma: str
) -> None:
    usual = [(name, orjson.dumps(GOOD[name]).decode()) for name in names if name not in dict(more)]
    raw = ("{" + comma.join(f'"{name}":{value}' for name, value in [*usual, *more]) + "}").encode()
    read, whole = read_event(raw), wholly_read(raw)
    if isinstance(whole, IntakeEvent) and isinstance(read, IntakeEvent):
        assert content(read) == content(whole)
        read.packed = b""
    assert read == whole or (isinstance(read, Unreadable) and read.reason == whole)


def wholly_read(raw: bytes) -> IntakeEvent | Unreadable | str:
    try:
        return event_of(read_json(raw))
    except JsonFault as fault:
        return fault.reason


@given(st.binary(max_size=300))
def test_no_bytes_make_the_door_fall(raw: bytes) -> None:
    assert isinstance(read_event(raw), Unreadable)


@given(st.data())
def test_no_damage_to_a_message_makes_the_door_fall(data: st.DataObject) -> None:
    raw = bytearray(message(sequence=1, traceparent="00-a"))
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    read = read_event(bytes(raw))
    assert isinstance(read, IntakeEvent | Unreadable)
    if isinstance(read, IntakeEvent):
        content(read)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
ATTRIBUTES = ["specversion", "id", "source", "type", "subject", "sequence", "data_base64", "trace"]


@given(st.sampled_from(ATTRIBUTES), json_values)
def test_no_value_of_an_attribute_makes_the_door_fall(name: str, value: Any) -> None:
    assert isinstance(event_of({**GOOD, name: value}), IntakeEvent | Unreadable)


@given(
    st.sampled_from(["id", "source", "type", "subject", "time"]),
    st.none() | st.integers() | st.text(max_size=5) | st.just("2026-04-01T09:00:00Z"),
)
def test_the_published_schema_and_the_door_agree(name: str, value: Any) -> None:
    envelope = {**GOOD, name: value}
    try:
        Envelope.model_validate_json(json.dumps(envelope))
        fits = True
    except (ValidationError, ValueError):
        fits = False
    read = event_of(envelope, received_at="2026-04-01T01:00:00.000000Z")
    if isinstance(read, IntakeEvent):
        assert fits
    elif fits:  # the model takes times that a schema's `date-time` does not
        assert name == "time"


# ── batches and binary messages ──────────────────────────────────────────────────────────────────────────────────


def test_of_a_batch_each_message_has_its_own_answer() -> None:
    batch = read_batch(b"[" + message() + b"," + message(id=...) + b",7]")
    assert isinstance(batch, list)
    assert [getattr(one, "reason", "ok") for one in batch] == ["ok", "missing-attribute", "not-an-object"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (message(), "wrong-type"),
        (b"[", "not-json"),
        (b"[" + b"0," * MAX_BATCH_EVENTS + b"0]", "too-large"),
        (b"[" + b" " * MAX_MESSAGE_BYTES + b"]", "too-large"),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(raw: bytes, reason: str) -> None:
    refused = read_batch(raw)
    assert isinstance(refused, Unreadable)
    assert refused.reason == reason


HEADERS = [
    ("ce-specversion", "1.0"),
    ("ce-type", "com.example.someevent"),
    ("ce-time", "2018-04-05T03:56:24Z"),
    ("ce-id", "1234-1234-1234"),
    ("ce-source", "/mycontext/subcontext"),
    ("Host", "example.com"),
]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("prefix", ["ce-", "ce_", "CE-"])
def test_a_binary_message_is_the_same_event_as_a_structured_one(prefix: str, content_type: str) -> None:
    headers = [(name.replace("ce-", prefix), text) for name, text in HEADERS]
    event = read_binary([*headers, ("Content-Type", content_type)], b'{"message": "Hello World!"}')
    structured = {name[3:]: text for name, text in HEADERS if name.startswith("ce-")}
    assert isinstance(event, IntakeEvent)
    assert content(event) == content(good(orjson.dumps({**structured, "data": {"message": "Hello World!"}})))


def test_http_headers_are_percent_encoded_and_those_of_kafka_are_not() -> None:
    http = read_binary([*HEADERS, ("ce-subject", "%E6%B1%9F%E5%8C%97%20100%25")], b"")
    kafka = read_binary([*((n.replace("-", "_"), t) for n, t in HEADERS), ("ce_subject", "江北 100%")], b"")
    assert isinstance(http, IntakeEvent)
    assert isinstance(kafka, IntakeEvent)
    assert http.subject == kafka.subject == "江北 100%"
    assert http.data is None


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("text/plain; charset=utf-8", "Hello, 🌎!".encode(), "Hello, 🌎!"),
        ("application/xml", b"<msg>Hello</msg>", "<msg>Hello</msg>"),
        ("application/vnd.city+json", b'"a"', "a"),
        ("application/jose", b"eyJhbGciOi", "eyJhbGciOi"),
    ],
)
def test_a_body_is_read_by_its_content_type(content_type: str, body: bytes, data: Any) -> None:
    event = read_binary([*HEADERS, ("content-type", content_type)], body)
    assert isinstance(event, IntakeEvent)
    assert event.data == data


@pytest.mark.parametrize(
    ("content_type", "body", "reason", "field"),
    [
        ("application/json; charset=gb18030", b"{}", "unsupported-content", "datacontenttype"),
        ("application/json", b"{", "not-json", "data"),
        ("application/json", b'{"a":1,"a":1}', "duplicate-key", "data.a"),
        ("application/json", b" " * (MAX_MESSAGE_BYTES + 1), "too-large", "data"),
        ("text/plain", b"\xff", "not-utf8", "data"),
        ("text/plain", b"a\0", "control-character", "data"),
        ("text/plain", b" " * (MAX_MESSAGE_BYTES + 1), "too-large", "data"),
    ],
)
def test_a_bad_body_is_told_apart_from_bad_headers(content_type: str, body: bytes, reason: str, field: str) -> None:
    refused = read_binary([*HEADERS, ("content-type", content_type)], body)
    assert isinstance(refused, Unreadable)
    assert (refused.reason, refused.field, refused.id) == (reason, field, "1234-1234-1234")


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

COMMAND: dict[str, Any] = {
    "workflow": "complaint",
    "actor": {"role": "desk", "person_ref": "p-17", "unit": "信访局"},
    "with": {"unit": "水务局"},
    "petitioner": {"name": "王小明"},
}


def command(type_: str = "lianxin.case.assign", subject: Any = "HL-7", data: Any = COMMAND) -> CaseCommand | Unreadable:
    return read_command(good(message(type=type_, subject=subject, data=data)))


def test_a_command_is_read_with_its_actor_and_its_values() -> None:
    read = command()
    assert isinstance(read, CaseCommand)
    assert (read.workflow, read.actor.person_ref, read.with_) == ("complaint", "p-17", {"unit": "水务局"})
    assert command("lianxin.case.letter.sign", data={**COMMAND, "track": "letter-1"}) != read


def test_a_commands_name_is_a_transition_or_one_of_a_track() -> None:
    assert command_name("lianxin.case.assign") == CommandName("assign")
    assert command_name("lianxin.case.letter.sign") == CommandName("sign", "letter")
    for other in ("org.city.call", "lianxin.case.", "lianxin.case.Assign", "lianxin.case.a.b.c", "lianxin.case.办结"):
        assert command_name(other) is None


@pytest.mark.parametrize(
    ("changed", "reason", "field", "hint"),
    [
        ({"wiht": {}}, "unknown-field", "data.wiht", "did you mean `with`?"),
        ({"actor": {"role": "desk", "person": "p"}}, "unknown-field", "data.actor.person", "`person_ref`"),
        ({"workflow": ...}, "missing-attribute", "data.workflow", "required"),
        ({"actor": {}}, "missing-attribute", "data.actor.role", "required"),
        ({"workflow": "投诉"}, "bad-name", "data.workflow", "[a-z]"),
        ({"with": {"责任单位": 1}}, "bad-name", "data.with.责任单位", "[a-z]"),
        ({"with": []}, "wrong-type", "data.with", ""),
        ({"petitioner": {"name": 7}}, "wrong-type", "data.petitioner.name", ""),
        ({"actor": "desk"}, "wrong-type", "data.actor", ""),
        ({"actor": {"role": "desk", "unit": "a\n"}}, "control-character", "data.actor.unit", ""),
        ({"track": "x" * 300}, "too-large", "data.track", ""),
    ],
)
def test_a_command_that_is_none_is_told_which_field(changed: Any, reason: str, field: str, hint: str) -> None:
    refused = command(data={name: value for name, value in {**COMMAND, **changed}.items() if value is not ...})
    assert isinstance(refused, Unreadable)
    assert (refused.reason, refused.field, refused.id) == (reason, field, "a1")
    assert hint in refused.detail


@pytest.mark.parametrize(
    ("refused", "reason", "field"),
    [
        (command(subject=...), "missing-attribute", "subject"),
        (command("lianxin.case.A"), "bad-name", "type"),
        (command(data=[1]), "wrong-type", "data"),
    ],
)
def test_a_command_needs_its_case_and_its_name(refused: CaseCommand | Unreadable, reason: str, field: str) -> None:
    assert isinstance(refused, Unreadable)
    assert (refused.reason, refused.field) == (reason, field)


def test_the_schema_for_integrators_describes_events_and_commands() -> None:
    schema = json_schema()
    assert schema["required"] == ["specversion", "id", "source", "type"]
    assert set(schema["$defs"]["CaseCommand"]["properties"]) == {"workflow", "actor", "with", "petitioner", "track"}
    assert schema["$defs"]["CaseCommand"]["additionalProperties"] is False
    assert json.loads(orjson.dumps(schema)) == schema
