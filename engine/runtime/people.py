"""Reading what the vault holds of a case, on record; and erasing a person.

The key is destroyed, so that what was encrypted under it is readable nowhere, on no copy.

What waits, or could not be used, is sealed as a whole under another key: where it is about the case it is destroyed
too, and its row stays as a dead letter with the reason `erased`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.core.permits import may_see
from engine.runtime.asks import Ask
from engine.runtime.decode import CASE, CASE_KEY
from engine.runtime.stamp import record
from engine.runtime.writer import Writer
from engine.store.batch import DEAD_LETTER, NO_EVENT, Batch, DeadLetterRow
from engine.store.keys import Keys
from engine.store.transaction import Tx
from engine.store.vault import Vault

if TYPE_CHECKING:
    from engine.runtime.office import Office

ERASED = "lianxin.person.erased.v1"
READ = "lianxin.case.read.v1"
GONE = "erased"
"""Reason of the dead letter that is left of a message."""
TELLING_CHARS_MIN = 4
"""A shorter case key stands in other people's messages by chance."""


def erase(office: Office, case_id: str, person: str, reason: str, by: JsonObject) -> list[str]:
    """Erase one person of a case (`contact:1`), its own personal fields (`case`), or with "" everybody; whom.

    Parked messages and dead letters about the case go too: of a contact those that bring a petitioner's data, else all.
    On record: who did it and why, never who it was. LX-434 where the vault holds nothing of the kind.
    """
    request = {"do": "person.erase", "case_id": case_id, "person": person, "reason": reason, "by": by}
    erased: list[str] = office.perform(request)["erased"]
    return erased


