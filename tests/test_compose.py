"""deploy/compose.yaml as far as it can be looked at without a Docker engine, and what its services run, run here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import postgres
import psycopg
import pytest
import yaml
from cli_parts import ROOT, clean_environment

from engine.app import assemble
from engine.cli.main import run
from engine.runtime.duties import ALL, duties_of
from engine.settings import load_settings, variable_of
from schemas.settings import setting_keys

FILE = ROOT / "deploy" / "compose.yaml"
PASSWORDS = {"petitions_owner": "o'wner $x", "petitions": 'w"ork`id`'}
"""Such as would do harm if they were ever pasted into a command or a statement."""


def composition() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = composition()["services"]
    return found


OURS = [name for name, service in services().items() if service["image"] == "lianxin"]


def test_the_processes_together_have_every_duty_and_each_is_called_by_its_own() -> None:
    running = {name: services()[name]["command"] for name in OURS if services()[name]["command"][0] == "run"}
    assert frozenset().union(*(duties_of(command[1]) for command in running.values())) == ALL
    assert {name: command[1] for name, command in running.items()} == {name: name for name in running}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_its_value_one_that_is_taken(name: str, tmp_path: Path) -> None:
    environment = services()[name]["environment"]
    ours = {key: value for key, value in environment.items() if key.startswith("LIANXIN_")}
    assert set(ours) <= {variable_of(key) for key in setting_keys()}
    settings = load_settings(tmp_path, ours)
    assert settings.database_url.startswith("postgresql+psycopg://")
    assert set(environment) - set(ours) == {"PGPASSFILE"}


@pytest.mark.parametrize("name", list(services()))
def test_every_service_is_looked_after_and_leans_on_what_is_there(name: str) -> None:
    everything, service = composition(), services()[name]
    once = "restart" in service and service["restart"] == "on-failure"
    assert once or service["healthcheck"]["test"][0] == "CMD"
    for other, how in service.get("depends_on", {}).items():
        ends = services()[other]["restart"] == "on-failure"
        assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")
    given = set(service.get("secrets", []))
    assert given <= set(everything["secrets"])
    for key, value in service.get("environment", {}).items():
        if str(value).startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in given, key
        else:
            assert "password" not in str(value).lower()
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        assert source in everything["volumes"] or source == "./project" or (FILE.parent / source).is_dir()


def test_no_secret_comes_into_the_repository_or_an_image() -> None:
    for name, secret in composition()["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()


def test_the_broker_is_of_the_release_that_the_tests_run_on() -> None:
    pom = ET.parse(ROOT / "deploy" / "kafka" / "pom.xml")
    versions = {element.text for element in pom.iter() if element.tag.endswith("version")}
    assert services()["kafka"]["image"].rpartition(":")[2] in versions


def test_the_image_is_made_of_files_that_are_there() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line
    assert {"engine", "consumers", "schemas", "workflows"} <= set(re.findall(r"^COPY (\w+) ", text, re.M))
    assert 'ENTRYPOINT ["lianxin"]' in text
    assert "USER 10001" in text


def test_logins_schema_and_health_check_do_here_what_they_are_there_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clean_environment(monkeypatch)
    passwords = tmp_path / "pgpass_admin"
    passwords.write_text("".join(f"*:*:*:{user}:{password}\n" for user, password in PASSWORDS.items()), "utf-8")
    passwords.chmod(0o400)
    with postgres.cluster() as cluster:
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(cluster.port), "PGUSER": postgres.USER}
        for _ in range(2):  # it may be run again
            subprocess.run(
                [ROOT / "deploy" / "postgres" / "logins.sh"],
                env={**os.environ, **where, "PGPASSFILE": str(passwords)}, check=True,
            )  # fmt: skip
        monkeypatch.setenv("LIANXIN_KEY_FILE", str(tmp_path / "lianxin.key"))
        monkeypatch.setenv("LIANXIN_DATABASE_URL", cluster.url("petitions", user="petitions_owner"))
        project = tmp_path / "project"
        for folder in (project, tmp_path / "schema"):  # the second time as whenever the services are started
            assert run(assemble, ["init", str(folder)]) == 0
        monkeypatch.setenv("LIANXIN_DATABASE_URL", cluster.url("petitions", user="petitions"))
        capsys.readouterr()
        check = services()["engine"]["healthcheck"]["test"][2:-1]
        assert run(assemble, [*check, str(project)]) == 0, capsys.readouterr()
        with (
            cluster.connect("petitions", "petitions") as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("DELETE FROM log")


def _is_of(password: str, stored: str) -> bool:
    """Whether what PostgreSQL keeps (SCRAM-SHA-256$iterations:salt$stored key:server key) is of this password."""
    _, salted, keys = stored.split("$")
    iterations, salt = salted.split(":")
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    client = hmac.digest(key, b"Client Key", "sha256")
    return base64.b64decode(keys.split(":")[0]) == hashlib.sha256(client).digest()
