"""Keys of other systems from the command line: made once, listed without their secret, revoked for good."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_parts import Cli
from http_parts import town
from worker_parts import register

from engine.runtime import keys_of_systems


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    cli = Cli(tmp_path, monkeypatch, capsys)
    cli.ok("init", ".")
    return cli


def test_a_key_is_shown_once_and_kept_as_a_digest(cli: Cli, tmp_path: Path) -> None:
    limits = ("--source", "urn:city:hotline", "--type", "org.city.*", "--unit", "水务局", "--read")
    made = cli.ok("key", "create", "hotline", *limits, "--as", "p-1023:office@信访局", "--json").json
    assert keys_of_systems.id_in(made["key"])
    (listed,) = cli.ok("key", "list", "--json").json
    assert {name: listed[name] for name in ("name", "sources", "types", "units", "reads", "revoked_at")} == {
        "name": "hotline", "sources": ["urn:city:hotline"], "types": ["org.city.*"], "units": ["水务局"], "reads": True,
        "revoked_at": None,
    }  # fmt: skip
    secret = made["key"].rpartition("_")[2].encode()
    assert all(secret not in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert "水务局" in cli.ok("key", "list").out
    facts = cli.ok("tail", "--json").out
    assert "lianxin.key.created.v1" in facts


def test_a_key_is_revoked_once_and_its_name_is_not_used_again(cli: Cli) -> None:
    cli.ok("key", "create", "hall", "--source", "*")
    assert cli("key", "revoke", "hall", "--json").code == 2, "without a terminal it asks for --yes"
    cli.ok("key", "revoke", "hall", "--yes")
    assert cli("key", "revoke", "hall", "--yes", "--json").error["code"] == "LX-561"
    assert cli("key", "create", "hall", "--source", "*", "--json").error["code"] == "LX-560"
    (listed,) = cli.ok("key", "list", "--json").json
    assert listed["revoked_at"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("Hall", "--source", "*"), "LX-562"),
        (("hall", "--source", "*", "--unit", "没有的局"), "LX-563"),
        (("hall", "--source", "*", "--as", "p-1:office@信访局"), "LX-906"),
    ],
)
def test_a_key_that_cannot_be_is_refused(cli: Cli, arguments: tuple[str, ...], code: str) -> None:
    assert cli("key", "create", *arguments, "--json").error["code"] == code


def test_a_revoked_key_opens_nothing(tmp_path: Path) -> None:
    with town(tmp_path) as running:
        key = running.make_key("short")
        assert running.post(register("A1", "2026-04-01 11:00"), key).status_code == 202
        keys_of_systems.revoke(running.worker.queue, "short")
        for _ in range(100):  # at most a second later
            if running.get("/v1/cases", key).status_code == 401:
                break
        else:
            raise AssertionError("the key still opens the door")
