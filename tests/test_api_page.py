"""docs/http.md: what it shows is what happens."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli_parts import ROOT, Cli
from http_parts import Town, problem, town

from engine.api import bodies, room
from engine.api.openapi import PROBLEMS
from engine.runtime.gathering import ANSWERS_KEPT
from schemas.intake import MAX_BATCH_EVENTS
from schemas.settings import ApiSettings

PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
OUTCOMES = {"accepted", "rejected", "early", "duplicate", "dead-letter"}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def sent(running: Town, request: str) -> Any:
    """The request of a block, sent as it stands."""
    head, _, body = request.partition("\n\n")
    line, *headers = head.splitlines()
    method, path = line.split(" ", 1)
    with running.client(**dict(header.split(": ", 1) for header in headers)) as client:
        return client.request(method, path, content=body.encode() or None)


def test_every_request_is_answered_as_the_page_says() -> None:
    one, binary, batch, question, broken = blocks("http")
    shown, refused = (orjson.loads(block) for block in blocks("json"))
    with town() as running:
        taken = sent(running, one)
        assert taken.status_code == 202
        (said,) = taken.json()["outcomes"]
        assert {**said, "case_id": "…"} == shown["outcomes"][0]
        assert sent(running, binary).json()["outcomes"][0]["outcome"] == "accepted"
        assert [o["outcome"] for o in sent(running, batch).json()["outcomes"]] == ["duplicate", "dead-letter"]
        assert len(sent(running, question).json()["cases"]) == 2
        found = problem(sent(running, broken), 422, "LX-347")
        assert refused.items() <= found.items()


def test_the_commands_of_the_page_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli = Cli(tmp_path, monkeypatch, capsys)
    cli.ok("init", ".")
    for line in blocks("console")[0].splitlines():
        cli.ok(*line.removeprefix("$ lianxin ").replace("'", "").split())


def test_the_settings_of_the_page_are_settings() -> None:
    (text,) = blocks("toml")
    ApiSettings.model_validate(tomllib.loads(text)["api"])


def test_every_outcome_status_and_limit_is_on_the_page() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.M)) >= OUTCOMES
    told = {int(status) for status in re.findall(r"^\| (\d{3}) \|", PAGE, re.M)}
    assert told == PROBLEMS.keys() - {405}
    assert bodies.BODY_BYTES_MAX == 1024**2
    for number in (MAX_BATCH_EVENTS, room.REQUESTS_OF_ONE_KEY_MAX, room.REQUESTS_MAX, ANSWERS_KEPT.days):
        assert str(number) in PAGE
