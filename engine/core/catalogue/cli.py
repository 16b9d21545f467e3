"""What is said by the command line itself (LX-900 … LX-970), and of files that cannot be read (LX-190, LX-191)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-190": Entry(
        zh="读不到 {file}：{reason}。",
        en="{file} cannot be read: {reason}.",
        remedy_zh="请检查路径与权限；需要的是文件，不是目录。",
        remedy_en="Check the path and its permissions; it must be a file, not a folder.",
    ),
    "LX-191": Entry(
        zh="{file} 的写法有问题。",
        en="{file} is not written right.",
        remedy_zh="请逐条更正下列问题后重试。",
        remedy_en="Mend the findings listed with it and try again.",
    ),
    "LX-900": Entry(
        zh="命令写得不对：{reason_zh}。",
        en="The command line is not right: {reason_en}.",
        remedy_zh="{help} 列出此命令的用法。",
        remedy_en="`{help}` shows how this command is used.",
    ),
    "LX-901": Entry(
        zh="此操作须先确认，而这里无人可问：{what}",
        en="This needs a yes, and nobody can be asked here: {what}",
        remedy_zh="确认无误后加上 {flag} 再运行。",
        remedy_en="If you are sure, run it again with {flag}.",
    ),
    "LX-902": Entry(
        zh="未得到确认，什么也没有改动：{what}",
        en="Not confirmed, so nothing was changed: {what}",
        remedy_zh="要继续请再次运行并回答 y。",
        remedy_en="To go on, run it again and answer y.",
    ),
    "LX-903": Entry(
        zh="找不到事项 {case}。",
        en="There is no case {case}.",
        remedy_zh="lianxin case list 列出事项；可用事项编号（或其开头六位以上），也可用来件编号加 --workflow。",
        remedy_en="`lianxin case list` shows the cases. Name one by its id, by the first six or more characters of it, "
        "or by the number its source knows it by, with --workflow.",
    ),
    "LX-904": Entry(
        zh="“{case}”可以指 {count} 件事项。",
        en="{case} may mean {count} cases.",
        remedy_zh="请多写几位编号。",
        remedy_en="Give more of the id.",
    ),
    "LX-905": Entry(
        zh="--as 写得不对：{text}。",
        en="--as is not written right: {text}.",
        remedy_zh="写成 人员:角色@单位，例如 --as p-1028:desk@信访局。",
        remedy_en="Write person:role@unit, e.g. --as p-1028:desk@信访局.",
    ),
    "LX-906": Entry(
        zh="名录中没有 {person} 在 {unit} 担任 {role} 的记载。",
        en="The directory does not say that {person} is {role} in {unit}.",
        remedy_zh="此角色可由这些人担任：{known}。如有人事变动，请先更新名录。",
        remedy_en="Those who may act in this role: {known}. If somebody new holds the post, update the directory "
        "first.",
    ),
    "LX-907": Entry(
        zh="{option} 写得不对：{text}。",
        en="{option} is not written right: {text}.",
        remedy_zh="写成 {form}。",
        remedy_en="Write {form}.",
    ),
    "LX-908": Entry(
        zh="有 {count} 个流程可以用“{name}”开始：{known}。",
        en="{count} workflows can begin with {name}: {known}.",
        remedy_zh="用 --workflow 说明是哪一个。",
        remedy_en="Say which one with --workflow.",
    ),
    "LX-909": Entry(
        zh="没有流程 {name}；现有：{known}。",
        en="There is no workflow {name}; there are: {known}.",
        remedy_zh="请检查拼写，或把流程文件放入流程目录。",
        remedy_en="Check the spelling, or put the file into the folder of workflows.",
    ),
    "LX-910": Entry(
        zh="已登记的响应模块 {name}（{value}）不能用：{reason}。",
        en="The registered consumer {name} ({value}) cannot be used: {reason}.",
        remedy_zh="它须有 NAME、ACTIONS 和 react；请更新或卸载提供它的软件包。",
        remedy_en="It needs NAME, ACTIONS and react. Update or remove the package that brings it.",
    ),
    "LX-911": Entry(
        zh="响应模块或动作 {name} 登记了两次。",
        en="The consumer or action {name} is registered twice.",
        remedy_zh="请卸载重复提供它的软件包。",
        remedy_en="Remove one of the packages that bring it.",
    ),
    "LX-912": Entry(
        zh="没有错误码 {wanted}。",
        en="There is no code {wanted}.",
        remedy_zh="错误码形如 LX-103；lianxin explain 不带参数时列出全部。",
        remedy_en="A code looks like LX-103; `lianxin explain` without one lists them all.",
    ),
    "LX-913": Entry(
        zh="{path} 已存在，不会覆盖。",
        en="{path} exists and is not overwritten.",
        remedy_zh="请换一个目录，或先移走它。",
        remedy_en="Choose another folder, or move it away first.",
    ),
    "LX-914": Entry(
        zh="{path} 不能读写：{reason}。",
        en="{path} cannot be read or written: {reason}.",
        remedy_zh="请检查路径、权限，磁盘是否已满。",
        remedy_en="Check the path and its permissions, and that the disk is not full.",
    ),
    "LX-915": Entry(
        zh="“{text}”不是时刻：{reason}。",
        en="{text} is no instant: {reason}.",
        remedy_zh="写成 2026-06-30、2026-06-30 17:30 或 2026-06-30T17:30:00+08:00。",
        remedy_en="Write 2026-06-30, 2026-06-30 17:30 or 2026-06-30T17:30:00+08:00.",
    ),
    "LX-918": Entry(
        zh="找不到函件 {letter}。",
        en="There is no letter {letter}.",
        remedy_zh="lianxin letter list 列出函件；可用编号或发文字号。",
        remedy_en="`lianxin letter list` shows the letters; name one by its id or its number.",
    ),
    "LX-920": Entry(
        zh="{workflow} 里没有流转 {name}。",
        en="{workflow} has no transition {name}.",
        remedy_zh="现有：{known}。",
        remedy_en="There are: {known}.",
    ),
    "LX-921": Entry(
        zh="没有日历 {name}；现有：{known}。",
        en="There is no calendar {name}; there are: {known}.",
        remedy_zh="请检查拼写，或把日历放入 calendars 目录。",
        remedy_en="Check the spelling, or put the calendar into the calendars folder.",
    ),
    "LX-922": Entry(
        zh="没有名为 {name} 的场景。",
        en="There is no scenario {name}.",
        remedy_zh="请检查拼写；lianxin test 不带 --only 时运行全部场景。",
        remedy_en="Check the spelling; without --only `lianxin test` runs them all.",
    ),
    "LX-923": Entry(
        zh="没有说明是谁在办理。",
        en="Nobody is named as acting.",
        remedy_zh="加上 --as 人员:角色@单位，例如 --as p-1028:desk@信访局；它会记入总账。",
        remedy_en="Add --as person:role@unit, e.g. --as p-1028:desk@信访局. It goes on record.",
    ),
    "LX-930": Entry(
        zh="lianxin.toml 没有列出任何来源，外来消息都会成为死信。",
        en="lianxin.toml lists no source: every message from outside becomes a dead letter.",
        remedy_zh='为每个来源加一节 [sources."来源"]，写明 commands、roles 和 max_backdate。',
        remedy_en='Add a section [sources."NAME"] for each source, with commands, roles and max_backdate.',
    ),
    "LX-931": Entry(
        zh="有 {count} 条异常未关闭。",
        en="{count} incidents are open.",
        remedy_zh="lianxin incident list 列出它们；处理后用 incident close 关闭，被隔离的事项用 incident release。",
        remedy_en="`lianxin incident list` shows them; close each with a reason, and release cases in quarantine.",
    ),
    "LX-932": Entry(
        zh="有 {count} 条死信未处理。",
        en="{count} dead letters wait.",
        remedy_zh="lianxin dlq list 列出它们；改正后 dlq retry，不需要的 dlq discard。",
        remedy_en="`lianxin dlq list` shows them; mend and retry each, or put it away with a reason.",
    ),
    "LX-933": Entry(
        zh="{folder} 里没有流程文件。",
        en="There is no workflow file in {folder}.",
        remedy_zh="放入流程文件，或用 workflows_dir 指向它们所在的目录；lianxin init 可给出一套。",
        remedy_en="Put one there, or point `workflows_dir` to where they are; `lianxin init` makes a set to start "
        "from.",
    ),
    "LX-934": Entry(
        zh="日历 {calendar} 只公布到 {last}，而 {deadline} 今天起算会到 {due}：此后的期限都是暂定的。",
        en="The calendar {calendar} is published until {last}, but {deadline} beginning today is due on {due}: what is "
        "due after that is provisional.",
        remedy_zh="国务院公布下一年的放假安排后，更新日历：lianxin calendar add 文件。",
        remedy_en="When the next year's notice is published, put the new edition in place: `lianxin calendar add "
        "FILE`.",
    ),
    "LX-935": Entry(
        zh="本机没有找到能显示函件文字的中文字体（{folders}）。",
        en="No font that can show a letter's Chinese was found on this machine ({folders}).",
        remedy_zh="只影响在本机打印或预览；可安装 fonts-noto-cjk。",
        remedy_en="Only printing and preview on this machine need one; install fonts-noto-cjk.",
    ),
    "LX-936": Entry(
        zh="{count} 个安装的文件与发行版不同：{files}。",
        en="{count} installed files are not those of the release: {files}.",
        remedy_zh="可能被同名软件包覆盖或被改动；请重新安装：pip install --force-reinstall lianxin。",
        remedy_en="Another package may have overwritten them, or somebody changed them: pip install --force-reinstall "
        "lianxin.",
    ),
    "LX-937": Entry(
        zh="{folder} 所在磁盘只剩 {megabytes} MB。",
        en="Only {megabytes} MB are free on the disk of {folder}.",
        remedy_zh="请清理或扩容；磁盘写满时引擎停止收件，已提交的不受影响。",
        remedy_en="Make room. When the disk is full the engine takes nothing more; what was committed stays.",
    ),
    "LX-938": Entry(
        zh="本机时钟 {now} 早于总账最后的记录 {recorded}。",
        en="The clock of this machine, {now}, is behind the last record of the log, {recorded}.",
        remedy_zh="请校准时钟（NTP）；若是恢复了旧备份，请先核对。",
        remedy_en="Set the clock (NTP). If an old backup was restored, check that first.",
    ),
    "LX-970": Entry(
        zh="连心内部出错：{type}（错误在我们，不在你的数据）。",
        en="A bug in lianxin: {type}. It is our fault, not that of your data.",
        remedy_zh="报告已写入 {report}（不含个人信息和命令参数的值），请发给维护者。已提交的数据不受影响。",
        remedy_en="A report without personal data or argument values is at {report}; please send it to the "
        "maintainers. What was committed stays as it is.",
    ),
}
