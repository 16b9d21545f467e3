"""Who calls: the key in a request, looked up among those that hold, compared in constant time."""

from __future__ import annotations

import threading
from hmac import compare_digest
from time import monotonic

from starlette.requests import Request

from engine.api.problems import Refused
from engine.runtime.asks import Source, fits
from engine.runtime.keys_of_systems import digest_of, id_in
from engine.store.access import ApiKey, api_keys
from engine.store.store import Store
from schemas.intake import IntakeEvent, Unreadable

KEYS_SECONDS_MAX = 1.0
"""How long keys are believed that were read before: a key that is revoked opens nothing a second later."""
NOBODY = bytes(32)


class Callers:
    """The keys of this installation, read again now and then. Threads may share it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._read_at = -KEYS_SECONDS_MAX
        self._keys: dict[str, ApiKey] = {}

    def of(self, request: Request) -> ApiKey:
        """Whose request this is. Refused (401) without a key that holds."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        key_id = id_in(given)
        key = self._known().get(key_id)
        if key is None and key_id:  # made this very second
            key = self._known(again=True).get(key_id)
        # Compared also where there is no such key: nobody learns from the time which ids there are.
        same = compare_digest(digest_of(given), key.digest if key is not None else NOBODY)
        if key is None or not same:
            raise Refused(401, "LX-390", headers={"www-authenticate": 'Bearer realm="lianxin"'}, close=True)
        return key

    def _known(self, *, again: bool = False) -> dict[str, ApiKey]:
        with self._turn:
            if again or monotonic() - self._read_at >= KEYS_SECONDS_MAX:
                with self._store.read() as reader:
                    self._keys = {key.key_id: key for key in api_keys(reader) if not key.revoked_at}
                self._read_at = monotonic()
            return self._keys


def limits_of(key: ApiKey) -> Source | None:
    """What the writer must look at: for which units the key acts. None where it is no unit's key."""
    return Source(max_backdate=None, units=key.units) if key.units is not None else None


def must_be_allowed(key: ApiKey, event: IntakeEvent | Unreadable, index: int | None) -> None:
    """Refused (403) where the key does not send for this source, or not this type."""
    where = {} if index is None else {"index": index}
    if event.source and not fits(event.source, key.sources):
        raise Refused(403, "LX-391", more={"field": "source", **where}, what="来源 source")
    if isinstance(event, IntakeEvent) and not fits(event.type, key.types):
        raise Refused(403, "LX-391", more={"field": "type", **where}, what="类型 type")
