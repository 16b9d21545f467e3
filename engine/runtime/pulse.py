"""How the process that writes is doing, for whoever asks from another thread."""

from __future__ import annotations

from time import monotonic


class Pulse:
    """Written by the worker's one thread, read by any."""

    def __init__(self) -> None:
        self._beat_at = monotonic()
        self.failing = ""
        """Code of what keeps the store from being written to; "" while it can be."""
        self.standing: tuple[str, ...] = ()
        """Partitions of the intake that have stood still for too long, so that the clocks go on without them."""
        self.behind = False
        """The machine's clock is behind an instant that is on record."""

    def beat(self) -> None:
        """The worker begins another step."""
        self._beat_at = monotonic()

    @property
    def age_seconds(self) -> float:
        """How long ago that was."""
        return monotonic() - self._beat_at
