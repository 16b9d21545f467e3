"""From a letter's track to its document: facts are taken from the case's own events, each with its 案序."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.core.desk import Rules
from engine.core.errors import LianxinError
from engine.core.model import Case, Event
from engine.letters.content import Fact, LetterContent, chinese_date
from engine.letters.documents import write_documents
from engine.letters.fonts import fonts_here
from engine.letters.template import Template, load_template
from engine.runtime.assembly import readable
from engine.runtime.handle import Line
from engine.runtime.outputs import number_text
from engine.store.reader import Reader

CASE_REF_CHARACTERS = 12
REFUSED_SHOWN_MAX = 10
FACTS_MAX = 40
"""Facts printed in one letter, the latest; the case's log has all."""


def templates(folder: Path) -> dict[str, Template]:
    """The letter templates of an installation by name."""
    found = {}
    for path in sorted((folder / "letters").glob("*.yaml")):
        source = readable(path)
        found[path.stem] = load_template(source.data, str(path), source.span)
    return found


def content_of(case: Case, letter_id: str, history: Iterable[Event], rules: Rules) -> LetterContent:
    """What the letter says. Names units, days and moves; never a petitioner, never free text."""
    track = case.tracks[letter_id]
    data, workflow = track["data"], rules.workflow
    kind = workflow.letters[str(data["kind"])]
    opened = next((c for key, c in case.clocks.items() if key.startswith(f"{letter_id}/reply#")), None)
    deadline = workflow.main.deadlines.get(str(data.get("deadline", "")))
    signed = track["entered"].get("signed")
    history = tuple(history)
    return LetterContent(
        letter_id=letter_id,
        kind=kind.name,
        title_kind=kind.title,
        organisation=str(data["organisation"]),
        recipient=str(data["recipient"]),
        unit=str(case.data["unit"]) if case.data.get("unit") else None,
        copy=tuple(data.get("copy", ())),
        case_ref=case.case_id[:CASE_REF_CHARACTERS].upper(),
        subject=workflow.title,
        number=number_text(track.get("number")),
        facts=tuple(facts(history, rules, before=track["opened_at"]))[-FACTS_MAX:],
        basis=(deadline.law,) if deadline and deadline.law else (),
        reply_due=rules.calendar.local_day(opened["due_at"]).isoformat() if opened else None,
        reply_within=str(data["reply_within"]),
        calendar_edition=rules.calendar.edition,
        signed_on=rules.calendar.local_day(signed).isoformat() if signed else None,
        signers=signers(history, letter_id, rules) if signed else (),
    )


def signers(history: Iterable[Event], letter_id: str, rules: Rules) -> tuple[str, ...]:
    """In which office each of those who signed did so, in the order of signing; never a person's name.

    Empty where the engine itself signed, as it may with an automatic kind.
    """
    waiting: list[str] = []
    signed: tuple[str, ...] = ()
    for event in history:
        if event.data.get("track") != letter_id:
            continue
        if "approvals" in event.data and "to" not in event.data:
            waiting = [role for role, _ in event.data["approvals"].get(f"{letter_id}.sign", [])]
        elif event.data.get("to") == "signed":
            signed, waiting = (*waiting, event.actor["role"]), []
    titles = {name: role.title or name for name, role in rules.workflow.roles.items()}
    return tuple(titles[role] for role in signed if role in titles)


def facts(history: Iterable[Event], rules: Rules, before: str) -> Iterable[Fact]:
    """The dated list: moves of the main line and missed deadlines, up to the instant the letter was drafted."""
    main = rules.workflow.main
    for event in history:
        if event.occurred_at > before or not event.version:
            continue
        day = rules.calendar.local_day(event.occurred_at).isoformat()
        data = event.data
        if event.type == "lianxin.deadline.missed.v1" and data["deadline"] in main.deadlines:
            due = chinese_date(rules.calendar.local_day(data["due"]).isoformat())
            yield Fact(day, f"{main.deadlines[data['deadline']].title}于{due}届满，至此未完成", event.version)
        elif "track" not in data and data.get("to") in main.states:
            title = main.states[data["to"]].title or data["to"]
            unit = data.get("with", {}).get("case", {}).get("unit")
            yield Fact(day, f"{title}（{unit}）" if unit else title, event.version)


def write_letters(
    line: Line, reader: Reader, folder: Path, known: Mapping[str, Template], case_ids: Iterable[str]
) -> list[Path]:
    """The documents of all letters of these cases, PDF, DOCX and HTML; the same bytes whenever they are written.

    Without PDF on a machine that has no fonts for one.

    LianxinError LX-722 (exit 6) once all others are written: some letters have characters that no font here has.
    """
    fonts = fonts_here()
    written, refused = [], []
    for case_id in case_ids:
        case = reader.load([case_id])[case_id]
        letters = [key for key, track in case.tracks.items() if track["track"] == "letter"]
        if not letters:
            continue
        rules = line.book.pinned(case.workflow)
        history = list(reader.history(case_id))
        for letter_id in letters:
            content = content_of(case, letter_id, history, rules)
            template = known[rules.workflow.letters[content.kind].template]
            try:
                written += write_documents(content, template, fonts, folder)
            except LianxinError as error:
                if error.code != "LX-717":
                    raise
                refused.append(f"{letter_id} {error.facts['characters']}")
    if refused:
        shown = "；".join(refused[:REFUSED_SHOWN_MAX])
        raise LianxinError("LX-722", exit_code=6, count=str(len(refused)), letters=shown, written=str(len(written)))
    return written
