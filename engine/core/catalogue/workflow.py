"""LX-2xx: what a workflow means. LX-4xx: commands and cases."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES = {
    "LX-200": Entry(
        zh="流程文件 {file} 有问题",
        en="{file} has problems",
        remedy_zh="逐条改正后再试；`lianxin lint {file}` 一次列出全部问题",
        remedy_en="mend each and try again; `lianxin lint {file}` lists all of them in one run",
    ),
    "LX-201": Entry(
        zh="{field} 的写法不对：{reason}",
        en="{field} is not written right: {reason_en}",
        remedy_zh="按提示改写该值",
        remedy_en="write the value as the reason says",
    ),
    "LX-202": Entry(
        zh="没有这个名字：{name}（{what}）；现有：{known}",
        en="{name} is not {what_en}; there are: {known}",
        remedy_zh="改用已有的名字，或先定义它",
        remedy_en="use a name that exists, or define it first",
    ),
    "LX-203": Entry(
        zh="{name} 留给以后的功能（{what}），现在还不能用",
        en="{name} is reserved for a later piece ({what_en}) and cannot be used yet",
        remedy_zh="先删去这一段",
        remedy_en="take this part out for now",
    ),
    "LX-204": Entry(
        zh="没有 {name} 这一项；此处可用：{known}",
        en="there is no key {name} here; known are: {known}",
        remedy_zh="检查拼写，或移到它该在的位置",
        remedy_en="check the spelling, or move it to where it belongs",
    ),
    "LX-205": Entry(zh="缺少 {name}", en="{name} is missing", remedy_zh="补上 {name}", remedy_en="add {name}"),
    "LX-206": Entry(
        zh="名字 {name} 不合规则：小写字母开头，只用小写字母、数字和下划线",
        en="{name} is no identifier: a small letter first, then small letters, digits and underscores",
        remedy_zh="换一个名字；给人看的文字写在 title",
        remedy_en="choose another name; what people read goes to `title`",
    ),
    "LX-207": Entry(
        zh="accused 必须指向单位列表字段，{name} 不是",
        en="`accused` must name a case field that is a list of units; {name} is not",
        remedy_zh="写成 case.字段名，字段类型为 {type: list, of: unit}",
        remedy_en="say case.FIELD, a field of type list of unit",
    ),
    "LX-208": Entry(
        zh="环节 {state} 没有阶段",
        en="state {state} has no phase",
        remedy_zh="加上 phase: received、assigned、handled、reviewed 或 closed",
        remedy_en="add phase: received, assigned, handled, reviewed or closed",
    ),
    "LX-209": Entry(
        zh="初始环节应恰有一个，现有 {count} 个",
        en="exactly one state is initial; here are {count}",
        remedy_zh="只在一个环节写 initial: true",
        remedy_en="say initial: true in one state only",
    ),
    "LX-210": Entry(
        zh="by 的写法不对",
        en="`by` is not written right",
        remedy_zh="写一个角色、角色列表、{all: [a, b]} 或 {two: a}",
        remedy_en="a role, a list of roles, {all: [a, b]} or {two: a}",
    ),
    "LX-211": Entry(
        zh="engine 是引擎自己的角色，不能定义",
        en="`engine` is the engine's own role and cannot be defined",
        remedy_zh="换一个角色名",
        remedy_en="choose another name",
    ),
    "LX-212": Entry(
        zh="{kind} 不得自动发出",
        en="{kind} may never be issued automatically",
        remedy_zh="去掉 auto；这类函须由人签发",
        remedy_en="take `auto` out; people sign letters of this kind",
    ),
    "LX-213": Entry(
        zh="问责建议函须两人签发",
        en="an accountability recommendation needs two signatures",
        remedy_zh="写成 sign: {all: [office_head, convenor]}",
        remedy_en="say sign: {all: [office_head, convenor]}",
    ),
    "LX-214": Entry(
        zh="{name} 是表达式的保留词，不能作字段名",
        en="{name} is a word of the expression language and cannot name a field",
        remedy_zh="换一个字段名",
        remedy_en="choose another name",
    ),
    "LX-215": Entry(
        zh="字段 {name}：{reason}",
        en="field {name}: {reason_en}",
        remedy_zh="按提示改正",
        remedy_en="mend it as the reason says",
    ),
    "LX-216": Entry(
        zh="自由文本 {name} 默认属个人信息；若不是，须说明理由",
        en="free text {name} is personal; to say it is not, give a reason",
        remedy_zh="加上 reason: 为何不含个人信息",
        remedy_en="add reason: why it holds nothing personal",
    ),
    "LX-217": Entry(
        zh="期限须有 within 或 due，且只能有一个",
        en="a deadline has `within` or `due`, one of the two",
        remedy_zh="写一个长度（within）或给定的时刻（due）",
        remedy_en="give a length (within) or an instant that is given (due)",
    ),
    "LX-218": Entry(
        zh="以日、月、年计的期限须说明遇休息日是否顺延",
        en="a length in calendar days says whether it rolls off rest days",
        remedy_zh="加上 roll: next working day 或 roll: none",
        remedy_en="add roll: next working day, or roll: none",
    ),
    "LX-219": Entry(
        zh="这个期限可能再次起算，须写 again",
        en="this deadline can start again, so it must say `again`",
        remedy_zh="写 never、restart、resume 或 keep due",
        remedy_en="say never, restart, resume or keep due",
    ),
    "LX-220": Entry(
        zh="给定时刻的期限不能延长",
        en="a due instant that is given cannot be extended",
        remedy_zh="去掉 extend，或改用 within",
        remedy_en="take `extend` out, or use `within`",
    ),
    "LX-221": Entry(
        zh="没有任何事会触发 {name}",
        en="nothing ever fires {name}",
        remedy_zh="写 case.opened、state.S.entered、transition.X、deadline.D.missed 等",
        remedy_en="say case.opened, state.S.entered, transition.X, deadline.D.missed or the like",
    ),
    "LX-222": Entry(
        zh="where 只用于并行线的流转（fire: 并行线.流转）",
        en="`where` goes with moves of tracks only (fire: TRACK.TRANSITION)",
        remedy_zh="去掉 where，或写明并行线",
        remedy_en="take it out, or name the track",
    ),
    "LX-410": Entry(
        zh="案件所用流程版本 {digest} 找不到",
        en="workflow version {digest}, which cases are pinned to, is not to be found",
        remedy_zh="把该版本的流程文件放回，或从备份恢复数据库",
        remedy_en="put the file of that version back, or restore the database from a backup",
    ),
    "LX-411": Entry(
        zh="没有日历 {name}；现有：{known}",
        en="there is no calendar {name}; there are: {known}",
        remedy_zh="在 workflows/calendars/ 放入该日历",
        remedy_en="put the calendar into workflows/calendars/",
    ),
    "LX-412": Entry(
        zh="响应无休止地互相引发：{reactions}（事项 {case_id}，{at}）",
        en="reactions set each other off without end: {reactions} (case {case_id}, {at})",
        remedy_zh="为其中一个响应加上 when 或 once: true；lianxin lint 会指出这样的循环",
        remedy_en="give one of them a `when`, or `once: true`; `lianxin lint` points out such loops",
    ),
}
