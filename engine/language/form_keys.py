"""The classes of the workflow file as a tree of keys: for did-you-mean, and for the schema of editors."""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from schemas.workflow_file import WorkflowForm


def known_keys(path: tuple[str | int, ...]) -> list[str]:
    """The keys that the form at a path knows; none where no form is."""
    here: Any = WorkflowForm
    for step in path:
        model = model_of(here)
        here = keys_of(model).get(str(step)) if model is not None else _inside(here)
        if here is None:
            return []
    model = model_of(here)
    return list(keys_of(model)) if model is not None else []


@cache
def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a form as written in YAML, each with its annotation."""
    return {field.alias or name: _annotation(model, name) for name, field in model.model_fields.items()}


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The form an annotation stands for, also where it may be absent or written short."""
    for plain in alternatives(annotation):
        if isinstance(plain, type) and issubclass(plain, BaseModel):
            return plain
    return None


def alternatives(annotation: Any) -> Iterator[Any]:
    """What an annotation allows: the members of a union, without `Annotated` and `None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for inner in get_args(annotation):
            yield from alternatives(inner)
    elif annotation is not type(None):
        yield annotation


def choices_of(annotation: Any) -> tuple[Any, ...]:
    """The values of a `Literal`; none for anything else."""
    for plain in alternatives(annotation):
        if get_origin(plain) is Literal:
            return get_args(plain)
    return ()


def _inside(annotation: Any) -> Any:
    for plain in alternatives(annotation):
        if get_origin(plain) is dict:
            return get_args(plain)[1]
        if get_origin(plain) is list:
            return get_args(plain)[0]
    return None


def _annotation(model: type[BaseModel], name: str) -> Any:
    """As declared, with the `Annotated` that pydantic splits off."""
    field = model.model_fields[name]
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
