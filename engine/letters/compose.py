"""From content and template to a sheet: what is printed, in order, before anybody thinks of paper.

Both renderers print the same sheet, so that the DOCX and the page on the screen can not say different things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from engine.core.errors import LianxinError
from engine.letters.content import (
    LETTER_ID_CHARACTERS_MAX,
    LetterContent,
    check_content,
    chinese_date,
    chinese_length,
    content_digest,
)
from engine.letters.template import BRACED, Template, placeholders_of
from engine.letters.title import title_lines

DRAFT = "草　稿"
DRAFT_LINE = "草稿：未经签发，不具效力"
NUMBER_TO_COME = "（签发时编号）"
DAY_TO_COME = "　　　　年　　月　　日"
SEAL_LINES = ("（印章）", "样张")
"""Where the office puts its own seal: lianxin ships no picture of one."""
ATTACHMENTS = "附件："

Role = Literal["body", "heading", "fact", "demand"]
CHINESE_ORDINALS = "一二三四五六七八九十"
FINAL_PUNCTUATION = "。；！？.;!?"

LINE_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
REPLACEMENT = "\ufffd"
LAW_AND_ARTICLE = re.compile(r"《?([^《》\s]+)》?\s*(第.+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of the body and what it is."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A letter as printed. Every text is safe for XML as it stands; an empty one is not printed."""

    organisation: str
    draft: bool
    urgency: str
    number: str
    title: tuple[str, ...]  # lines, broken by sense
    salutation: str
    blocks: tuple[Block, ...]
    attachments: tuple[str, ...]  # numbered where there are several
    signature: str
    date: str
    note: str
    imprint: tuple[str, ...]  # 版记: 抄送, 签发
    identity: str  # letter id and digest of the content
    code: str  # what the QR code says: number (or letter id) and digest of the content


def compose(content: LetterContent, template: Template) -> Sheet:
    """Set a letter. The content is checked first (`check_content`).

    LianxinError LX-715: the template is for another kind; LX-716: it asks for a value this letter does not have;
    LX-721: it is signed by fewer people than its kind needs.
    """
    check_content(content)
    if template.kind != content.kind:
        raise LianxinError("LX-715", exit_code=2, kind=content.kind, template=template.kind)
    draft = content.signed_on is None or (template.numbered and content.number is None)
    if content.signed_on is not None and len(content.signers) < template.signatures:
        signed, needed = len(content.signers), template.signatures
        raise LianxinError("LX-721", exit_code=2, letter=content.letter_id, signed=signed, needed=needed)
    values = _values(content, template, draft)
    digest = content_digest(content)
    name = printable(content.letter_id)[:LETTER_ID_CHARACTERS_MAX]
    return Sheet(
        organisation=values["organisation"],
        draft=draft,
        urgency=values["urgency"],
        number=values["number"] if content.number or template.numbered else "",
        title=title_lines(_fill(template.title, values)),
        salutation=f"{values['recipient']}：",
        blocks=tuple(_blocks(content, template, values)),
        attachments=tuple(_attachments(content.attachments)),
        signature=values["organisation"],
        date=values["signed_on"],
        note=f"（联系方式：{values['contact']}）" if values["contact"] else "",
        imprint=tuple(_imprint(content)),
        identity=f"函件标识 {name}　内容摘要 SHA-256 {digest}",
        code=f"{content.number or name}\nSHA-256 {digest}",
    )


def printable(text: str) -> str:
    """One line of text as it may stand in a letter.

    Breaks become one space. What XML cannot hold, and marks that reverse the direction of writing (a way to make a
    letter read other than it is), become U+FFFD: seen by the reader, and by the font check, never dropped in silence.
    """
    return UNPRINTABLE.sub(REPLACEMENT, LINE_BREAKS.sub(" ", text)).strip()


def _values(content: LetterContent, template: Template, draft: bool) -> dict[str, str]:
    """What each placeholder stands for; empty where the letter has no such value."""
    days = {"signed_on": content.signed_on, "reply_due": content.reply_due}
    values = {name: chinese_date(day) if day else "" for name, day in days.items()}
    values |= {name: printable(getattr(content, name) or "") for name in _PLAIN}
    values["reply_within"] = chinese_length(content.reply_within) if content.reply_within else ""
    values["basis"] = _basis(content.basis)
    if template.organisation:
        values["organisation"] = printable(template.organisation)
    values["contact"] = values["contact"] or printable(template.contact)
    if draft:
        values["signed_on"] = values["signed_on"] or DAY_TO_COME
        values["number"] = values["number"] or NUMBER_TO_COME
    return values


