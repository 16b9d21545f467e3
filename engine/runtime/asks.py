"""What comes in at the doors, brought to one shape: an `Ask` (a wish to be decided) or `Unusable` (a dead letter)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from msgspec import Struct, structs
from msgspec import field as made

from engine.core.directory import Directory
from engine.core.guards import GuardFailed, Untyped
from engine.core.instants import Instant, plus
from engine.core.model import JsonObject
from engine.core.workflow import IntakeRule
from engine.runtime.files.maps import MappedCommand
from engine.runtime.files.row import BadRow
from engine.runtime.rulebook import RuleBook
from schemas.case_command import PREFIX, command_name, read_command
from schemas.intake import IntakeEvent, Unreadable, content

AHEAD_ALLOWED = timedelta(minutes=5)
"""How far a source's clock may run ahead of ours."""
OUR_SOURCE = "lianxin:/"
"""Beginning of the sources of our own commands. Their ids are derived: a known one is a duplicate whatever it says."""
DEFAULT_MAX_BACKDATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Source:
    """What one source may do. `max_backdate` None: it may date its facts as far back as it likes (imports, tests).

    Of the others None means all. `types` may end in `*`; `units` are those it may act for, with all that is under them.
    """

    max_backdate: timedelta | None = DEFAULT_MAX_BACKDATE
    commands: frozenset[str] | None = None
    roles: frozenset[str] | None = None
    types: frozenset[str] | None = None
    units: frozenset[str] | None = None
    limited: bool = field(init=False, default=False)
    """Whether there is any wish that it may not have."""

    def __post_init__(self) -> None:
        limits = (self.commands, self.roles, self.units)
        object.__setattr__(self, "limited", any(limit is not None for limit in limits))

    def sends(self, type_: str) -> bool:
        """Whether messages of this type may come from it."""
        return self.types is None or fits(type_, self.types)

    def refuses(self, ask: Ask, directory: Directory) -> tuple[str, str]:
        """Which attribute of a wish is none of its business, and why; ("", "") for one that it may have."""
        if self.commands is not None and self.commands.isdisjoint((ask.does, f"{ask.workflow}.{ask.does}")):
            return "type", f"this source may not send {ask.does}"
        if self.roles is not None and ask.role not in self.roles:
            return "role", f"this source may not act as {ask.role}"
        if self.units is not None and not directory.in_or_under(ask.unit, tuple(self.units)):
            return "unit", "this source may not act for this unit" if ask.unit else "this source must name its unit"
        return "", ""


def fits(name: str, patterns: Collection[str]) -> bool:
    """Whether a name is one of these, or begins like one that ends in `*`."""
    return name in patterns or any(p.endswith("*") and name.startswith(p[:-1]) for p in patterns)


UNLIMITED = Source(max_backdate=None)


