"""Letter templates: sentences with {placeholders} from a fixed list, and nothing that could run.

A template is a YAML file in `workflows/letters/`. The order of a letter's parts is fixed by the letter format; the
template gives the words. A part that is not given is left out.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import orjson

from engine.core.errors import LianxinError, Problem
from engine.core.findings import Path, SpanOf, nowhere
from engine.letters.content import KIND

LANGUAGE_VERSION = 1

PLACEHOLDERS = (
    "organisation",
    "recipient",
    "unit",
    "subject",
    "case_ref",
    "title_kind",
    "number",
    "signed_on",
    "reply_due",
    "reply_within",
    "calendar_edition",
    "basis",
    "contact",
    "urgency",
)
"""All that a template can ask for: fields of the letter, none of a person."""

OF_THE_PETITIONER = frozenset(
    {"petitioner", "petitioner_name", "complainant", "name", "phone", "address", "id_number", "identity"}
    | {"信访人", "信访人姓名", "投诉人", "来电人", "姓名", "电话", "住址", "地址", "身份证号"}
)
"""Names under which somebody might look for the petitioner: refused with a word of their own, never with a guess."""

BRACED = re.compile(r"\{([^{}｛｝]*)\}")
STRAY_BRACE = re.compile(r"[{}｛｝]")  # the full-width ones too: an input method types them without being asked

TEXTS = frozenset(
    {
        "title",
        "facts_heading",
        "facts_lead",
        "basis",
        "demands_heading",
        "demands_lead",
        "reply",
        "reply_within",
        "calendar",
        "no_reply",
    }
)
PLAIN = frozenset({"organisation", "contact"})
"""What the office says of itself: no placeholders."""
LISTS = frozenset({"opening", "demands", "closing"})
OTHERS = frozenset({"lianxin", "letter", "numbered", "signatures"})
SIGNATURES_MAX = 8
KEYS = TEXTS | PLAIN | LISTS | OTHERS
NEEDED = ("lianxin", "letter", "title", "opening", "closing")


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind of letter. Texts hold {placeholders}; an empty one is a part left out."""

    kind: str
    title: str
    opening: tuple[str, ...]
    closing: tuple[str, ...]
    facts_heading: str = ""
    facts_lead: str = ""
    basis: str = ""  # printed where the letter names the rules broken
    demands_heading: str = ""
    demands_lead: str = ""
    demands: tuple[str, ...] = ()  # where the letter itself makes none
    reply: str = ""  # where an answer is due on a day
    reply_within: str = ""  # where a time from delivery is allowed
    calendar: str = ""  # after `reply`: by which edition of the calendar the day was counted
    no_reply: str = ""  # where neither is said
    numbered: bool = True  # False: needs no 发文字号, and is a draft only while unsigned
    organisation: str = ""  # the office's full name, where the directory's is a short one: for mark and signature
    contact: str = ""  # whom to ask, where the letter itself names nobody
    signatures: int = 0  # how many people must have signed before it is more than a draft; each is named in the 版记


def load_template(data: object, file: str, span: SpanOf = nowhere) -> Template:
    """The template in a YAML file's plain data; `span(path)` says where in the file the value at a path stands.

    LianxinError LX-700 (exit 1) carries every fault found, each with its place: LX-701 unknown placeholder, LX-702 a
    placeholder for the petitioner, LX-703 stray brace, LX-704 unknown key, LX-705 key missing, LX-706 wrong type.
    """
    if not isinstance(data, Mapping):
        problem = Problem("LX-706", file, span(()), {"key": "", "expected": "mapping"})
        raise LianxinError("LX-700", exit_code=1, problems=(problem,), file=file)
    faults = (*_wrong_keys(data), *_wrong_values(data), *_wrong_placeholders(data), *_braces(data))
    problems = [
        Problem(code, file, span(place), facts, suggestion=suggestion) for code, place, facts, suggestion in faults
    ]
    if problems:
        raise LianxinError("LX-700", exit_code=1, problems=tuple(problems), file=file)
    texts = {key: data[key].strip() for key in TEXTS | PLAIN if key in data}
    lists = {key: tuple(text.strip() for text in data[key]) for key in LISTS if key in data}
    return Template(
        kind=data["letter"],
        numbered=data.get("numbered", True),
        signatures=data.get("signatures", 0),
        **(texts | lists),
    )


