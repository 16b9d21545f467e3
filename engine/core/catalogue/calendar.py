"""What is said about calendars and directories (LX-800 … LX-829)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES = {
    "LX-800": Entry(
        zh="文件 {file} 有 {count} 处问题，未予采用。",
        en="{file} has {count} faults and is not used.",
        remedy_zh="请逐条更正下列问题后重试；在此之前沿用原来的版本。",
        remedy_en="Mend the findings listed with it and try again. Until then the edition in force stays in force.",
    ),
    "LX-801": Entry(
        zh="“{key}”应为{expected}，实为{found}。",
        en="`{key}` must be {expected}, not {found}.",
        remedy_zh="请对照 workflows/ 中自带的文件改写这一处。",
        remedy_en="Write it as the files shipped in workflows/ do.",
    ),
    "LX-802": Entry(
        zh="{place} 中没有“{key}”这个键。",
        en="There is no key `{key}` in {place}.",
        remedy_zh="请检查拼写；备注请写成以 # 开头的注释。",
        remedy_en="Check the spelling. Remarks go into comments that start with #.",
    ),
    "LX-803": Entry(
        zh="{place} 缺少“{key}”。",
        en="{place} lacks `{key}`.",
        remedy_zh="请补上这一键。",
        remedy_en="Add the key.",
    ),
    "LX-804": Entry(
        zh="“{key}”的值“{found}”不是日期。",
        en="`{key}` is not a date: {found}.",
        remedy_zh="日期写作 2026-10-01，并且必须真实存在。",
        remedy_en="Write dates as 2026-10-01; the day must exist.",
    ),
    "LX-810": Entry(
        zh="没有名为“{zone}”的时区。",
        en="There is no time zone called {zone}.",
        remedy_zh="请使用 IANA 名称，例如 Asia/Shanghai。",
        remedy_en="Use an IANA name such as Asia/Shanghai.",
    ),
    "LX-811": Entry(
        zh="“{name}”不是星期名。",
        en="{name} is not a weekday.",
        remedy_zh="请写 monday、tuesday、wednesday、thursday、friday、saturday 或 sunday。",
        remedy_en="Write monday, tuesday, wednesday, thursday, friday, saturday or sunday.",
    ),
    "LX-812": Entry(
        zh="办公时间“{found}”无法识别，或与前一段重叠。",
        en="The office hours {found} cannot be read, or overlap the ones before.",
        remedy_zh='请写作 "09:00-12:00"，加引号，先后有序，互不重叠。',
        remedy_en='Write "09:00-12:00", quoted, in order, without overlap.',
    ),
    "LX-813": Entry(
        zh="{previous} 年之后应为 {expected} 年，却是 {year} 年。",
        en="After {previous} comes {expected}, not {year}.",
        remedy_zh="年份须逐年相连、由早到晚；缺年会把节假日误算为工作日。",
        remedy_en="Years follow one another without a gap: in a missing one every holiday would count as work.",
    ),
    "LX-814": Entry(
        zh="{day} 被列了两次。",
        en="{day} is named twice.",
        remedy_zh="一天只能列一次；若后来的通知改了前面的安排，请在该通知写 amends: true。",
        remedy_en="Name a day once. Where a later notice changes an earlier one, give it `amends: true`.",
    ),
    "LX-815": Entry(
        zh="{day} 不属于 {year} 年的通知。",
        en="{day} is outside the notice for {year}.",
        remedy_zh="请把这一天移到它所属的年份。通知只可涉及当年，以及为元旦调休而涉及上年 12 月 25 日以后。",
        remedy_en="Move it to its own year. A notice decides its year and, for New Year, 25 to 31 December before.",
    ),
    "LX-816": Entry(
        zh="假期 {first} 至 {last} 首尾颠倒，或超过 {most} 天。",
        en="The holiday {first} to {last} ends before it begins, or is longer than {most} days.",
        remedy_zh="请核对起止日期；until 是最后一天，含当天。",
        remedy_en="Check both ends; `until` is the last day off, inclusive.",
    ),
    "LX-817": Entry(
        zh="{day} 是星期{weekday_zh}，本来就上班，不能列为调休上班日。",
        en="{day} is a {weekday}, a working day already, so it cannot be a make-up working day.",
        remedy_zh="请核对通知原文的日期。",
        remedy_en="Compare the date with the notice.",
    ),
    "LX-818": Entry(
        zh="通知日期 {published} 早于前一份通知的 {previous}。",
        en="A notice of {published} stands after one of {previous}.",
        remedy_zh="通知须按日期由早到晚排列，后者优先。",
        remedy_en="Notices stand in the order of their dates: the later one prevails.",
    ),
    "LX-819": Entry(
        zh="“{title}”写明共 {days} 天，起止日期却是 {found} 天。",
        en="{title} says {days} days, its dates make {found}.",
        remedy_zh="请对照通知原文的“共几天”核对起止日期。",
        remedy_en="Compare the dates with the number of days the notice gives.",
    ),
    "LX-821": Entry(
        zh="机构名录中没有“{unit}”。",
        en="There is no unit {unit} in the directory.",
        remedy_zh="请检查名称，或先把该单位加入 units。",
        remedy_en="Check the name, or add the unit under `units`.",
    ),
    "LX-822": Entry(
        zh="“{name}”成了自己的上级：{chain}。",
        en="{name} is above itself: {chain}.",
        remedy_zh="请改正其中一处 parent。",
        remedy_en="Mend one `parent` in this chain.",
    ),
    "LX-823": Entry(
        zh="“{name}”没有上级，而最高一级已是“{root}”。",
        en="{name} has no parent, and {root} is the root already.",
        remedy_zh="请给它写上 parent；名录只有一个最高单位。",
        remedy_en="Give it a `parent`: a directory has one root.",
    ),
    "LX-824": Entry(
        zh="“{name}”与“{other}”是同一名称的两种写法。",
        en="{name} and {other} are two spellings of one name.",
        remedy_zh="请保留一种写法，注意空格与全角半角。",
        remedy_en="Keep one; mind spaces and full-width characters.",
    ),
    "LX-825": Entry(
        zh="没有“{level}”这一级。",
        en="There is no level {level}.",
        remedy_zh="可用 L2（上级分管领导）、L3（区县主要领导）、L4（市分管领导）、L5（市主要领导）。",
        remedy_en="Use L2 (leader in charge above), L3 (district principal), L4 (city leader in charge) or "
        "L5 (city principal).",
    ),
    "LX-826": Entry(
        zh="{level} 由 head 决定，不在 leaders 中填写。",
        en="{level} is the unit's `head`, it does not stand under `leaders`.",
        remedy_zh="请删去此项，在 head 中写明负责人职务。",
        remedy_en="Take it out and name the post in `head`.",
    ),
    "LX-827": Entry(
        zh="“{unit}”没有负责人（head）。",
        en="{unit} has no `head`.",
        remedy_zh="请写明该单位哪个职务是负责人；职务可以暂缺人选，不可没有。",
        remedy_en="Say which of its posts leads the unit. The post may be vacant; it must exist.",
    ),
    "LX-828": Entry(
        zh="没有“{post}”这个职务。",
        en="There is no {post}.",
        remedy_zh="职务写作 post:单位/职务，并须列在该单位的 posts 中。",
        remedy_en="Write post:UNIT/POST; the post must stand under `posts` of that unit.",
    ),
    "LX-829": Entry(
        zh="“{post}”的人选重复：{holders}。",
        en="{post} names a holder twice: {holders}.",
        remedy_zh="请删去重复的一个。",
        remedy_en="Take one of them out.",
    ),
}
