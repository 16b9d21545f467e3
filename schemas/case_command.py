"""Native commands: `lianxin.case.TRANSITION`, or `lianxin.case.TRACK.TRANSITION` with the track's id in the data.

{"type": "lianxin.case.assign", "subject": "HL-7",
 "data": {"workflow": "complaint", "actor": {"role": "desk", "person_ref": "p-17"}, "with": {"unit": "水务局"}}}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.intake import IntakeEvent, Unreadable

PREFIX = "lianxin.case."
WITHOUT_CONTROLS = r"^[^\u0000-\u001f\u007f-\u009f]*$"
IDENTIFIER = "^[a-z][a-z0-9_]*$"

Identifier = Annotated[str, Field(max_length=64, pattern=IDENTIFIER)]
Reference = Annotated[str, Field(max_length=256, pattern=WITHOUT_CONTROLS)]

_NAME = re.compile(r"lianxin\.case\.(?:([a-z][a-z0-9_]{0,63})\.)?([a-z][a-z0-9_]{0,63})", re.ASCII)


class CommandActor(BaseModel):
    """谁在办理 · who acts, by reference and never by name; a system leaves `person_ref` empty."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    role: Identifier
    person_ref: Reference = ""
    unit: Reference = ""


class CaseCommand(BaseModel):
    """指令的数据 · the data of a command about one case, which the message names in `subject`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    workflow: Identifier
    actor: CommandActor
    with_: dict[Identifier, Any] = Field(default_factory=dict, alias="with")
    petitioner: dict[Identifier, str] = Field(default_factory=dict)
    track: Reference = ""


@dataclass(frozen=True, slots=True)
class CommandName:
    """What a command's type asks for: a transition, of the case's main line or of one kind of track."""

    transition: str
    track: str | None = None


def command_name(type_: str) -> CommandName | None:
    """The name in a type `lianxin.case.…`; None for every other type, and for one that is not well formed."""
    match = _NAME.fullmatch(type_) if type_.startswith(PREFIX) else None
    return CommandName(match[2], match[1]) if match else None


def read_command(event: IntakeEvent) -> CaseCommand | Unreadable:
    """The command in a native message. Its case key is `event.subject`, its name `command_name(event.type)`."""
    if command_name(event.type) is None:
        detail = f"a command is named {PREFIX}TRANSITION or {PREFIX}TRACK.TRANSITION"
        return _refused(event, "bad-name", detail, "type")
    if event.subject is None:
        return _refused(event, "missing-attribute", "`subject` names the case", "subject")
    if not isinstance(event.data, dict):
        return _refused(event, "wrong-type", "`data` is an object with workflow, actor and with", "data")
    try:
        return CaseCommand.model_validate(event.data)
    except ValidationError as fault:
        return _refused(event, *_explain(fault))


def _refused(event: IntakeEvent, reason: str, detail: str, field: str) -> Unreadable:
    return Unreadable(reason, detail, field, event.source, event.id)


def _explain(fault: ValidationError) -> tuple[str, str, str]:
    """Reason, detail and field of the first fault; a key that nobody knows goes first, it is why another is missing."""
    faults = fault.errors(include_url=False, include_context=False, include_input=False)
    worst = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    path = [str(step)[:64] for step in worst["loc"] if step != "[key]"]
    field = ".".join(["data", *path])
    more = f"; {len(faults) - 1} more" if len(faults) > 1 else ""
    if worst["type"] == "extra_forbidden":
        form = CommandActor if path[:-1] == ["actor"] else CaseCommand
        known = [inner.alias or name for name, inner in form.model_fields.items()]
        close = get_close_matches(path[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
        return "unknown-field", f"nobody knows `{path[-1]}`; {hint}{more}", field
    if worst["type"] == "missing":
        return "missing-attribute", f"`{field}` is required{more}", field
    if worst["type"] == "string_pattern_mismatch" and path[-1] in ("person_ref", "unit", "track"):
        return "control-character", f"a control character in `{field}`{more}", field
    if worst["type"] == "string_pattern_mismatch":
        return "bad-name", f"`{field}` is no name ({IDENTIFIER.strip('^$')}){more}", field
    if worst["type"] == "string_too_long":
        return "too-large", f"`{field}` is too long{more}", field
    return "wrong-type", f"`{field}`: {worst['msg']}{more}", field
