"""The vault: who complained and what they wrote, encrypted under one key per case and person.

    value ─► entry: AES-256-GCM under the data key of (case, person) ─► table `vault`
          ─► commitment: SHA-256 over salt and value                 ─► the log, as {"sealed": "…"}
    data key ─► wrapped by the key file's key (Keys.wrap)            ─► table `vault_key`

The log commits to a value without telling it: whoever is shown value and salt can check them against the log with
SHA-256 alone. Deleting the wrapped key makes every entry of that person unreadable, in every copy that lacks the row.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table
from sqlalchemy.dialects import postgresql

from engine.core.errors import LianxinError
from engine.store.keys import AES_256, KEY_BYTES, NONCE_BYTES, Keys, algorithm_of

SALT_BYTES = 16
PADDING_BYTES = 32
CIPHERS_REMEMBERED_MAX = 4096  # about 2.5 kB each

KeyRow = tuple[str, str, bytes]
"""case_id, person, wrapped"""
EntryRow = tuple[str, str, str, int, bytes]
"""case_id, person, field, ref, sealed"""


@dataclasses.dataclass(slots=True)  # not frozen: that would triple the time to make one
class Secret:
    """One personal value on its way into the vault.

    `person` is "case" for the case's own personal fields, "contact:1" and so on for a petitioner's. `ref` tells
    values of one field apart (the version of the case that wrote it). `value` is canonical JSON text, kept out of repr.
    """

    case_id: str
    person: str
    field: str
    ref: int
    value: str = dataclasses.field(repr=False)


@dataclasses.dataclass(slots=True)
class Commitment:
    """What the log gets instead of a value: base64url of SHA-256(salt ‖ value), 43 characters."""

    digest: str

    @property
    def logged(self) -> dict[str, str]:
        """The JSON object that stands in the event's body."""
        return {"sealed": self.digest}


@dataclasses.dataclass(frozen=True, slots=True)
class Protected:
    """What a batch of secrets became: rows to insert, and one commitment for each secret, in the same order."""

    keys: list[KeyRow]
    entries: list[EntryRow]
    commitments: list[Commitment]


