"""What a key may see of cases. A case that it may not see, and one that does not exist, are the same: nothing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.api.problems import Refused
from engine.core.desk import Rules
from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import Case, JsonObject
from engine.core.permits import may_see
from engine.core.report import suggest
from engine.runtime import outward
from engine.runtime.asks import fits
from engine.runtime.assembly import Assembly
from engine.runtime.case_page import is_late, summary, whole
from engine.runtime.case_past import records
from engine.runtime.case_places import Places
from engine.runtime.doors import Hall
from engine.store.access import ApiKey
from engine.store.reader import Reader

SCANNED_MAX = 2_000
"""Cases that one page looks through; what is beyond it comes with the next page."""
CASES_PER_READ = 200
RECORDS_MAX = 1_000
"""Of one case that `why` and the page of a case tell."""
PLACES_REMEMBERED_MAX = 64
CURSOR = b"cursor:"
Place = tuple[Instant, int]
"""Where a page ends: the nearest deadline of its last case, and the case's number."""


class Questions:
    """Asked from any thread; each answer is of one committed snapshot."""

    def __init__(self, hall: Hall, assembly: Assembly) -> None:
        self._hall, self._assembly = hall, assembly
        self._places: dict[str, Places] = {}

    def page(self, key: ApiKey, filters: Mapping[str, Any]) -> JsonObject:
        """Cases, least time left first. Refused (422) for a workflow nobody knows, or a cursor that is none."""
        limit, now = filters["limit"], self._hall.time.now()
        after: Place = ("", 0)
        if filters["after"]:
            due, number = self._opened(key, filters["after"])
            after = (str(due), int(number))
        shown: list[JsonObject] = []
        with self._hall.line.store.read() as reader:
            wanted = self._wanted(reader, key, filters, now)
            for seen, (place, case, rules) in enumerate(self._after(reader, wanted, after), start=1):
                if self._visible(reader, case, rules, key) and (not filters["overdue"] or is_overdue(case, now)):
                    shown.append(_row(case, rules, now))
                if len(shown) == limit or seen == SCANNED_MAX:
                    return {"cases": shown, "next": self._sealed(key, place)}
        return {"cases": shown, "next": None}

    def case(self, key: ApiKey, case_id: str) -> JsonObject:
        """One case. Refused (404) where there is none for this key."""
        with self._hall.line.store.read() as reader:
            case, rules = self._found(reader, key, case_id)
            said = whole(case, rules, reader.history(case_id, limit=RECORDS_MAX), self._hall.time.now())
        del said["personal"]
        for step in said["path"]:
            step["by"] = outward.by(step["by"])
        found: JsonObject = outward.clean(said)
        return found

    def events(self, key: ApiKey, case_id: str, limit: int, cursor: str) -> JsonObject:
        """Its records, rejections among them. Refused (404, 422)."""
        after = int(self._opened(key, cursor)[0]) if cursor else 0
        with self._hall.line.store.read() as reader:
            self._found(reader, key, case_id)
            found = reader.history(case_id, after, limit + 1)
        more = self._sealed(key, (found[limit - 1].position,)) if len(found) > limit else None
        return {"case_id": case_id, "events": [outward.fact(event) for event in found[:limit]], "next": more}

    def why(self, key: ApiKey, case_id: str) -> JsonObject:
        """Of each record the rule it followed, and what it read then. Refused (404)."""
        with self._hall.line.store.read() as reader:
            case, rules = self._found(reader, key, case_id)
            events = reader.history(case_id, limit=RECORDS_MAX + 1)
        past = [_reason(record) for record in records(events[:RECORDS_MAX], rules, self._places_of(rules))]
        return {"case_id": case_id, "state": case.state, "past": past, "more": len(events) > RECORDS_MAX}

    # ── who sees what ────────────────────────────────────────────────────────────────────────────────────────────

    def _found(self, reader: Reader, key: ApiKey, case_id: str) -> tuple[Case, Rules]:
        case = reader.case(case_id) if key.reads else None
        if case is not None:
            rules = self._hall.line.book.pinned(case.workflow)
            if self._visible(reader, case, rules, key):
                return case, rules
        raise Refused(404, "LX-384")

    def _visible(self, reader: Reader, case: Case, rules: Rules, key: ApiKey) -> bool:
        """A unit's key: what the unit is liable for, unless it is accused in it. Others: what their sources opened."""
        if key.units is not None:
            mine = rules.directory.in_or_under(str(case.data.get("unit") or ""), tuple(key.units))
            return mine and all(may_see(case, rules, "", unit) for unit in key.units)
        return may_see(case, rules, "", "") and fits(_opened_by(reader, case), key.sources)

    def _wanted(self, reader: Reader, key: ApiKey, filters: Mapping[str, Any], now: Instant) -> dict[str, Any]:
        """The filters as the store takes them."""
        wanted: dict[str, Any] = {name: filters[name] for name in ("phase", "state", "unit") if filters[name]}
        if filters["workflow"]:
            known = {str(row["digest"]): str(row["name"]) for row in reader.editions("workflow")}
            wanted["workflows"] = [digest for digest, name in known.items() if name == filters["workflow"]]
            if not wanted["workflows"]:
                close = suggest(filters["workflow"], set(known.values()))
                hint = f"您是否想写 did you mean {close}?" if close else "没有这个流程 no such workflow"
                raise Refused(422, "LX-387", field="workflow", reason=hint)
        if key.units is not None:
            directory = self._hall.line.book.directory
            wanted["units"] = sorted({u for unit in key.units for u in (unit, *directory.under(unit))})
        if filters["overdue"]:
            wanted["late_at"] = now
        return wanted

    def _after(self, reader: Reader, wanted: Mapping[str, Any], after: Place) -> Iterator[tuple[Place, Case, Rules]]:
        while rows := reader.cases_by_due(**wanted, after=after, limit=CASES_PER_READ):
            folds = reader.load(case_id for _, _, case_id in rows)
            for due, number, case_id in rows:
                after, case = (due, number), folds[case_id]
                yield after, case, self._hall.line.book.pinned(case.workflow)

    # ── cursors ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _sealed(self, key: ApiKey, place: tuple[str | int, ...]) -> str:
        """A place to go on from; sealed, because it may be that of a case that this key does not see."""
        sealed = self._hall.line.keys.seal(orjson.dumps(place), CURSOR + key.key_id.encode())
        return base64.urlsafe_b64encode(sealed).decode()

    def _opened(self, key: ApiKey, cursor: str) -> list[str | int]:
        try:
            sealed = base64.urlsafe_b64decode(cursor)
            found: list[str | int] = orjson.loads(self._hall.line.keys.open(sealed, CURSOR + key.key_id.encode()))
        except (ValueError, binascii.Error, LianxinError) as error:
            reason = "不是上一页给出的 next not the `next` of a page"
            raise Refused(422, "LX-387", field="after", reason=reason) from error
        return found

    def _places_of(self, rules: Rules) -> Places:
        found = self._places.get(rules.workflow.digest)
        if found is None:
            if len(self._places) >= PLACES_REMEMBERED_MAX:
                self._places.clear()
            found = self._places[rules.workflow.digest] = Places(self._assembly, rules.workflow)
        return found


