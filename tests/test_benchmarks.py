"""The benchmarks print figures of runs that ended as they must, and none of others. No test judges a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent.parent / "benchmarks" / "bench.py"
CASES = "40"


def one(what: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH), "--one", what, "--cases", CASES, "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("what", ["raw", "ours", "peer"])
def test_a_run_that_ends_as_it_must_prints_its_figures(what: str, tmp_path: Path) -> None:
    done = one(what, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cpu_s_per_1000"] > 0


@pytest.mark.parametrize("what", ["raw", "ours"])
def test_a_run_on_postgresql_that_ends_as_it_must_prints_its_figures(what: str) -> None:
    command = [sys.executable, str(BENCH.with_name("postgres_bench.py")), "--one", what, "--cases", CASES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cpu_s_per_1000"] > 0


def test_a_run_that_loses_an_event_prints_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent))
    import ours  # type: ignore[import-not-found]
    import workload  # type: ignore[import-not-found]

    whole = workload.messages
    monkeypatch.setattr(workload, "messages", lambda cases, **more: list(whole(cases, **more))[:-1])
    with pytest.raises(AssertionError, match="lost or doubled"):
        ours.run(int(CASES), tmp_path)
