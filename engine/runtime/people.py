"""Erasing a person: the key is destroyed, so that what was encrypted under it is readable nowhere, on no copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime.stamp import record
from engine.runtime.writer import Writer
from engine.store.batch import Batch

if TYPE_CHECKING:
    from engine.runtime.office import Office

ERASED = "lianxin.person.erased.v1"


def erase(office: Office, case_id: str, person: str, reason: str, by: JsonObject) -> list[str]:
    """Erase one person of a case (`contact:1`), its own personal fields (`case`), or with "" everybody; whom.

    On record: who did it and why, never who it was. LX-434 where the vault holds nothing of the kind.
    """
    request = {"do": "person.erase", "case_id": case_id, "person": person, "reason": reason, "by": by}
    erased: list[str] = office.perform(request)["erased"]
    return erased


def erase_here(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """In the process that writes: keys, entries and the record of it go together; then the files are wiped."""
    case_id, person = request["case_id"], request["person"]
    store, vault = writer.line.store, writer.line.vault
    with store.transaction() as tx:
        people = sorted({row[0] for row in tx.vault_entries(case_id, person)})
        if not people:
            raise LianxinError("LX-434", exit_code=3, case_id=case_id, person=person or "*")
        for one in people:
            tx.erase(vault, case_id, one)
        said = {"people": people, "reason": request["reason"], "by": request["by"]}
        tx.append(Batch(events=[record(case_id, ERASED, said, {}, now, now)]))
    try:
        store.checkpoint()
    except LianxinError as error:
        if error.code != "LX-526":
            raise
        writer.unwiped = True  # a reader holds an older snapshot: the worker wipes when it has let go
    writer.log.tell("person.erased", case_id=case_id, count=len(people))
    return {"erased": people, "wiped": not writer.unwiped}


OPERATIONS = {"person.erase": erase_here}
"""What the process that writes does about people."""