def is_overdue(case: Case, now: Instant) -> bool:
    """Whether some deadline of it is over and not met."""
    return any(is_late(clock, now) for clock in case.clocks.values())


def _opened_by(reader: Reader, case: Case) -> str:
    (first,) = reader.history(case.case_id, limit=1)
    return str(orjson.loads(first.body).get("cause", {}).get("source", ""))


# ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _row(case: Case, rules: Rules, now: Instant) -> JsonObject:
    said = summary(case, rules, now)
    said["overdue"] = said.pop("late")
    found: JsonObject = outward.clean(said)
    return found


def _reason(record: JsonObject) -> JsonObject:
    cause = record["cause"]
    said: JsonObject = {
        "version": record["version"],
        "type": record["type"],
        "at": record["at"],
        "what": record["what"],
        "from": record["from"],
        "to": record["to"],
        "by": outward.by(record["by"]),
        "place": _place(record["place"]),
        "conditions": [{**c, "place": _place(c["place"])} for c in record["conditions"]],
        "inputs": outward.clean(record["inputs"]),
    }
    if cause.get("reaction"):
        said["reaction"] = str(cause["reaction"])
    elif cause.get("source"):
        said["source"] = str(cause["source"])
    if refusal := record.get("refusal"):
        said["refusal"] = outward.refused(refusal["code"], refusal["facts"])
    return said


def _place(place: str) -> str:
    """`complaint.yaml:48`: where the file lies on our disk is nobody's business."""
    return Path(place).name if place else ""
