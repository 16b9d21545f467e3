"""The key file, and the keys made from it.

    master key ──HKDF-SHA256──► wrap │ case-id │ inbox-digest │ seal │ key id (public)

The file lies outside the database and is backed up apart from it: whoever holds only one of the two reads no name.
Without the file nobody reads one ever again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine.core.errors import LianxinError
from engine.core.instants import from_datetime

KEY_BYTES = 32
NONCE_BYTES = 12
SESSION_BYTES = 16
CONTENT_DIGEST_BYTES = 16
KEY_FILE_BYTES_MAX = 4096
SEALS_PER_SESSION_MAX = 2**31
SESSIONS_REMEMBERED_MAX = 64
CASE_IDS_REMEMBERED_MAX = 8192
"""Most messages are about a case that was met lately: 0.1 µs instead of 2.5."""

AES_256 = b"\x01"
"""First byte of whatever is sealed or wrapped: which cipher made it. SM4-GCM will be the next number; `algorithm_of`
is the one place that knows them."""

NOTE = (
    "请与数据库分开备份；丢失后身份信息无法恢复。Back up apart from the database; without it no identity can be read."
)


def create_key_file(path: Path) -> Keys:
    """Make a new master key and write it to `path`, mode 0600, on the disk when this returns.

    LX-505 where the path exists (a key file is never overwritten), LX-506 where it cannot be written.
    """
    master = os.urandom(KEY_BYTES)
    keys = Keys(master)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise LianxinError("LX-505", exit_code=4, path=path) from error
    except OSError as error:
        raise LianxinError("LX-506", exit_code=5, path=path, reason=error.strerror) from error
    try:
        with open(handle, "wb") as file:
            file.write(_key_file_text(master, keys.key_id))
            file.flush()
            os.fsync(file.fileno())
        _flush_directory(path.parent)
    except OSError as error:  # a full disk: half a key must not stand in the way of the next attempt
        path.unlink(missing_ok=True)
        raise LianxinError("LX-506", exit_code=5, path=path, reason=error.strerror) from error
    return keys


def read_key_file(path: Path) -> Keys:
    """The keys of an existing file.

    LX-501 missing, LX-502 open to others than its owner, LX-503 damaged, LX-504 wrong length, LX-507 unreadable.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())  # of the file we opened, not of what stands at the path a moment later
            if stat.S_ISREG(status.st_mode) and status.st_mode & _forbidden(path):
                mode = f"{stat.S_IMODE(status.st_mode):04o}"
                raise LianxinError("LX-502", exit_code=6, path=path, mode=mode)
            text = file.read(KEY_FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise LianxinError("LX-501", exit_code=3, path=path) from error
    except OSError as error:
        raise LianxinError("LX-507", exit_code=5, path=path, reason=error.strerror) from error
    return _keys_from_text(text, path)


def _forbidden(path: Path) -> int:
    """The permissions that a key file must not have.

    systemd hands a credential over with mode 0440, in a folder that only this service may enter.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return 0o037 if folder and path.absolute().parent == Path(folder) else 0o077


def fixed_keys(seed: bytes = b"simulate") -> Keys:
    """Keys that everybody can compute, so that ids repeat from run to run. For `simulate`, tests and demos alone.

    They protect nobody: `Keys.fixed` is true, and a database with people in it must refuse them.
    """
    return Keys(hashlib.sha256(b"lianxin fixed keys\x1f" + seed).digest(), fixed=True)


class Keys:
    """What is made from one master key. Holds secrets: it prints as its id and cannot be pickled or copied."""

    __slots__ = (
        "_case_id",
        "_content",
        "_id_inner",
        "_id_outer",
        "_opened",
        "_seal",
        "_sealed",
        "_session",
        "_wrap",
        "fixed",
        "key_id",
    )

    key_id: str
    """Public, derived from the master key: written into the database, so that a wrong key file is noticed at start."""
    fixed: bool
    """True for the keys of `fixed_keys`, which are no secret."""

    def __init__(self, master: bytes, *, fixed: bool = False) -> None:
        assert len(master) == KEY_BYTES, "a master key has 32 bytes"
        self.fixed = fixed
        self.key_id = ("fixed-" if fixed else "key-") + _base32(_derive(master, b"key id", 15))[:16]
        self._wrap = AESSIV(_derive(master, b"wrap", 2 * KEY_BYTES))
        self._content = hashlib.blake2b(
            key=_derive(master, b"inbox digest", KEY_BYTES), digest_size=CONTENT_DIGEST_BYTES
        )
        # The two halves of HMAC-SHA256, begun once: 1.0 µs for an id's HMAC instead of 1.6.
        block = _derive(master, b"case id", KEY_BYTES).ljust(64, b"\0")
        self._id_inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._id_outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        self._case_id = lru_cache(maxsize=CASE_IDS_REMEMBERED_MAX)(self._derived_case_id)
        self._seal = _derive(master, b"seal", KEY_BYTES)
        self._opened: dict[bytes, AESGCM] = {}
        self._begin_session()

    def case_id(self, workflow: str, case_key: str) -> str:
        """24 lower-case letters and digits that say nothing of the case key to whoever lacks the key file."""
        return self._case_id(workflow, case_key)

    def _derived_case_id(self, workflow: str, case_key: str) -> str:
        assert "\x1f" not in workflow, "the name of a workflow is an identifier"
        inner = self._id_inner.copy()
        inner.update(f"{workflow}\x1f{case_key}".encode())
        outer = self._id_outer.copy()
        outer.update(inner.digest())
        return _base32(outer.digest()[:15])

    def content_digest(self, canonical: bytes) -> bytes:
        """16 bytes that are equal for equal content; without the key nobody can try out guessed contents."""
        state = self._content.copy()
        state.update(canonical)
        return state.digest()

    def seal(self, plain: bytes, label: bytes) -> bytes:
        """Encrypt a dead letter, parked message or bus row; it opens only under the same `label`. Adds 45 bytes.

        A deployment seals more messages in its life (10^10) than one GCM key bears with random nonces (2^32). So every
        process, and within it every 2^31 messages, seals under a session key, derived from the seal key and 16 random
        bytes that stand in front of the message. That two nonces of one session meet has a chance below 2^-34.
        """
        if self._sealed >= SEALS_PER_SESSION_MAX:
            self._begin_session()
        self._sealed += 1
        prefix, cipher = self._session
        nonce = os.urandom(NONCE_BYTES)  # never counted: a forked process would count the same numbers
        return prefix + nonce + cipher.encrypt(nonce, plain, label)

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """What was sealed under this label. LX-510 for a changed message, another label or another key."""
        if algorithm_of(sealed) != AES_256:
            _refuse(self.key_id)
        session, nonce = sealed[1 : 1 + SESSION_BYTES], sealed[1 + SESSION_BYTES : 1 + SESSION_BYTES + NONCE_BYTES]
        cipher = self._opened.get(session) or self._open_session(session)
        try:
            return cipher.decrypt(nonce, sealed[1 + SESSION_BYTES + NONCE_BYTES :], label)
        except (InvalidTag, ValueError):  # ValueError: cut short
            _refuse(self.key_id)

    def wrap(self, data_key: bytes, case_id: str, person: str) -> bytes:
        """A data key as it may lie in the database, bound to its case and person. 49 bytes.

        AES-256-SIV (RFC 5297) takes no nonce, so there is none to repeat: what is wrapped is random itself, and two of
        10^9 cases meet in its 128-bit tag with a chance of 2^-69. It also takes the case and the person as associated
        data, which AES-KW cannot. Measured for one wrapping: SIV 1.4 µs, AES-KW 1.7, a GCM key derived per case 2.8.
        """
        return AES_256 + self._wrap.encrypt(data_key, [case_id.encode(), person.encode()])

    def unwrap(self, wrapped: bytes, case_id: str, person: str) -> bytes:
        """The data key again. LX-510 where it was changed, moved from another case or person, or wrapped elsewhere."""
        if algorithm_of(wrapped) != AES_256:
            _refuse(self.key_id)
        try:
            return self._wrap.decrypt(wrapped[1:], [case_id.encode(), person.encode()])
        except (InvalidTag, ValueError):
            _refuse(self.key_id)

    def must_be(self, key_id: str) -> None:
        """Refuse (LX-508) to work on a database that was begun with another key file, whose id is `key_id`."""
        if self.key_id != key_id:
            raise LianxinError("LX-508", exit_code=6, expected=key_id, found=self.key_id)

    def _begin_session(self) -> None:
        session = os.urandom(SESSION_BYTES)
        self._sealed = 0
        self._session = (AES_256 + session, self._open_session(session))

    def _open_session(self, session: bytes) -> AESGCM:
        cipher = AESGCM(hashlib.blake2b(session, key=self._seal, digest_size=KEY_BYTES).digest())
        if len(self._opened) >= SESSIONS_REMEMBERED_MAX:
            self._opened.clear()
        self._opened[session] = cipher
        return cipher

    def __repr__(self) -> str:
        return f"Keys({self.key_id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys stay in the process that read them")


def algorithm_of(sealed: bytes) -> bytes:
    """The first byte: which cipher made this. Unknown ones are refused by the caller (LX-510)."""
    return sealed[:1]


def _refuse(key_id: str) -> NoReturn:
    raise LianxinError("LX-510", exit_code=6, key_id=key_id) from None


def _derive(master: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"lianxin/1/" + purpose).derive(master)


def _key_file_text(master: bytes, key_id: str) -> bytes:
    content = {
        "lianxin_key_file": 1,
        "note": NOTE,
        "key_id": key_id,
        "created_at": from_datetime(datetime.now(UTC)),
        "master_key": base64.b64encode(master).decode(),
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _keys_from_text(text: bytes, path: Path) -> Keys:
    try:
        content = orjson.loads(text)
        master = base64.b64decode(content["master_key"], validate=True)
        version, key_id = content["lianxin_key_file"], content["key_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise LianxinError("LX-503", exit_code=5, path=path) from error
    if len(master) != KEY_BYTES:
        raise LianxinError("LX-504", exit_code=5, path=path, found=len(master), expected=KEY_BYTES)
    keys = Keys(master)
    # The id is derived from the key: a slip in copying the file shows here, before a single name is lost to it.
    if version != 1 or not isinstance(key_id, str) or not hmac.compare_digest(key_id.encode(), keys.key_id.encode()):
        raise LianxinError("LX-503", exit_code=5, path=path)
    return keys


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(first + second for first in _LETTERS for second in _LETTERS)
_SHIFTS = tuple(range(110, -1, -10))


def _base32(digest: bytes) -> str:
    """RFC 4648 base32 of 15 bytes, lower case: what base64.b32encode says in half its time."""
    number = int.from_bytes(digest, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
