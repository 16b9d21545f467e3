"""CloudEvents 1.0 as this intake takes them, for integrators: the JSON Schema of a message."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.intake import MAX_ATTRIBUTE_CHARS
from schemas.json_text import MAX_INTEGER

# CloudEvents, type String: no control characters, no noncharacters.
TEXT = r"^[^\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]+$"

Attribute = Annotated[str, Field(min_length=1, max_length=MAX_ATTRIBUTE_CHARS, pattern=TEXT)]


class Envelope(BaseModel):
    """一条信访业务消息（CloudEvents 1.0，结构化格式） · one intake message (CloudEvents 1.0, structured).

    Further attributes (extensions) are kept: names of a-z and 0-9; a text, a whole number or a bool.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: Annotated[Attribute, Field(description="消息编号，同一来源内唯一 · unique within its source, for ever")]
    source: Annotated[
        Attribute, Field(description="来源系统，在 lianxin.toml 登记 · the system, listed in lianxin.toml")
    ]
    type: Annotated[
        Attribute, Field(description="lianxin.case.流转，或 intake: 登记的外部类型 · a command or a foreign type")
    ]
    subject: Annotated[Attribute | None, Field(description="信访事项编号 · the case key")] = None
    time: Annotated[
        AwareDatetime | None,
        Field(description="发生时间，须带时区 · when it happened, with its offset; absent: when it arrives"),
    ] = None
    sequence: Annotated[
        Annotated[int, Field(ge=0, le=MAX_INTEGER)] | Annotated[str, Field(pattern="^[0-9]{1,24}$")] | None,
        Field(description="来源内的次序 · order within the source"),
    ] = None
    datacontenttype: Attribute | None = None
    dataschema: Attribute | None = None
    data: Annotated[Any, Field(description="业务数据 · the payload")] = None
    data_base64: Annotated[str | None, Field(description="与 data 二选一 · instead of data")] = None


def json_schema(ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of an intake message, the commands' data included under `$defs`."""
    from schemas.case_command import CaseCommand

    schema = Envelope.model_json_schema(ref_template=ref_template)
    command = CaseCommand.model_json_schema(by_alias=True, ref_template=ref_template)
    schema.setdefault("$defs", {}).update(command.pop("$defs", {}))
    schema["$defs"]["CaseCommand"] = command
    schema["if"] = {"required": ["type"], "properties": {"type": {"pattern": r"^lianxin\.case\."}}}
    schema["then"] = {
        "required": ["subject", "data"],
        "properties": {"data": {"$ref": ref_template.format(model="CaseCommand")}},
    }
    return schema
