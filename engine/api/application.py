"""The routes, each with its policy; what goes wrong in them is a problem document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any, Literal

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.api.callers import Callers
from engine.api.health import readiness
from engine.api.intake import Intake
from engine.api.metrics import Metrics
from engine.api.openapi import described
from engine.api.problems import Refused, busy
from engine.api.questions import Questions
from engine.api.room import Room
from engine.api.tracing import Tracing
from engine.core.model import JsonObject
from engine.runtime.assembly import Assembly
from engine.runtime.doors import Hall
from engine.runtime.writer import where

QUESTIONS_MAX = 8
"""Answered at once; each holds one reading connection."""
QUESTIONS_WAITING_MAX = 64
PAGE_MAX, PAGE = 200, 50
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Policy = Literal["open", "send", "read"]
"""Who may use a route: anybody who reaches the address; a key within its limits; a key that reads, for what it sees."""


@dataclass(frozen=True)
class Route:
    """One operation. `described` in engine.api.openapi says what it takes and answers."""

    method: str
    path: str
    policy: Policy
    name: str


ROUTES = (
    Route("POST", "/v1/events", "send", "post_events"),
    Route("GET", "/v1/cases", "read", "list_cases"),
    Route("GET", "/v1/cases/{case_id}", "read", "get_case"),
    Route("GET", "/v1/cases/{case_id}/events", "read", "list_case_events"),
    Route("GET", "/v1/cases/{case_id}/why", "read", "explain_case"),
    Route("GET", "/livez", "open", "livez"),
    Route("GET", "/readyz", "open", "readyz"),
    Route("GET", "/metrics", "open", "metrics"),
    Route("GET", "/openapi.json", "open", "openapi"),
)
"""Every route there is."""

Text = Annotated[str, Field(max_length=200)]


class Filters(BaseModel):
    """Which cases a page shows."""

    model_config = ConfigDict(extra="forbid")

    workflow: Annotated[Text, Field(description="流程名 · the workflow's name")] = ""
    phase: Annotated[
        Literal["", "received", "assigned", "handled", "reviewed", "closed"], Field(description="阶段 · the phase")
    ] = ""
    state: Annotated[Text, Field(description="环节 · the state")] = ""
    unit: Annotated[Text, Field(description="责任单位 · the liable unit")] = ""
    overdue: Annotated[bool, Field(description="只要超期的 · overdue ones alone")] = False
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE
    after: Annotated[str, Field(max_length=1000, description="上一页的 next · `next` of the page before")] = ""


class Pages(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE
    after: Annotated[str, Field(max_length=1000, description="上一页的 next · `next` of the page before")] = ""


class Endpoints:
    """What each route does."""

    def __init__(self, hall: Hall, assembly: Assembly, tracing: Tracing) -> None:
        self._hall = hall
        self._callers = Callers(hall.line.store)
        self._room = Room()
        self.counted = Metrics(hall, self._room)
        self._intake = Intake(hall, self._callers, self._room, self.counted, tracing)
        self._questions = Questions(hall, assembly)
        self._places = CapacityLimiter(QUESTIONS_MAX)

    async def post_events(self, request: Request) -> Response:
        return await self._intake.post(request)

    async def list_cases(self, request: Request, filters: Annotated[Filters, Query()]) -> Response:
        key = self._callers.of(request)
        if not key.reads:
            raise Refused(403, "LX-399")
        return await self._answered(lambda: self._questions.page(key, filters.model_dump()))

    async def get_case(self, request: Request, case_id: str) -> Response:
        key = self._callers.of(request)
        return await self._answered(lambda: self._questions.case(key, case_id))

    async def list_case_events(self, request: Request, case_id: str, pages: Annotated[Pages, Query()]) -> Response:
        key = self._callers.of(request)
        return await self._answered(lambda: self._questions.events(key, case_id, pages.limit, pages.after))

    async def explain_case(self, request: Request, case_id: str) -> Response:
        key = self._callers.of(request)
        return await self._answered(lambda: self._questions.why(key, case_id))

    async def livez(self) -> Response:
        return as_json({"alive": True})

    async def readyz(self) -> Response:
        found = readiness(self._hall)
        return as_json(found, 200 if found["ready"] else 503)

    async def metrics(self) -> Response:
        page = await to_thread.run_sync(self.counted.page, limiter=self._places)
        return Response(page, media_type=METRICS_TYPE)

    async def openapi(self, request: Request) -> Response:
        return as_json(request.app.openapi())

    async def _answered(self, question: Callable[[], JsonObject]) -> Response:
        if self._places.statistics().tasks_waiting >= QUESTIONS_WAITING_MAX:
            raise busy(503, "LX-398")
        return as_json(await to_thread.run_sync(question, limiter=self._places))


def application(hall: Hall, assembly: Assembly, tracing: Tracing) -> ASGIApp:
    """The whole of it, as an ASGI application."""
    endpoints = Endpoints(hall, assembly, tracing)
    return Edge(routed(endpoints), hall, endpoints.counted)


def undone() -> FastAPI:
    """The routes without anything behind them: to be described, not to be run."""
    return routed(object.__new__(Endpoints))


def routed(endpoints: Endpoints) -> FastAPI:
    """The application of these endpoints."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for route in ROUTES:
        app.add_api_route(
            route.path, getattr(endpoints, route.name), methods=[route.method], operation_id=route.name,
            response_class=Response, response_model=None,
        )  # fmt: skip
    app.openapi = lambda: described(app.routes)  # type: ignore[method-assign]
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(RequestValidationError, _bad_parameter)
    app.add_exception_handler(Exception, _fault)
    return app


def as_json(value: Mapping[str, Any], status: int = 200) -> Response:
    """The value as JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response(request)


async def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        method = request.method if request.method in METHODS else "?"
        refused = Refused(405, "LX-385", headers=error.headers, close=True, method=method)
    elif error.status_code == 404:
        refused = Refused(404, "LX-384", close=True)
    else:
        refused = Refused(error.status_code, "LX-394", close=True, reason="HTTP")
    return refused.response(request)


async def _bad_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = str(first["loc"][-1])[:64]
    return Refused(422, "LX-387", field=field, reason=first["msg"]).response(request)


async def _fault(request: Request, error: Exception) -> Response:
    return Refused(500, "LX-970", close=True, type=type(error).__name__, report=where(error)).response(request)


class Edge:
    """Around all routes: counts and times them; a fault of ours, which has its answer by then, is logged."""

    def __init__(self, app: ASGIApp, hall: Hall, metrics: Metrics) -> None:
        self._app, self._hall, self._metrics = app, hall, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began, status = monotonic(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            self._hall.log.tell("http.failed", error=type(error).__name__, place=where(error))
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.answered(method, route, status, monotonic() - began)


__all__ = ["ROUTES", "application", "undone"]
