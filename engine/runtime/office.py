"""Reaching the process that writes: over its socket where one runs, else by being it for a moment.

with reach(url, open_here) as office:
    answers = submit(office, asks)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import make_url
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from engine.core.errors import LianxinError
from engine.core.model import JsonObject
from engine.runtime.asks import Ask, Unusable
from engine.runtime.handle import BATCH_MESSAGES_MAX, Answer
from engine.runtime.local_socket import FRAME_BYTES_MAX, Caller, Gone, socket_path
from engine.runtime.messages import answers_in, packed
from engine.runtime.operations import operate
from engine.runtime.watermarks import LIVE
from engine.runtime.writer import Writer

LOCKED = "LX-523"
ATTEMPTS_MAX = 20
BETWEEN_ATTEMPTS_SECONDS = 0.1
"""A writer that has just begun does not listen yet; one that is just ending has not let go of the lock."""
BATCH_BYTES_MAX = FRAME_BYTES_MAX // 4
"""Of the content of one batch of messages; packing makes it at most so much larger."""


class Office(Protocol):
    """Where requests are taken, here or in another process."""

    def perform(self, request: JsonObject) -> JsonObject: ...


class Here:
    """This process is the one that writes."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def perform(self, request: JsonObject) -> JsonObject:
        """Do it now."""
        now = self.writer.time.now()
        if not self.writer.shared:
            self.writer.marks.move(LIVE, now, now)  # nobody else waits for this process
        return operate(self.writer, request, now)


class There:
    """Another process writes; it is asked over its socket."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def perform(self, request: JsonObject) -> JsonObject:
        """Ask, and wait for the commit."""
        messages = request.get("messages")
        if messages is not None:
            request = {**request, "messages": [m if isinstance(m, str | dict) else packed(m) for m in messages]}
        return self._caller.call(request)


@contextmanager
def reach(url: str, open_here: Callable[[], AbstractContextManager[Writer]]) -> Iterator[Office]:
    """The process that writes to this database; `open_here` builds one where none runs.

    LX-523 where some process holds the database and cannot be talked to.
    """
    parsed = make_url(url)
    path = parsed.database if parsed.get_backend_name() == "sqlite" else None
    patient = Retrying(
        retry=retry_if_exception(_is_locked),
        stop=stop_after_attempt(ATTEMPTS_MAX),
        wait=wait_fixed(BETWEEN_ATTEMPTS_SECONDS),
        reraise=True,
    )
    for attempt in patient:
        with attempt:
            found = _connected(Path(path)) if path else None
            opened = None if found is not None else open_here()
            writer = opened.__enter__() if opened is not None else None
    try:
        if found is not None:
            yield There(found)
        else:
            assert writer is not None
            yield Here(writer)
    finally:
        if found is not None:
            found.close()
        if opened is not None:
            opened.__exit__(None, None, None)


def submit(office: Office, messages: Sequence[Ask | Unusable | str]) -> list[Answer]:
    """Send wishes (or CloudEvents as text) and wait for their commit; one answer each.

    LX-534 where the writer has gone before it answered: send the same again, what was done is a duplicate then.
    """
    answers: list[Answer] = []
    for batch in batches(messages):
        answers += answers_in(office.perform({"do": "submit", "messages": batch}))
    return answers


def batches(
    messages: Sequence[Ask | Unusable | str], limit: int = BATCH_MESSAGES_MAX
) -> Iterator[list[Ask | Unusable | str]]:
    """Cut to what one request may hold."""
    batch: list[Ask | Unusable | str] = []
    size = 0
    for message in messages:
        said = len(message) if isinstance(message, str) else len(message.content)
        if batch and (len(batch) >= limit or size + said > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += said
    if batch:
        yield batch


def _connected(database: Path) -> Caller | None:
    try:
        return Caller(socket_path(database))
    except Gone:
        return None


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, LianxinError) and error.code == LOCKED
