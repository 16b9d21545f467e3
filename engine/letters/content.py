"""What a letter says, before it has a page: `LetterContent`, its digest, its number, its file name.

Nothing here names a petitioner, and there is no field that could: a letter speaks of units, of a case by its
案号 and of what was done on which day. The renderers (engine.letters.word, engine.letters.web) add nothing to it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath

import orjson

from engine.core.errors import LianxinError
from engine.core.instants import YEARS_ACCEPTED, parse_date
from engine.core.lengths import parse_length

MARK_CHARACTERS_MAX = 16
LETTER_ID_CHARACTERS_MAX = 64
NUMBER = re.compile(rf"([^\W_]{{1,{MARK_CHARACTERS_MAX}}})〔([1-9][0-9]{{3}})〕([1-9][0-9]{{0,8}})号")
KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
LETTER_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{LETTER_ID_CHARACTERS_MAX - 1}}}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

CHINESE_UNITS = {
    "minutes": "分钟",
    "hours": "小时",
    "days": "日",
    "working days": "个工作日",
    "months": "个月",
    "years": "年",
}

REQUIRED = ("letter_id", "kind", "title_kind", "organisation", "recipient", "case_ref", "subject")
"""A letter without one of these is no letter; the renderers refuse it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the dated list. `version` is the event's place in its case (案序): who doubts it can look it up."""

    date: str  # YYYY-MM-DD, the local day it happened
    text: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class LetterContent:
    """Everything a letter says. Dates are `YYYY-MM-DD`.

    `subject` is a phrase without a name of a person: the matter (锦绣花园供水中断) or the field (物业服务领域).
    `unit` is the liable unit where the letter goes to somebody else about it. `number` is 发文字号 and `signed_on`
    the day of signing: while one of them is missing the letter is a draft and says so on every page.
    """

    letter_id: str
    kind: str  # supervision, risk_warning, accountability, reminder, or the office's own
    title_kind: str  # 督办函
    organisation: str  # full name of the issuing organisation
    recipient: str
    case_ref: str  # 案号, never a petitioner's name
    subject: str
    number: str | None = None
    unit: str | None = None
    copy: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    basis: tuple[str, ...] = ()  # the rules that were broken: 信访工作条例 第三十四条
    demands: tuple[str, ...] = ()  # one sentence each; the template's own where empty
    reply_due: str | None = None  # last day that is in time, where it is known when the letter is signed
    reply_within: str | None = None  # else the time allowed from delivery: `5 working days`, `5个工作日`
    calendar_edition: str = ""  # with which working days `reply_due` was counted: `Calendar.edition`
    contact: str = ""
    signed_on: str | None = None
    signers: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    urgency: str = ""  # 特急, 加急; empty: ordinary


def content_digest(content: LetterContent) -> str:
    """SHA-256 (hex) of the content's fields as canonical JSON (RFC 8785): what the printed letter commits to.

    LianxinError LX-710 where a field holds no Unicode text.
    """
    try:
        return hashlib.sha256(orjson.dumps(asdict(content), option=orjson.OPT_SORT_KEYS)).hexdigest()
    except orjson.JSONEncodeError as error:
        raise LianxinError("LX-710", exit_code=2, letter=content.letter_id, reason=error) from error


def number_text(mark: str, year: int, number: int) -> str:
    """发文字号: `number_text("扬信督", 2026, 12)` is 扬信督〔2026〕12号. LianxinError LX-712 for what cannot be one."""
    text = f"{mark}〔{year}〕{number}号"
    if not NUMBER.fullmatch(text) or not YEARS_ACCEPTED[0] <= year <= YEARS_ACCEPTED[1]:
        raise LianxinError("LX-712", exit_code=2, number=text)
    return text


def path_of(kind: str, number: str) -> PurePosixPath:
    """Where a letter's files stand, relative and without suffix: `supervision/扬信督〔2026〕12号`.

    `number` is a 发文字号 or, for a letter that has none, its letter id. No other text becomes part of a path, so
    none can climb out of the folder or tell whose matter it is. Two organisations that share a mark need a folder each.
    LianxinError LX-713 otherwise.
    """
    if not KIND.fullmatch(kind) or not (NUMBER.fullmatch(number) or LETTER_ID.fullmatch(number)):
        raise LianxinError("LX-713", exit_code=2, kind=kind, number=number)
    return PurePosixPath(kind) / number


def check_content(content: LetterContent) -> None:
    """Refuse what no letter can be made of.

    LianxinError LX-711 (a field is empty), LX-712 (no number), LX-714 (no date), LX-719 (no length of time).
    """
    texts = {name: getattr(content, name) for name in REQUIRED}
    texts |= {f"facts[{index}].text": fact.text for index, fact in enumerate(content.facts)}
    texts |= {f"demands[{index}]": demand for index, demand in enumerate(content.demands)}
    for name, text in texts.items():
        if not text.strip():
            raise LianxinError("LX-711", exit_code=2, letter=content.letter_id, field=name)
    if content.number is not None and not NUMBER.fullmatch(content.number):
        raise LianxinError("LX-712", exit_code=2, number=content.number)
    days = {"reply_due": content.reply_due, "signed_on": content.signed_on}
    days |= {f"facts[{index}].date": fact.date for index, fact in enumerate(content.facts)}
    for name, day in days.items():
        if day is not None and not _is_date(day):
            raise LianxinError("LX-714", exit_code=2, letter=content.letter_id, field=name, value=day)
    if content.reply_within is not None:
        chinese_length(content.reply_within)


def chinese_date(day: str) -> str:
    """`2026-04-07` as 2026年4月7日: Arabic digits, no leading zeros (GB/T 9704)."""
    date = parse_date(day)
    return f"{date.year}年{date.month}月{date.day}日"


def chinese_length(text: str) -> str:
    """`5 working days` as 5个工作日, `30 days` as 30日. LianxinError LX-719 for what is no length."""
    try:
        length = parse_length(text)
    except ValueError as error:
        raise LianxinError("LX-719", exit_code=2, value=text) from error
    return f"{length.amount}{CHINESE_UNITS[length.unit]}"


def _is_date(day: str) -> bool:
    try:
        parse_date(day)
    except ValueError:
        return False
    return DATE.fullmatch(day) is not None  # fromisoformat would also take 20260407 and 2026-W15-2
