"""What `simulate` writes: one JSON object a line, and a summary with both digests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.audit.digests import digests
from engine.core.model import Case, JsonObject
from engine.runtime.decode import CASE, CASE_KEY
from engine.runtime.handle import Line
from engine.store.reader import Reader

ROWS_PER_READ = 1_000


def write(line: Line, out: Path, counts: Mapping[str, int], now: str) -> JsonObject:
    """All of a database as files in `out`; the summary. No personal value is among them."""
    out.mkdir(parents=True, exist_ok=True)
    written = {}
    with line.store.read() as reader:
        cases = list(_cases(reader))
        streams: dict[str, Iterable[JsonObject]] = {
            "cases": (case_row(case, reader, line) for case in cases),
            "events": _events(reader),
            "letters": (row for case in cases for row in letter_rows(case)),
            "deadlines": (row for case in cases for row in deadline_rows(case)),
            "followups": (row for case in cases for row in followup_rows(case)),
            "dead_letters": _dead_letters(reader),
        }
        for name, rows in streams.items():
            written[name] = _lines(out / f"{name}.ndjson", rows)
        state, letters = digests(reader)
    summary: JsonObject = {
        "state_digest": state,
        "letters_digest": letters,
        "counts": written,
        "answers": dict(sorted(counts.items())),
        "now": now,
    }
    (out / "summary.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return summary


def _lines(path: Path, rows: Iterable[JsonObject]) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
            count += 1
    return count


def _cases(reader: Reader) -> Iterator[Case]:
    after = ""
    while True:
        rows = reader.cases(after=after, limit=ROWS_PER_READ)
        if not rows:
            return
        ids = [str(row["case_id"]) for row in rows]
        loaded = reader.load(ids)
        yield from (loaded[case_id] for case_id in ids)
        after = ids[-1]


def case_row(case: Case, reader: Reader, line: Line) -> JsonObject:
    """One case; its key comes from the vault, personal fields stay there."""
    rules = line.book.pinned(case.workflow)
    fields = rules.workflow.fields
    return {
        "case_id": case.case_id,
        "case_key": case_key(case.case_id, reader, line),
        "workflow": rules.workflow.name,
        "version": case.version,
        "phase": case.phase,
        "state": case.state,
        "unit": case.data.get("unit"),
        "levels": case.levels,
        "data": {n: v for n, v in sorted(case.data.items()) if not (n in fields and fields[n].personal)},
    }


def case_key(case_id: str, reader: Reader, line: Line) -> str | None:
    """The key other systems know the case by; None once it was erased."""
    wrapped = reader.wrapped_keys([(case_id, CASE)]).get((case_id, CASE))
    for person, field, ref, sealed in reader.vault_entries(case_id, CASE):
        if field == CASE_KEY and wrapped is not None:
            value, _ = line.vault.reveal(wrapped, (case_id, person, field, ref, sealed))
            return str(orjson.loads(value))
    return None


def letter_rows(case: Case) -> Iterator[JsonObject]:
    """The letters of a case, as they stand."""
    for track_id, track in sorted(case.tracks.items()):
        if track["track"] != "letter":
            continue
        clock = next((c for k, c in case.clocks.items() if k.startswith(f"{track_id}/reply#")), None)
        yield {
            "letter_id": track_id,
            "case_id": case.case_id,
            "kind": track["data"].get("kind"),
            "number": number_text(track.get("number")),
            "to": track["data"].get("recipient"),
            "state": track["state"],
            "cause": track["data"].get("trigger"),
            "drafted_at": track["entered"].get("drafted"),
            "signed_at": track["entered"].get("signed"),
            "reply_due_at": clock["due_at"] if clock else None,
        }


def number_text(number: Mapping[str, Any] | None) -> str | None:
    """发文字号: 扬信督〔2026〕12号."""
    return f"{number['mark']}〔{number['year']}〕{number['number']}号" if number else None


def deadline_rows(case: Case) -> Iterator[JsonObject]:
    """Every run of every deadline; delayed reactions are no deadlines."""
    for _, clock in sorted(case.clocks.items()):
        if "armed" in clock:
            continue
        yield {
            "case_id": case.case_id,
            "track_id": clock["track"],
            "deadline": clock["deadline"],
            "run": clock["run"],
            "owner": clock.get("owner"),
            "started_at": clock["started_at"],
            "due_at": clock["due_at"],
            "due_raw_at": clock["due_raw_at"],
            "status": clock["status"],
            "missed_at": clock.get("missed_at"),
            "provisional": clock.get("provisional", False),
        }


def followup_rows(case: Case) -> Iterator[JsonObject]:
    """The follow-ups of a case; due is when the first attempt is due."""
    for track_id, track in sorted(case.tracks.items()):
        if track["track"] == "follow_up":
            clock = next((c for k, c in case.clocks.items() if k.startswith(f"{track_id}/first_try#")), None)
            yield {
                "case_id": case.case_id,
                "track_id": track_id,
                "due_at": clock["due_at"] if clock else None,
                "state": track["state"],
            }


def _events(reader: Reader) -> Iterator[JsonObject]:
    after = 0
    while True:
        events = reader.log(after, ROWS_PER_READ)
        if not events:
            return
        for event in events:
            yield {
                "position": event.position,
                "case_id": event.case_id,
                "version": event.version or None,
                "type": event.type,
                "occurred_at": event.occurred_at,
                "data": event.data,
            }
        after = events[-1].position


def _dead_letters(reader: Reader) -> Iterator[JsonObject]:
    after = 0
    while True:
        rows = reader.dead_letters(after=after, limit=ROWS_PER_READ)
        if not rows:
            return
        for row in rows:
            yield {
                "source": row.source, "id": row.id, "reason": row.reason, "detail": row.detail, "field": row.field,
                "file": row.file, "row": row.row,
            }  # fmt: skip
        after = rows[-1].number
