"""The traps of YAML that swallow half an expression without a word, and how a reader recognises each."""

from __future__ import annotations

import re

CONDITION_KEYS = frozenset({"when", "unless", "where", "applies"})
"""Keys whose plain text is an expression; elsewhere one begins with `=`."""


def first_bad_character(text: str) -> int | None:
    """Index of the first character that no text file should hold: NUL, controls, surrogates, a BOM inside.

    Also the line ends that YAML 1.1 knows and 1.2 does not (NEL, LS, PS).
    """
    found = _BAD.search(text)
    return found.start() if found else None


def is_expression(text: str, key: str | None) -> bool:
    """Whether a plain text under this key is meant as an expression."""
    return text.startswith("=") or key in CONDITION_KEYS


def has_operator(text: str) -> bool:
    """Whether a text holds what only expressions hold: a key like this was cut out of one."""
    return bool(_OPERATOR.search(text))


def is_open(text: str) -> bool:
    """Whether an expression ends in the middle: a bracket or quote left open, or an operator last."""
    return bool(_ENDS_OPEN.search(text)) or _surplus(text) > 0 or _quotes_open(text)


def cut_by_comma(before: str, after: str) -> bool:
    """Whether two neighbours in a flow collection are halves of one expression: `f(a` and `b)`."""
    return (_surplus(before) > 0 and _surplus(after) < 0) or (_quotes_open(before) and _quotes_open(after))


def swallowed_by_tag(tag: str, key: str | None) -> bool:
    """Whether what YAML read as a tag was a negation: `!has(x)`, or any lone `!` before a condition."""
    return not tag.startswith("tag:") and (key in CONDITION_KEYS or tag == "!" or bool(re.search(r"[(.]", tag)))


def syntax_finding(problem: str, line: str, column: int) -> tuple[str, dict[str, str]]:
    """Catalogue code and facts for a parser's complaint, given the line it stands in (`column` from 0)."""
    expression = bool(_EXPRESSION_LINE.search(line))
    if expression and problem.startswith("mapping values are not allowed"):
        return "LX-118", {"text": line.strip()}
    if expression and problem.startswith("did not find expected ',' or"):
        return "LX-120", {"text": line.strip()}
    negated = _NEGATION.search(line)
    if negated and problem.startswith(
        ("did not find expected whitespace", "found undefined tag", "while parsing a tag")
    ):
        return "LX-106", {"tag": negated[1]}
    if problem.startswith("found character that cannot start any token"):
        character = line[column : column + 1]
        zh, en = ("制表符", "a tab") if character == "\t" else (f"“{character}”", f"'{character}'")
        return "LX-103", {"detail": f"{zh} 不能出现在此处", "detail_en": f"{en} cannot stand here"}
    zh = next((zh for start, zh in _COMPLAINTS.items() if problem.startswith(start)), problem)
    return "LX-103", {"detail": zh, "detail_en": problem}


def _surplus(text: str) -> int:
    return sum((character in "([{") - (character in ")]}") for character in _STRINGS.sub("", text))


def _quotes_open(text: str) -> bool:
    rest = _STRINGS.sub("", text)
    return "'" in rest or '"' in rest


_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_OPERATOR = re.compile(r"==|!=|<=|>=|&&|\|\||\s\?(?:\s|$)|^=|^!?has\(")
_ENDS_OPEN = re.compile(r"(?:==|!=|[<>]=?|&&|\|\||[-+*/%?:!,(\[]|\bin)\s*$")
_STRINGS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_EXPRESSION_LINE = re.compile(r"\b(?:when|unless|where|applies)\s*:|:\s+=|==|!=|&&|\|\||\s\?\s|\bhas\(")
_NEGATION = re.compile(r"(?:[:,\[{]|-)\s+(!\S*)")
_COMPLAINTS = {
    "mapping values are not allowed": "此处不能再有“键: 值”",
    "did not find expected key": "此处应为键（多为缩进不齐）",
    "could not find expected ':'": "缺少冒号",
    "did not find expected '-' indicator": "此处应为列表项“- ”（多为缩进不齐）",
    "did not find expected ',' or ']'": "方括号内缺少逗号或“]”",
    "did not find expected ',' or '}'": "花括号内缺少逗号或“}”",
    "found unexpected end of stream": "引号没有配对",
    "found unexpected document indicator": "引号没有配对",
    "found unknown escape character": "双引号内的转义不存在",
    "found invalid Unicode character escape code": "双引号内的转义不是字符",
    "did not find expected node content": "此处缺少值",
    "block sequence entries are not allowed": "此处不能有列表项“- ”",
    "did not find expected <document start>": "此处之后不应再有内容",
    "found a tab character": "缩进用了制表符",
    "found undefined tag handle": "“!”开头的文字没有加引号",
}
