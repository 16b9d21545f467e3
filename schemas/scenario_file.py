"""Scenario files as operators write them, beside the workflow they try out: `complaint.test.yaml`.

Meaning of each key: the workflow language reference, docs/language.md, Scenarios.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.workflow_file import Form, Identifier, Title


def _refused(value: object) -> object:
    return {"code": value} if isinstance(value, str) else value


class RefusedForm(Form):
    """How a step must be refused: with this code, by the condition of this name, for this field."""

    code: str | None = None
    guard: str | None = None
    field: str | None = None


class SignersForm(Form):
    """Several people in one step: `{two: desk}`, `{all: [office_head, convenor]}`."""

    two: str | None = None
    all: list[str] = Field(default_factory=list)


class ExpectForm(BaseModel):
    """What must be so after the step. Any other key is a field of the case."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    case: str | None = None
    as_: str | None = Field(None, alias="as")
    by: str | None = None
    state: str | None = None
    phase: str | None = None
    due: dict[str, str] | None = None
    due_raw: dict[str, str] | None = None
    running: Any = None
    paused: Any = None
    met: Any = None
    missed: Any = None
    lapsed: Any = None
    cancelled: Any = None
    reminded: Any = None
    letters: int | dict[str, Any] | None = None
    letter: dict[str, Any] | None = None
    tracks: dict[str, Any] | None = None
    track: dict[str, Any] | None = None
    level: str | None = None
    levels: dict[Literal["supervision", "sponsor"], str] | None = None
    sees: list[str] | None = None
    opened: Any = None
    incidents: list[str] | None = None


class StepForm(Form):
    """One step: somebody does something, or opens a track; what must be so afterwards."""

    at: str | None = None
    case: str | None = None
    do: str | None = None
    open: str | None = None
    by: str | SignersForm | None = None
    as_: str | None = Field(None, alias="as")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    petitioner: dict[str, str] = Field(default_factory=dict)
    track: dict[str, Any] = Field(default_factory=dict)
    refused: Annotated[RefusedForm | None, BeforeValidator(_refused)] = None
    expect: ExpectForm | None = None
    note: str = ""


class GivenForm(Form):
    """What stood before the first step: letter numbers taken so far, another directory."""

    numbers: dict[str, Annotated[int, Field(ge=0, le=100_000)]] = Field(default_factory=dict)
    directory: str | None = None


class ScenarioForm(Form):
    title: Title | None = None
    given: GivenForm = GivenForm()
    steps: Annotated[list[StepForm], Field(min_length=1)]


class ScenarioFileForm(Form):
    """One scenario file."""

    lianxin: Literal[1] = 1
    scenarios: dict[Identifier, ScenarioForm]


EXPECTATIONS = frozenset(field.alias or name for name, field in ExpectForm.model_fields.items())
"""Keys of `expect` that are not fields of a case."""
