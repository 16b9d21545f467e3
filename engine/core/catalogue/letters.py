"""What is said about letters and their templates (LX-700 … LX-722)."""

from __future__ import annotations

from engine.core.catalogue.entry import Entry

CODES: dict[str, Entry] = {
    "LX-700": Entry(
        zh="函件模板 {file} 有差错，未予采用。",
        en="The letter template {file} has faults and is not used.",
        remedy_zh="请逐条更正下列问题后重试。",
        remedy_en="Mend the findings listed with it and try again.",
    ),
    "LX-701": Entry(
        zh="“{key}”中的占位符 {{placeholder}} 不存在。",
        en="There is no placeholder {{placeholder}} (in `{key}`).",
        remedy_zh="可用的占位符：{known}。",
        remedy_en="These can be used: {known}.",
    ),
    "LX-702": Entry(
        zh="“{key}”中的占位符 {{placeholder}} 指向信访人；函件不得写明信访人身份。",
        en="The placeholder {{placeholder}} in `{key}` asks for the petitioner; a letter never names one.",
        remedy_zh="请用占位符 case_ref（案号）和 subject（事项）指明是哪一件事项。",
        remedy_en="Say which matter is meant by the placeholders case_ref (the case number) and subject.",
    ),
    "LX-703": Entry(
        zh="“{key}”中有不成对的花括号，或者使用了全角花括号。",
        en="`{key}` has a brace without its partner, or a full-width brace.",
        remedy_zh="占位符是半角花括号中的名称；其他地方不要使用花括号。",
        remedy_en="A placeholder is a name in ASCII braces; use braces for nothing else.",
    ),
    "LX-704": Entry(
        zh="函件模板没有“{key}”这一项。",
        en="A letter template has no key `{key}`.",
        remedy_zh="请检查拼写，并对照 workflows/letters/supervision.yaml。",
        remedy_en="Check the spelling against workflows/letters/supervision.yaml.",
    ),
    "LX-705": Entry(
        zh="函件模板缺少“{key}”。",
        en="The letter template lacks `{key}`.",
        remedy_zh="请补上这一项；写法见 workflows/letters/supervision.yaml。",
        remedy_en="Add it; workflows/letters/supervision.yaml shows how it is written.",
    ),
    "LX-706": Entry(
        zh="“{key}”的内容不对，应为：{expected}。",
        en="`{key}` does not hold what it must: {expected}.",
        remedy_zh="请对照 workflows/letters/supervision.yaml 改写这一处。",
        remedy_en="Write it as workflows/letters/supervision.yaml does.",
    ),
    "LX-710": Entry(
        zh="函件 {letter} 的内容含有无法编码的文字：{reason}。",
        en="The letter {letter} holds text that cannot be encoded: {reason}.",
        remedy_zh="请检查来源系统送来的文字，更正后重新起草。",
        remedy_en="Check the text as its source sent it, mend it and draft the letter again.",
    ),
    "LX-711": Entry(
        zh="函件 {letter} 的“{field}”为空，不能成函。",
        en="The letter {letter} cannot be set: `{field}` is empty.",
        remedy_zh="请补齐这一项后重新起草。",
        remedy_en="Fill it in and draft the letter again.",
    ),
    "LX-712": Entry(
        zh="“{number}”不是合规的发文字号。",
        en="{number} is not a letter number.",
        remedy_zh=(
            "发文字号由代字、六角括号中的四位年份和序号组成，如 示信督〔2026〕12号，不加“第”，不编虚位；"
            "代字只用文字，不超过16个字。"
        ),
        remedy_en=(
            "A number is a mark, the year in 〔〕 and a serial number, such as 示信督〔2026〕12号: no 第, no leading "
            "zero; a mark has up to 16 letters and no punctuation."
        ),
    ),
    "LX-713": Entry(
        zh="不能用“{kind}”和“{number}”给函件文件命名。",
        en="A letter's file cannot be named by {kind} and {number}.",
        remedy_zh="种类须为小写英文标识，编号须为发文字号或者函件标识。",
        remedy_en="The kind must be a lower-case identifier, the number a letter number or a letter id.",
    ),
    "LX-714": Entry(
        zh="函件 {letter} 的“{field}”不是日期：{value}。",
        en="`{field}` of the letter {letter} is not a date: {value}.",
        remedy_zh="日期写作 2026-04-07，并且必须真实存在。",
        remedy_en="Write dates as 2026-04-07; the day must exist.",
    ),
    "LX-715": Entry(
        zh="函件种类是 {kind}，模板却用于 {template}。",
        en="The letter is of kind {kind}, but the template is for {template}.",
        remedy_zh="请在流程的 letters: 中为这一种类指定对应的模板。",
        remedy_en="Name the right template for this kind under `letters:` in the workflow.",
    ),
    "LX-716": Entry(
        zh="模板要用 {{placeholder}}，而这件函没有这一项：{text}",
        en="The template asks for {{placeholder}}, which this letter does not have: {text}",
        remedy_zh="请在起草时给出这一项，或者从模板中去掉这一句。",
        remedy_en="Give the value when drafting the letter, or take the sentence out of the template.",
    ),
    "LX-717": Entry(
        zh="函件 {letter} 中有字体里没有的字：{characters}。为免漏字，不予输出。所用字体：{fonts}。",
        en="The letter {letter} has characters that its fonts lack: {characters}. It is not printed. Fonts: {fonts}.",
        remedy_zh="请把含有这些字的字体（如 SimSun-ExtB、Noto Serif CJK SC）装到 /usr/local/share/fonts 后重试。",
        remedy_en="Put a font with them (SimSun-ExtB, Noto Serif CJK SC) into /usr/local/share/fonts and try again.",
    ),
    "LX-718": Entry(
        zh="字体文件 {font} 无法读取：{reason}。",
        en="The font file {font} cannot be read: {reason}.",
        remedy_zh="请检查路径和权限；字体集（.ttc）还要检查序号。",
        remedy_en="Check the path and the permissions and, for a collection (.ttc), the number of the face.",
    ),
    "LX-719": Entry(
        zh="“{value}”不是时间长度，不能写作反馈时限。",
        en="{value} is not a length of time, so no answer can be asked for within it.",
        remedy_zh="请写作 5 working days、30 days、24 hours 或 5个工作日。",
        remedy_en="Write 5 working days, 30 days, 24 hours or 5个工作日.",
    ),
    "LX-720": Entry(
        zh="没有可以代替 {font} 的字体，不能输出 PDF 函件。查找过：{folders}。",
        en="No font here can stand in for {font}, so no letter can be printed as PDF. Looked in: {folders}.",
        remedy_zh="请安装 Debian 软件包 fonts-noto-cjk，或者把字体放进上述目录。",
        remedy_en="Install the Debian package fonts-noto-cjk, or put the fonts into one of these folders.",
    ),
    "LX-721": Entry(
        zh="函件 {letter} 由 {signed} 人签发，少于这一种类要求的 {needed} 人，不能成函。",
        en="The letter {letter} is signed by {signed} where its kind needs {needed}: it cannot be set.",
        remedy_zh="请核对流程 letters: 中这一种类的 sign 与模板中的 signatures 是否一致。",
        remedy_en="See that `sign` under `letters:` in the workflow asks for as many as `signatures` in the template.",
    ),
    "LX-722": Entry(
        zh="{count} 件函件有字体里没有的字，未予输出：{letters}。其余已写出 {written} 个文件。",
        en="{count} letters were not written, for no font here has these characters: {letters}. {written} files were.",
        remedy_zh="请把含有这些字的字体装到 /usr/local/share/fonts 后重新输出。",
        remedy_en="Put a font that has them into /usr/local/share/fonts and write the letters again.",
    ),
}
