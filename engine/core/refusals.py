"""What each refusal of the rules means, in Chinese and English: the words beside a `Rejection`'s code.

A refusal is data (engine.core.model.Rejection); these sentences are for people who read it, at a console or a command
line. `{name}` is filled from its facts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

SENTENCES: dict[str, tuple[str, str]] = {
    "accused-unit": (
        "被反映的单位及其下属不得接手此事项",
        "a unit that is complained about, and whatever is under it, never gets the matter",
    ),
    "already-at-level": ("已在 {level} 级", "it is at level {level} already"),
    "already-signed": ("{role} 已经签过", "{role} has signed already"),
    "bad-value": ("{field} 的值不能用：{reason}", "the value of {field} cannot be used: {reason}"),
    "case-closed": ("事项已经办结，{track} 不再打开", "the case is closed: {track} is opened no more"),
    "case-exists": ("事项已经存在", "the case exists already"),
    "extension-cap": ("{deadline} 最多延长 {times} 次", "{deadline} may be extended {times} times at most"),
    "guard": ("条件 {guard} 不成立：{expression}", "the condition {guard} does not hold: {expression}"),
    "guard-failed": (
        "条件无法判断（{expression}）：{reason}",
        "a condition cannot be decided ({expression}): {reason}",
    ),
    "late-fact": (
        "这件事发生在 {at}，早于已记录的 {last_fact_at}，不能再插入",
        "it happened at {at}, before what is on record of {last_fact_at}, and cannot be put in between",
    ),
    "needs": ("缺少 {field}", "{field} is missing"),
    "no-case": ("没有这件事项", "there is no such case"),
    "no-recipient": ("{kind} 没有可用的收件单位", "there is no unit that {kind} may go to"),
    "no-track": ("没有这条并行线：{track}", "there is no track {track}"),
    "no-transition": (
        "在环节“{state}”不能 {transition}；可以：{possible}",
        "{transition} is not possible in state {state}; possible are: {possible}",
    ),
    "not-asked": ("{deadline} 尚无人申请延期", "nobody has asked to extend {deadline}"),
    "nothing-moved": ("没有期限因此移动", "no deadline moves"),
    "once": ("响应 {reaction} 每件事项只做一次，已经做过", "the reaction {reaction} fires once a case, and has"),
    "person-required": ("{transition} 须由具体的人签署", "{transition} needs a person, not a system"),
    "role-not-allowed": (
        "{role}（{unit}）不能做这一步；可以的角色：{allowed} {reason}",
        "{role} ({unit}) may not do this; the roles that may: {allowed} {reason}",
    ),
    "rung-gone": ("期限的这一节点已经过去", "this point of the clock has been overtaken"),
    "same-person": ("{transition} 须由两个不同的人签署", "{transition} needs two different people"),
    "starts-for-ever": ("{clock} 一再起算，没有尽头", "{clock} is started again and again, without end"),
    "too-early": ("还缺前一个事实：{needs}", "the fact before it is missing: {needs}"),
    "too-late": (
        "期限 {deadline} 已过，不能再 {transition}",
        "{deadline} is over, so {transition} is not possible any more",
    ),
    "track-exists": ("{track} 已经存在", "{track} exists already"),
    "track-open": ("{track} 尚未办结", "{track} is still open"),
    "unknown-field": ("这一步不收 {field}；可填：{known}", "this step takes no {field}; it takes: {known}"),
    "which-track": ("{transition} 可指多条并行线：{tracks}", "{transition} may mean several tracks: {tracks}"),
}

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def why_refused(code: str, facts: Mapping[str, Any], language: Literal["zh", "en"]) -> str:
    """The sentence for a refusal; a code without one is shown with its facts, so that nothing is lost."""
    sentences = SENTENCES.get(code)
    if sentences is None:
        return " ".join([code, *(f"{name}={_text(value)}" for name, value in sorted(facts.items()))])
    template = sentences[0] if language == "zh" else sentences[1]
    return _PLACEHOLDER.sub(lambda found: _text(facts.get(found[1], "")) or "—", template).removesuffix(" —")


def _text(value: Any) -> str:
    return "、".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
