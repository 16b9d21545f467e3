"""SIGKILL at forty named points, each twice: the first time it is reached and a later one; then started again.

`LIANXIN_TEST_TORTURE=short|long` takes more times and more histories.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import cuts
import orjson
import pytest
from invariants import broken
from invented_history import CLOCK, write_history
from lives import NAMES, at_work, begun, born, ended, workflows
from test_kill import digest_of, judged, prepared
from worker_parts import at, open_line

from engine.core.instants import parse
from engine.runtime.importer import import_file
from engine.runtime.office import Here

CASES = 24
SEED = 20260615
TIMES = {"": 2, "short": 8, "long": 60}[os.environ.get("LIANXIN_TEST_TORTURE", "")]
"""How often a process dies at each point."""


def lives(folder: Path, reached: cuts.Reached) -> Any:
    """An import and a run, in a process that tells of every point."""

    def life(tell: Any) -> None:
        cuts.installed(reached)
        tell()
        with at_work(folder) as (_, worker):
            import_file(Here(worker.writer), folder / "old.csv", folder / "old.map.yaml")
            worker.drain()

    return life


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Counter[str]]:
    """The input, the digest of an undisturbed life over it, and how often that reaches each point."""
    folder = tmp_path_factory.mktemp("points")
    kept = write_history(folder / "input", SEED, CASES).kept
    workflows()  # compiled once, before anybody is born
    db, counted = prepared(folder / "calm", kept), folder / "counted"

    def life(tell: Any) -> None:
        counts: Counter[str] = Counter()
        lives(db, cuts.counting(counts))(tell)
        counted.write_bytes(orjson.dumps(counts))

    pid, pipe = born(life)
    begun(pipe)
    assert ended(pid) == 0
    assert judged(db, kept) == []
    return kept, digest_of(db), Counter(orjson.loads(counted.read_bytes()))


def test_every_named_point_is_reached(calm: tuple[Path, str, Counter[str]]) -> None:
    assert len(cuts.POINTS) == 40
    assert [point for point in cuts.POINTS if not calm[2][point]] == []


@pytest.mark.parametrize("point", cuts.POINTS)
def test_killed_at_a_named_point_it_ends_where_an_undisturbed_one_does(
    calm: tuple[Path, str, Counter[str]], tmp_path: Path, point: str
) -> None:
    kept, digest, counts = calm
    chance = random.Random(f"{SEED} {point}")
    times = [1, *(chance.randrange(min(2, counts[point]), counts[point] + 1) for _ in range(TIMES - 1))]
    for number, time in enumerate(times):
        folder = prepared(tmp_path / str(number), kept)
        pid, pipe = born(lives(folder, cuts.dies_at(point, time)))
        begun(pipe)
        assert ended(pid) == -signal.SIGKILL
        if (folder / NAMES).stat().st_size:
            with open_line(folder, workflows=workflows()) as line:
                assert broken(line.store, workflows().values(), parse(at(CLOCK)), drained=False) == []
        with at_work(folder) as (line, worker):
            import_file(Here(worker.writer), folder / "old.csv", folder / "old.map.yaml")
            worker.drain()
            assert broken(line.store, workflows().values(), parse(at(CLOCK))) == []
        assert judged(folder, kept) == []
        assert digest_of(folder) == digest
