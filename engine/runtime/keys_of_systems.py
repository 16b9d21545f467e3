"""Keys of other systems: made by the command line, kept as digests, put on record when they are made and revoked.

lianxin_k3jw…_7x2q…      `lianxin_`, the key's public id, its secret
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime.stamp import record
from engine.runtime.writer import Writer
from engine.store.access import ApiKey, add_key, api_keys, revoke_key
from engine.store.batch import Batch

if TYPE_CHECKING:
    from engine.runtime.office import Office

CREATED, REVOKED = "lianxin.key.created.v1", "lianxin.key.revoked.v1"
PREFIX = "lianxin"
ID_BYTES, SECRET_BYTES = 10, 20
FORM = re.compile(PREFIX + r"_([a-z2-7]{16})_[a-z2-7]{32}")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
EVERYTHING = frozenset({"*"})


def create(
    office: Office,
    name: str,
    *,
    sources: Collection[str],
    types: Collection[str] = EVERYTHING,
    units: Collection[str] | None = None,
    reads: bool = False,
    by: JsonObject | None = None,
) -> str:
    """A new key, told once and kept nowhere. `units` None: it is no unit's key.

    LX-560 for a name that is taken, LX-562 for one that is none, LX-563 for a unit that the directory does not know.
    """
    if not NAME.fullmatch(name):
        raise LianxinError("LX-562", exit_code=2, name=name)
    key_id, secret = _random(ID_BYTES), _random(SECRET_BYTES)
    key = f"{PREFIX}_{key_id}_{secret}"
    said: dict[str, Any] = {
        "key_id": key_id,
        "name": name,
        "digest": digest_of(key).hex(),
        "sources": sorted(sources),
        "types": sorted(types),
        "units": None if units is None else sorted(units),
        "reads": reads,
    }
    office.perform({"do": "key.create", "said": said, "by": by or {}})
    return key


def listed(office: Office) -> list[JsonObject]:
    """All keys, revoked ones among them; of none what would open a door."""
    found: list[JsonObject] = office.perform({"do": "key.list"})["keys"]
    return found


def revoke(office: Office, name: str, by: JsonObject | None = None) -> None:
    """From the commit on the key opens nothing. LX-561 where no such key holds."""
    office.perform({"do": "key.revoke", "name": name, "by": by or {}})


def digest_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def id_in(key: str) -> str:
    """The public id in a key; "" where it is none."""
    match = FORM.fullmatch(key)
    return match[1] if match else ""


# ── in the process that writes ───────────────────────────────────────────────────────────────────────────────────


def create_here(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    said = request["said"]
    for unit in said["units"] or ():
        if unit not in writer.line.book.directory:
            raise LianxinError("LX-563", exit_code=3, unit=unit)
    key = ApiKey(
        said["key_id"],
        said["name"],
        bytes.fromhex(said["digest"]),
        frozenset(said["sources"]),
        frozenset(said["types"]),
        None if said["units"] is None else frozenset(said["units"]),
        said["reads"],
        now,
    )
    with writer.line.store.transaction() as tx:
        if any(known.name == key.name for known in api_keys(tx)):
            raise LianxinError("LX-560", exit_code=4, name=key.name)
        add_key(tx, key)
        tx.append(Batch(events=[record("", CREATED, {**said, "by": request["by"]}, {}, now, now)]))
    writer.log.tell("key.created")
    return {}


def list_here(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    with writer.line.store.read() as reader:
        return {"keys": [_told(key) for key in api_keys(reader)]}


def revoke_here(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    name = request["name"]
    with writer.line.store.transaction() as tx:
        key = next((key for key in api_keys(tx) if key.name == name and not key.revoked_at), None)
        if key is None:
            raise LianxinError("LX-561", exit_code=3, name=name)
        revoke_key(tx, key.key_id, now)
        said = {"key_id": key.key_id, "name": name, "by": request["by"]}
        tx.append(Batch(events=[record("", REVOKED, said, {}, now, now)]))
    writer.log.tell("key.revoked")
    return {}


OPERATIONS = {"key.create": create_here, "key.list": list_here, "key.revoke": revoke_here}
"""What the process that writes does with keys."""


def _told(key: ApiKey) -> JsonObject:
    return {
        "name": key.name,
        "key_id": key.key_id,
        "sources": sorted(key.sources),
        "types": sorted(key.types),
        "units": None if key.units is None else sorted(key.units),
        "reads": key.reads,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at or None,
    }


def _random(size: int) -> str:
    return b32encode(secrets.token_bytes(size)).decode().lower()
