"""`/livez` and `/readyz`: is it alive, and does everything move; which part does not, by name."""

from __future__ import annotations

import os

from engine.core.model import JsonObject
from engine.runtime.doors import Hall
from engine.runtime.requests import QUEUE_REQUESTS_MAX

STEP_SECONDS_MAX = 30.0
"""Between two steps of the worker; a batch of clocks may take a while."""
DISK_BYTES_MIN = 64 * 1024**2
OK = "ok"


def readiness(hall: Hall) -> JsonObject:
    """Each part with `ok` or what is the matter with it; `ready` where all are."""
    checks = {"worker": _worker(hall), "store": _store(hall), "intake": _intake(hall), "clock": _clock(hall)}
    return {"ready": all(said == OK for said in checks.values()), "checks": checks}


def _worker(hall: Hall) -> str:
    if hall.pulse.age_seconds > STEP_SECONDS_MAX:
        return f"停滞 stands still: {hall.pulse.age_seconds:.0f} s"
    return OK if hall.queue.length < QUEUE_REQUESTS_MAX else "队列已满 the queue is full"


def _store(hall: Hall) -> str:
    if hall.pulse.failing:
        return f"不能写入 cannot be written to: {hall.pulse.failing}"
    path = hall.line.store.path
    if path is not None:
        disk = os.statvfs(path.parent)
        if disk.f_bavail * disk.f_frsize < DISK_BYTES_MIN:
            return f"磁盘将满 the disk is nearly full: < {DISK_BYTES_MIN // 1024**2} MiB"
    return OK


def _intake(hall: Hall) -> str:
    # An import has its file's name in its partition; which workflow waits for it is enough to say.
    names = sorted({name.partition("/")[0] for name in hall.pulse.standing})
    return f"停滞 stands still: {', '.join(names)}" if names else OK


def _clock(hall: Hall) -> str:
    return "机器时钟早于总账 the machine's clock is behind the log" if hall.pulse.behind else OK
