"""What HTTP answers: the models behind the OpenAPI document. Texts for people are in Chinese and English."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1)]


class Answered(BaseModel):
    """Common to all."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(Answered):
    """中文与英文 · in Chinese and English"""

    zh: str
    en: str


class Settled(Answered):
    """一条消息的结果 · what became of one message"""

    outcome: Annotated[
        Literal["accepted", "rejected", "early", "duplicate", "dead-letter"],
        Field(
            description="accepted 已办理；rejected 规则不允许，已记录；early 等候前一事实；duplicate 已收过；"
            "dead-letter 不能用，已留存 · accepted: done; rejected: the rules say no, on record; early: waits for the "
            "fact before it; duplicate: came before; dead-letter: cannot be used, and is kept"
        ),
    ]
    case_id: str | None = None
    version: Annotated[int | None, Field(description="此消息之后的案序 · the case's version after it")] = None
    code: Annotated[str | None, Field(description="驳回或死信的原因 · why it was rejected, or is a dead letter")] = None
    field: Annotated[str | None, Field(description="有问题的字段 · the field at fault")] = None
    needs: Annotated[str | None, Field(description="等候什么 · what it waits for")] = None
    reason: Words | None = None


class Outcome(Settled):
    """一条消息的结果，按送来的次序 · what became of a message, in the order they were sent"""

    source: str | None = None
    id: str | None = None
    first: Annotated[
        Settled | None, Field(description="重复者：第一次的结果 · of a duplicate: what became of it the first time")
    ] = None


class Taken(Answered):
    """202：全部消息已提交 · 202: every message of the request is committed"""

    outcomes: list[Outcome]


class Problem(Answered):
    """RFC 9457"""

    type: str
    title: str
    status: int
    code: Annotated[str, Field(description="lianxin explain 代码 · CODE")]
    detail: str
    remedy: str
    field: Annotated[str | None, Field(description="有问题的字段 · the field at fault")] = None
    reason: Annotated[str | None, Field(description="死信原因所用的词 · one of the fixed words of dead letters")] = None
    index: Annotated[int | None, Field(description="批次中的第几条，从 0 起 · which of the batch, from 0")] = None
    kept: Annotated[
        bool | None,
        Field(
            description="true：已留作死信，此编号已占用；false：没有收下，可用原编号重发 · "
            "true: kept as a dead letter, and the id is used up; false: not taken, the same id may be sent again"
        ),
    ] = None
    source: str | None = None
    id: str | None = None


class By(Answered):
    """谁办的 · who acted; 不含人员 · without the person"""

    role: str | None = None
    unit: str | None = None


class CaseRow(Answered):
    """事项列表的一行 · one row of the list"""

    case_id: str
    workflow: str
    version: int
    phase: str
    state: str
    unit: str | None
    levels: dict[str, str]
    due_at: Annotated[str | None, Field(description="最近的期限 · the nearest deadline")]
    deadline: str | None
    remaining: dict[str, Any] | None
    overdue: Annotated[list[str], Field(description="已超期的期限 · deadlines that are over")]


class CasePage(Answered):
    """一页事项 · a page of cases"""

    cases: list[CaseRow]
    next: Annotated[
        str | None, Field(description="下一页的 after；null 为末页 · `after` of the next page; null: the last")
    ]


class WorkflowName(Answered):
    """事项所循的流程版本 · the version of the workflow that the case is on"""

    name: str
    title: str
    digest: str


class Step(Answered):
    """进入一个环节 · one state entered"""

    version: int
    at: str
    transition: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    by: By


class Move(Answered):
    """此环节可做的流转 · a move from where the case stands"""

    transition: str
    title: str
    to: str | None
    by: list[str]


class Case(Answered):
    """一件事项；个人信息不在其中 · one case, without anything personal"""

    case_id: str
    workflow: WorkflowName
    version: int
    phase: str
    state: str
    state_title: str
    unit: str | None
    levels: dict[str, str]
    data: dict[str, Any]
    path: list[Step]
    rejections: int
    clocks: list[dict[str, Any]]
    tracks: list[dict[str, Any]]
    letters: list[dict[str, Any]]
    moves: list[Move]


class Refusal(Answered):
    """规则为何不允许 · why the rules said no"""

    code: str
    reason: Words


class Fact(Answered):
    """总账中的一条 · one record of the log"""

    version: Annotated[int | None, Field(description="案序；驳回没有 · the case's version; a rejection has none")]
    type: str
    occurred_at: str
    recorded_at: str
    by: By
    transition: str | None = None
    from_: Annotated[str | None, Field(alias="from")] = None
    to: str | None = None
    track: str | None = None
    deadline: str | None = None
    with_: Annotated[dict[str, Any] | None, Field(alias="with")] = None
    refusal: Refusal | None = None


class FactPage(Answered):
    """一页经过 · a page of a case's records"""

    case_id: str
    events: list[Fact]
    next: str | None


class Condition(Answered):
    """流程中的一个条件 · a condition of the workflow"""

    name: str
    expression: str
    place: str


class Reason(Answered):
    """一条事实循了哪条规则 · which rule a record followed"""

    version: int | None
    type: str
    at: str
    what: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    by: By
    place: Annotated[str, Field(description="流程文件:行 · file of the workflow:line")]
    conditions: list[Condition]
    inputs: dict[str, Any]
    reaction: str | None = None
    source: str | None = None
    refusal: Refusal | None = None


class Why(Answered):
    """每条事实的依据 · what each record rests on"""

    case_id: str
    state: str
    past: list[Reason]
    more: Annotated[bool, Field(description="经过太长，未列全 · the history is too long to be told whole")]


class Ready(Answered):
    """各部分的状况 · how the parts are"""

    ready: bool
    checks: dict[str, str]
