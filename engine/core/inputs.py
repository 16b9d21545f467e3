"""What a command brings: the fields a move needs and takes, checked and sorted to where they are kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from engine.core.desk import Refused
from engine.core.model import JsonObject
from engine.core.workflow import Field


def sorted_values(
    values: JsonObject, case_needs: Collection[Field], event_needs: Collection[Field], takes: Collection[Field] = ()
) -> tuple[JsonObject, JsonObject]:
    """(for the case, for the event). Refused: `needs` for what is missing, `unknown-field` for what nobody asked."""
    of_case: JsonObject = {}
    of_event: JsonObject = {}
    for field in case_needs:
        value = values.get(field.name)
        if value is None:  # optional for the case is not optional for the move
            raise Refused("needs", field=field.name)
        check_value(field, value)
        of_case[field.name] = value
    for field in event_needs:
        value = values.get(field.name)
        if value is not None:
            check_value(field, value)
            of_event[field.name] = value
        elif field.default is not None:
            of_event[field.name] = field.default
        elif not field.optional:
            raise Refused("needs", field=field.name)
    for field in takes:
        value = values.get(field.name)
        if value is not None:
            check_value(field, value)
            of_case[field.name] = value
    for name in values:
        if name not in of_case and name not in of_event:
            known = {field.name for fields in (case_needs, event_needs, takes) for field in fields}
            if unknown := sorted(values.keys() - known):
                raise Refused("unknown-field", field=unknown[0], known=sorted(known))
    return of_case, of_event


def check_value(field: Field, value: Any) -> None:
    """Bounds that no conversion at the door can know: lists, enums, numbers. Refused `bad-value`."""
    if field.personal or (field.type == "text" and type(value) is str and not field.many):
        return  # mostly so. Personal: a commitment; the value itself went to the vault
    if field.many:
        if not isinstance(value, list):
            raise Refused("bad-value", field=field.name, reason="a list is wanted")
        for item in value:
            _check_one(field, item)
    else:
        _check_one(field, value)


def _check_one(field: Field, value: Any) -> None:
    if field.type == "enum" and value not in field.of and field.of:
        raise Refused("bad-value", field=field.name, reason=f"one of {'、'.join(field.of)}")
    if field.type == "int":
        if not isinstance(value, int) or isinstance(value, bool):
            raise Refused("bad-value", field=field.name, reason="a whole number is wanted")
        if (field.min is not None and value < field.min) or (field.max is not None and value > field.max):
            raise Refused("bad-value", field=field.name, reason=f"from {field.min} to {field.max}")
    elif field.type == "bool":
        if not isinstance(value, bool):
            raise Refused("bad-value", field=field.name, reason="true or false is wanted")
    elif field.type != "enum" and not isinstance(value, str):
        raise Refused("bad-value", field=field.name, reason="a text is wanted")
