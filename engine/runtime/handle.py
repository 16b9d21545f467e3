"""The straight line, on one screen: a batch comes in, is decoded, decided, stamped and appended in one transaction.

intake event ─► decode ─► decide ─► append ─► project ─► relay ─► react ─► new commands ─► (the same line again)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from engine.core.decide import decide
from engine.core.desk import Rules
from engine.core.evolve import evolve
from engine.core.instants import Instant, plus
from engine.core.lengths import Length
from engine.core.model import ANSWERED, Accepted, Case, Command, Early, Event, JsonObject, Outcome, Rejection
from engine.runtime.asks import OUR_SOURCE, UNLIMITED, Ask, Source, Unusable
from engine.runtime.decode import Decoded, decode, vault_ref
from engine.runtime.rulebook import RuleBook
from engine.runtime.stamp import REJECTED as REJECTED_TYPE
from engine.runtime.stamp import record, refusal, stamp
from engine.store.batch import (
    ACCEPTED,
    DEAD_LETTER,
    NO_EVENT,
    PARKED,
    REJECTED,
    REUSED_ID,
    Batch,
    DeadLetterRow,
    ParkedRow,
    Seen,
)
from engine.store.keys import Keys
from engine.store.store import Store
from engine.store.transaction import Tx
from engine.store.vault import Vault

BATCH_MESSAGES_MAX = 500
EARLY_MAX_WAIT = timedelta(days=3)
QUARANTINE = "quarantine"
"""What a message needs whose case is held back: that somebody mends the bug it met, and lets the case go on."""
AUTO_LETTER_MAX_AGE = Length(3, "working days")
"""An automatic letter for a breach that an import found stays a draft, where the breach is older."""
SILENT = frozenset({"rung-gone", "nothing-moved"})
"""Refusals that refuse nobody: a clock's point that another fact has overtaken."""

Message = Ask | Command | Unusable
NO_DIGEST = b"\0" * 16
NAMES = {
    ACCEPTED: "accepted",
    REJECTED: "rejected",
    PARKED: "early",
    DEAD_LETTER: "dead-letter",
    REUSED_ID: "dead-letter",
}


