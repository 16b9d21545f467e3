"""Every system call that writes: the process dies at it, or it fails with EIO or ENOSPC; nothing is lost or half done.

strace is put on a process of the test; `LIANXIN_TEST_TORTURE=short|long` takes every call instead of a sample.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from invariants import broken
from invented_history import CLOCK, write_history
from lives import NAMES, at_work, ended, workflows
from test_kill import digest_of, judged, prepared
from worker_parts import at

from engine.core.errors import LianxinError
from engine.core.instants import parse

SEED, CASES, BATCH = 20261124, 28, 500
WRITES = "pwrite64,write,fsync,fdatasync,ftruncate,unlink,unlinkat"
"""What changes a file, or makes it last."""
FAULTS = {"killed": "signal=SIGKILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}
SAMPLE = 12
"""Of each fault, in `make test`: the first and the last call, and others at random."""
EVERY = bool(os.environ.get("LIANXIN_TEST_TORTURE"))


def traced(folder: Path, *inject: str) -> tuple[int | None, str]:
    """A life under strace from the moment its database is open: (exit code, what strace saw)."""
    strace = shutil.which("strace")
    assert strace is not None, "strace is missing: deploy/setup.sh (Debian: apt-get install strace)"
    ready, go = os.pipe()
    begin, begun = os.pipe()
    pid = os.fork()
    if not pid:
        _live(folder, begun, ready)
    os.close(begun)
    os.close(ready)
    os.read(begin, 1)
    seen = folder / "strace"
    watch = [strace, "-f", "-qq", "-p", str(pid), "-o", str(seen), "-e", f"trace={WRITES}"]
    with subprocess.Popen([*watch, *inject], stderr=subprocess.PIPE) as tracer:
        _until_traced(pid)
        os.write(go, b"g")
        code = ended(pid)
        tracer.wait()
    os.close(go)
    os.close(begin)
    return code, seen.read_text()


def _live(folder: Path, begun: int, ready: int) -> None:
    code = 1
    try:
        with at_work(folder, batch=BATCH) as (_, worker):
            os.write(begun, b"b")
            os.read(ready, 1)
            worker.drain()
        code = 0
    except LianxinError as error:
        code = 5 if error.code == "LX-524" else 1
    finally:
        os._exit(code)


def _until_traced(pid: int) -> None:
    status = Path(f"/proc/{pid}/status")
    while "TracerPid:\t0\n" in status.read_text():
        os.sched_yield()


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int]:
    """The input, the digest of an undisturbed life, and how many calls that its busiest thread writes with."""
    folder = tmp_path_factory.mktemp("syscalls")
    kept = write_history(folder / "input", SEED, CASES).kept
    for table in kept.glob("old.*"):
        table.unlink()
    workflows()
    db = prepared(folder / "calm", kept)
    code, seen = traced(db)
    assert code == 0
    assert judged(db, kept) == []
    by_thread = Counter(line.partition(" ")[0] for line in seen.splitlines())
    return kept, digest_of(db), max(by_thread.values())  # strace counts each thread's calls by themselves


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_a_call_that_writes_loses_nothing(calm: tuple[Path, str, int], tmp_path: Path, fault: str) -> None:
    kept, digest, calls = calm
    chance = random.Random(f"{SEED} {fault}")
    times = range(1, calls + 1)
    some = list(times) if EVERY else sorted({1, calls - 1, *chance.sample(times, SAMPLE - 2)})
    hurt = 0
    for time in some:
        folder = prepared(tmp_path / str(time), kept)
        code, _ = traced(folder, "-e", f"inject={WRITES}:{FAULTS[fault]}:when={time}")
        assert code in (0, 1, 5, -signal.SIGKILL)
        hurt += code != 0
        with at_work(folder) as (line, worker):
            assert broken(line.store, workflows().values(), NOW, drained=False) == []
            worker.drain()
            assert broken(line.store, workflows().values(), NOW) == []
        assert judged(folder, kept) == []
        assert digest_of(folder) == digest
        assert (folder / NAMES).exists()
    assert hurt > len(some) // 3, "the faults were felt"


NOW = parse(at(CLOCK))
