"""Health, metrics and traces: whoever watches is told what stands still, and nothing about people."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from http_parts import Town, town
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families
from worker_parts import assign, at, register

from engine.api import health
from engine.api.application import ROUTES, undone
from engine.api.tracing import Tracing
from engine.core.errors import LianxinError
from engine.runtime.worker import WorkerSettings

MORNING = "2026-04-01 11:00"


def figures(running: Town) -> dict[str, float]:
    """Every sample of /metrics by its name and labels."""
    page = running.get("/metrics", "")
    assert page.headers["content-type"].startswith("text/plain")
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


def test_all_is_well_where_everything_moves(tmp_path: Path) -> None:
    with town(tmp_path) as running:
        assert running.get("/livez", "").json() == {"alive": True}
        ready = running.get("/readyz", "")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert set(ready.json()["checks"]) == {"worker", "store", "intake", "clock"}


def test_a_store_that_cannot_be_written_to_is_said_and_comes_back(tmp_path: Path) -> None:
    with town(tmp_path) as running:
        store = running.line.store._database
        ran = store.transaction

        def full(*_: object, **__: object) -> object:
            raise LianxinError("LX-524", exit_code=5, path=tmp_path, reason="disk is full")

        store.transaction = full  # type: ignore[assignment, method-assign]
        refused = running.post(register("A1", MORNING))
        assert (refused.status_code, refused.headers.get("retry-after")) == (503, "1"), refused.text
        ready = running.get("/readyz", "")
        assert ready.status_code == 503
        assert "LX-524" in ready.json()["checks"]["store"]
        assert figures(running)["lianxin_store_failing"] == 1
        store.transaction = ran  # type: ignore[method-assign]
        for _ in range(10_000):  # the worker tries again after at most five seconds
            if running.get("/readyz", "").status_code == 200:
                break
        assert running.post(register("A1", MORNING)).status_code == 202


def test_a_folder_that_stands_still_is_named(tmp_path: Path) -> None:
    settings = WorkerSettings(spool=tmp_path / "intake", listen=False)
    (tmp_path / "intake").mkdir()
    with town(tmp_path, settings=settings) as running:
        running.batch([register("A1", MORNING), assign("A1", "2026-04-01 11:10")])
        shutil.rmtree(tmp_path / "intake")
        running.clock.turn(at("2026-04-01 12:10"))
        for _ in range(1_000):
            running.worker.queue.perform({"do": "status"})
            ready = running.get("/readyz", "").json()
            if not ready["ready"]:
                break
            running.clock.turn(at("2026-04-01 13:00"))
        assert "spool" in ready["checks"]["intake"]


def test_a_nearly_full_disk_is_said_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "DISK_BYTES_MIN", 2**62)
    with town(tmp_path) as running:
        assert "磁盘" in running.get("/readyz", "").json()["checks"]["store"]


def test_metrics_count_messages_and_requests_with_names_as_prometheus_wants_them() -> None:
    with town() as running:
        running.batch([register("A1", MORNING), register("A1", MORNING), {"specversion": "1.0"}])
        running.get("/v1/cases")
        running.get("/v1/cases/nothing-of-the-kind")
        running.get("/nowhere")
        found = figures(running)
        page = running.get("/metrics", "").text
    assert found["lianxin_http_messages_total{'outcome': 'accepted'}"] == 1
    assert found["lianxin_messages_total{'outcome': 'duplicate'}"] == 1
    assert found["lianxin_dead_letters_open"] == 1
    assert found["lianxin_log_position"] > 0
    counted = {
        ("GET", "/v1/cases/{case_id}", "404"), ("GET", "none", "404"), ("GET", "/v1/cases", "200"),
        ("POST", "/v1/events", "202"),
    }  # fmt: skip
    for method, route, status in counted:
        assert (
            found[f"lianxin_http_requests_total{{'method': '{method}', 'route': '{route}', 'status': '{status}'}}"] == 1
        )
    for name in re.findall(r"^# TYPE (\S+)", page, re.M):
        assert re.fullmatch(r"lianxin(_[a-z]+)+", name), name
    assert "nothing-of-the-kind" not in page
    assert "urn:test" not in page


def test_every_route_has_a_policy_and_every_policy_a_route() -> None:
    served = {(method, route.path) for route in undone().routes for method in route.methods}  # type: ignore[attr-defined]
    assert served == {(route.method, route.path) for route in ROUTES}
    with town() as running, running.client("") as nobody:
        for route in ROUTES:
            path = route.path.replace("{case_id}", "x" * 24)
            status = nobody.request(route.method, path).status_code
            assert (status == 401) is (route.policy != "open"), route


def test_a_post_has_a_span_that_is_linked_to_what_its_messages_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("engine.api.door.Tracing", lambda otlp: Tracing(tracer=provider.get_tracer("test")))
    carried = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    request = "00-11111111111111111111111111111111-2222222222222222-01"
    with town() as running:
        message = {**register("A1", MORNING, petitioner={"name": "王金丝雀"}), "traceparent": carried}
        running.batch([message, register("A2", MORNING)], traceparent=request)
    (span,) = exporter.get_finished_spans()
    assert span.name == "POST /v1/events"
    assert span.context is not None
    assert f"{span.context.trace_id:x}" == "1" * 32
    assert [f"{link.context.trace_id:x}" for link in span.links] == ["4bf92f3577b34da6a3ce929d0e0e4736"]
    assert dict(span.attributes or {})["messaging.batch.message_count"] == 2
    assert "王金丝雀" not in span.to_json()


def test_a_fault_of_ours_is_a_problem_and_a_line_of_the_log_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("王金丝雀")

    monkeypatch.setattr("engine.api.questions.Questions.case", broken)
    with town() as running:
        response = running.get("/v1/cases/x")
        assert (response.status_code, response.json()["code"]) == (500, "LX-970")
        assert running.get("/livez", "").status_code == 200
        line = running.log.getvalue()
    assert "http.failed" in line
    assert "RuntimeError" in line
    assert "王金丝雀" not in line + response.text