def template_digest(template: Template) -> str:
    """SHA-256 (hex) of a template's words as canonical JSON: with the content it fixes every byte of the letter."""
    return hashlib.sha256(orjson.dumps(asdict(template), option=orjson.OPT_SORT_KEYS)).hexdigest()


def placeholders_of(text: str) -> tuple[str, ...]:
    """The names between braces, in order."""
    return tuple(match.group(1) for match in BRACED.finditer(text))


Fault = tuple[str, Path, dict[str, str], str | None]  # code, place, facts, suggestion


def _wrong_keys(data: Mapping[object, object]) -> Iterator[Fault]:
    for key in data:
        if key not in KEYS:
            yield "LX-704", (str(key),), {"key": str(key)}, _nearest(str(key), sorted(KEYS))
    for key in NEEDED:
        if key not in data:
            yield "LX-705", (), {"key": key}, None


def _wrong_values(data: Mapping[object, object]) -> Iterator[Fault]:
    expected: list[tuple[Path, str]] = []
    for key, value in data.items():
        if key in TEXTS | PLAIN and not _is_text(value):
            expected.append(((str(key),), "text"))
        elif key in LISTS and not (isinstance(value, list | tuple) and value):
            expected.append(((str(key),), "list"))
        elif key in LISTS and isinstance(value, list | tuple):
            expected += [((str(key), index), "text") for index, text in enumerate(value) if not _is_text(text)]
        elif key == "numbered" and not isinstance(value, bool):
            expected.append((("numbered",), "true-false"))
        elif key == "signatures" and not (type(value) is int and 1 <= value <= SIGNATURES_MAX):
            expected.append((("signatures",), f"1–{SIGNATURES_MAX}"))
        elif key == "letter" and not (isinstance(value, str) and KIND.fullmatch(value)):
            expected.append((("letter",), "identifier"))
        elif key == "lianxin" and (value != LANGUAGE_VERSION or isinstance(value, bool)):
            expected.append((("lianxin",), str(LANGUAGE_VERSION)))
    for place, what in expected:
        yield "LX-706", place, {"key": ".".join(map(str, place)), "expected": what}, None


def _wrong_placeholders(data: Mapping[object, object]) -> Iterator[Fault]:
    for place, text in _texts(data):
        key = ".".join(map(str, place))
        for name in placeholders_of(text):
            if name in OF_THE_PETITIONER:
                yield "LX-702", place, {"placeholder": name, "key": key}, None
            elif name not in PLACEHOLDERS:
                facts = {"placeholder": name, "key": key, "known": ", ".join(PLACEHOLDERS)}
                yield "LX-701", place, facts, _nearest(name, PLACEHOLDERS)
        if STRAY_BRACE.search(BRACED.sub("", text)):
            yield "LX-703", place, {"key": key}, None


def _braces(data: Mapping[object, object]) -> Iterator[Fault]:
    for key in PLAIN & data.keys():
        value = data[key]
        if isinstance(value, str) and STRAY_BRACE.search(value):
            yield "LX-703", (str(key),), {"key": str(key)}, None


def _texts(data: Mapping[object, object]) -> Iterator[tuple[Path, str]]:
    for key, value in data.items():
        if key in TEXTS and isinstance(value, str):
            yield (str(key),), value
        elif key in LISTS and isinstance(value, list | tuple):
            yield from (((str(key), index), text) for index, text in enumerate(value) if isinstance(text, str))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _nearest(name: str, known: tuple[str, ...] | list[str]) -> str | None:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return near[0] if near else None
