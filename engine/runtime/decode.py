"""From an `Ask` with raw values to a `Command` of the workflow's types; personal values leave for the vault here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from msgspec import Struct

from engine.core.conversion import PLAIN, convert
from engine.core.desk import Rules
from engine.core.model import Actor, Command, CommandKind, JsonObject
from engine.core.report import suggest
from engine.core.workflow import Field, Workflow
from engine.runtime.asks import Ask, Unusable
from engine.store.vault import Commitment, Secret

CASE = "case"
"""The vault's person for a case's own personal fields and its key."""
FIRST_CONTACT = "contact:1"
OPEN = "open"
DIRECTORY_OF_ANY = "open"
"""Name of the directory that admits every unit: for imported data whose units nobody has listed."""


class Decoded(Struct):
    """A command whose personal values are still in `secrets`, each with the place its commitment goes to."""

    command: Command
    secrets: tuple[Secret, ...] = ()

    def protected(self, commitments: Sequence[Commitment]) -> Command:
        """The command as the log may see it: each secret's place holds its commitment."""
        command = self.command
        for secret, commitment in zip(self.secrets, commitments, strict=True):
            if secret.person == CASE and secret.field != CASE_KEY:
                command.values[secret.field] = commitment.logged
            else:
                command.contact.setdefault(secret.person, {})[secret.field] = commitment.logged
        return command


CASE_KEY = "case key"
"""Where the vault keeps the key of a case: no field of a workflow can be called so."""


def decode(ask: Ask, case_id: str, rules: Rules, *, known: bool = False) -> Decoded | Unusable:
    """The command in a wish; a value that cannot be read is a dead letter that names the field.

    `known`: the case exists.
    """
    workflow = rules.workflow
    meant = _meant(workflow, ask.does)
    if meant.unknown_track:
        return _unusable(ask, "unknown-track", meant.unknown_track, suggest(meant.unknown_track, [*workflow.tracks]))
    if ask.role not in workflow.roles:
        return _unusable(ask, "unknown-role", ask.role, suggest(ask.role, list(workflow.roles)))
    kind, fields = meant.kind, meant.fields
    values: JsonObject = {}
    private: list[tuple[str, str, Any]] = []  # the vault's person, field, value
    for key, raw in ask.values.items():
        field = fields.get(key)
        if field is None:
            values[key] = raw if isinstance(raw, str | int | bool) else str(raw)
            continue  # `decide` refuses it by name, with did-you-mean
        try:
            plain = meant.plain.get(key)
            value = plain(raw) if plain is not None else _typed(field, raw, _zone(ask, rules), ask.time_formats)
            if field.type == "unit":
                _check_units(field, value, rules)
        except ValueError as error:
            return Unusable(ask.source, ask.id, "bad-value", str(error), key, ask.file, ask.row, ask.packed())
        if value is not None:
            values[key] = value
            if field.personal:
                private.append((CASE, key, value))
    for key, text in ask.petitioner.items() if ask.petitioner else ():
        if key not in workflow.petitioner:
            return _unusable(ask, "unknown-field", f"petitioner.{key}", suggest(key, list(workflow.petitioner)))
        first = kind == "open_case" and not meant.moves
        private.append((FIRST_CONTACT if first else f"contact:{vault_ref(ask)}", key, text))
    if kind == "open_case" and ask.case_key and not (known and meant.moves):
        private.append((CASE, CASE_KEY, ask.case_key))
    command = Command(
        ask.source, ask.id, case_id, workflow.digest, kind, meant.name, Actor(ask.role, ask.person, ask.unit), ask.time,
        values, ask.track, "", ask.sequence, ask.intake, ask.claimed_at, notes=ask.notes,
    )  # fmt: skip
    if not private:
        return Decoded(command)
    ref = vault_ref(ask)
    return Decoded(
        command,
        tuple(Secret(case_id, person, key, ref, orjson.dumps(value).decode()) for person, key, value in private),
    )


def read_value(does: str, name: str, raw: Any, rules: Rules, zone: ZoneInfo, time_formats: Sequence[str]) -> None:
    """For files: ValueError with a fixed word where a value cannot be read as that field of the command.

    Asked before any command of a row is carried out.
    """
    kind, command = _kind(does, rules.workflow)
    track = command if kind == "open_track" else command.rpartition(".")[0]
    if track and track not in rules.workflow.tracks:
        return  # `decode` says so
    field = rules.workflow.inputs(kind, command).get(name)
    if field is not None and _strangers(field, _typed(field, raw, zone, time_formats), rules):
        raise ValueError("unknown-unit")


class _Meant(Struct, frozen=True):
    """What the name of a wish says under one version of a workflow."""

    kind: CommandKind
    name: str
    fields: Mapping[str, Field]
    plain: Mapping[str, Callable[[Any], Any]]  # of the fields with one value that is read without a zone: how
    moves: bool  # it is a move of the main line, whatever else it is
    unknown_track: str = ""


@lru_cache(maxsize=4096)
def _meant(workflow: Workflow, does: str) -> _Meant:
    track = does.partition(".")[0] if "." in does else ""
    if track and track not in workflow.tracks:
        return _Meant("transition", does, {}, {}, False, track)
    kind, name = _kind(does, workflow)
    fields = workflow.inputs(kind, name)
    plain = {key: PLAIN[field.type] for key, field in fields.items() if field.type in PLAIN and not field.many}
    return _Meant(kind, name, fields, plain, workflow.moves(name))


def _kind(does: str, workflow: Workflow) -> tuple[CommandKind, str]:
    if does in workflow.opens:
        return "open_case", does
    track, _, tail = does.partition(".")
    return ("open_track", track) if tail == OPEN else ("transition", does)


def _check_units(field: Field, value: Any, rules: Rules) -> None:
    if rules.directory.name == DIRECTORY_OF_ANY or (type(value) is str and value in rules.directory):
        return
    for unit in _strangers(field, value, rules):
        meant = suggest(unit, list(rules.directory.units))
        raise ValueError("no such unit in the directory" + (f"; did you mean {meant}?" if meant else ""))


def _zone(ask: Ask, rules: Rules) -> ZoneInfo:
    return ZoneInfo(ask.zone) if ask.zone else rules.calendar.zone


def _typed(field: Field, raw: Any, zone: ZoneInfo, time_formats: Sequence[str]) -> Any:
    if not field.many:
        return convert(field.type, raw, field.of, zone, time_formats)
    items = raw if isinstance(raw, list) else [raw]
    return [convert(field.type, item, field.of, zone, time_formats) for item in items]


def _strangers(field: Field, value: Any, rules: Rules) -> list[str]:
    """Units that the directory does not know."""
    if field.type != "unit" or rules.directory.name == DIRECTORY_OF_ANY:
        return []
    return [unit for unit in (value if isinstance(value, list) else [value]) if unit not in rules.directory]


def vault_ref(ask: Ask) -> int:
    """A number for this message's vault entries, the same whenever it is decoded again."""
    digest = hashlib.blake2b(f"{ask.source}\x1f{ask.id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 2


def _unusable(ask: Ask, reason: str, name: str, meant: str | None) -> Unusable:
    detail = f"nobody knows {name}" + (f"; did you mean {meant}?" if meant else "")
    return Unusable(ask.source, ask.id, reason, detail, name, ask.file, ask.row, ask.packed())