class Vault:
    """Encrypts and opens. Knows no database: the store reads and writes the rows.

    Remembers the ciphers of at most `CIPHERS_REMEMBERED_MAX` data keys, so that a case's later notes unwrap nothing.
    """

    def __init__(self, keys: Keys, random: Callable[[int], bytes] = os.urandom) -> None:
        assert random is os.urandom or keys.fixed, "predictable randomness goes with fixed keys alone"
        self._keys = keys
        self._random = random
        self._ciphers: dict[tuple[str, str], tuple[bytes, AESGCM]] = {}

    @property
    def key_id(self) -> str:
        """The public id of the key file."""
        return self._keys.key_id

    def must_be_for(self, key_id: str) -> None:
        """LX-508 where a database was begun with another key file than this vault's."""
        self._keys.must_be(key_id)

    def protect(self, secrets: Sequence[Secret], known: Mapping[tuple[str, str], bytes]) -> Protected:
        """Encrypt a batch. `known` has the wrapped keys that exist for its (case_id, person); others are made.

        Within one transaction a second call must be told of the first one's keys. LX-510 for a `known` key of another
        key file. Nonces are 96 random bits: a data key sees one person's entries in one case; at 2^20 of them, far more
        than a case can have, the chance that any two nonces meet is 2^-57 (NIST allows 2^32 entries a key).
        """
        ciphers: dict[tuple[str, str], AESGCM] = {}
        keys: list[KeyRow] = []
        entries: list[EntryRow] = []
        commitments: list[Commitment] = []
        each = SALT_BYTES + NONCE_BYTES
        pool = self._random(each * len(secrets))  # one system call for the batch
        for start, secret in zip(range(0, len(pool), each), secrets, strict=True):
            who = (secret.case_id, secret.person)
            cipher = ciphers.get(who)
            if cipher is None:
                wrapped = known.get(who)
                cipher = ciphers[who] = self._new_cipher(who, keys) if wrapped is None else self._cipher(who, wrapped)
            salted = pool[start : start + SALT_BYTES] + secret.value.encode()
            nonce = pool[start + SALT_BYTES : start + each]
            digest = hashlib.sha256(salted).digest()
            # Padded, so that a name of two characters and one of three look alike in a stolen database.
            plain = salted.ljust(-len(salted) // PADDING_BYTES * -PADDING_BYTES, b"\0")
            bound = _bound(secret.case_id, secret.person, secret.field, secret.ref)
            sealed = AES_256 + nonce + cipher.encrypt(nonce, plain, bound)
            entries.append((secret.case_id, secret.person, secret.field, secret.ref, sealed))
            commitments.append(Commitment(_base64url(digest)))
        return Protected(keys, entries, commitments)

    def reveal(self, wrapped: bytes, row: EntryRow) -> tuple[str, bytes]:
        """Value (canonical JSON text) and salt of an entry. The caller records the reading and its purpose.

        LX-511 where the entry was changed or moved from another case, person, field or ref; LX-510 where its key was.
        """
        case_id, person, field, ref, sealed = row
        cipher = self._cipher((case_id, person), wrapped)
        try:
            if algorithm_of(sealed) != AES_256:
                raise InvalidTag
            nonce = sealed[1 : 1 + NONCE_BYTES]
            plain = cipher.decrypt(nonce, sealed[1 + NONCE_BYTES :], _bound(case_id, person, field, ref))
        except (InvalidTag, ValueError):  # ValueError: cut short
            raise LianxinError("LX-511", exit_code=6, case_id=case_id, person=person, field=field) from None
        return plain[SALT_BYTES:].rstrip(b"\0").decode(), plain[:SALT_BYTES]

    def check(self, commitment: str, value: str, salt: bytes) -> bool:
        """Whether the log's digest is that of this value (canonical JSON text) with this salt."""
        return len(salt) == SALT_BYTES and _base64url(hashlib.sha256(salt + value.encode()).digest()) == commitment

    def forget(self, case_id: str, person: str) -> None:
        """Drop the cipher held in memory; part of erasing. Other processes cannot use theirs: see `_cipher`."""
        self._ciphers.pop((case_id, person), None)

    def _new_cipher(self, who: tuple[str, str], keys: list[KeyRow]) -> AESGCM:
        data_key = self._random(KEY_BYTES)
        wrapped = self._keys.wrap(data_key, *who)
        keys.append((*who, wrapped))
        return self._remember(who, wrapped, AESGCM(data_key))

    def _cipher(self, who: tuple[str, str], wrapped: bytes) -> AESGCM:
        # The row read from the database must be the one remembered: after an erasure in another process a person's
        # new entries must not be written under the key that was destroyed.
        held = self._ciphers.get(who)
        if held is not None and held[0] == wrapped:
            return held[1]
        return self._remember(who, wrapped, AESGCM(self._keys.unwrap(wrapped, *who)))

    def _remember(self, who: tuple[str, str], wrapped: bytes, cipher: AESGCM) -> AESGCM:
        if len(self._ciphers) >= CIPHERS_REMEMBERED_MAX:
            self._ciphers.pop(next(iter(self._ciphers)), None)  # the oldest
        self._ciphers[who] = (wrapped, cipher)
        return cipher


def tables(metadata: MetaData) -> tuple[Table, Table]:
    """`vault_key` and `vault` on the caller's metadata."""
    words = String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    vault_key = Table(
        "vault_key",
        metadata,
        Column("case_id", words, primary_key=True),
        Column("person", words, primary_key=True),
        Column("wrapped", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    vault = Table(
        "vault",
        metadata,
        Column("case_id", words, primary_key=True),
        Column("person", words, primary_key=True),
        Column("field", words, primary_key=True),
        Column("ref", BigInteger, primary_key=True),
        Column("sealed", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    return vault_key, vault


class Cursor(Protocol):
    """The part of a driver-level SQLite cursor (or connection) that is used here."""

    def execute(self, sql: str, parameters: tuple[str, str], /) -> object: ...
    def executemany(self, sql: str, parameters: Sequence[KeyRow] | Sequence[EntryRow], /) -> object: ...


INSERT_KEYS = "INSERT INTO vault_key (case_id, person, wrapped) VALUES (?, ?, ?)"
INSERT_ENTRIES = "INSERT INTO vault (case_id, person, field, ref, sealed) VALUES (?, ?, ?, ?, ?)"
DELETE_KEY = "DELETE FROM vault_key WHERE case_id = ? AND person = ?"
DELETE_ENTRIES = "DELETE FROM vault WHERE case_id = ? AND person = ?"


def insert(cursor: Cursor, protected: Protected) -> None:
    """Write a batch's rows inside the caller's transaction."""
    if protected.keys:
        cursor.executemany(INSERT_KEYS, protected.keys)
    if protected.entries:
        cursor.executemany(INSERT_ENTRIES, protected.entries)


def erase(cursor: Cursor, vault: Vault, case_id: str, person: str) -> None:
    """Destroy a person's key and entries inside the caller's transaction; their commitments stay in the log.

    The caller has set `secure_delete=ON` and checkpoints the WAL after the commit; until then the bytes are on disk.
    """
    cursor.execute(DELETE_KEY, (case_id, person))
    cursor.execute(DELETE_ENTRIES, (case_id, person))
    vault.forget(case_id, person)


def seeded_random(seed: bytes) -> Callable[[int], bytes]:
    """NEVER FOR REAL DATA. A stream that looks random and is the same for the same seed.

    Whoever knows the seed knows every data key, nonce and salt: it protects nobody. It exists so that `simulate` writes
    the same bytes twice; `Vault` takes it only with `fixed_keys`. Two vaults on one seed would repeat nonces.
    """
    stream = Cipher(algorithms.AES(hashlib.sha256(seed).digest()), modes.CTR(bytes(16))).encryptor()

    def draw(count: int) -> bytes:
        return stream.update(bytes(count))

    return draw


def _bound(case_id: str, person: str, field: str, ref: int) -> bytes:
    """Where an entry belongs, as associated data; the lengths in front keep "ab","c" apart from "a","bc"."""
    return f"{len(case_id)} {len(person)} {len(field)} {ref} {case_id}{person}{field}".encode()


def _base64url(digest: bytes) -> str:
    return b2a_base64(digest, newline=False).translate(_TO_URL, b"=").decode()


_TO_URL = bytes.maketrans(b"+/", b"-_")
