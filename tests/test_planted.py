"""Bugs planted in a copy of lianxin: each must be caught by the suite that is named for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("engine", "consumers", "schemas", "workflows", "tests", "deploy", "pyproject.toml")
FOUND = 1
"""pytest's exit code where tests have failed; any other says that they did not run."""
SECONDS_MAX = 120


@dataclass(frozen=True)
class Planted:
    """A bug: in which file what becomes what; and the test that must see it."""

    file: str
    was: str
    becomes: str
    caught_by: str


BUGS = {
    "inbox check removed": Planted(
        "engine/runtime/handle.py",
        "known = {} if again else self.tx.seen(",
        "known = {} if keys else self.tx.seen(",
        "test_worker.py::test_a_message_is_answered_after_its_commit_and_again_as_a_duplicate",
    ),
    "epoch not asked for": Planted(
        "engine/store/transaction.py",
        '"partition" = ? AND epoch = ? AND next = ?',
        '"partition" = ? AND ? > 0 AND next = ?',
        "test_worker.py -k followed_by_one_that_has_them",
    ),
    "lease taken while it is held": Planted(
        "engine/store/leases.py",
        "WHERE l.until < {now} OR l.holder",
        "WHERE {now} > '' OR l.holder",
        "test_leases.py -k on_postgresql",
    ),
    "file removed before its lines are committed": Planted(
        "engine/runtime/worker.py",
        "        del self._claims[partition]  # asked for anew unless all of it commits",
        "        self.spool._by_partition(partition).path.unlink(missing_ok=True)\n"
        "        del self._claims[partition]  # asked for anew unless all of it commits",
        "test_kill_points.py -k UPDATE",
    ),
    "the last instant in time is late": Planted(
        "engine/core/clocks.py",
        'at <= clock["due_at"])',
        'at < clock["due_at"])',
        "test_worker.py -k last_instant",
    ),
    "letter numbers from a sequence": Planted(
        "engine/store/transaction.py",
        "        self._taken[series] = last + 1\n",
        "        self._taken[series] = last = max(last, _SEQUENCE.get(series, 0))\n"
        "        _SEQUENCE[series] = self._taken[series] = last + 1\n",
        "test_store.py::test_letter_numbers_are_dense_across_rollbacks_series_and_batches",
    ),
    "clock ahead of the intake": Planted(
        "engine/runtime/watermarks.py",
        "return min((self._marks[name].at for name in names), default=now)",
        "return max((self._marks[name].at for name in names), default=now)",
        "test_worker.py -k three_days_down",
    ),
    "salt used again": Planted(
        "engine/store/vault.py",
        "salted = pool[start : start + SALT_BYTES]",
        "salted = pool[:SALT_BYTES]",
        "test_vault.py -k different_commitments",
    ),
    "what follows from a fact is left out": Planted(
        "engine/runtime/writer.py",
        "        follow(tx, facts, self.line, self.consumers, now, held=self.held)\n        return answers",
        "        return answers",
        "test_worker.py -k commits_with_it",
    ),
}
PREAMBLE = {"letter numbers from a sequence": ("DUE_MAX = 500\n", "DUE_MAX = 500\n_SEQUENCE: dict[object, int] = {}\n")}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lianxin and its tests, to be spoilt."""
    folder = tmp_path_factory.mktemp("planted")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught_by_its_suite(copy: Path, name: str) -> None:
    bug = BUGS[name]
    path = copy / bug.file
    whole = text = path.read_text(encoding="utf-8")
    for was, becomes in ((bug.was, bug.becomes), *([PREAMBLE[name]] if name in PREAMBLE else [])):
        assert text.count(was) == 1, f"the code has changed: plant {name} anew"
        text = text.replace(was, becomes)
    path.write_text(text, encoding="utf-8")
    suite, *chosen = bug.caught_by.split()
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/{suite}", *chosen],
            cwd=copy, env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
    finally:
        path.write_text(whole, encoding="utf-8")
    assert ran.returncode == FOUND, ran.stdout[-2_000:] + ran.stderr[-500:]
    assert "FAILED" in ran.stdout
    assert "SyntaxError" not in ran.stdout
    assert "NameError" not in ran.stdout
