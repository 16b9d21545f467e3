"""LX-23x: scenario files (`NAME.test.yaml`)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES = {
    "LX-230": Entry(
        zh="情景文件 {file} 有问题",
        en="scenario file {file} has problems",
        remedy_zh="逐条改正后再运行 `lianxin test`",
        remedy_en="mend each and run `lianxin test` again",
    ),
    "LX-231": Entry(
        zh="{field} 的写法不对：{reason}",
        en="{field} is not written right: {reason}",
        remedy_zh="按提示改写该值",
        remedy_en="write the value as the reason says",
    ),
    "LX-232": Entry(
        zh="没有这个名字：{name}（{what}）；现有：{known}",
        en="{name} is not {what}; there are: {known}",
        remedy_zh="改用流程中已有的名字",
        remedy_en="use a name that the workflow has",
    ),
    "LX-233": Entry(
        zh="没有 {name} 这一项；此处可用：{known}",
        en="there is no key {name} here; known are: {known}",
        remedy_zh="检查拼写，或移到它该在的位置",
        remedy_en="check the spelling, or move it to where it belongs",
    ),
    "LX-234": Entry(
        zh="这一步的时间 {at} 早于上一步 {before}",
        en="this step's time {at} is before that of the step above, {before}",
        remedy_zh="按时间先后排列各步",
        remedy_en="put the steps in the order of time",
    ),
    "LX-235": Entry(
        zh="这一步没有 at；只有仅含 expect 的步骤可以省略，且第一步必须有",
        en="this step has no `at`; only a step that merely expects may leave it out, and never the first",
        remedy_zh="写上 at: 2026-04-01 09:00",
        remedy_en="say when: at: 2026-04-01 09:00",
    ),
    "LX-236": Entry(
        zh="一步只做一件事：do、open 或仅 expect；refused 须与 do 或 open 同在",
        en="a step does one thing: `do`, `open`, or only `expect`; `refused` goes with `do` or `open`",
        remedy_zh="拆成几步，或补上 do",
        remedy_en="make several steps of it, or add `do`",
    ),
    "LX-237": Entry(
        zh="{name} 由谁来做不明；可以是：{known}",
        en="who does {name} is open; it may be: {known}",
        remedy_zh="写上 by: 角色",
        remedy_en="say by: ROLE",
    ),
    "LX-238": Entry(
        zh="情景文件 {file} 旁没有它的流程 {workflow}",
        en="{workflow}, the workflow of scenario file {file}, is not beside it",
        remedy_zh="情景文件与流程同名同目录：petition.test.yaml 对应 petition.yaml",
        remedy_en="both stand in one folder: petition.test.yaml tries out petition.yaml",
    ),
    "LX-239": Entry(
        zh="不能期望 {name}：{reason}",
        en="{name} cannot be expected: {reason}",
        remedy_zh="删去这一项",
        remedy_en="take this part out",
    ),
}
