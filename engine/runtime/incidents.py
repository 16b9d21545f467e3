"""Incidents: what a person must look at. Opened by the rules and by the worker; closed by people, with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.runtime.stamp import record
from engine.runtime.writer import INCIDENT_CLOSED, QUARANTINED, Writer, open_incidents, where
from engine.store.batch import Batch

if TYPE_CHECKING:
    from engine.runtime.office import Office


def close(office: Office, position: int, ordinal: int, reason: str, by: JsonObject) -> None:
    """Close one incident. LX-432 where none is open there, LX-433 for a quarantine, which is left by `release`."""
    office.perform({"do": "incident.close", "position": position, "ordinal": ordinal, "reason": reason, "by": by})


def release(office: Office, case_id: str, reason: str, by: JsonObject) -> int:
    """Let a case out of quarantine, once what it met is mended; how many messages had waited.

    LX-430 where it is in none, LX-431 (with type and place) where the fault is still there: nothing has changed then.
    """
    reply = office.perform({"do": "case.release", "case_id": case_id, "reason": reason, "by": by})
    return int(reply["waiting"])


# ── in the process that writes ───────────────────────────────────────────────────────────────────────────────────


def close_one(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    place = (request["position"], request["ordinal"])
    with writer.line.store.transaction() as tx:
        found = [i for i in open_incidents(tx) if (i["position"], i["ordinal"]) == place]
        if not found:
            raise LianxinError("LX-432", exit_code=3, position=place[0], ordinal=place[1])
        if found[0]["code"] == QUARANTINED:
            raise LianxinError("LX-433", exit_code=4, case_id=found[0]["case_id"])
        closed = {"position": place[0], "ordinal": place[1], "reason": request["reason"], "by": request["by"]}
        tx.append(Batch(events=[record(found[0]["case_id"], INCIDENT_CLOSED, closed, {}, now, now)]))
    return {}


def release_one(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    case_id = request["case_id"]
    with writer.line.store.transaction() as tx:
        writer.look(tx)
    if case_id not in writer.held:
        raise LianxinError("LX-430", exit_code=3, case_id=case_id)
    try:
        waiting = writer.release(case_id, now, {"reason": request["reason"], "by": request["by"]})
    except (AssertionError, LianxinError, MemoryError):
        raise
    except Exception as error:  # whatever it was quarantined for: told to whoever thought it mended
        facts = {"case_id": case_id, "error": type(error).__name__, "place": where(error)}
        raise LianxinError("LX-431", exit_code=4, **facts) from error
    return {"waiting": waiting}


OPERATIONS = {"incident.close": close_one, "case.release": release_one}
"""What the process that writes does about incidents."""
