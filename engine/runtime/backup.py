"""Backup and restore of an installation on SQLite: copied, verified, then given its name. Nothing is overwritten.

    database ─► snapshot ─► verify ─► FILE                      while the engine runs
    FILE ─► verify ─► snapshot ─► key fits? ─► database         into an empty place alone

The key file is in neither: whoever finds a backup without it reads no name. What a restored database does not know,
because it happened after the backup: docs/backup.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.audit.verify import verify
from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.store import backup as copies
from engine.store.backup import Advance, Contents
from engine.store.keys import Keys

ReadKeys = Callable[[], Keys]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made, or put in place. `sha256` is of the file as it was stored."""

    file: Path
    bytes: int
    sha256: str
    contents: Contents


def back_up(database: Path, file: Path, advance: Advance) -> Backup:
    """Write a verified snapshot of the database to `file`, which must not exist.

    LX-520, LX-522 the database; LX-570 the file exists, LX-571 it cannot be written, LX-572 the copy has findings.
    """
    if file.exists():
        raise LianxinError("LX-570", exit_code=4, file=file)
    with copies.copied(database, file.parent, advance) as part:
        if findings := _findings(part):
            raise LianxinError("LX-572", exit_code=1, database=database, count=len(findings), first=findings[0])
        found, digest = copies.contents(part), _sha256(part)
        with _taken("LX-570", file):
            copies.placed(part, file)
    return Backup(file, file.stat().st_size, digest, found)


def restore(file: Path, database: Path, read_keys: ReadKeys, now: Instant, advance: Advance) -> Backup:
    """Put a backup in the place of a database that is not there, and note in it that it was restored.

    LX-573 something is there already, LX-574 the backup has findings, LX-508 the keys are not those of its vault.
    What `read_keys` raises, and LX-520 and LX-571, as in `back_up`.
    """
    for suffix in copies.BESIDE:
        if (path := Path(f"{database}{suffix}")).exists():
            raise LianxinError("LX-573", exit_code=4, path=path)
    keys = read_keys()
    if not file.is_file():
        raise LianxinError("LX-520", exit_code=3, path=file)
    digest, size = _sha256(file), file.stat().st_size
    with copies.copied(file, database.parent, advance) as part:
        if findings := _findings(part):
            raise LianxinError("LX-574", exit_code=1, file=file, count=len(findings), first=findings[0])
        found = copies.contents(part)
        if found.key_id:
            keys.must_be(found.key_id)
        _must_fit(keys, part)
        copies.note_restored(part, now, found.position, digest)
        with _taken("LX-573", database):
            copies.placed(part, database)
    return Backup(file, size, digest, found)


def _findings(part: Path) -> list[str]:
    """What is wrong with a copy: its pages, then its log."""
    if not copies.whole(part):
        return ["SQLite quick_check"]
    return [str(finding) for finding in verify(part).findings]


def _must_fit(keys: Keys, part: Path) -> None:
    entry = copies.wrapped_key(part)
    if entry is None:
        return
    case_id, person, wrapped = entry
    try:
        keys.unwrap(wrapped, case_id, person)
    except LianxinError as error:
        raise LianxinError("LX-508", exit_code=6, expected="?", found=keys.key_id) from error


@contextmanager
def _taken(code: str, path: Path) -> Iterator[None]:
    """Somebody was quicker: the name is taken, or cannot be given."""
    try:
        yield
    except FileExistsError as error:
        raise LianxinError(code, exit_code=4, file=path, path=path) from error
    except OSError as error:
        raise LianxinError("LX-571", exit_code=5, path=path, reason=error.strerror) from error


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
