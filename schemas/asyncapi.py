"""The AsyncAPI 3 document of the Kafka topics: what systems may send, and what they are told of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.envelope import json_schema as envelope_schema

REF = "#/components/schemas/{model}"
VERSION = "1"
INTAKE, CASE_EVENTS = "lianxin.intake", "lianxin.case-events"
CASE_SEALED, DEAD_LETTERS = "lianxin.case-sealed", "lianxin.dead-letters"

DESCRIPTION = """信访与投诉办理引擎的 Kafka 主题，CloudEvents 1.0（结构化或二进制）。
主题前缀可在 [kafka] prefix 更改。
The Kafka topics of an engine for petitions and complaints; CloudEvents 1.0, structured or binary.
Their prefix may be changed by `[kafka] prefix`."""


class Sent(BaseModel):
    """Common to what the engine sends: a CloudEvent."""

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, description="同一事实始终同一编号 · the same for one fact for ever")]
    source: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(min_length=1)]
    time: Annotated[str | None, Field(description="发生时间 · when it happened")] = None


class CaseEvent(Sent):
    """一条事实 · one fact about a case; 个人信息只有加盐摘要 · of what is personal, salted digests alone"""

    type: Annotated[str, Field(pattern=r"^lianxin\..+\.v\d+$", description="如 e.g. lianxin.case.assigned.v1")]
    subject: Annotated[str, Field(description="事项编号 · the case's id")]
    partitionkey: Annotated[str | None, Field(description="事项编号：同一事项次序不乱 · keeps a case's order")] = None
    data: Annotated[dict[str, Any], Field(description="事实的内容 · what the fact says")]


class DeadLetter(Sent):
    """一封死信的原因，不带内容 · why a message became a dead letter; never its content"""

    data: Annotated[dict[str, Any], Field(description="来源、编号、原因 · source, id, reason")]


def document() -> dict[str, Any]:
    """The whole document."""
    envelope = envelope_schema(REF)
    schemas: dict[str, Any] = envelope.pop("$defs")
    schemas["Envelope"] = envelope
    for model in (CaseEvent, DeadLetter):
        schemas[model.__name__] = model.model_json_schema(ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "连心 lianxin", "version": VERSION, "description": DESCRIPTION,
                 "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "intake": _channel(INTAKE, "Envelope", "各系统发来的业务消息；键为来件编号 · from systems, by case key"),
            "caseEvents": _channel(CASE_EVENTS, "CaseEvent", "各事项的事实；键为事项编号 · facts; key: the case's id"),
            "caseSealed": _channel(CASE_SEALED, "CaseEvent", "密件的事实，权限另设 · of sealed matters"),
            "deadLetters": _channel(DEAD_LETTERS, "DeadLetter", "不能用的消息 · messages that could not be used"),
        },
        "operations": {
            "receiveIntake": _operation("receive", "intake", "Envelope"),
            "sendCaseEvents": _operation("send", "caseEvents", "CaseEvent"),
            "sendSealedCaseEvents": _operation("send", "caseSealed", "CaseEvent"),
            "sendDeadLetters": _operation("send", "deadLetters", "DeadLetter"),
        },
        "components": {"messages": _messages(), "schemas": dict(sorted(schemas.items()))},
    }  # fmt: skip


def _channel(topic: str, message: str, what: str) -> dict[str, Any]:
    return {
        "address": topic,
        "description": what,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {"kafka": {"topic": topic}},
    }


def _operation(action: str, channel: str, message: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _messages() -> dict[str, Any]:
    return {
        name: {
            "name": name,
            "contentType": "application/cloudevents+json",
            "payload": {"$ref": REF.format(model=name)},
            "bindings": {"kafka": {"key": {"type": "string"}}},
        }
        for name in ("Envelope", "CaseEvent", "DeadLetter")
    }
