"""LX-1xx: what can be wrong with a text before its meaning is asked for: YAML (10x–12x) and expressions (15x–17x)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-101": Entry(
        zh="文件不是 UTF-8 编码",
        en="The file is not UTF-8",
        remedy_zh="另存为 UTF-8（常见原因：用 GBK/GB18030 保存）",
        remedy_en="Save it as UTF-8 (often it was saved as GBK/GB18030)",
    ),
    "LX-102": Entry(
        zh="文件中有不可用的字符 {character}",
        en="The file holds a character that cannot be used: {character}",
        remedy_zh="删去该字符；缩进只用空格",
        remedy_en="Remove it; indent with spaces only",
    ),
    "LX-103": Entry(
        zh="YAML 语法有误：{detail}",
        en="Not valid YAML: {detail_en}",
        remedy_zh="检查缩进、冒号后的空格、括号与引号是否成对；含特殊符号的文字加引号",
        remedy_en="Check indentation, the space after a colon, and pairs of brackets and quotes; quote special text",
    ),
    "LX-104": Entry(
        zh="键 {key} 重复（前一个在第 {first_line} 行）",
        en="The key {key} is given twice (first on line {first_line})",
        remedy_zh="删去或改名其中一个",
        remedy_en="Remove or rename one of them",
    ),
    "LX-105": Entry(
        zh="不接受 YAML 标签 {tag}",
        en="A YAML tag is not accepted: {tag}",
        remedy_zh="删去标签；以“!”开头的文字加引号",
        remedy_en="Remove the tag; quote a text that begins with '!'",
    ),
    "LX-106": Entry(
        zh="条件以“!”开头而没有加引号，YAML 会把 {tag} 当作标签",
        en="A condition begins with '!' and is not quoted, so YAML takes {tag} for a tag",
        remedy_zh='整个条件加引号，例如 "!has(case.unit)"',
        remedy_en='Quote the whole condition, e.g. "!has(case.unit)"',
    ),
    "LX-107": Entry(
        zh="别名 *{name} 没有对应的锚点，或引用了自身",
        en="The alias *{name} has no anchor before it, or refers to what contains it",
        remedy_zh="先写 &{name}，且不要引用自身所在的内容",
        remedy_en="Write &{name} before it, outside of what uses it",
    ),
    "LX-108": Entry(
        zh="文件过大：上限 {limit} 字节",
        en="The file is too large: the limit is {limit} bytes",
        remedy_zh="拆成几个文件",
        remedy_en="Split it into several files",
    ),
    "LX-109": Entry(
        zh="嵌套过深：上限 {limit} 层",
        en="Nested too deeply: the limit is {limit} levels",
        remedy_zh="减少嵌套层数",
        remedy_en="Nest less",
    ),
    "LX-110": Entry(
        zh="展开别名后内容过多：上限 {limit} 项",
        en="Too much content once aliases are expanded: the limit is {limit} items",
        remedy_zh="减少锚点与别名的层层引用",
        remedy_en="Use fewer aliases of aliases",
    ),
    "LX-111": Entry(
        zh="一个文件中有多个 YAML 文档",
        en="The file holds more than one YAML document",
        remedy_zh="每个文档存为单独的文件，删去分隔行“---”",
        remedy_en="Keep one document per file and remove the separating '---'",
    ),
    "LX-112": Entry(
        zh="未加引号的 {word} 在不同 YAML 版本中含义不同",
        en="The bare word {word} means different things in YAML 1.1 and 1.2",
        remedy_zh="是文字就加引号，是是非就写 true 或 false",
        remedy_en="Quote it if it is text, or say true or false",
    ),
    "LX-113": Entry(
        zh="{number} 这样的数字写法在不同 YAML 版本中含义不同，或超出范围",
        en="A number written as {number} means different things in YAML 1.1 and 1.2, or is out of range",
        remedy_zh="写成普通十进制数；编号、电话等加引号",
        remedy_en="Write a plain decimal number; quote identifiers such as telephone numbers",
    ),
    "LX-114": Entry(
        zh="未加引号的时刻 {time} 在 YAML 1.1 中会变成数字",
        en="The bare time of day {time} is a number in YAML 1.1",
        remedy_zh='加引号："{time}"',
        remedy_en='Quote it: "{time}"',
    ),
    "LX-115": Entry(
        zh="键必须是文字，此处为 {kind}",
        en="A key must be a text; this one is {kind}",
        remedy_zh="改用文字作键；需要时加引号",
        remedy_en="Use a text as the key; quote it if need be",
    ),
    "LX-116": Entry(
        zh="不接受合并键“<<”：YAML 1.2 中没有它",
        en="The merge key '<<' is not accepted: YAML 1.2 has none",
        remedy_zh="写出各键，或用别名引用整个值",
        remedy_en="Write the keys out, or alias a whole value",
    ),
    "LX-117": Entry(
        zh="花括号或方括号内的文字被逗号截断：{text}",
        en="A text inside braces or brackets was cut by a comma: {text}",
        remedy_zh="整个条件或文字加引号，或改为每行一个键的写法",
        remedy_en="Quote the whole condition or text, or write one key per line",
    ),
    "LX-118": Entry(
        zh="表达式中的“: ”被 YAML 当作键的分隔：{text}",
        en="YAML took ': ' inside an expression for the end of a key: {text}",
        remedy_zh="整个表达式加引号",
        remedy_en="Quote the whole expression",
    ),
    "LX-119": Entry(
        zh="表达式 {text} 在“ #”处被当作注释截断",
        en="The expression {text} was cut where ' #' begins a comment",
        remedy_zh="整个表达式加引号",
        remedy_en="Quote the whole expression",
    ),
    "LX-120": Entry(
        zh="花括号或方括号内的表达式含有 YAML 自己的符号（[ ] { } ? : ,）：{text}",
        en="An expression inside braces or brackets holds YAML's own signs ([ ] { } ? : ,): {text}",
        remedy_zh="整个表达式加引号，或改为每行一个键的写法",
        remedy_en="Quote the whole expression, or write one key per line",
    ),
    "LX-150": Entry(
        zh="表达式语法有误：{detail}",
        en="The expression cannot be read: {detail}",
        remedy_zh="检查括号、引号与运算符（== != < <= > >= && || ! in ? :）",
        remedy_en="Check brackets, quotes and operators (== != < <= > >= && || ! in ? :)",
    ),
    "LX-151": Entry(
        zh="没有名为 {name} 的字段或变量",
        en="There is no field or variable named {name}",
        remedy_zh="此处可用：{choices}",
        remedy_en="Here one may use: {choices}",
    ),
    "LX-152": Entry(
        zh="类型不符：{operation} 不能用于 {types}",
        en="The types do not fit: {operation} cannot take {types}",
        remedy_zh="核对两边的类型；小数与整数比较时写成 1.0",
        remedy_en="Check the types on both sides; a decimal is equal to 1.0, not to 1",
    ),
    "LX-153": Entry(
        zh="{path} 可能没有填写，未先用 has({path}) 判断",
        en="{path} may be unset and is read without has({path})",
        remedy_zh="写成 has({path}) && …，或在该流转的 needs 中要求填写",
        remedy_en="Write has({path}) && …, or let the transition need it",
    ),
    "LX-154": Entry(
        zh="{value} 不在 {path} 的取值之中",
        en="{value} is not one of the values of {path}",
        remedy_zh="可取：{choices}",
        remedy_en="Choose from: {choices}",
    ),
    "LX-155": Entry(
        zh="表达式的结果是 {got}，此处需要 {want}",
        en="The expression gives {got}; {want} is wanted here",
        remedy_zh="改写表达式，使结果为 {want}",
        remedy_en="Rewrite it so that it gives {want}",
    ),
    "LX-156": Entry(
        zh="表达式过长或过深：上限 {limit}",
        en="The expression is too long or too deep: the limit is {limit}",
        remedy_zh="拆成几个条件（列表表示同时满足）",
        remedy_en="Split it into several conditions (a list means all of them)",
    ),
    "LX-157": Entry(
        zh="没有名为 {name} 的函数",
        en="There is no function named {name}",
        remedy_zh="可用函数：{choices}",
        remedy_en="The functions are: {choices}",
    ),
    "LX-158": Entry(
        zh="此处不能这样写：{what}",
        en="This cannot be used here: {what}",
        remedy_zh="条件只读字段、比较和调用所列函数；计数用 counts 与 tracks.….open",
        remedy_en="Read fields, compare, call the listed functions; count with counts and tracks.….open",
    ),
    "LX-159": Entry(
        zh="表达式不能读取 {path}：{why}",
        en="An expression may not read {path}: {why}",
        remedy_zh="个人信息只存于保密库；改用不含个人信息的字段",
        remedy_en="Personal data stay in the vault; use a field that is not personal",
    ),
    "LX-160": Entry(
        zh="{left} 与 {right} 不能用 {operation} 比较",
        en="{left} and {right} cannot be compared with {operation}",
        remedy_zh="日期与日期比、时刻与时刻比（day(t) 由时刻得日期）；时长与无序的取值不能比大小",
        remedy_en="Compare dates with dates, instants with instants (day(t) gives the date); lengths have no order",
    ),
    "LX-161": Entry(
        zh="{value} 不是 {kind} 的写法",
        en="{value} is not written as {kind}",
        remedy_zh="日期写成 '2026-04-01'，时刻写成 '2026-04-01T01:00:00.000000Z'",
        remedy_en="Write a date as '2026-04-01', an instant as '2026-04-01T01:00:00.000000Z'",
    ),
    "LX-170": Entry(
        zh="条件所需的 {path} 没有值",
        en="{path} has no value",
        remedy_zh="先填写该项，或在条件中用 has() 判断",
        remedy_en="Fill it in first, or ask has() in the condition",
    ),
    "LX-171": Entry(
        zh="{path} 的值不是 {kind}",
        en="The value of {path} is not of kind {kind}",
        remedy_zh="核对事项数据与流程版本",
        remedy_en="Check the case's data against its workflow version",
    ),
    "LX-172": Entry(
        zh="条件无法计算：{detail}",
        en="The condition cannot be computed: {detail}",
        remedy_zh="核对条件与所读的值",
        remedy_en="Check the condition and the values it reads",
    ),
    "LX-173": Entry(
        zh="查询 {call} 没有结果：{detail}",
        en="Looking up {call} gave no answer: {detail}",
        remedy_zh="核对机构名录与工作日历",
        remedy_en="Check the directory and the calendar",
    ),
}