def erase_here(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """In the process that writes: keys, entries and the record of it go together; then the files are wiped."""
    case_id, person = request["case_id"], request["person"]
    store, vault, keys = writer.line.store, writer.line.vault, writer.line.keys
    with store.transaction() as tx:
        people = sorted({row[0] for row in tx.vault_entries(case_id, person)})
        if not people:
            raise LianxinError("LX-434", exit_code=3, case_id=case_id, person=person or "*")
        about = About(case_id, _case_key(tx, vault, case_id), keys, everything=person in ("", CASE))
        batch = _parked(tx, about, now)
        dead = _dead_letters(tx, about)
        for one in people:
            tx.erase(vault, case_id, one)
        said = {"people": people, "reason": request["reason"], "by": request["by"]}
        if destroyed := dead + len(batch.unpark):
            said["messages"] = destroyed
        batch.events.append(record(case_id, ERASED, said, {}, now, now))
        tx.append(batch)
    try:
        store.checkpoint()
    except LianxinError as error:
        if error.code != "LX-526":
            raise
        writer.unwiped = True  # a reader holds an older snapshot: the worker wipes when it has let go
    writer.log.tell("person.erased", case_id=case_id, count=len(people))
    return {"erased": people, "wiped": not writer.unwiped}


def read(office: Office, case_id: str, purpose: str, by: JsonObject) -> list[JsonObject]:
    """What the vault holds of a case: person, field, value, and whether it is the case's present one.

    The reading is on record: who, what for, which fields; never a value. LX-383 without a purpose; LX-903 where
    there is no such case, or none for this actor.
    """
    request = {"do": "person.read", "case_id": case_id, "purpose": purpose, "by": by}
    values: list[JsonObject] = office.perform(request)["values"]
    return values


def read_here(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """In the process that writes: the record of a reading is written before anybody sees a value."""
    case_id, purpose, by = request["case_id"], request["purpose"], request["by"]
    if not purpose.strip():
        raise LianxinError("LX-383", exit_code=2, what="purpose")
    line = writer.line
    with line.store.transaction() as tx:
        case = tx.load([case_id])[case_id]
        if not case.exists or not may_see(case, line.book.pinned(case.workflow), by["role"], by.get("unit", "")):
            raise LianxinError("LX-903", exit_code=3, case=case_id)
        entries = tx.vault_entries(case_id)
        wrapped = tx.wrapped_keys([(case_id, person) for person in {row[0] for row in entries}])
        found = []
        for person, field, ref, sealed in entries:
            value, salt = line.vault.reveal(wrapped[case_id, person], (case_id, person, field, ref, sealed))
            present = case.data.get(field) if person == CASE else None
            current = not isinstance(present, dict) or line.vault.check(present.get("sealed", ""), value, salt)
            found.append({"person": person, "field": field, "value": orjson.loads(value), "current": current})
        fields = sorted({f"{one['person']} {one['field']}" for one in found})
        said = {"purpose": purpose, "by": by, "fields": fields}
        tx.append(Batch(events=[record(case_id, READ, said, {}, now, now)]))
    return {"values": found}


OPERATIONS = {"person.erase": erase_here, "person.read": read_here}
"""What the process that writes does about people."""


class About:
    """Whether a sealed message is about the case, and brings what is to be erased."""

    def __init__(self, case_id: str, key: str, keys: Keys, *, everything: bool) -> None:
        self.case_id, self.key, self.keys, self.everything = case_id, key, keys, everything
        self._in_text = re.compile(rf"(?<!\w){re.escape(key)}(?!\w)") if len(key) >= TELLING_CHARS_MIN else None

    def __call__(self, content: bytes) -> bool:
        """Of a message's content: a wish, the wishes of a row, a CloudEvent, or whatever else has come."""
        try:
            said = orjson.loads(content)
        except orjson.JSONDecodeError:
            return self._has_number(content.decode("utf-8", "replace"))
        cases = [found for part in _objects(said) if (found := self._case_of(part))]
        if not cases:  # which case is meant, and who is in it, nobody can tell
            return self._has_number(orjson.dumps(said).decode())
        return self.case_id in cases and (self.everything or any(part.get("petitioner") for part in _objects(said)))

    def _has_number(self, text: str) -> bool:
        return self._in_text is not None and self._in_text.search(text) is not None

    def _case_of(self, part: JsonObject) -> str:
        """The case that an object names, if it does."""
        key, data = part.get("case_key") or part.get("subject"), part.get("data")
        workflow = part.get("workflow") or (data.get("workflow") if isinstance(data, dict) else None)
        if isinstance(key, str) and key and isinstance(workflow, str) and "\x1f" not in workflow:
            return self.keys.case_id(workflow, key)
        return str(part.get("case_id") or "")


def _objects(said: Any) -> Iterator[JsonObject]:
    """Every object in JSON, however deep."""
    waiting = [said]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _case_key(tx: Tx, vault: Vault, case_id: str) -> str:
    """The number by which its source knows the case; "" where that is erased already."""
    wrapped = tx.wrapped_keys([(case_id, CASE)]).get((case_id, CASE))
    for person, field, ref, sealed in tx.vault_entries(case_id, CASE) if wrapped else ():
        if field == CASE_KEY:
            assert wrapped is not None
            return str(orjson.loads(vault.reveal(wrapped, (case_id, person, field, ref, sealed))[0]))
    return ""


def _parked(tx: Tx, about: About, now: Instant) -> Batch:
    """What is left of the messages that wait for the case: they wait no longer, and sent again they are known."""
    batch = Batch()
    for row in tx.parked_for([about.case_id]):
        packed = about.keys.open(row.sealed, b"parked")
        if not about.everything and not about(packed):
            continue
        ask = Ask.unpacked(packed)
        batch.unpark.append((row.source, row.id))
        batch.inbox.append((row.source, row.id, about.keys.content_digest(ask.content), DEAD_LETTER, NO_EVENT))
        sealed = about.keys.seal(b"", b"dead-letter")
        batch.dead_letters.append(
            DeadLetterRow(row.source, row.id, GONE, "", "", ask.file, ask.row, now, sealed, row.attempts, "discarded")
        )
    return batch


def _dead_letters(tx: Tx, about: About) -> int:
    """Empty those about the case; how many. What was wrong with each is still told."""
    count, last = 0, 0
    while rows := tx.dead_letters(after=last):
        last = rows[-1].number
        for row in rows:
            if row.reason != GONE and about(about.keys.open(row.sealed, b"dead-letter")):
                tx.at_once(EMPTY_DEAD_LETTER, (GONE, row.reason, about.keys.seal(b"", b"dead-letter"), row.number))
                count += 1
    return count


EMPTY_DEAD_LETTER = """UPDATE dead_letter SET reason = ?, detail = ?, sealed = ?,
    state = CASE WHEN state = 'open' THEN 'discarded' ELSE state END WHERE number = ? RETURNING number"""
