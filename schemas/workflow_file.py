"""The workflow language as operators write it: one pydantic model per thing in the YAML.

Short forms (`handler: 承办人`, `needs: [unit]`, `when: cond`) are brought to their long form before validation, so
that the compiler sees one form only. The JSON Schema for editors is made from these classes (`lianxin schema`).
Meaning of each key: the workflow language reference, docs/language.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

IDENTIFIER = r"^[a-z][a-z0-9_]*$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]

FieldTypeName = Literal[
    "bool", "int", "decimal", "text", "code", "date", "instant", "duration", "enum", "unit", "person", "case",
    "list", "phone", "letter_kind",
]  # fmt: skip
Phase = Literal["received", "assigned", "handled", "reviewed", "closed"]


def _texts(value: object) -> object:
    return {"zh": value, "en": value} if isinstance(value, str) else value


def _many(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _conditions(value: object) -> object:
    """`cond`, `[cond, {name: cond}]` and `{name: cond}` → a list of `{name, cond}`; unnamed ones are named later."""
    if isinstance(value, dict):
        return [{"name": name, "condition": condition} for name, condition in value.items()]
    if isinstance(value, str | bool):
        value = [value]
    if not isinstance(value, list):
        return value
    found: list[object] = []
    for item in value:
        if isinstance(item, dict) and not ("condition" in item and set(item) <= {"name", "condition"}):
            found += [{"name": name, "condition": condition} for name, condition in item.items()]
        elif isinstance(item, bool):
            found.append({"condition": "true" if item else "false"})
        elif isinstance(item, str):
            found.append({"condition": item})
        else:
            found.append(item)
    return found


def _needs(value: object) -> object:
    """`[unit, {opinion: {type: text}}]` or `{opinion: {…}}` → a mapping of name to field, None = known elsewhere."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str | dict) for item in value):
        return value
    found: dict[object, object] = {}
    for item in value:
        found.update(item if isinstance(item, dict) else {item: None})
    return found


def _by(value: object) -> object:
    """A role, a list (either), `{all: […]}`, `{two: role}`, `{kind: sign}` (read from the letter's kind)."""
    if isinstance(value, str):
        return {"any": [value]}
    if isinstance(value, list):
        return {"any": value}
    return value


def _titled(value: object) -> object:
    return {"title": value} if isinstance(value, str) else value


def _actions(value: object) -> object:
    """`- issue_letter: {…}` with siblings (`where`, `with`) → `{action, params, where, with}`."""
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return value
    found: list[object] = []
    for item in value:
        if isinstance(item, dict) and "action" not in item:
            rest = {k: v for k, v in item.items() if k in ("where", "with")}
            named = [k for k in item if k not in rest]
            if len(named) == 1:
                found.append({"action": named[0], "params": item[named[0]], **rest})
                continue
        found.append(item)
    return found


class Form(BaseModel):
    """Common to all: frozen, and a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Texts(Form):
    """A text for people, in Chinese and English."""

    zh: str = ""
    en: str = ""


Title = Annotated[Texts, BeforeValidator(_texts)]
Strings = Annotated[list[str], BeforeValidator(_many)]


class Condition(Form):
    name: str = ""
    condition: str


Conditions = Annotated[list[Condition], BeforeValidator(_conditions)]


class FieldForm(Form):
    """A typed field of the case, of a track, or declared on the spot by `needs`."""

    type: FieldTypeName
    of: list[str] | str | None = None
    optional: bool = False
    default: Any = None
    min: int | None = None
    max: int | None = None
    scheme: str | None = None
    title: Title = Texts()
    personal: bool | None = None
    reason: str | None = None


class PrivacyForm(Form):
    """Whose identities go to the vault, and which units must never see the case."""

    petitioner: dict[Identifier, Literal["text", "phone", "code"]] = {}
    accused: str | None = None


class RoleForm(Form):
    """Who may act: `of` belongs to the unit, `not_of` to neither it nor anything under it, `is` one person."""

    title: Title = Texts()
    of: str | None = None
    not_of: str | None = None
    is_: str | None = Field(None, alias="is")
    not_as: Strings = []


class ByForm(Form):
    any: list[str] = []
    all: list[str] = []
    two: str | None = None
    kind: Literal["sign"] | None = None


By = Annotated[ByForm, BeforeValidator(_by)]
Needs = Annotated[dict[Identifier, FieldForm | None], BeforeValidator(_needs)]


class TransitionForm(Form):
    """What a person (or the engine) may do in a state. `needs` must be given with it, `takes` may be."""

    to: str | None = None
    by: By
    needs: Needs = {}
    takes: Strings = []
    when: Conditions = []
    unless: Conditions = []
    before: str | None = None
    set: dict[Identifier, Any] = {}
    not_as: Strings = []
    title: Title = Texts()
    law: str | None = None


class GlobalTransitionForm(TransitionForm):
    from_: Annotated[list[str], BeforeValidator(_many)] = Field(alias="from")


class SealedForm(Form):
    to: str


class StateForm(Form):
    phase: Phase | None = None
    initial: bool = False
    final: bool = False
    sealed: SealedForm | None = None
    title: Title = Texts()
    transitions: dict[Identifier, TransitionForm] = {}


class ExtendForm(Form):
    by: str
    times: int = 1
    asked_by: Strings = []
    approved_by: Strings
    notice: Literal["required"] | None = None
    law: str | None = None


class PauseForm(Form):
    while_: Annotated[list[str], BeforeValidator(_many)] = Field(alias="while")
    when: Conditions = []
    law: str | None = None


class DeadlineForm(Form):
    """A promise with a clock."""

    title: Title = Texts()
    within: str | dict[str, str] | None = None
    due: str | None = None
    from_: Annotated[list[str], BeforeValidator(_many)] = Field(alias="from")
    until: Strings
    cancel: Strings = []
    owner: str | None = None
    else_to: str | None = None
    remind: Strings = []
    extend: ExtendForm | None = None
    pause: PauseForm | None = None
    right: bool = False
    then: str | None = None
    when: Conditions = []
    law: str | None = None
    roll: Literal["next working day", "none"] | None = None
    again: Literal["never", "restart", "resume", "keep due"] | None = None
    after_close: Literal["keep"] | None = None
    on_breach: Literal["list"] | None = None


class LetterForm(Form):
    """A kind of letter: 督办函, 风险警示函, 问责建议函, or the office's own."""

    title: Title
    mark: str
    template: str
    sign: By
    auto: bool = False
    reply_within: str
    level: int = 0
    evidence: Literal["required"] | None = None


