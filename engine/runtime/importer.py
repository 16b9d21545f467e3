"""`lianxin import FILE --map MAP`: the rows of a file through the same door, in batches that can be taken up again.

How far it has come is an offset in the transaction of its batches, under the name of the file and the hash of its
content and map: killed and started again it goes on, and a file that is in already changes nothing. While it is on its
way, the clocks of its workflow wait; what was overdue then is found when its last row is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from engine.core.errors import LianxinError
from engine.core.instants import Instant
from engine.core.model import JsonObject
from engine.core.report import suggest
from engine.runtime.asks import Ask, Unusable, as_listed
from engine.runtime.batching import Item
from engine.runtime.files.maps import read_map
from engine.runtime.handle import BATCH_MESSAGES_MAX
from engine.runtime.messages import unpacked
from engine.runtime.react import IMPORTED
from engine.runtime.watermarks import DONE, import_name
from engine.runtime.watermarks import IMPORTED as ENDED
from engine.runtime.whole_rows import by_row, messages_of, whole
from engine.runtime.writer import Writer
from engine.store.batch import Batch

if TYPE_CHECKING:
    from engine.runtime.office import Office

GROUP = "import"
HASH_DIGITS = 16
BATCH_BYTES_MAX = 4 * 1024**2
"""Of the content of one batch; packed for the socket it is at most four times that."""

Progress = Callable[["Imported"], None]


@dataclass(slots=True)
class Imported:
    """How an import stands: messages done, of them before this run, and what became of those of this run."""

    partition: str
    done: int = 0
    before: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    complete: bool = False


def import_file(office: Office, path: Path, map_path: Path, progress: Progress = lambda imported: None) -> Imported:
    """Bring all rows of a file in, from where an earlier run has stopped; bad rows become dead letters.

    LX-310… for a map with faults, LX-320… for a file that cannot be read, LX-538 for a workflow that nobody knows,
    LX-527 where the same file is being imported by somebody else, LX-534 where the writer has gone: start it again.
    """
    map_ = read_map(map_path)
    partition = f"{path.name}#{_hash_of(path, map_path)}"
    about = {"partition": partition, "workflow": map_.workflow}
    begun = office.perform({"do": "import.begin", **about})
    imported = Imported(partition, begun["next"], begun["next"], complete=begun["complete"])
    if imported.complete:
        return imported
    for batch in _batches(islice(messages_of(path, map_), imported.done, None)):
        request = {"do": "import.batch", **about, "epoch": begun["epoch"], "from": imported.done, "messages": batch}
        for status, count in office.perform(request)["counts"].items():
            imported.answers[status] = imported.answers.get(status, 0) + count
        imported.done += len(batch)
        progress(imported)
    office.perform({"do": "import.end", **about, "epoch": begun["epoch"], "from": imported.done})
    office.perform({"do": "settle"})
    imported.complete = True
    progress(imported)
    return imported


def abandon(office: Office, partition: str, workflow: str) -> None:
    """An import that nobody will finish holds the clocks of its workflow no longer. LX-539 where there is none."""
    office.perform({"do": "import.abandon", "partition": partition, "workflow": workflow})


# ── in the process that writes ───────────────────────────────────────────────────────────────────────────────────


def begin(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """Take the import; from which message to go on."""
    workflow = request["workflow"]
    if writer.line.book.current(workflow) is None:
        known = list(writer.line.book.workflows)
        facts = {"name": workflow, "known": "、".join(known), "suggestion": suggest(workflow, known) or ""}
        raise LianxinError("LX-538", exit_code=2, **facts)
    name = import_name(workflow, request["partition"])
    with writer.line.store.transaction() as tx:
        complete = tx.watermarks().get(name) == DONE
        epoch, following = tx.claim(GROUP, request["partition"])
        if not complete:
            tx.append(Batch(watermarks=[(name, now)]))
    if not complete:
        writer.marks.begin_import(name, now)
        writer.log.tell("import.begun", workflow=workflow, position=following)
    return {"epoch": epoch, "next": following, "complete": complete}


def batch(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """The next messages; what became of them."""
    name = import_name(request["workflow"], request["partition"])
    group = (GROUP, request["partition"], request["epoch"])
    rules = writer.line.book.current(request["workflow"])
    items: list[Item] = []
    offset = request["from"]
    for row in by_row(unpacked(message) for message in request["messages"]):
        taken = whole([_allowed(writer, message) for message in row], rules, writer.line.keys)
        if isinstance(taken, Unusable):
            items.append(Item(taken, (*group, offset, offset + len(row)), (name, now)))
        else:
            items += [Item(wish, (*group, at, at + 1), (name, now)) for at, wish in enumerate(taken, offset)]
        offset += len(row)
    counts: dict[str, int] = {}
    for answer in writer.take_in(items, now):
        counts[answer.status] = counts.get(answer.status, 0) + 1
    writer.marks.begin_import(name, now)
    return {"counts": counts}


def end(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """The last row is in: the clocks of its workflow go on."""
    partition, at = request["partition"], request["from"]
    _ended(writer, request, now, [(GROUP, partition, request["epoch"], at, at)])
    return {}


def give_up(writer: Writer, request: JsonObject, now: Instant) -> JsonObject:
    """As if the last row were in."""
    with writer.line.store.read() as reader:
        at = reader.watermarks().get(import_name(request["workflow"], request["partition"]))
    if at is None or at == DONE:
        raise LianxinError("LX-539", exit_code=3, partition=request["partition"])
    _ended(writer, request, now, [])
    return {}


OPERATIONS = {"import.begin": begin, "import.batch": batch, "import.end": end, "import.abandon": give_up}
"""What the process that writes does for an import."""


def _ended(writer: Writer, request: JsonObject, now: Instant, fences: list[tuple[str, str, int, int, int]]) -> None:
    workflow = request["workflow"]
    name = import_name(workflow, request["partition"])
    with writer.line.store.transaction() as tx:
        tx.append(Batch(offsets=fences, watermarks=[(name, DONE), (ENDED + workflow, now)]))
    writer.marks.end_import(name, workflow, now)
    writer.log.tell("import.ended", workflow=workflow)


def _allowed(writer: Writer, message: Ask | Unusable) -> Ask | Unusable:
    """A row's wish, marked as imported, if its source may have it."""
    if isinstance(message, Unusable):
        return message
    return as_listed(structs.replace(message, notes=(IMPORTED,)), writer.line.sources, writer.line.book.directory)


def _batches(messages: Iterable[Ask | Unusable]) -> Iterator[list[Ask | Unusable]]:
    """Cut between rows to about what one transaction takes: a row has fewer messages than `SEQUENCE_STEP`."""
    batch: list[Ask | Unusable] = []
    size = 0
    for row in by_row(messages):
        more = sum(len(message.content) for message in row)
        full = len(batch) + len(row) > BATCH_MESSAGES_MAX or size + more > BATCH_BYTES_MAX
        if batch and full:
            yield batch
            batch, size = [], 0
        batch += row
        size += more
    if batch:
        yield batch


def _hash_of(*paths: Path) -> str:
    """Of the contents together. LX-320 where a file cannot be read."""
    together = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as file:
                together.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise LianxinError("LX-320", 3, file=str(path), reason=error.strerror or type(error).__name__) from error
    return together.hexdigest()[:HASH_DIGITS]
