"""JSON Schema of a workflow file for editors: draft-07, short forms and all, with a word on every key.

Made from schemas.workflow_file and the registered actions, so that what the editor completes is what the loader reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.core.actions import ENGINE_ACTIONS, ActionSpec, Param
from engine.language.editor_words import KEYS

DRAFT = "http://json-schema.org/draft-07/schema#"
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
CONDITIONS: Schema = {
    "anyOf": [
        TEXT,
        {"type": "boolean"},
        {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}},
        {
            "type": "array",
            "items": {
                "anyOf": [
                    TEXT,
                    {"type": "boolean"},
                    {"type": "object", "additionalProperties": {"type": ["string", "boolean"]}},
                ]
            },
        },
    ]
}
TITLE: Schema = {
    "anyOf": [
        TEXT,
        {"type": "object", "properties": {"zh": TEXT, "en": TEXT}, "additionalProperties": False},
    ]
}
OF_A_TRACK = (
    "TrackForm", "StateForm", "TransitionForm", "DeadlineForm", "FieldForm", "OpensTrackForm", "ExtendForm",
    "PauseForm",
)  # fmt: skip
"""The forms that a change to a shipped track can reach into."""
NOISE = ("title", "default", "description")
"""Keywords that pydantic adds and an editor shows where they help nobody."""


def workflow_schema(actions: Mapping[str, ActionSpec]) -> Schema:
    """The schema of a workflow file, with these actions under `do:`."""
    from schemas.workflow_file import WorkflowForm

    found = draft_07(WorkflowForm.model_json_schema(by_alias=True), "WorkflowForm")
    forms: Schema = found["definitions"]
    forms["ByForm"] = {"anyOf": [*TEXTS["anyOf"], forms["ByForm"]]}
    forms["Texts"] = TITLE
    known = {**{spec.name: spec for spec in ENGINE_ACTIONS}, **actions}
    forms["ReactionForm"]["properties"]["do"] = _listed([_action(spec) for spec in known.values()])
    role = {"anyOf": [TEXT, {"$ref": "#/definitions/RoleForm"}]}
    found["properties"]["roles"] = {**found["properties"]["roles"], **_of_identifiers(role)}
    for name in ("TransitionForm", "GlobalTransitionForm", "OpeningForm"):
        given = forms[name]["properties"]["needs"]
        field = {"anyOf": [{"$ref": "#/definitions/FieldForm"}, {"type": "null"}]}
        listed = {"type": "array", "items": {"anyOf": [TEXT, {"type": "object"}]}}
        forms[name]["properties"]["needs"] = {
            "description": given.get("description", ""),
            "anyOf": [TEXT, listed, _of_identifiers(field)],
        }
    found["properties"]["tracks"] = {**found["properties"]["tracks"], **_of_identifiers(_track(forms))}
    del forms["Condition"], forms["ActionForm"]
    return {"$schema": DRAFT, "$id": "lianxin/workflow.schema.json", "title": "连心流程 · lianxin workflow", **found}


def _track(forms: Schema) -> Schema:
    """A track written out, or a shipped one with what is changed in it: nothing is required, null takes away."""
    for name in OF_A_TRACK:
        forms[f"{name}Change"] = _changing(forms[name])
    return {
        "if": {"required": ["use"]},
        "then": {"$ref": "#/definitions/TrackFormChange"},
        "else": {"$ref": "#/definitions/TrackForm"},
    }


def _changing(schema: Any) -> Any:
    """A form as a change to one: no key is required, any may be null."""
    if isinstance(schema, list):
        return [_changing(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _changing(value) for key, value in schema.items() if key != "required"}
    for key in ("properties", "patternProperties"):
        if key in found:
            found[key] = {name: {"anyOf": [inner, {"type": "null"}]} for name, inner in found[key].items()}
    name = str(found.get("$ref", "")).rpartition("/")[2]
    return {"$ref": f"#/definitions/{name}Change"} if name in OF_A_TRACK else found


def draft_07(schema: Mapping[str, Any], root: str = "") -> Schema:
    """A schema as pydantic makes it, in the words of draft-07. `root` names the form at its top."""
    forms = {name: _plain(form, name) for name, form in schema.get("$defs", {}).items()}
    top = _plain({key: value for key, value in schema.items() if key != "$defs"}, root)
    return {"$schema": DRAFT, **top, "definitions": forms} if forms else {"$schema": DRAFT, **top}


def _plain(schema: Any, form: str) -> Any:
    """One schema: short forms beside long ones, references to `definitions`, without noise."""
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        items = schema["items"]
        if items == {"$ref": "#/$defs/Condition"}:
            return dict(CONDITIONS)
        if items == TEXT and form:
            return dict(TEXTS)
    found: Schema = {}
    for keyword, value in schema.items():
        if keyword == "properties":
            found[keyword] = {name: _described(_plain(inner, form), form, name) for name, inner in value.items()}
        elif keyword == "patternProperties":
            found[keyword] = {name: _plain(inner, form) for name, inner in value.items()}
            found["additionalProperties"] = False
        elif keyword == "$ref":
            found[keyword] = str(value).replace("#/$defs/", "#/definitions/")
        elif keyword == "anyOf":
            kinds = [_plain(inner, form) for inner in value if inner != {"type": "null"}]
            found |= kinds[0] if len(kinds) == 1 else {keyword: kinds}
        elif keyword in ("items", "additionalProperties", "if", "then", "else"):
            found[keyword] = _plain(value, form)
        elif keyword not in NOISE or (keyword == "description" and not form):
            found[keyword] = value
    return found


def _described(schema: Schema, form: str, name: str) -> Schema:
    words = KEYS.get(f"{form}.{name}") or KEYS.get(name, "")
    if not words or not form:
        return schema
    if "$ref" in schema:  # in draft-07 whatever stands beside a $ref is ignored
        return {"description": words, "allOf": [schema]}
    return {"description": words, **schema}


def _action(spec: ActionSpec) -> Schema:
    """One entry under `do:`, as people write it."""
    params = {name: _param(param) for name, param in spec.params.items()}
    needed = [name for name, param in spec.params.items() if param.required]
    long_form: Schema = {"type": "object", "properties": params, "additionalProperties": False}
    if needed:
        long_form["required"] = needed
    given = {"anyOf": [TEXT, long_form]} if spec.positional else long_form
    return {
        "type": "object",
        "properties": {spec.name: given, "where": TEXT, "with": {"type": "object"}},
        "required": [spec.name],
        "additionalProperties": False,
    }


def _param(param: Param) -> Schema:
    kinds = {"int": {"type": ["integer", "string"]}, "unit": TEXTS}
    words = " · ".join(text for text in (param.title_zh, param.title_en) if text)
    found: Schema = {**kinds.get(param.kind, TEXT)}
    return {"description": words, **found} if words else found


def _listed(items: Iterable[Schema]) -> Schema:
    one = {"anyOf": list(items)}
    return {"description": KEYS["do"], "anyOf": [*one["anyOf"], {"type": "array", "items": one}]}


def _of_identifiers(value: Schema) -> Schema:
    from schemas.workflow_file import IDENTIFIER

    return {"type": "object", "patternProperties": {IDENTIFIER: value}, "additionalProperties": False}