class OpensTrackForm(Form):
    by: Strings
    from_: Annotated[list[str], BeforeValidator(_many)] = Field([], alias="from")
    when: Conditions = []


class TrackForm(Form):
    """A small machine inside a case."""

    use: str | None = None
    title: Title = Texts()
    many: bool = False
    data: dict[Identifier, FieldForm] = {}
    opens: OpensTrackForm | None = None
    after_close: Literal["keep", "cancel", "block"] = "keep"
    states: dict[Identifier, StateForm] = {}
    deadlines: dict[Identifier, DeadlineForm] = {}


class CountForm(Form):
    of: str
    where: str = "true"


class ActionForm(Form):
    action: str
    params: Any = None
    where: str | None = None
    with_: dict[Identifier, Any] = Field({}, alias="with")


class ReactionForm(Form):
    """What follows what, by itself."""

    title: Title = Texts()
    upon: Strings
    when: Conditions = []
    do: Annotated[list[ActionForm], BeforeValidator(_actions)]
    after: str | None = None
    once: bool = False


class IntakeForm(Form):
    """A foreign event type and the command it becomes."""

    does: str
    as_: str = Field(alias="as")
    unit: str | None = None
    case_key: str
    with_: dict[Identifier, Any] = Field({}, alias="with")
    when: str | None = None
    petitioner: dict[Identifier, Any] = {}


class OpeningForm(Form):
    """A command that begins a case."""

    by: By
    needs: Needs | None = None
    title: Title = Texts()


class WorkflowForm(Form):
    """One workflow file."""

    lianxin: Literal[1]
    workflow: Identifier
    title: Title = Texts()
    calendar: Identifier
    case: dict[Identifier, FieldForm] = {}
    privacy: PrivacyForm = PrivacyForm()
    roles: dict[Identifier, Annotated[RoleForm, BeforeValidator(_titled)]] = {}
    intake: dict[str, IntakeForm] = {}
    opens: dict[Identifier, OpeningForm]
    states: dict[Identifier, StateForm]
    transitions: dict[Identifier, GlobalTransitionForm] = {}
    deadlines: dict[Identifier, DeadlineForm] = {}
    counts: dict[Identifier, CountForm] = {}
    letters: dict[Identifier, LetterForm] = {}
    tracks: dict[Identifier, TrackForm] = {}
    reactions: dict[Identifier, ReactionForm] = {}


RESERVED = {
    "rhythm": "work given by the calendar",
    "lists": "what the rhythm compiles",
    "watches": "reactions to many cases",
    "extends": "overlays",
    "change": "overlays",
    "add": "overlays",
    "active": "overlays",
    "applies": "overlays",
}
"""Keys of later pieces: refused with a clear message until they exist (language reference, rule 9)."""

RESERVED_ACTIONS = {"open_case": "linked cases", "send": "linked cases", "compile": "lists", "call_meeting": "meetings"}
