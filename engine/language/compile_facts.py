"""The facts of compilers' and linters' findings, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping

Fact = str | tuple[str, str]
"""A fact of a finding: one text, or one in Chinese and one in English."""
WHAT_ZH = {
    "a role": "角色",
    "a state": "环节",
    "a state or phase": "环节或阶段",
    "a track": "并行线",
    "a field": "字段",
    "a petitioner field": "信访人字段",
    "a deadline": "期限",
    "a transition": "流转",
    "a transition or opening": "流转或登记",
    "what a deadline does": "期限的事件",
    "an action": "动作",
    "a letter": "函件",
    "a level": "级别",
    "a value": "取值",
    "a parameter": "参数",
}
"""What a name should have been, in Chinese."""


def in_words(facts: Mapping[str, Fact]) -> dict[str, str]:
    """Facts as sentences take them: of a pair, `name` is Chinese and `name_en` English."""
    found = {}
    for name, fact in facts.items():
        if isinstance(fact, tuple):
            found[name], found[f"{name}_en"] = fact
        else:
            found[name] = fact
    return found


def not_a_length(error: ValueError) -> Fact:
    """Why a text is no length of time, from what `parse_length` says."""
    return "不是时长，写法如 15 working days、60 days、2 hours、15个工作日", str(error)


def reserved(what: str) -> Fact:
    """What a reserved word is kept for."""
    return _LATER_ZH.get(what, what), what


_LATER_ZH = {
    "work given by the calendar": "按日历派活",
    "what the rhythm compiles": "清单",
    "reactions to many cases": "对多件事项的响应",
    "overlays": "叠加的流程",
    "linked cases": "关联事项",
    "lists": "清单",
    "meetings": "会议",
}
