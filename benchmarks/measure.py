"""How a run is timed: CPU-seconds of the process first, wall second; and what a disk costs here."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from types import TracebackType


def cpu() -> float:
    """CPU-seconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Measure:
    """`with Measure(events) as m: …` then `m.figures()`."""

    def __init__(self, events: int) -> None:
        self.events = events

    def __enter__(self) -> Measure:
        self._wall, self._cpu = time.perf_counter(), cpu()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, cpu() - self._cpu

    def figures(self) -> dict[str, float]:
        """Events a second, CPU-seconds per 1,000 events."""
        return {"events_per_s": self.events / self.wall, "cpu_s_per_1000": self.cpu / self.events * 1000}


def fresh(path: Path) -> Path:
    """The path of a database that is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    return path


def fsync_ms(folder: Path, times: int = 200) -> float:
    """Median milliseconds of appending 4 KiB and waiting for the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    waits = []
    with (folder / "fsync.bin").open("wb") as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - begun)
    return sorted(waits)[len(waits) // 2] * 1000
