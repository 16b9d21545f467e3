"""`POST /v1/events`: messages in, answered after the commit."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from engine.api.bodies import Delivery, body_of, delivery, must_be_readable, size_of
from engine.api.callers import Callers, limits_of, must_be_allowed
from engine.api.metrics import Metrics
from engine.api.problems import Refused, busy
from engine.api.room import Room
from engine.api.telling import must_be_usable, outcomes
from engine.api.tracing import Tracing
from engine.core.model import JsonObject
from engine.runtime.doors import Hall
from engine.runtime.requests import Ticket
from engine.store.access import ApiKey

ANSWER_SECONDS_MAX = 30.0
KEY_CHARS_MAX = 255
IDEMPOTENCY_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_CHARS_MAX}}}")


class Intake:
    """What takes events in."""

    def __init__(self, hall: Hall, callers: Callers, room: Room, metrics: Metrics, tracing: Tracing) -> None:
        self._hall, self._callers, self._room = hall, callers, room
        self._metrics, self._tracing = metrics, tracing

    async def post(self, request: Request) -> Response:
        """202 with what became of each message; else a problem document, and nothing was taken unless it says so."""
        key = self._callers.of(request)
        must_be_readable(request)
        with self._room.taken(key, size_of(request)):
            once = _idempotency_key(request)
            brought = delivery(request, await body_of(request), self._hall.time.now(), key.name)
            for index, message in enumerate(brought.messages):
                must_be_allowed(key, message.event, index if brought.batch else None)
            with self._tracing.messages(request, brought.messages):
                reply = await self._committed(key, brought, once)
        told = outcomes(brought.messages, reply["answers"], key)
        self._metrics.took(told)
        if not brought.batch:
            must_be_usable(brought.messages[0], told[0])
        again = {"idempotency-replayed": "true"} if reply.get("again") else {}
        return Response(orjson.dumps({"outcomes": told}), 202, again, "application/json")

    async def _committed(self, key: ApiKey, brought: Delivery, once: str) -> JsonObject:
        """The writer's answer. Refused where the key may not, the Idempotency-Key was used, or the writer cannot."""
        if not brought.messages:
            return {"answers": []}
        asked: dict[str, Any] = {"do": "submit", "messages": brought.messages, "firsts": True}
        if (limits := limits_of(key)) is not None:
            asked["limits"] = limits
        if once:
            asked["once"] = {"caller": key.key_id, "key": once, "digest": brought.digest}
        reply = await self._asked(asked)
        if refused := reply.get("refused"):
            raise _as_problem(refused, batch=brought.batch)
        return reply

    async def _asked(self, asked: JsonObject) -> JsonObject:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Ticket] = loop.create_future()

        def then(ticket: Ticket) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_give, answered, ticket)

        if self._hall.pulse.failing or not self._offered(asked, then):
            raise busy(503, "LX-398")
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                ticket = await answered
        except TimeoutError:
            raise busy(503, "LX-389", seconds=int(ANSWER_SECONDS_MAX)) from None
        if ticket.error is not None:  # the disk is full, the worker stops: nothing of it was taken
            raise busy(503, "LX-398")
        assert ticket.answer is not None
        return ticket.answer

    def _offered(self, asked: JsonObject, then: Any) -> bool:
        from engine.core.errors import LianxinError

        try:
            return self._hall.queue.offer(asked, then)
        except LianxinError:  # it is closed: the worker stops
            return False


def _give(answered: asyncio.Future[Ticket], ticket: Ticket) -> None:
    if not answered.done():
        answered.set_result(ticket)


def _idempotency_key(request: Request) -> str:
    given = request.headers.get("idempotency-key")
    if given is None:
        return ""
    if not IDEMPOTENCY_KEY.fullmatch(given):
        raise Refused(400, "LX-395", close=True, more={"field": "idempotency-key"}, max=KEY_CHARS_MAX)
    return given


def _as_problem(refused: JsonObject, *, batch: bool) -> Refused:
    if refused["what"] == "once":
        return Refused(409, "LX-396", more={"field": "idempotency-key"})
    where = {"index": refused["index"]} if batch else {}
    return Refused(403, "LX-391", more={"field": refused["what"], **where}, what="单位 unit")
