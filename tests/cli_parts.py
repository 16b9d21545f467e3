"""What tests of the command line are made of: a run, in this process or as a real command, and a project for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.app import assemble
from engine.cli.main import run

ROOT = Path(__file__).resolve().parent.parent
COMPLAINT = ROOT / "workflows" / "complaint.yaml"

CLERK, DESK, HANDLER = "p-1026:clerk@信访局", "p-1028:desk@信访局", "p-1048:handler@水务局"
HEAD, OFFICE = "p-1045:unit_head@水务局", "p-1023:office@信访局"
ACCUSED = "p-1054:handler@城管局"
UNDER_ACCUSED = "p-1113:handler@执法大队"


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is nothing but the result."""
        return orjson.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error that --json prints on standard error."""
        found: dict[str, Any] = orjson.loads(self.err.splitlines()[-1])["error"]
        return found


class Cli:
    """Runs commands in one folder, in this process, with a clock that is turned by hand."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        clean_environment(monkeypatch)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("LIANXIN_CLOCK_FILE", str(folder / "clock"))
        self.turn("2026-04-01 09:00")

    def turn(self, local: str) -> None:
        """The clock stands at this time in China."""
        (self.folder / "clock").write_text(local.replace(" ", "T") + "+08:00")

    def __call__(self, *arguments: str | Path) -> Ran:
        self._capsys.readouterr()
        code = run(assemble, [str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def ok(self, *arguments: str | Path) -> Ran:
        """A command that must succeed."""
        ran = self(*arguments)
        assert ran.code == 0, ran
        return ran

    def send(self, case: str, transition: str, acting: str, *given: str) -> Ran:
        """`case send` with fields, as JSON."""
        fields = [part for pair in given for part in ("--with", pair)]
        return self("case", "send", case, transition, "--as", acting, *fields, "--json")

    def register(self, key: str, *given: str) -> str:
        """A new case; its id."""
        ran = self.send(key, "register", CLERK, "channel=phone", *given)
        assert ran.code == 0, ran
        return str(ran.json["case_id"])


def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("LIANXIN_")]:
        monkeypatch.delenv(name)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


def real(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, input: str | None = None) -> Ran:
    """The real command, in a process of its own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("LIANXIN_", "LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-m", "engine.app", *map(str, arguments)],
        cwd=cwd,
        env={**outside, "PYTHONPATH": str(ROOT), **(env or {})},
        input=input,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
