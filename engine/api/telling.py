"""From the writer's answers to what the caller is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.api.problems import Refused, unfit
from engine.core.catalogue import sentence
from engine.core.catalogue.intake import CODE_OF_REASON
from engine.core.model import JsonObject
from engine.core.refusals import why_refused
from engine.runtime.messages import Read
from engine.store.access import ApiKey
from schemas.intake import Unreadable

REUSED, DENIED = "id-reused", "accused-unit"
MISSING: JsonObject = {"outcome": "early", "code": "early", "needs": "case"}
"""How a message about a case that does not exist is answered."""
OURS = "our-bug"


def outcomes(messages: Sequence[Read], answers: Sequence[JsonObject], key: ApiKey) -> list[JsonObject]:
    """One for each message, in their order."""
    return [
        {"source": message.event.source, "id": message.event.id, **_outcome(answer, key)}
        for message, answer in zip(messages, answers, strict=True)
    ]


def must_be_usable(message: Read, outcome: JsonObject) -> None:
    """Refused (409, 422) where the only message of a request is a dead letter, now or when it came first."""
    told = outcome.get("first", outcome)
    if told["outcome"] != "dead-letter" or told.get("code") == OURS:  # ours to mend: the caller need do nothing
        return
    assert not isinstance(message.event, Unreadable), "such a one is refused before"
    raise _dead(told, message)


def _dead(told: JsonObject, message: Read) -> Refused:
    status = 409 if told.get("code") == REUSED else 422
    more: dict[str, Any] = {"kept": True, "source": message.event.source, "id": message.event.id}
    return unfit(status, told.get("code", ""), told.get("field", ""), told.get("detail", ""), **more)


def _outcome(answer: JsonObject, key: ApiKey) -> JsonObject:
    """What became of one message. To a unit that may not know of the case it looks as if there were none."""
    status, code, facts = answer["status"], answer["code"], answer["facts"]
    if status == "duplicate":
        first = facts.get("first")
        return {"outcome": status, **({"first": _outcome(first, key)} if first else {})}
    if status == "rejected" and code == DENIED and "unit" in facts and key.units is not None:
        return {**MISSING, "case_id": answer["case_id"]}
    said: JsonObject = {"outcome": status}
    if answer["case_id"]:
        said["case_id"] = answer["case_id"]
    if status == "accepted":
        said["version"] = answer["version"]
    if code:
        said["code"] = code
    if status == "rejected":
        said["reason"] = {"zh": why_refused(code, facts, "zh"), "en": why_refused(code, facts, "en")}
    elif status == "early":
        said["needs"] = facts.get("needs", "")
    elif status == "dead-letter":
        told = {"field": str(facts.get("field", "")), "detail": str(facts.get("detail", ""))}
        explained = CODE_OF_REASON.get(code, "LX-357")
        said["reason"] = {"zh": sentence(explained, told, "zh"), "en": sentence(explained, told, "en")}
        if told["field"]:
            said["field"] = told["field"]
    return said