class Ask(Struct):
    """One wish about one case, with raw values: decoded once its case, and so its workflow's version, is known."""

    source: str
    id: str
    workflow: str
    does: str
    role: str
    case_key: str
    time: Instant
    values: Mapping[str, Any]
    content: bytes  # canonical bytes of what it says; the inbox keeps their keyed digest
    person: str = ""
    unit: str = ""
    track: str = ""
    petitioner: Mapping[str, str] = made(default_factory=dict)
    sequence: int = 0
    intake: bool = True
    claimed_at: Instant = ""
    file: str = ""
    row: int = 0
    zone: str = ""  # of a map: how dates among the values are written
    time_formats: tuple[str, ...] = ()
    case_id: str = ""  # given by people who name the case by its id instead of its key
    columns: Mapping[str, str] = made(default_factory=dict)  # of a row: from which column a value is
    notes: tuple[str, ...] = ()  # `imported`: letters of a breach found so stay drafts, where it is old

    def packed(self) -> bytes:
        """As bytes, to be sealed while it is parked."""
        fields = structs.asdict(self)
        fields["content"] = self.content.decode()
        return orjson.dumps(fields)

    @classmethod
    def unpacked(cls, packed: bytes) -> Ask:
        fields = orjson.loads(packed)
        fields["content"] = fields["content"].encode()
        fields["notes"] = tuple(fields["notes"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A message that cannot be used, with the reason; it becomes a dead letter, sealed, and can be sent again."""

    source: str
    id: str
    reason: str
    detail: str
    field: str = ""
    file: str = ""
    row: int = 0
    content: bytes = b""
    attempts: int = 1


def from_row(mapped: MappedCommand | BadRow, source: str, file: str) -> Ask | Unusable:
    """The wish in a row of a file; a row that cannot be read is a dead letter with file, row and column."""
    if isinstance(mapped, BadRow):
        raw = (mapped.raw_excerpt or "").encode()
        detail = f"{file}, row {mapped.number}: {mapped.reason}"
        return Unusable(
            source, f"row:{mapped.number}", mapped.reason, detail, mapped.field or "", file, mapped.number, raw
        )
    return Ask(
        source=mapped.source,
        id=mapped.id,
        workflow=mapped.workflow,
        does=mapped.does,
        role=mapped.role,
        unit=mapped.unit,
        case_key=mapped.case_key,
        time=mapped.time,
        values=mapped.values,
        petitioner=mapped.petitioner,
        sequence=mapped.sequence,
        content=mapped.content(),
        file=mapped.file,
        row=mapped.row,
        zone=mapped.zone.key if mapped.zone else "",
        time_formats=mapped.time_formats,
        columns=mapped.columns,
    )


def from_event(
    event: IntakeEvent | Unreadable,
    book: RuleBook,
    sources: Mapping[str, Source],
    received_at: Instant,
    raw: bytes = b"",
) -> Ask | Unusable:
    """The wish in a CloudEvent: a native command `lianxin.case.…`, or a foreign type that some `intake:` maps."""
    if isinstance(event, Unreadable):
        return Unusable(event.source or "", event.id or "", event.reason, event.detail, event.field or "", content=raw)
    said = content(event)
    if event.source.startswith(OUR_SOURCE):  # it could take the place of a clock's point or of a reaction
        return Unusable(event.source, event.id, "not-allowed", "nobody else speaks for us", "source", content=said)
    policy = sources.get(event.source) or sources.get("*")
    if policy is None:
        return Unusable(event.source, event.id, "unknown-source", "this source is not listed", "source", content=said)
    if policy.types is not None and not policy.sends(event.type):
        detail = "this source may not send this type"
        return Unusable(event.source, event.id, "not-allowed", detail, "type", content=said)
    native = event.type.startswith(PREFIX) and command_name(event.type)
    found = _native(event, said) if native else _mapped(event, said, book)
    if isinstance(found, Unusable):
        return found
    if policy.limited:
        what, detail = policy.refuses(found, book.directory)
        if what:
            return Unusable(event.source, event.id, "not-allowed", detail, what, content=said)
    return found if policy.max_backdate is None else _dated(found, policy.max_backdate, received_at)


def as_listed(ask: Ask, sources: Mapping[str, Source], directory: Directory) -> Ask | Unusable:
    """A wish from a row of a file, whose map is its permission: what its source may not do, where it is listed."""
    policy = sources.get(ask.source)
    if policy is None:
        return ask
    what, detail = policy.refuses(ask, directory)
    if not what and not policy.sends(PREFIX + ask.does):
        what, detail = "type", "this source may not send this type"
    if not what:
        return ask
    return Unusable(ask.source, ask.id, "not-allowed", detail, what, ask.file, ask.row, ask.packed())


def _dated(ask: Ask, max_backdate: timedelta, received_at: Instant) -> Ask:
    """A claimed time that the source may not claim is kept, and the instant of arrival used instead."""
    if plus(received_at, -max_backdate) <= ask.time <= plus(received_at, AHEAD_ALLOWED):
        return ask
    return structs.replace(ask, time=received_at, claimed_at=ask.time)


def _native(event: IntakeEvent, said: bytes) -> Ask | Unusable:
    command = read_command(event)
    if isinstance(command, Unreadable):
        return Unusable(event.source, event.id, command.reason, command.detail, command.field or "", content=said)
    name = command_name(event.type)
    assert name is not None
    assert event.subject is not None
    return Ask(
        source=event.source,
        id=event.id,
        workflow=command.workflow,
        does=f"{name.track}.{name.transition}" if name.track else name.transition,
        role=command.actor.role,
        person=command.actor.person_ref,
        unit=command.actor.unit,
        case_key=event.subject,
        time=event.time,
        values=command.with_,
        petitioner=command.petitioner,
        track=command.track,
        sequence=event.sequence or 0,
        content=said,
    )


def _mapped(event: IntakeEvent, said: bytes, book: RuleBook) -> Ask | Unusable:
    type_ = event.type
    candidates = book.intake.get(type_)
    if not candidates:
        return Unusable(event.source, event.id, "unknown-type", f"no workflow maps {type_}", "type", content=said)
    told: JsonObject = {
        "id": event.id, "source": event.source, "type": type_, "subject": event.subject or "", "time": event.time,
        "data": event.data,
    }  # fmt: skip
    if event.extensions:
        told |= event.extensions
    seen = {"event": told}
    for workflow, rule in candidates:
        try:
            if rule.when is not None and not _evaluated(rule.when, seen):
                continue
            return _by_rule(event, said, workflow.name, rule, seen)
        except GuardFailed as failed:
            return Unusable(event.source, event.id, "cannot-map", failed.reason, event.type, content=said)
    return Unusable(event.source, event.id, "no-rule-applies", "every rule's `when` says no", "type", content=said)


def _by_rule(event: IntakeEvent, said: bytes, workflow: str, rule: IntakeRule, seen: JsonObject) -> Ask | Unusable:
    key = _evaluated(rule.case_key, seen)
    if not isinstance(key, str | int) or key in ("", 0):
        return Unusable(event.source, event.id, "missing-attribute", "the case key is empty", "case_key", content=said)
    ask = Ask(
        event.source, event.id, workflow, rule.does, rule.role, str(key), event.time, _given(rule.values, seen), said
    )
    if rule.unit is not None:
        ask.unit = str(_evaluated(rule.unit, seen) or "")
    if rule.petitioner:
        ask.petitioner = {name: str(value) for name, value in _given(rule.petitioner, seen).items()}
    if event.sequence:
        ask.sequence = event.sequence
    return ask


def _given(wanted: Mapping[str, Any], seen: JsonObject) -> JsonObject:
    """What the event says of each; what it leaves empty is not given."""
    found = {}
    for name, value in wanted.items():
        given = value.evaluate(seen) if type(value) is Untyped else value
        if given is not None and given != "":
            found[name] = given
    return found


def _evaluated(value: Any, seen: JsonObject) -> Any:
    return value.evaluate(seen) if type(value) is Untyped else value
