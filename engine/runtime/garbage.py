"""How often Python looks for garbage in circles while a worker runs.

By default it looks after every 700 objects: dozens of times in a batch, each time at everything the batch has made, and
now and then at all that the process holds. That was a seventh of a worker's time, and found nothing: what a message
makes is freed by counting references. Circles come from exceptions and closed connections, a few now and then; they
are still found, only later.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG_OBJECTS = 50_000
"""Made and not yet freed before the young ones are looked at: about what three full batches make."""
YOUNG_ROUNDS = 20
MIDDLE_ROUNDS = 20
"""Looks at the younger generation before the next older one is looked at, too."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look seldom; what there is already (code, workflows, calendars) is left alone altogether."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
