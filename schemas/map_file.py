"""Mapping files: how rows of a foreign file become commands (`lianxin import`, `lianxin simulate --map`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.workflow_file import Form, Identifier

MAX_RULES = 200
MAX_TIME_FORMATS = 10
DOES = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$"


def _many(value: object) -> object:
    return [value] if isinstance(value, str | bool) else value


def _as_texts(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [("true" if item else "false") if isinstance(item, bool) else item for item in value]


def _plain(value: Any) -> Any:
    """A text, a number or a bool, or a list of such; a number with a fraction becomes a text, as decimals are kept."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if not isinstance(value, str | int):
        raise ValueError("a text, a number, a bool, or a list of such")
    return value


Conditions = Annotated[list[str], BeforeValidator(_as_texts), BeforeValidator(_many)]
Formats = Annotated[list[str], BeforeValidator(_many)]
Constant = Annotated[Any, AfterValidator(_plain)]


class RuleForm(Form):
    """一行数据变成的一条指令 · one command that a row becomes; texts that begin with = are expressions over `row`."""

    does: Annotated[str, Field(pattern=DOES, description="流转，或 并行线.流转 · a transition, or TRACK.transition")]
    as_: Annotated[Identifier, Field(alias="as", description="角色 · the role it is done in")]
    when: Conditions = Field(default_factory=list, description="条件，全部成立才生成 · all must hold, else no command")
    id: Annotated[str, Field(description="编号，同一来源内唯一 · unique within the source, for ever")]
    case_key: Annotated[str, Field(description="信访事项编号 · the case it is about")]
    time: Annotated[
        str | Annotated[list[str], Field(min_length=1)],
        Field(description="发生时间；列表取其中最早的 · when it happened; of a list the earliest that is there"),
    ]
    with_: dict[Identifier, Constant] = Field(default_factory=dict, alias="with", description="字段 · values of fields")
    petitioner: dict[Identifier, str] = Field(
        default_factory=dict, description="信访人信息，存入保险库 · goes to the vault"
    )
    unit: Annotated[str | None, Field(description="责任单位 · the unit that acts")] = None
    sequence: Annotated[str | None, Field(description="次序所在的列 · the column with the order")] = None


class MapForm(Form):
    """映射文件 · a mapping file."""

    workflow: Identifier
    source: Annotated[str | None, Field(max_length=1024, description="来源，默认 file:文件名 · default file:NAME")] = (
        None
    )
    format: Literal["csv", "xlsx", "ndjson", "xes"]
    encoding: Literal["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk", "gb2312", "big5", "latin-1", "cp1252"] = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    sheet: Annotated[str, Field(description="工作表，默认第一张 · the sheet, by default the first")] = ""
    header: Annotated[int, Field(ge=1, le=100, description="列名所在的行 · the row with the columns' names")] = 1
    time_zone: Annotated[
        str | None, Field(description="时间没有时区偏移时必填，如 Asia/Shanghai · required where times have no offset")
    ] = None
    time_format: Formats = Field(
        default_factory=list,
        max_length=MAX_TIME_FORMATS,
        description="strptime 格式，依次尝试 · tried in order; default ISO 8601",
    )
    sequence: Annotated[str | None, Field(description="次序所在的列，默认行号 · default: the row's number")] = None
    rows: Annotated[list[RuleForm], Field(min_length=1, max_length=MAX_RULES)]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a mapping file, for editors."""
    return MapForm.model_json_schema(by_alias=True)
