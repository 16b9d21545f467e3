"""OpenTelemetry: a span for each post, linked to the traces that its messages carry in `traceparent`.

Without `[api] otlp` spans go to whatever provider the surrounding program has set, by default nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.requests import Request

from engine.core.errors import LianxinError
from engine.runtime.messages import Read
from schemas.intake import IntakeEvent

LINKS_MAX = 128
"""Of one span: what OpenTelemetry keeps by default."""
NAME = "lianxin"
CONTEXT = TraceContextTextMapPropagator()


class Tracing:
    """Where spans go. A context manager: left, what was not sent yet is sent."""

    def __init__(self, otlp: str = "", tracer: Tracer | None = None) -> None:
        self._provider = _provider(otlp) if otlp else None
        self._tracer = tracer or (self._provider or trace.get_tracer_provider()).get_tracer(NAME)

    def __enter__(self) -> Tracing:
        return self

    def __exit__(self, *_: object) -> None:
        if self._provider is not None:
            self._provider.shutdown()

    @contextmanager
    def messages(self, request: Request, messages: Sequence[Read]) -> Iterator[None]:
        """From the reading of messages to their commit. Nothing of what they say is in it but how many they are."""
        links = [Link(found) for message in messages[:LINKS_MAX] if (found := _context_of(message)) is not None]
        parent = CONTEXT.extract({name: request.headers[name] for name in _FIELDS if name in request.headers})
        with self._tracer.start_as_current_span(
            "POST /v1/events",
            context=parent,
            kind=SpanKind.SERVER,
            links=links,
            attributes={
                "http.request.method": "POST",
                "http.route": "/v1/events",
                "messaging.batch.message_count": len(messages),
            },
            record_exception=False,  # its text could hold something of a message
        ):
            yield


_FIELDS = ("traceparent", "tracestate")


def _context_of(message: Read) -> SpanContext | None:
    if not isinstance(message.event, IntakeEvent):
        return None
    carried = {n: v for n in _FIELDS if isinstance(v := message.event.extensions.get(n), str)}
    found = trace.get_current_span(CONTEXT.extract(carried)).get_span_context()
    return found if found.is_valid else None


def _provider(endpoint: str) -> TracerProvider:
    """Sends spans by OTLP over HTTP. LX-565 (exit 5) where lianxin was installed without it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise LianxinError("LX-565", exit_code=5) from error
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    return provider
