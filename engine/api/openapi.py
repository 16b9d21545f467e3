"""The OpenAPI 3.1 document: parameters from the routes, bodies and answers from `schemas`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas import http_answers as answers
from schemas.envelope import json_schema as envelope_schema
from schemas.intake import MAX_BATCH_EVENTS

TITLE, VERSION = "连心 lianxin", "1"
REF = "#/components/schemas/{model}"
PROBLEM = "application/problem+json"
DESCRIPTION = """信访与投诉办理引擎的 HTTP 接口。发送消息：`POST /v1/events`，202 表示已提交。查询只见本密钥可见的事项。
4xx 一律没有收下（除非 `kept: true`），按 `remedy` 处理；429 与 503 按 `Retry-After` 重发，编号不变。

HTTP of an engine for petitions and complaints. Send messages to `POST /v1/events`; 202 says that they are committed. Of
cases a key sees what it may. Of what is answered with 4xx nothing was taken (unless it says `kept: true`): do what
`remedy` says. After 429 and 503 send the same again, under the same id, when `Retry-After` has passed."""

MODELS: tuple[type[BaseModel], ...] = (
    answers.Taken,
    answers.Problem,
    answers.CasePage,
    answers.Case,
    answers.FactPage,
    answers.Why,
    answers.Ready,
)

PROBLEMS = {
    400: "内容不是消息，或 Idempotency-Key 不能用 · no message, or no usable Idempotency-Key",
    401: "没有有效的密钥 · no key that holds",
    403: "密钥无权 · the key may not",
    404: "没有，或无权看到 · there is none, or you may not see it",
    405: "不支持此方法 · not this method",
    408: "内容没有到齐 · the body did not arrive",
    409: "编号或 Idempotency-Key 已用于别的内容 · the id or the Idempotency-Key was used for something else",
    413: "过大 · too large",
    415: "不认识的 Content-Type · a Content-Type that is not understood",
    422: "某个字段不能用，见 field 与 reason · a field cannot be used, see `field` and `reason`",
    429: "此密钥同时请求过多，见 Retry-After · too many requests of this key at once, see Retry-After",
    503: "引擎忙或不可用，见 Retry-After · the engine is busy or away, see Retry-After",
}
EXAMPLE = {
    "specversion": "1.0",
    "id": "0190a5f2-7c1e-7000-8000-5f2d6a1b3c4d",
    "source": "urn:city:hotline",
    "type": "lianxin.case.register",
    "subject": "HL-2026-000123",
    "time": "2026-04-01T09:00:00+08:00",
    "data": {"workflow": "complaint", "actor": {"role": "clerk"}, "with": {"channel": "phone"}},
}


def described(routes: Sequence[Any]) -> dict[str, Any]:
    """The document of these routes."""
    document = get_openapi(
        title=TITLE, version=VERSION, openapi_version="3.1.0", description=DESCRIPTION, routes=routes
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas.update(_schemas())
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.update(OPERATIONS[operation["operationId"]])
    return document


def _schemas() -> dict[str, Any]:
    _, found = models_json_schema([(model, "serialization") for model in MODELS], ref_template=REF)
    schemas: dict[str, Any] = dict(found["$defs"])
    envelope = envelope_schema(REF)
    schemas.update(envelope.pop("$defs"))
    schemas["Envelope"] = envelope
    return dict(sorted(schemas.items()))


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": REF.format(model=name)}


def _answers(ok: int, model: str, what: str, problems: Sequence[int], **headers: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(model)}}
    found: dict[str, Any] = {str(ok): {"description": what, "content": content, **headers}}
    for status in problems:
        found[str(status)] = {
            "description": PROBLEMS[status],
            "content": {PROBLEM: {"schema": _ref("Problem")}},
            **({"headers": RETRY} if status in (429, 503) else {}),
        }
    return found


def _plain(what: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": what, "content": {kind: {"schema": schema}}}


RETRY = {"Retry-After": {"description": "秒 · seconds", "schema": {"type": "integer", "minimum": 0}}}
REPLAYED = {
    "Idempotency-Replayed": {
        "description": "true：原样再答一次 · the same answer once more", "schema": {"type": "string", "const": "true"},
    }
}  # fmt: skip
KEY: list[dict[str, list[str]]] = [{"key": []}]
ALIVE = {"type": "object", "properties": {"alive": {"const": True}}, "required": ["alive"]}


def _ce(name: str, what: str) -> dict[str, Any]:
    return {
        "name": f"ce-{name}", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 1024},
        "description": f"二进制模式 · binary mode: {what}",
    }  # fmt: skip


POST: dict[str, Any] = {
    "summary": "发送消息 · Send messages",
    "description": "结构化、二进制（ce- 头）或批次，最多 1 MiB · structured, binary or a batch, 1 MiB at most",
    "security": KEY,
    "parameters": [
        {
            "name": "Idempotency-Key", "in": "header", "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
            "description": "同一键同一内容，30 天内答复相同 · for 30 days the same answer to the same key and body",
        },
        _ce("id", "id"), _ce("source", "source"), _ce("type", "type"), _ce("specversion", "1.0"),
        _ce("subject", "subject"), _ce("time", "time"), _ce("traceparent", "W3C trace context"),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/cloudevents+json": {"schema": _ref("Envelope"), "example": EXAMPLE},
            "application/cloudevents-batch+json": {
                "schema": {"type": "array", "maxItems": MAX_BATCH_EVENTS, "items": _ref("Envelope")},
                "example": [EXAMPLE],
            },
            "application/json": {"schema": {}, "example": EXAMPLE["data"]},
        },
    },
    "responses": _answers(
        202, "Taken", "已提交，逐条列出结果 · committed; what became of each message",
        (400, 401, 403, 408, 409, 413, 415, 422, 429, 503), headers=REPLAYED,
    ),
}  # fmt: skip

OPERATIONS: dict[str, dict[str, Any]] = {
    "post_events": POST,
    "list_cases": {
        "summary": "事项列表 · Cases",
        "security": KEY,
        "responses": _answers(200, "CasePage", "余时最少的在前 · least time left first", (401, 403, 422, 503)),
    },
    "get_case": {
        "summary": "一件事项 · One case",
        "security": KEY,
        "responses": _answers(200, "Case", "现状 · as it stands", (401, 404, 422, 503)),
    },
    "list_case_events": {
        "summary": "事项的经过 · What happened to a case",
        "security": KEY,
        "responses": _answers(200, "FactPage", "旧的在前 · the oldest first", (401, 404, 422, 503)),
    },
    "explain_case": {
        "summary": "为什么 · Why it stands as it does",
        "security": KEY,
        "responses": _answers(200, "Why", "每条事实的依据 · what each record rests on", (401, 404, 422, 503)),
    },
    "livez": {
        "summary": "进程在运行 · The process is alive",
        "responses": {"200": _plain("在运行 · alive", ALIVE)},
    },
    "readyz": {
        "summary": "各部分正常 · Every part moves",
        "responses": {
            "200": _plain("正常 · ready", _ref("Ready")),
            "503": _plain("哪里不通 · what stands still", _ref("Ready")),
        },
    },
    "metrics": {
        "summary": "Prometheus",
        "responses": {"200": _plain("指标 · metrics", {"type": "string"}, "text/plain")},
    },
    "openapi": {
        "summary": "本文件 · This document",
        "responses": {"200": _plain("OpenAPI 3.1", {"type": "object"})},
    },
}  # fmt: skip
"""What each operation takes and answers, by its id."""
