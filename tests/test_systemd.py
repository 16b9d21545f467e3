"""The units of deploy/systemd are what systemd accepts, and a key handed over by systemd is read."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cli_parts import ROOT

from engine.core.errors import LianxinError
from engine.store.keys import create_key_file, read_key_file

UNIT = ROOT / "deploy" / "systemd" / "lianxin@.service"


@pytest.mark.parametrize("duty", ["all", "engine", "consumers", "clock", "api"])
def test_systemd_accepts_the_unit_of_every_duty(tmp_path: Path, duty: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.fail(
            "systemd-analyze is missing: deploy/setup.sh systemd (Debian: apt-get install systemd)", pytrace=False
        )
    text = UNIT.read_text(encoding="utf-8").replace("/opt/lianxin/bin/lianxin", "/bin/true")
    (tmp_path / f"lianxin@{duty}.service").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / f"lianxin@{duty}.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_key_handed_over_by_systemd_is_read_and_the_same_mode_elsewhere_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed, near = tmp_path / "credentials", tmp_path / "credentials-too"
    for folder in (handed, near):
        folder.mkdir()
        create_key_file(folder / "lianxin.key")
        os.chmod(folder / "lianxin.key", 0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert read_key_file(handed / "lianxin.key").key_id
    with pytest.raises(LianxinError, match="0440"):
        read_key_file(near / "lianxin.key")
    os.chmod(handed / "lianxin.key", 0o444)
    with pytest.raises(LianxinError, match="0444"):
        read_key_file(handed / "lianxin.key")
