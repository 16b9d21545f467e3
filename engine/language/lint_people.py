"""The line that is not crossed: units are measured, people are not (信访人不打分、不排名、不画像).

Names that score or label people, counts over people, and closing that asks for satisfaction are errors, not warnings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.core.workflow import MAIN, Count, NamedCondition
from engine.language.compile_form import Path
from engine.language.expressions import kind_of
from engine.language.lint_logic import SOMETHING, UNSET, assignments, can_be_tried, domain_of, evaluator, holds, reads
from engine.language.lint_reach import foreign_of
from engine.language.lint_subject import Arrow, Subject
from engine.language.lint_values import Possible, domains_at

_WORDS = re.compile(
    r"(?:^|_)(?:scor(?:e|es|ed|ing)|points?|credits?|vips?|black_?lists?|watch_?lists?|key_(?:person|people)|threats?|"
    r"threaten(?:s|ed|ing)?|politic(?:s|al)|ethnic(?:ity)?|religio(?:n|ns|us)|relatives?|faces?|facial)(?:_|\d|$)"
)
_PARTS = re.compile(r"blacklist|watchlist|keyperson|jifen|koufen|xinyongfen|heimingdan|zhongdianrenyuan|teshurenyuan")
_CHINESE = re.compile(
    r"(?<![面体容])积分(?![类布配])|扣分|信用分(?![类析级布])|重点人员|特殊人员|稳控|缠访|闹访|(?<!是)非访(?!谈)|扬言|"
    r"政治面貌|民族|宗教|亲属|人脸|黑名单"
)
_SATISFACTION = re.compile(r"satisf|(?:^|_)happy(?:_|$)|(?:^|_)ratings?(?:_|$)|满意")


def check(subject: Subject) -> None:
    """LX-270 to LX-272, all errors."""
    for name, title, path in names_of(subject):
        if found := profiling(name) or profiling(title):
            subject.note("LX-271", path, severity="error", name=name, part=found)
    for path, expression in foreign_of(subject):
        words = {step for dotted in expression.reads for step in dotted}
        if found := next((word for word in map(profiling, sorted(words)) if word), ""):
            subject.note("LX-271", path, severity="error", key=False, name=expression.text, part=found)
    _counts(subject)
    _closing(subject)


def profiling(name: str) -> str:
    """The part of a name that scores, ranks or labels people; "" where there is none.

    Whole words for those that other words contain (`face` in `surface`), any part for those that none does.
    """
    folded = name.casefold().replace("-", "_").replace(" ", "_")
    for pattern, text in ((_WORDS, folded), (_PARTS, folded.replace("_", "")), (_CHINESE, name)):
        if found := pattern.search(text):
            return found[0].strip("_0123456789")
    return ""


def names_of(subject: Subject) -> Iterator[tuple[str, str, Path]]:
    """(name, title, path) of everything a name can say something about people with."""
    form = subject.form
    for name, field in form.case.items():
        yield name, field.title.zh + field.title.en, ("case", name)
    for name in form.privacy.petitioner:
        yield name, "", ("privacy", "petitioner", name)
    for track, definition in form.tracks.items():
        yield track, definition.title.zh + definition.title.en, ("tracks", track)
        for name, field in definition.data.items():
            yield name, field.title.zh + field.title.en, ("tracks", track, "data", name)
    for machine in subject.machines.values():
        for arrow in subject.arrows[machine.name]:
            for declared in arrow.row.event_needs:
                yield declared.name, declared.title, (*arrow.path, "needs", declared.name)
    for name in form.counts:
        yield name, "", ("counts", name)
    for name, letter in form.letters.items():
        yield name, letter.title.zh + letter.title.en, ("letters", name)
    for type_, rule in form.intake.items():
        for name in rule.with_:
            yield name, "", ("intake", type_, "with", name)


# ── counts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _counts(subject: Subject) -> None:
    """A count never chooses by a person."""
    for name, count in subject.workflow.counts.items():
        if path := _person_read(subject, count):
            subject.note("LX-272", ("counts", name, "where"), severity="error", word=path, name=name, field=path)


def _person_read(subject: Subject, count: Count) -> str:
    for path in count.where.reads:
        owner, _, name = path.partition(".")
        machine = subject.workflow.tracks.get(count.of) if owner == "track" else subject.workflow.main
        field = machine.fields.get(name) if machine else None
        if field is not None and (field.type == "person" or field.personal):
            return path
    return ""


# ── closing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _closing(subject: Subject) -> None:
    """From each state, whoever is not satisfied can be closed by the same right as whoever is."""
    main = subject.workflow.main
    possible = Possible(subject, main)
    told = set()
    for state in main.states.values():
        closing = [arrow for arrow in subject.leaving(MAIN, state.name) if _closes(subject, arrow)]
        asked = {path: arrow for arrow in closing for path in _satisfaction_in(subject, arrow.row.conditions)}
        for path, arrow in asked.items():
            if (arrow.path, path) not in told and not _open_to_all(possible, closing, path):
                told.add((arrow.path, path))
                subject.note("LX-270", subject.asked(arrow), severity="error", transition=arrow.name, field=path)
    if not told:
        _way_to_closing(subject, possible)


def _way_to_closing(subject: Subject, possible: Possible) -> None:
    """Neither may the way to closing lead only through satisfaction: for each answer, some closing is reached."""
    for path in sorted(path for path in possible.whole if _tells_satisfaction(subject, path)):
        reached = {value: _closed_with(subject, path, value) for value in possible.whole[path] - {UNSET, SOMETHING}}
        if any(reached.values()) and not all(reached.values()):
            name = path.removeprefix("case.")
            subject.note("LX-270", ("case", name), severity="error", transition="…", field=path)


def _closed_with(subject: Subject, path: str, answer: object) -> bool:
    """Whether a case with this answer, whenever it is asked, can be closed."""
    seen: set[str] = set()
    frontier = [subject.workflow.main.initial]
    while frontier:
        state = frontier.pop()
        if state in seen:
            continue
        seen.add(state)
        for arrow in subject.leaving(MAIN, state):
            if holds(arrow.row.conditions, {path: answer}) is not False:
                if _closes(subject, arrow):
                    return True
                frontier.append(arrow.target)
    return False


def _closes(subject: Subject, arrow: Arrow) -> bool:
    target = subject.workflow.main.states[arrow.target]
    return (
        arrow.enters
        and not subject.workflow.main.states[arrow.state].final
        and (target.final or target.phase == "closed")
    )


def _satisfaction_in(subject: Subject, conditions: tuple[NamedCondition, ...]) -> list[str]:
    """The paths by which conditions ask how satisfied somebody is: a field, a state of a track, a count of them."""
    paths = {path for condition in conditions for path in reads(condition.guard.text).paths}
    return sorted(path for path in paths if _tells_satisfaction(subject, path))


def _tells_satisfaction(subject: Subject, path: str) -> bool:
    owner, _, name = path.partition(".")
    if owner == "counts" and name in subject.workflow.counts:
        return _depends(subject, subject.workflow.counts[name])
    title = subject.workflow.fields[name].title if owner == "case" and name in subject.workflow.fields else ""
    return bool(_SATISFACTION.search(path.rpartition(".")[2]) or _SATISFACTION.search(title))


def _depends(subject: Subject, count: Count) -> bool:
    """Whether a count counts the satisfied or the dissatisfied, and not merely those who were asked."""
    where = evaluator(count.where.text)
    for path in reads(count.where.text).paths:
        if _SATISFACTION.search(path):
            found = [where({path: value}) for value in (True, False)]
            if found[0] is not found[1]:
                return True
    return False


def _open_to_all(possible: Possible, closing: list[Arrow], path: str) -> bool:
    """Whether for every answer (and, of a number, for every number tried) some closing is possible."""
    conditions = [condition for arrow in closing for condition in arrow.row.conditions]
    domains = domains_at(possible, closing[0].state, conditions)
    answers = [value for value in _answers(possible, closing, path, domains) if value is not UNSET]
    others = {name: values for name, values in domains.items() if name != path}
    if SOMETHING in answers or not can_be_tried({**others, path: tuple(answers)}):
        return True
    return all(
        any(
            holds(arrow.row.conditions, {**values, path: answer}) is not False
            for values in assignments(others)
            for arrow in closing
        )
        for answer in answers
    )


def _answers(
    possible: Possible, closing: list[Arrow], path: str, domains: Mapping[str, Sequence[object]]
) -> Iterable[object]:
    """The values of a field of the case, of one declared on the spot, or of a number of tracks."""
    declared = {f"event.{field.name}": field for arrow in closing for field in arrow.row.event_needs}
    if path in declared:
        numbers = {n for arrow in closing for c in arrow.row.conditions for n in reads(c.guard.text).numbers}
        field = declared[path]
        return domain_of(kind_of(field), numbers, field.min, field.max)
    return possible.whole.get(path) or domains.get(path, (SOMETHING,))
