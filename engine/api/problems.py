"""Problem documents (RFC 9457): what is wrong, with which field, and what to do, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from engine.core.catalogue import Language, remedy, sentence
from engine.core.catalogue.intake import CODE_OF_REASON
from engine.core.model import JsonObject

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
"""What Retry-After says where the queue is full: at 500 messages a batch it is empty again by then."""
UNFIT = "LX-357"


class Refused(Exception):
    """A request that is answered with a problem document. `close`: what is left of its body is not wanted."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
        more: JsonObject | None = None,
        **facts: object,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.close = status, code, close
        self.facts = {name: str(value) for name, value in facts.items()}
        self.headers = dict(headers or {})
        self.more = more or {}

    def response(self, request: Request) -> Response:
        """The document, in the languages the caller reads."""
        document = problem(self.status, self.code, language_of(request), self.facts) | self.more
        headers = self.headers | ({"connection": "close"} if self.close else {})
        return Response(orjson.dumps(document), self.status, headers, MEDIA_TYPE)


def busy(status: int, code: str, **facts: int) -> Refused:
    """Try again soon: 429 where the caller asks for too much at once, 503 where the engine cannot."""
    refused = Refused(status, code, headers={"retry-after": str(RETRY_SECONDS)}, close=True)
    refused.facts = {name: str(value) for name, value in facts.items()}
    return refused


def unfit(status: int, reason: str, field: str, detail: str, **more: Any) -> Refused:
    """A message that cannot be used: which of its fields, why, and whether it is kept as a dead letter."""
    said: JsonObject = {"reason": reason, **({"field": field} if field else {}), **more}
    return Refused(status, CODE_OF_REASON.get(reason, UNFIT), more=said, field=field or "data", detail=detail)


def problem(status: int, code: str, language: Language = "zh+en", facts: Mapping[str, str] | None = None) -> JsonObject:
    """The members that every problem document has."""
    facts = facts or {}
    found = {
        "type": f"urn:lianxin:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": sentence(code, facts, language),
        "remedy": remedy(code, facts, language),
    }
    return found | ({"field": facts["field"]} if facts.get("field") else {})


def language_of(request: Request) -> Language:
    """The language asked for first in Accept-Language; both where none of ours is."""
    first = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    if first.startswith("zh"):
        return "zh"
    return "en" if first.startswith("en") else "zh+en"
