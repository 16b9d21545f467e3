"""Dead letters: messages that could not be used. Listed, opened with the key, mended and tried again, or put away.

Whatever is done with one is on record: who opened it and what for, who tried it again, who put it away and why.
Listing is `Reader.dead_letters`; it shows where and why, never what was in it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
from msgspec import structs

from engine.core.errors import LianxinError
from engine.core.instants import Instant, parse
from engine.core.model import JsonObject
from engine.runtime.asks import Ask, Unusable, as_listed
from engine.runtime.handle import Answer
from engine.runtime.messages import answered, answers_in
from engine.runtime.stamp import record
from engine.runtime.whole_rows import WISHES
from engine.runtime.writer import Writer, where
from engine.store.batch import DEAD_LETTER, Batch, DeadLetterRow
from engine.store.reader import Reader

if TYPE_CHECKING:
    from engine.runtime.office import Office

OPEN, RETRIED, DISCARDED = "open", "retried", "discarded"
READ_EVENT = "lianxin.dead_letter.read.v1"
RETRIED_EVENT = "lianxin.dead_letter.retried.v1"
DISCARDED_EVENT = "lianxin.dead_letter.discarded.v1"
SEAL = b"dead-letter"
AT_ONCE_MAX = 500
WISH_NEEDS = ("workflow", "does", "role", "case_key", "time")
"""What a wish must say, where somebody writes one by hand."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A dead letter with its content as it came; of a wish from a row, its JSON."""

    row: DeadLetterRow
    content: bytes


def open_numbers(reader: Reader) -> list[int]:
    """The numbers of all that are open, the oldest first."""
    found: list[int] = []
    while page := reader.dead_letters(state=OPEN, after=found[-1] if found else 0):
        found += [row.number for row in page]
    return found


def show(office: Office, number: int, purpose: str, by: JsonObject) -> Opened:
    """Open one; the reading is on record. LX-380 where there is none, LX-383 without a purpose."""
    reply = office.perform({"do": "dead-letter.show", "number": number, "purpose": purpose, "by": by})
    return Opened(DeadLetterRow(**reply["row"], sealed=b""), base64.b64decode(reply["content"]))


def retry(office: Office, numbers: Sequence[int], by: JsonObject, content: bytes | None = None) -> list[Answer]:
    """Try them again, as they are or (one of them) with mended content: a CloudEvent, or a wish as `show` prints it.

    One answer each; `dead-letter` again means that it stays open. LX-380 none of this number, LX-381 open no more,
    LX-382 where content is given for several, LX-386 (with type and place) where it meets a fault of ours.
    """
    if content is not None and len(numbers) != 1:
        raise LianxinError("LX-382", exit_code=2, count=len(numbers))
    mended = None if content is None else base64.b64encode(content).decode()
    answers: list[Answer] = []
    for start in range(0, len(numbers), AT_ONCE_MAX):
        some = list(numbers[start : start + AT_ONCE_MAX])
        request = {"do": "dead-letter.retry", "numbers": some, "by": by, "content": mended}
        answers += answers_in(office.perform(request))
    return answers


def discard(office: Office, numbers: Sequence[int], reason: str, by: JsonObject) -> None:
    """Put them away, with the reason; they are kept. LX-380, LX-381; LX-383 without a reason."""
    for start in range(0, len(numbers), AT_ONCE_MAX):
        some = list(numbers[start : start + AT_ONCE_MAX])
        office.perform({"do": "dead-letter.discard", "numbers": some, "reason": reason, "by": by})


# ── in the process that writes ───────────────────────────────────────────────────────────────────────────────────


