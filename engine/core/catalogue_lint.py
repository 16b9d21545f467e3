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
        en="the engine never does this by itself ({what_en}): {name}",
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
        en="{value} cannot be a value of the field {name}: {reason_en}",
        remedy_zh="改成该类型的值；表达式以“=”开头",
        remedy_en="write a value of that type; an expression begins with '='",
    ),
    "LX-240": Entry(
        zh="环节 {state} 没有任何办法到达",
        en="nothing leads to state {state}",
        remedy_zh="加一个通往它的流转，或删去它",
        remedy_en="let a transition lead there, or take it out",
    ),
    "LX-241": Entry(
        zh="环节 {state} 进得去、出不来，又不是终点",
        en="state {state} has no way out and is not final",
        remedy_zh="加一个流转，或写 final: true",
        remedy_en="add a transition, or say final: true",
    ),
    "LX-242": Entry(
        zh="从环节 {state} 起，永远到不了终点",
        en="no final state can be reached from state {state}",
        remedy_zh="加一个通往终点的流转",
        remedy_en="let a way lead to a final state",
    ),
    "LX-243": Entry(
        zh="环节 {state} 自己的 {transition} 遮住了顶层的同名流转",
        en="{transition} of state {state} hides the top-level transition of that name",
        remedy_zh="改名，或从顶层的 from 中去掉该环节",
        remedy_en="rename one, or leave the state out of the top-level `from`",
    ),
    "LX-244": Entry(
        zh="并行线 {track} 没有人、也没有响应去开启",
        en="nothing and nobody opens the track {track}",
        remedy_zh="写 opens: {by: 角色}，或在响应中 open: {track}；用不到就删去",
        remedy_en="say opens: {by: ROLE}, open it in a reaction, or take it out",
    ),
    "LX-245": Entry(
        zh="期限 {deadline} 永远不会起算",
        en="the deadline {deadline} never starts",
        remedy_zh="核对 from 与 when：所写的环节或流转须能发生，条件须能成立",
        remedy_en="check `from` and `when`: what they name must be able to happen",
    ),
    "LX-246": Entry(
        zh="期限 {deadline} 起算之后，没有一种结束能够发生",
        en="while the deadline {deadline} runs, none of its ends can happen",
        remedy_zh="核对 until：须能从起算之后的环节到达",
        remedy_en="check `until`: it must be reachable from where the clock starts",
    ),
    "LX-247": Entry(
        zh="期限 {deadline} 逾期之后没有下文",
        en="nothing answers a breach of the deadline {deadline}",
        remedy_zh="加一个 upon: {name} 的响应；只列入清单的，写 on_breach: list",
        remedy_en="add a reaction upon {name}; if it is only to be listed, say on_breach: list",
    ),
    "LX-248": Entry(
        zh="责任方自己执行 {transition} 就能摆脱期限 {deadline}：{how}",
        en="{transition} lets whoever is late get rid of the deadline {deadline}: {how_en}",
        remedy_zh="由他人裁定后再停表：把裁定的流转写入 until 或 cancel；法定的中止，写明 pause 的 law",
        remedy_en="let the clock end with somebody else's decision; a lawful pause says its `law`",
    ),
    "LX-249": Entry(
        zh="{transition} 须在期限 {deadline} 进行中才能执行，而在环节 {state} 该期限不会在走",
        en="{transition} needs the running deadline {deadline}, which never runs in state {state}",
        remedy_zh="改 before，或把流转移到该期限会走的环节",
        remedy_en="change `before`, or move it to a state in which that deadline runs",
    ),
    "LX-250": Entry(
        zh="期限结束时要执行的 {transition}，在这些环节不能执行：{states}",
        en="{transition}, to follow the end of the deadline, is not possible in: {states}",
        remedy_zh="在这些环节加上该流转，或让期限先停",
        remedy_en="add it to those states, or end the deadline before",
    ),
    "LX-251": Entry(
        zh="环节 {state} 的条件留有空档：{values} 时，{moves} 都不能执行",
        en="the conditions in state {state} leave a gap: with {values} none of {moves} is possible",
        remedy_zh="补上这种情况；可不填的字段，未填也是一种情况",
        remedy_en="cover that case as well; for an optional field, unset is one more value",
    ),
    "LX-252": Entry(
        zh="环节 {state} 的条件重叠：{values} 时，{one} 与 {other} 都能执行",
        en="the conditions in state {state} overlap: with {values} both {one} and {other} are possible",
        remedy_zh="改条件，使每种情况只有一条路",
        remedy_en="change the conditions so that each case has one way",
    ),
    "LX-253": Entry(
        zh="期限没有写 {field} 为 {values} 时的长度",
        en="no length is given for {field}: {values}",
        remedy_zh="逐一写明长度",
        remedy_en="give a length for each value",
    ),
    "LX-254": Entry(
        zh="期限 {deadline} 没有写 owner：逾期了不知是谁的",
        en="the deadline {deadline} has no `owner`: nobody would be late",
        remedy_zh="写 owner: =case.unit 或 owner: office",
        remedy_en="say owner: =case.unit, or owner: office",
    ),
    "LX-255": Entry(
        zh="流转 {transition} 只有引擎能执行，却没有响应或期限去触发",
        en="only the engine may do {transition}, and nothing fires it",
        remedy_zh="在响应中 fire: {transition}，或在 by 中加上角色",
        remedy_en="fire it in a reaction, or list a role in `by`",
    ),
    "LX-256": Entry(
        zh="响应会无休止地互相引发：{loop}",
        en="these reactions set each other off without end: {loop}",
        remedy_zh="加条件，或写 once: true",
        remedy_en="add a condition, or say once: true",
    ),
    "LX-257": Entry(
        zh="期限 {deadline} 的 {length} 超过{law}所定的 {allowed}",
        en="the {length} of {deadline} is more than the {allowed} of {law}",
        remedy_zh="缩短，或在 law 中写明所依据的其他规定",
        remedy_en="shorten it, or cite in `law` the rule that allows it",
    ),
    "LX-258": Entry(
        zh="日历 {calendar} 只公布到 {last_day}，今日起算的 {deadline} 可到 {ends}",
        en="the calendar {calendar} is published until {last_day}; {deadline}, begun today, can end on {ends}",
        remedy_zh="装入下一年的日历；在此之前，期限日为暂定",
        remedy_en="load the next year's calendar; until then due days are provisional",
    ),
    "LX-259": Entry(
        zh="没有函件模板 {template}；现有：{known}",
        en="there is no letter template {template}; there are: {known}",
        remedy_zh="在 workflows/letters/ 放入模板，或改用已有的",
        remedy_en="put the template into workflows/letters/, or use one that exists",
    ),
    "LX-260": Entry(
        zh="机构名录 {directory} 中没有人担任 {role}",
        en="nobody in the directory {directory} holds the role {role}",
        remedy_zh="在名录中把该角色给一个岗位，或改用已有的角色",
        remedy_en="give the role to a post in the directory, or use another one",
    ),
    "LX-261": Entry(
        zh="角色 {role} 没有用到",
        en="the role {role} is not used",
        remedy_zh="删去，或在 by 中使用",
        remedy_en="take it out, or use it in `by`",
    ),
    "LX-262": Entry(
        zh="机构名录中没有单位 {unit}",
        en="there is no unit {unit} in the directory",
        remedy_zh="改用名录中的单位、office，或以“=”开头的表达式",
        remedy_en="name a unit of the directory, `office`, or an expression beginning with '='",
    ),
    "LX-263": Entry(
        zh="没有代码表 {scheme}；现有：{known}",
        en="there is no list of codes {scheme}; there are: {known}",
        remedy_zh="放入该代码表，或改用已有的",
        remedy_en="provide the list, or use one that exists",
    ),
    "LX-264": Entry(
        zh="字段 {field} 没有标题，也没有条件读它：谁也看不到",
        en="the field {field} has no title and no expression reads it: nobody would see it",
        remedy_zh="加上 title，或删去",
        remedy_en="give it a title, or take it out",
    ),
    "LX-270": Entry(
        zh="{transition} 以满意为办结条件（{field}）",
        en="{transition} makes satisfaction a condition of closing ({field})",
        remedy_zh="办结只看办理与告知；不满意者同样能办结，评价另行记录",
        remedy_en="closing asks for work done and explained; record the rating beside it, whatever it is",
    ),
    "LX-271": Entry(
        zh="{name} 含有“{part}”：不给人打分、贴标签",
        en="{name} contains {part}: people are not scored or labelled",
        remedy_zh="去掉这一项；衡量的是单位，不是信访人",
        remedy_en="take it out: units are measured, not people",
    ),
    "LX-272": Entry(
        zh="计数 {name} 按人取数（{field}）",
        en="the count {name} chooses by a person ({field})",
        remedy_zh="按单位或事项计数",
        remedy_en="count by unit or by matter",
    ),
}