_PLAIN = (
    *("organisation", "recipient", "unit", "subject", "case_ref", "title_kind"),
    *("number", "calendar_edition", "contact", "urgency"),
)


def _blocks(content: LetterContent, template: Template, values: dict[str, str]) -> Iterator[Block]:
    headings = iter(CHINESE_ORDINALS)
    for text in template.opening:
        yield Block("body", _fill(text, values))
    if content.facts:
        yield from _heading(template.facts_heading, headings, values)
        if template.facts_lead:
            yield Block("body", _fill(template.facts_lead, values))
        for fact in content.facts:
            source = f"（案序{fact.version}）" if fact.version is not None else ""
            yield Block(
                "fact", f"{chinese_date(fact.date)}，{printable(fact.text).rstrip(FINAL_PUNCTUATION)}{source}。"
            )
    if content.basis and template.basis:
        yield Block("body", _fill(template.basis, values))
    demands = [printable(text) for text in content.demands] or [_fill(text, values) for text in template.demands]
    if demands:
        yield from _heading(template.demands_heading, headings, values)
        if template.demands_lead:
            yield Block("body", _fill(template.demands_lead, values))
        for index, text in enumerate(demands, start=1):
            yield Block("demand", f"{index}.{text.rstrip(FINAL_PUNCTUATION)}。")
    reply = _reply(content, template)
    if reply:
        yield Block("body", _fill(reply, values))
    for text in template.closing:
        yield Block("body", _fill(text, values))


def _reply(content: LetterContent, template: Template) -> str:
    if content.reply_due:
        return template.reply + (template.calendar if content.calendar_edition else "")
    return template.reply_within if content.reply_within else template.no_reply


def _heading(text: str, ordinals: Iterator[str], values: dict[str, str]) -> Iterator[Block]:
    if text:
        yield Block("heading", f"{next(ordinals)}、{_fill(text, values)}")


def _fill(text: str, values: dict[str, str]) -> str:
    """The template's text with its placeholders filled, once: a brace in a value stays a brace."""
    missing = [name for name in placeholders_of(text) if not values[name]]
    if missing:
        raise LianxinError("LX-716", exit_code=2, placeholder=missing[0], text=text)
    filled, position = "", 0
    for match in BRACED.finditer(text):
        name, value = match.group(1), values[match.group(1)]
        if name == "subject":
            value = _without_echo(value, text[match.end() :])
        filled += text[position : match.start()] + value
        position = match.end()
    return filled + text[position:]


def _without_echo(value: str, following: str) -> str:
    """供水事项 before “事项（案号…” gives 供水, so that no title reads 事项事项."""
    for length in (4, 3, 2):
        if len(value) > length and len(following) >= length and value.endswith(following[:length]):
            return value[:-length]
    return value


def _basis(rules: tuple[str, ...]) -> str:
    """`信访工作条例 第二十三条`, `信访工作条例 第三十四条` as 《信访工作条例》第二十三条、第三十四条."""
    parts: list[str] = []
    law_before = ""
    for rule in rules:
        match = LAW_AND_ARTICLE.fullmatch(printable(rule))
        law, article = (match.group(1), match.group(2)) if match else ("", printable(rule))
        parts.append(article if not law or law == law_before else f"《{law}》{article}")
        law_before = law
    return "、".join(part for part in parts if part)


def _attachments(titles: tuple[str, ...]) -> Iterator[str]:
    for index, title in enumerate(titles, start=1):
        number = f"{index}." if len(titles) > 1 else ""
        yield f"{number}{printable(title).rstrip(FINAL_PUNCTUATION)}"


def _imprint(content: LetterContent) -> Iterator[str]:
    if content.copy:
        yield f"抄送：{_joined(content.copy, '，')}。"
    if content.signers:
        yield f"签发：{_joined(content.signers, '、')}"


def _joined(names: Iterable[str], comma: str) -> str:
    return comma.join(printable(name) for name in names)
