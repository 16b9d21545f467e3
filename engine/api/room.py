"""Room for requests: how many may be under way, of one key and in all, and how many bytes they may hold.

What is beyond it is told so at once (429, 503, with Retry-After): it is not queued, and nothing of it is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from engine.api.problems import busy
from engine.store.access import ApiKey

REQUESTS_MAX = 256
"""Under way at once. Together they fill a batch; more would only wait longer."""
REQUESTS_OF_ONE_KEY_MAX = 128
BYTES_MAX = 64 * 1024**2
"""Of bodies under way; parsed they take up to ten times that."""


class Room:
    """Counted in the event loop's one thread."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def taken(self, key: ApiKey, size: int) -> Iterator[None]:
        """Have room for one request of at most `size` bytes. Refused with 429 (this key's share) or 503 (in all)."""
        if self._of[key.key_id] >= REQUESTS_OF_ONE_KEY_MAX:
            raise busy(429, "LX-397", max=REQUESTS_OF_ONE_KEY_MAX)
        if self.requests >= REQUESTS_MAX or self.bytes + size > BYTES_MAX:
            raise busy(503, "LX-398")
        self.requests += 1
        self.bytes += size
        self._of[key.key_id] += 1
        try:
            yield
        finally:
            self.requests -= 1
            self.bytes -= size
            self._of[key.key_id] -= 1
            if not self._of[key.key_id]:
                del self._of[key.key_id]