def show_one(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    _must_say(request["purpose"], "purpose")
    with writer.line.store.transaction() as tx:
        row = _row(tx, request["number"])
        content = writer.line.keys.open(row.sealed, SEAL)
        said = {"number": row.number, "purpose": request["purpose"], "by": request["by"]}
        tx.append(Batch(events=[record("", READ_EVENT, said, {}, now, now)]))
    fields = {name: getattr(row, name) for name in row.__slots__ if name != "sealed"}
    return {"row": fields, "content": base64.b64encode(_readable(content)).decode()}


def retry_some(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    mended = base64.b64decode(request["content"]) if request.get("content") is not None else None
    return answered([_retry(writer, number, mended, request["by"], now) for number in request["numbers"]])


def discard_some(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    _must_say(request["reason"], "reason")
    batch = Batch()
    with writer.line.store.transaction() as tx:
        for number in request["numbers"]:
            _open_row(tx, number)
            batch.settled.append((number, DISCARDED))
            said = {"number": number, "reason": request["reason"], "by": request["by"]}
            batch.events.append(record("", DISCARDED_EVENT, said, {}, now, now))
        tx.append(batch)
    return {}


OPERATIONS = {
    "dead-letter.show": show_one,
    "dead-letter.retry": retry_some,
    "dead-letter.discard": discard_some,
}
"""What the process that writes does with dead letters."""


class _Vain(Exception):
    """It is a dead letter still: what was written is taken back, and the row stays as it was."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__()


def _retry(writer: Writer, number: int, mended: bytes | None, by: JsonObject, now: Instant) -> Answer:
    line = writer.line
    with line.store.transaction() as tx:
        row = _open_row(tx, number)
    content = mended if mended is not None else line.keys.open(row.sealed, SEAL)
    messages = _read_again(writer, row, content)
    said = {"number": number, "by": by, "mended": mended is not None}
    try:
        with line.store.transaction() as tx:
            for message in messages:
                known = tx.seen([(message.source, message.id)]).get((message.source, message.id))
                # What has come to another end since (the id was used for something else) goes the ordinary way.
                again = known is None or known.outcome == DEAD_LETTER
                (answer,) = writer.carry(tx, [message], now, again=again)
                if answer.status == "dead-letter":
                    raise _Vain(answer)
            outcome = record(answer.case_id, RETRIED_EVENT, said | {"outcome": answer.status}, {}, now, now)
            tx.append(Batch(events=[outcome], settled=[(number, RETRIED)]))
    except _Vain as vain:
        with line.store.transaction() as tx:
            outcome = record(
                "", RETRIED_EVENT, said | {"outcome": "dead-letter", "reason": vain.answer.code}, {}, now, now
            )
            tx.append(Batch(events=[outcome], settled=[(number, OPEN)]))
        return vain.answer
    except (AssertionError, LianxinError, MemoryError):
        raise
    except Exception as error:  # a fault of ours: told to whoever tried it; nothing has changed
        name, place_in_code = type(error).__name__, where(error)
        raise LianxinError("LX-386", exit_code=5, number=number, error=name, place=place_in_code) from error
    return answer


def _read_again(writer: Writer, row: DeadLetterRow, content: bytes) -> list[Ask | Unusable]:
    """The message in a dead letter's content, in whichever form it was kept or written by hand; of a row, all of it."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        said = None
    wishes = said.get(WISHES) if isinstance(said, dict) else None
    if isinstance(wishes, list) and wishes and all(isinstance(wish, dict) for wish in wishes):
        return [_message(writer, row, wish, orjson.dumps(wish)) for wish in wishes]
    return [_message(writer, row, said, content)]


def _message(writer: Writer, row: DeadLetterRow, said: object, content: bytes) -> Ask | Unusable:
    if isinstance(said, dict) and "does" in said:
        wish = _wish(said, row)
        message = as_listed(wish, writer.line.sources, writer.line.book.directory) if isinstance(wish, Ask) else wish
    elif isinstance(said, dict) and "specversion" not in said and "type" in said:
        envelope = {"specversion": "1.0"} | {name.removeprefix("+"): v for name, v in said.items() if v is not None}
        message = writer.read_in(orjson.dumps(envelope), row.received_at)
    else:
        message = writer.read_in(content, row.received_at)
    source, id_ = message.source or row.source, message.id or row.id
    if isinstance(message, Unusable):
        return replace(message, source=source, id=id_, attempts=row.attempts + 1)
    return structs.replace(message, source=source, id=id_)


def _wish(said: JsonObject, row: DeadLetterRow) -> Ask | Unusable:
    """A wish as it was kept, or as somebody has written it from what `show` prints."""
    said = {"source": row.source, "id": row.id, "values": {}, **said}
    said |= {"file": row.file, "row": row.row}
    missing = [name for name in WISH_NEEDS if not isinstance(said.get(name), str) or not said[name]]
    content = orjson.dumps({k: v for k, v in said.items() if k != "content"}, option=orjson.OPT_SORT_KEYS)
    if missing:
        return Unusable(row.source, row.id, "missing-attribute", "a wish says what it is", missing[0], content=content)
    try:
        said["time"] = parse(said["time"])
        said.setdefault("content", content.decode())
        return Ask.unpacked(orjson.dumps({"notes": [], **said}))
    except (ValueError, TypeError) as error:
        kind = "bad-value" if isinstance(error, ValueError) else "unknown-field"
        return Unusable(
            row.source, row.id, kind, type(error).__name__, "time" if kind == "bad-value" else "", content=content
        )


def _readable(content: bytes) -> bytes:
    """The content as a person reads and mends it: a wish without the bytes that its digest was made from."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content
    if not isinstance(said, dict) or not said.keys() & {"does", WISHES}:
        return content
    wishes = [_told(wish) for wish in said.get(WISHES, [said])]
    return orjson.dumps(
        {WISHES: wishes} if WISHES in said else wishes[0], option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    )


def _told(wish: JsonObject) -> JsonObject:
    return {name: value for name, value in wish.items() if name != "content" and value not in ("", [], {}, 0)}


def _row(reader: Reader, number: int) -> DeadLetterRow:
    found = reader.dead_letters(after=number - 1, limit=1)
    if not found or found[0].number != number:
        raise LianxinError("LX-380", exit_code=3, number=number)
    return found[0]


def _open_row(reader: Reader, number: int) -> DeadLetterRow:
    row = _row(reader, number)
    if row.state != OPEN:
        raise LianxinError("LX-381", exit_code=4, number=number, state=row.state)
    return row


def _must_say(text: str, what: str) -> None:
    if not text.strip():
        raise LianxinError("LX-383", exit_code=2, what=what)