@dataclass(slots=True)
class Answer:
    """What became of one message: accepted, rejected, early, duplicate or dead-letter; `facts` say why."""

    status: str
    case_id: str = ""
    version: int = 0
    code: str = ""
    facts: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An early fact; `index` is its place in this batch, None where it was parked before."""

    row: ParkedRow
    ask: Ask
    index: int | None = None


@dataclass(slots=True)
class Line:
    """What the straight line runs on. Built by engine.app; everything that varies is passed in."""

    store: Store
    vault: Vault
    keys: Keys
    book: RuleBook
    sources: Mapping[str, Source] = field(default_factory=lambda: {"*": UNLIMITED})
    early_max_wait: timedelta = EARLY_MAX_WAIT
    auto_letter_max_age: Length = AUTO_LETTER_MAX_AGE
    park: bool = True  # False: nothing earlier can still come, so an early fact is refused at once


def handle(messages: Sequence[Message], line: Line, now: Instant) -> list[Answer]:
    """Carry a batch along the straight line, in one transaction; one answer each, after the commit."""
    return line.store.write(lambda tx: carry(tx, messages, line, now))


def carry(
    tx: Tx,
    messages: Sequence[Message],
    line: Line,
    now: Instant,
    *,
    offsets: Iterable[tuple[str, str, int, int, int]] = (),
    watermarks: Iterable[tuple[str, Instant]] = (),
    again: bool = False,
    held: Collection[str] = (),
    retry: Collection[str] = (),
    heard: list[Event] | None = None,
) -> list[Answer]:
    """The batch's work inside the caller's transaction. `again`: dead messages that are tried once more.

    `held`: cases in quarantine, whose messages are parked unseen. `retry`: cases whose parked messages are tried.
    `heard`: gets the facts that some reaction is for; the caller must react to them in this transaction (`follow`).
    """
    run = _Run(tx, line, now, Batch(offsets=list(offsets), watermarks=list(watermarks)), heard, held)
    fresh = run.unseen(messages, again)
    run.load(fresh, retry)
    run.retry_parked(run.retried)
    ready = run.decoded(run.free(fresh, held))
    for place, (index, decoded) in enumerate(ready):
        run.settle(index, messages[index], decoded)
        if run.waiting:
            run.retry_parked_for(index, ready[place + 1 :])
    run.answer_repeats()
    run.batch.cases = {case_id: case for case_id, case in run.cases.items() if case_id in run.touched}
    if run.has_work():
        tx.append(run.batch)
    return [run.answers[index] for index in range(len(messages))]


Turn = tuple[Instant, int]
"""When a message about a case has its turn: (occurred_at, sequence)."""


def next_turn(case_id: str, following: Sequence[tuple[int, Command | Unusable]]) -> Turn | None:
    """The turn of the next message about a case among those that follow in the batch; None where there is none."""
    turns = ((m.at, m.sequence) for _, m in following if isinstance(m, Command) and m.case_id == case_id)
    return next(turns, None)


class _Run:
    """One batch on its way."""

    def __init__(
        self, tx: Tx, line: Line, now: Instant, batch: Batch, heard: list[Event] | None, held: Collection[str]
    ) -> None:
        self.tx, self.line, self.now, self.batch, self.heard, self.held = tx, line, now, batch, heard, held
        self.answers: dict[int, Answer] = {}
        self.cases: dict[str, Case] = {}
        self.touched: set[str] = set()
        self.digests: dict[int, bytes] = {}
        self.case_ids: dict[int, str] = {}
        self.known: dict[int, bool] = {}  # whether a message's case existed when it was decoded
        self.repeats: dict[int, int] = {}  # within the batch: which message is which one's repetition
        self.waiting: dict[str, dict[tuple[str, str], Waiting]] = {}  # by case
        self.retried: frozenset[str] = frozenset()

    # ── before deciding ──────────────────────────────────────────────────────────────────────────────────────────

    def unseen(self, messages: Sequence[Message], again: bool) -> dict[int, Message]:
        """The messages that are new. The same (source, id) with other content is a dead letter, not a duplicate."""
        keys = [(message.source, message.id) for message in messages]
        known = {} if again else self.tx.seen([key for key in keys if key[1]])
        content_digest, digests = self.line.keys.content_digest, self.digests
        first: dict[tuple[str, str], int] = {}
        fresh: dict[int, Message] = {}
        for index, (key, message) in enumerate(zip(keys, messages, strict=True)):
            digest = NO_DIGEST if isinstance(message, Command) else content_digest(message.content)
            digests[index] = digest
            seen = known.get(key) if known else None
            if seen is None and key in first and message.id:
                seen = Seen(ACCEPTED, digests[first[key]], 0)
                self.repeats[index] = first[key]
            if seen is None:
                first[key] = index
                fresh[index] = message
            elif seen.digest == digest or message.source.startswith(OUR_SOURCE):
                self.answers[index] = Answer("duplicate", code=NAMES[seen.outcome])
            else:
                said = message.packed() if isinstance(message, Ask) else getattr(message, "content", b"")
                file, row = getattr(message, "file", ""), getattr(message, "row", 0)
                detail = "this id came before with other content"
                reused = Unusable(message.source, message.id, "id-reused", detail, "id", file, row, said)
                self.repeats.pop(index, None)
                self._bury(index, reused, inbox=False)
        return fresh

    def answer_repeats(self) -> None:
        """What came twice in one batch is answered with what became of it the first time."""
        for index, first in self.repeats.items():
            self.answers[index] = Answer("duplicate", code=self.answers[first].status)

    def load(self, fresh: Mapping[int, Message], retry: Collection[str]) -> None:
        """The cases of the batch, in one query, and what is parked for them."""
        self.retried = frozenset(retry)
        for index, message in fresh.items():
            if isinstance(message, Command):
                self.case_ids[index] = message.case_id
            elif isinstance(message, Ask):
                self.case_ids[index] = message.case_id or self.line.keys.case_id(message.workflow, message.case_key)
        wanted = self.retried.union(self.case_ids.values())
        self.cases = self.tx.load(wanted)
        for row in self.tx.parked_for(wanted):
            ask = Ask.unpacked(self.line.keys.open(row.sealed, b"parked"))
            self.waiting.setdefault(row.case_id, {})[row.source, row.id] = Waiting(row, ask)

    def free(self, fresh: Mapping[int, Message], held: Collection[str]) -> Mapping[int, Message]:
        """The messages whose cases are not in quarantine; the others are parked, so that they queue behind it."""
        if not held:
            return fresh
        kept: dict[int, Message] = {}
        for index, message in fresh.items():
            if isinstance(message, Ask) and self.case_ids[index] in held:
                self._park(index, message, self.case_ids[index], QUARANTINE)
            else:
                kept[index] = message
        return kept

    def decoded(self, fresh: Mapping[int, Message]) -> list[tuple[int, Command | Unusable]]:
        """Typed commands, personal values in the vault and their commitments in place."""
        return self._protect([(i, self._decode(i, m) if isinstance(m, Ask) else m) for i, m in fresh.items()])

    def _decode(self, index: int, ask: Ask) -> Decoded | Unusable:
        case_id = self.case_ids[index]
        case = self.cases[case_id]
        rules = self._rules(case, ask.workflow)
        if rules is None:
            return Unusable(ask.source, ask.id, "unknown-workflow", f"no workflow {ask.workflow}", "workflow",
                            ask.file, ask.row, ask.packed())  # fmt: skip
        self.known[index] = known = case.version > 0
        return decode(ask, case_id, rules, known=known)

    def _rules(self, case: Case, workflow: str) -> Rules | None:
        return self.line.book.pinned(case.workflow) if case.version else self.line.book.current(workflow)

    def _protect(
        self, found: Sequence[tuple[int, Decoded | Command | Unusable]]
    ) -> list[tuple[int, Command | Unusable]]:
        secrets = [secret for _, item in found if isinstance(item, Decoded) for secret in item.secrets]
        if not secrets:
            return [(i, item.command if isinstance(item, Decoded) else item) for i, item in found]
        known = self.tx.wrapped_keys({(s.case_id, s.person) for s in secrets})
        known |= {(case_id, person): wrapped for case_id, person, wrapped in self.batch.vault_keys}
        protected = self.line.vault.protect(secrets, known)
        self.batch.vault_keys = [*self.batch.vault_keys, *protected.keys]
        self.batch.vault_entries = [*self.batch.vault_entries, *protected.entries]
        ready: list[tuple[int, Command | Unusable]] = []
        at = 0
        for index, item in found:
            if isinstance(item, Decoded):
                mine = protected.commitments[at : at + len(item.secrets)]
                at += len(item.secrets)
                ready.append((index, item.protected(mine)))
            else:
                ready.append((index, item))
        return ready

    # ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self, index: int, message: Message, decoded: Command | Unusable) -> None:
        """One message to its end: accepted, rejected, parked or dead."""
        if isinstance(decoded, Unusable):
            self._bury(index, decoded)
            return
        case = self.cases[decoded.case_id]
        if decoded.kind == "open_case" and isinstance(message, Ask) and (case.version > 0) != self.known[index]:
            self._take_out_of_vault(message, decoded.case_id)  # a message before it in the batch has opened the case
            ((_, again),) = self._protect([(index, self._decode(index, message))])
            assert isinstance(again, Command), "what can be read as an opening can be read as a move"
            decoded = again
        outcome, rules = self._decide(case, decoded)
        if isinstance(outcome, Early):
            if self.line.park and isinstance(message, Ask):
                self._park(index, message, decoded.case_id, outcome.needs)
                return
            outcome = Rejection("too-early", {"needs": outcome.needs})
        self.answers[index] = self._record(decoded, outcome, rules, self.digests[index])
        if isinstance(outcome, Rejection) and isinstance(message, Ask):
            self._take_out_of_vault(message, decoded.case_id)

    def _decide(self, case: Case, command: Command) -> tuple[Outcome, Rules]:
        rules = self.line.book.pinned(case.workflow or command.workflow)
        return decide(case, command, rules), rules

    def _record(self, command: Command, outcome: Accepted | Rejection, rules: Rules, digest: bytes) -> Answer:
        """Stamp the drafts, or write the refusal down; keep the message's outcome for ever."""
        batch, case_id = self.batch, command.case_id
        events, case = batch.events, self.cases[case_id]
        first = len(events)
        if isinstance(outcome, Rejection):
            if outcome.code in SILENT:
                return Answer("rejected", case_id, code=outcome.code)
            data = refusal(command, outcome, rules)
            cause = {"source": command.source, "id": command.id}
            events.append(record(case_id, REJECTED_TYPE, data, cause, command.at, self.now))
            batch.inbox.append((command.source, command.id, digest, REJECTED, first))
            return Answer("rejected", case_id, case.version, outcome.code, outcome.facts)
        for draft in outcome.drafts:
            event = stamp(draft, case, command, rules, self.now, self.tx.next_number)
            events.append(event)
            if event.reacts and self.heard is not None and case_id not in self.held:
                event.reacts = ANSWERED
                self.heard.append(event)
            case = evolve(case, event)
        self.cases[case_id] = case
        self.touched.add(case_id)
        batch.inbox.append((command.source, command.id, digest, ACCEPTED, first if outcome.drafts else NO_EVENT))
        return Answer("accepted", case_id, case.version)

    # ── what waits, what is dead ─────────────────────────────────────────────────────────────────────────────────

    def _park(self, index: int, ask: Ask, case_id: str, needs: str) -> None:
        sealed = self.line.keys.seal(ask.packed(), b"parked")
        give_up = plus(self.now, self.line.early_max_wait)
        row = ParkedRow(ask.source, ask.id, case_id, ask.time, ask.sequence, sealed, needs, self.now, give_up)
        self.batch.parked.append(row)
        self.batch.inbox.append((ask.source, ask.id, self.digests[index], PARKED, NO_EVENT))
        self.waiting.setdefault(case_id, {})[ask.source, ask.id] = Waiting(row, ask, index)
        self._take_out_of_vault(ask, case_id)
        self.answers[index] = Answer("early", case_id, code="early", facts={"needs": needs})

    def _take_out_of_vault(self, ask: Ask, case_id: str) -> None:
        """Of a message that came to nothing, or waits sealed as a whole, nothing goes to the vault."""
        ref = vault_ref(ask)
        entries = [row for row in self.batch.vault_entries if (row[0], row[3]) != (case_id, ref)]
        used = {row[:2] for row in entries}
        self.batch.vault_entries = entries
        self.batch.vault_keys = [row for row in self.batch.vault_keys if row[:2] in used]

    def retry_parked_for(self, index: int, following: Sequence[tuple[int, Command | Unusable]]) -> None:
        """After a message: what waits for its case, where that has moved, and whose turn is before the next one's."""
        case_id = self.case_ids.get(index, "")
        if case_id in self.waiting and case_id in self.touched:
            self.retry_parked([case_id], next_turn(case_id, following))

    def retry_parked(self, case_ids: Iterable[str], until: Turn | None = None) -> None:
        """What waits for these cases (up to a turn) is tried again: always the oldest first, until nothing moves."""
        if not self.waiting:
            return
        waiting = [one for case_id in case_ids for one in self.waiting.get(case_id, {}).values()]
        waiting = [one for one in waiting if until is None or (one.ask.time, one.ask.sequence) <= until]
        waiting.sort(key=lambda one: (one.ask.time, one.ask.sequence, one.ask.source, one.ask.id))
        while (taken := next((one for one in waiting if self._retry(one)), None)) is not None:
            waiting.remove(taken)

    def _retry(self, waiting: Waiting) -> bool:
        """Whether it need not wait any longer."""
        row, ask = waiting.row, waiting.ask
        case = self.cases[row.case_id]
        rules = self._rules(case, ask.workflow)
        decoded = decode(ask, row.case_id, rules, known=case.exists) if rules else None
        if not isinstance(decoded, Decoded) or isinstance(self._decide(case, decoded.command)[0], Early):
            return False
        ((_, command),) = self._protect([(0, decoded)])
        assert isinstance(command, Command)
        outcome, rules = self._decide(case, command)
        assert not isinstance(outcome, Early), "the commitments change no decision"
        if isinstance(outcome, Rejection):
            self._take_out_of_vault(ask, row.case_id)
        answer = self._record(command, outcome, rules, self.line.keys.content_digest(ask.content))
        del self.waiting[row.case_id][row.source, row.id]
        if waiting.index is None:
            self.batch.unpark.append((row.source, row.id))
        else:  # parked and taken up by one batch: never written
            self.answers[waiting.index] = answer
            self.batch.parked.remove(row)
            self.batch.inbox.remove((row.source, row.id, self.digests[waiting.index], PARKED, NO_EVENT))
        return True

    def _bury(self, index: int, message: Unusable, *, inbox: bool = True) -> None:
        self.batch.dead_letters.append(
            DeadLetterRow(
                message.source,
                message.id,
                message.reason,
                message.detail,
                message.field,
                message.file,
                message.row,
                self.now,
                self.line.keys.seal(message.content, b"dead-letter"),
                message.attempts,
            )
        )
        if inbox and message.id:
            self.batch.inbox.append((message.source, message.id, self.digests[index], DEAD_LETTER, NO_EVENT))
        self.answers[index] = Answer(
            "dead-letter", code=message.reason, facts={"field": message.field, "detail": message.detail}
        )

    def has_work(self) -> bool:
        b = self.batch
        return bool(b.events or b.inbox or b.dead_letters or b.parked or b.offsets or b.watermarks)
