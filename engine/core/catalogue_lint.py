"""LX-223 to LX-229: faults of a workflow file beside those of catalogue_workflow. LX-240 to LX-279: the linter's."""

from __future__ import annotations

from engine.core.catalogue_entry import Entry

CODES = {
    "LX-223": Entry(
        zh="{field} 不能是 {value}；可取：{known}",
        en="{field} cannot be {value}; it is one of: {known}",
        remedy_zh="改用所列的值",
        remedy_en="use one of the values listed",
    ),
    "LX-224": Entry(
        zh="名字 {name} 在此处已有含义",
        en="the name {name} means something else here already",
        remedy_zh="换一个名字",
        remedy_en="choose another name",
    ),
    "LX-225": Entry(
        zh="引擎不得{what}：{name}",
        en="the engine never does this by itself ({what}): {name}",
        remedy_zh="从 by 或 sign 中去掉 engine；拒绝、签发、问责须由人作出",
        remedy_en="take `engine` out of `by` or `sign`: people refuse, sign and hold to account",
    ),
    "LX-226": Entry(
        zh="{name} 没有把 engine 列入 by，引擎不能自动执行",
        en="`by` of {name} does not list `engine`, so it cannot happen by itself",
        remedy_zh="在该流转的 by 中加上 engine，或改由人执行",
        remedy_en="list `engine` in that transition's `by`, or let a person do it",
    ),
    "LX-227": Entry(
        zh="{command} 必须给出 {names}，此处没有，永远会被拒绝",
        en="{command} needs {names}, which is not given here: it would always be refused",
        remedy_zh="在 with 中给出，或把该字段改为可选（optional: true）",
        remedy_en="give it in `with`, or make the field optional",
    ),
    "LX-228": Entry(
        zh="角色 {role} 不能执行 {does}；可以的有：{known}",
        en="role {role} may not do {does}; these may: {known}",
        remedy_zh="换用可以执行的角色，或把该角色列入 by",
        remedy_en="act as a role that may, or list the role in `by`",
    ),
    "LX-229": Entry(
        zh="{value} 不能作字段 {name} 的值：{reason}",
        en="{value} cannot be a value of the field {name}: {reason}",
        remedy_zh="改成该类型的值；表达式以“=”开头",
        remedy_en="write a value of that type; an expression begins with '='",
    ),
}
