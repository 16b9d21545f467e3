"""Alerts and dashboard speak of figures that a running engine has, and each alert has its paragraph."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from cli_parts import ROOT
from databases import databases_on
from http_parts import town
from postgres import Cluster
from prometheus_client.parser import text_string_to_metric_families
from worker_parts import at, register

from engine.core.instants import parse
from engine.runtime.duties import Duty
from engine.runtime.worker import WorkerSettings

RULES = ROOT / "deploy" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "lianxin.json"
RUNBOOK = ROOT / "docs" / "operations.md"
OF_PROMETHEUS = {"up"}
"""Series that Prometheus makes itself for whatever it reads."""
ONLY_WORDS = {"and", "or", "unless", "on", "by", "offset", "vector", "max", "sum", "count"}
MORNING = "2026-04-01 11:00"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(DASHBOARD.read_bytes())["panels"]
    return found


def expressions() -> list[str]:
    """Every query of the rules and of the dashboard."""
    return [rule["expr"] for rule in rules()] + [t["expr"] for panel in panels() for t in panel["targets"]]


def selectors(expression: str) -> set[tuple[str, str]]:
    """The series that a query names, each with its labels as they are written: (name, labels)."""
    found = set()
    by = re.sub(r"\b(by|on) ?\([^)]*\)", "", expression)
    for name, labels in re.findall(r"([a-z_:][a-z0-9_:]*)(?![a-z0-9_:(]| \()(?:\{([^}]*)\})?", _bare(by)):
        if name not in ONLY_WORDS:
            found.add((name, labels))
    return found


def _bare(expression: str) -> str:
    return re.sub(r"\[[^\]]*\]|\boffset \d+[smhd]|\b\d+[smhd]?\b", "", expression)


def grouped_by(expression: str) -> set[str]:
    """The labels that a query groups or joins by."""
    lists = re.findall(r"\b(?:by|on) ?\(([^)]*)\)", expression)
    return {name.strip() for each in lists for name in each.split(",")}


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """What a running engine exposes: the labels of every series by its name."""
    folder: Path = tmp_path_factory.mktemp("alerts")
    (folder / "intake").mkdir()
    found: dict[str, list[dict[str, str]]] = {}
    with town(folder, settings=WorkerSettings(spool=folder / "intake", listen=False)) as running:
        running.post(register("A1", MORNING))
        running.get("/readyz", "")
        for family in text_string_to_metric_families(running.get("/metrics", "").text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(dict(sample.labels))
    return found


def test_every_series_of_rules_and_dashboard_is_one_a_running_engine_has(
    series: dict[str, list[dict[str, str]]],
) -> None:
    for expression in expressions():
        named = selectors(expression)
        assert named, expression
        for name, labels in named - {(name, labels) for name, labels in named if name in OF_PROMETHEUS}:
            assert name in series, f"{name} in: {expression}"
            of_prometheus = {"job", "instance"}
            wanted = set(re.findall(r"([a-z_]+) ?(?:=~|!=|!~|=)", labels)) - of_prometheus
            assert wanted <= set(series[name][0]), f"labels of {name} in: {expression}"
        known = {"job", "instance"} | {label for name, _ in named for each in series.get(name, []) for label in each}
        assert grouped_by(expression) <= known, expression


def test_every_route_that_a_query_names_is_served(series: dict[str, list[dict[str, str]]]) -> None:
    served = {labels["route"] for labels in series["lianxin_http_requests_total"]}
    for expression in expressions():
        for route in re.findall(r'route!?="([^"]*)"', expression):
            assert route in served, expression


def test_a_series_that_does_not_exist_would_be_noticed() -> None:
    assert selectors('sum by (job) (rate(no_such_total{route="/x"}[5m])) > 2.5 or max(other) == 0') == {
        ("no_such_total", 'route="/x"'),
        ("other", ""),
    }


def test_every_figure_of_the_engine_is_shown_on_the_dashboard(series: dict[str, list[dict[str, str]]]) -> None:
    shown = {name for panel in panels() for target in panel["targets"] for name, _ in selectors(target["expr"])}
    assert {name for name in series if not name.endswith("_created")} <= shown


def test_each_alert_has_its_paragraph_and_each_paragraph_its_alert() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    paragraphs = dict(re.findall(r"^### (Lianxin\w+)\n\n(.+?)(?=\n\n#|\Z)", RUNBOOK.read_text("utf-8"), re.M | re.S))
    assert list(paragraphs) == names  # in the same order
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert " · " in rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}
        said = paragraphs[rule["alert"]]
        assert "\n· " in said
        assert "`" in said, f"{rule['alert']}: what to type or to look at"


def test_the_runbook_names_commands_that_exist() -> None:
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    runbook = RUNBOOK.read_text(encoding="utf-8")
    for command in re.findall(r"`lianxin ([a-z]+(?: [a-z]+)?)", runbook):
        words = command.split()
        known = {f"lianxin {command}", f"lianxin {words[0]}"}
        assert any(f"Usage: {name} " in reference for name in known), command


def test_the_dashboard_has_no_panel_twice_and_none_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len({panel["title"] for panel in panels()}) == len(panels())


@pytest.mark.parametrize(
    "what", [["check", "rules", str(RULES)], ["test", "rules", str(ROOT / "tests" / "alerts.yaml")]]
)
def test_promtool_accepts_the_rules_and_they_fire_when_they_should(what: list[str]) -> None:
    promtool = shutil.which("promtool", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert promtool, "promtool is missing: deploy/setup.sh promtool gets it"
    done = subprocess.run([promtool, *what], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("on_both")
def test_what_stands_behind_the_door_is_told_on_both_databases(tmp_path: Path) -> None:
    (tmp_path / "intake").mkdir()
    settings = WorkerSettings(spool=tmp_path / "intake", listen=False)
    with town(settings=settings) as running:
        running.post(register("A1", MORNING))
        running.clock.turn(at("2026-04-01 12:30"))
        for _ in range(1_000):
            running.worker.queue.perform({"do": "status"})
            page = running.get("/metrics", "").text
            ages = dict(re.findall(r'watermark_age_seconds\{partition="([^"]+)"\} (\S+)', page))
            if ages == {"live": "0.0", "spool": "0.0"}:  # though nothing came: a quiet night is no fault
                break
        assert ages == {"live": "0.0", "spool": "0.0"}
        assert dict(re.findall(r'duty_held\{duty="([^"]+)"\} (\S+)', page)) == {"clock": "1.0", "consumers": "1.0"}
        assert str(tmp_path) not in page


def test_a_partition_of_a_topic_is_named_and_a_file_that_is_imported_is_not() -> None:
    with town() as running:
        running.worker.writer.marks.move("kafka/lianxin.intake/3", parse(at("2026-04-01 11:50")), running.clock.at)
        running.worker.writer.marks.move(
            "import/complaint/王金丝雀.xlsx#1", parse(at("2026-04-01 11:50")), running.clock.at
        )
        page = running.get("/metrics", "").text
    assert 'watermark_age_seconds{partition="kafka/lianxin.intake/3"} 600.0' in page
    assert "王金丝雀" not in page


def test_a_door_alone_tells_that_nobody_rings_the_clocks(postgres: Cluster) -> None:
    with databases_on(postgres), town(settings=WorkerSettings(listen=False, duties=frozenset({Duty.API}))) as running:
        page = running.get("/metrics", "").text
    assert dict(re.findall(r'duty_held\{duty="([^"]+)"\} (\S+)', page)) == {"clock": "0.0", "consumers": "0.0"}
