"""A folder as intake: systems that share a disk put files of CloudEvents there, one JSON object a line.

A file is written under another name (`.part`, or beginning with a dot) and renamed to `….ndjson` when it is complete.
It arrived when it was written last: whoever may write to the folder is believed that far, and no further. It is removed
once its last line is committed, because it holds people's names.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from engine.bus import Delivery
from engine.core.errors import LianxinError
from engine.core.instants import Instant, from_datetime
from schemas.json_text import MAX_MESSAGE_BYTES

SUFFIX = ".ndjson"
FILES_MAX = 10_000
"""Files looked at in one go, the oldest first; the others come when these are done."""
HASH_DIGITS = 16
READ_BYTES = 1 << 20


@dataclass(slots=True)
class _File:
    path: Path
    received_at: Instant
    stamp: tuple[int, int, int]
    partition: str
    stream: BinaryIO | None = None
    at: int = 0
    peeked: bytes = b""
    """The line after `at`, read to see whether there is one."""


class Spool:
    """The files that wait in a folder. A partition is one file: its name and the hash of its content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, _File] = {}  # by name

    def waiting(self, now: Instant) -> list[str]:
        """The files that are complete, the oldest first. LX-537 where one cannot be read."""
        found: list[tuple[int, str, os.DirEntry[str]]] = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX) and not entry.name.startswith(".") and entry.is_file():
                        found.append((entry.stat().st_mtime_ns, entry.name, entry))
            found.sort(key=lambda one: one[:2])
            return [self._known(entry, now).partition for _, _, entry in found[:FILES_MAX]]
        except OSError as error:
            raise LianxinError("LX-537", exit_code=5, path=self.folder, reason=error.strerror or error) from error

    def take(self, partition: str, offset: int, limit: int) -> list[Delivery]:
        """Up to so many lines after the first `offset` ones. Empty lines count and are passed over."""
        file = self._by_partition(partition)
        try:
            stream = self._at(file, offset)
            found: list[Delivery] = []
            name = file.path.name
            while len(found) < limit and (line := file.peeked or _line(stream)):
                file.at += 1
                file.peeked = b""
                if raw := line.strip(b" \t\r\n"):
                    found.append(Delivery(partition, file.at - 1, file.at, raw, file.received_at, False, name, file.at))
            file.peeked = file.peeked or _line(stream)
        except OSError as error:
            raise LianxinError("LX-537", exit_code=5, path=self.folder, reason=error.strerror or error) from error
        if found and not file.peeked:
            found[-1] = replace(found[-1], last=True)
        return found

    def settled(self, partition: str) -> None:
        """Remove the file. LX-537 where that is not allowed: it stays, and its offset says that it is done."""
        file = self._by_partition(partition)
        if file.stream is not None:
            file.stream.close()
        try:
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise LianxinError("LX-537", exit_code=5, path=self.folder, reason=error.strerror or error) from error
        del self._files[file.path.name]

    def close(self) -> None:
        """Close what is open; nothing is lost."""
        for file in self._files.values():
            if file.stream is not None:
                file.stream.close()
        self._files.clear()

    def _by_partition(self, partition: str) -> _File:
        return self._files[partition.rpartition("#")[0]]

    def _known(self, entry: os.DirEntry[str], now: Instant) -> _File:
        """The file as it was met before, or, new or changed since, with its content's hash."""
        status = entry.stat()
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        file = self._files.get(entry.name)
        if file is not None and file.stamp == stamp:
            return file
        if file is not None and file.stream is not None:
            file.stream.close()
        path = Path(entry.path)
        written = from_datetime(datetime.fromtimestamp(status.st_mtime_ns // 1000 / 1_000_000, UTC))
        partition = f"{entry.name}#{_hash_of(path)}"
        file = self._files[entry.name] = _File(path, min(written, now), stamp, partition)
        return file

    def _at(self, file: _File, offset: int) -> BinaryIO:
        """The open file after its first `offset` lines."""
        if file.stream is None or file.at != offset:
            if file.stream is not None:
                file.stream.close()
            file.stream = open(file.path, "rb")  # noqa: SIM115  open as long as there is something in it
            for _ in range(offset):
                _line(file.stream)
            file.at, file.peeked = offset, b""
        return file.stream


def _line(stream: BinaryIO) -> bytes:
    """The next line with its end; of one that is too long for a message so much that the reader can say so."""
    line = stream.readline(MAX_MESSAGE_BYTES + 2)
    rest = line
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(READ_BYTES)
    return line


def _hash_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:HASH_DIGITS]
