"""The names and values of a scenario file, checked against its workflow: each fault with place and did-you-mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.core.calendar import Calendar
from engine.core.conversion import to_instant
from engine.core.directory import Directory
from engine.core.errors import Problem
from engine.core.instants import Instant
from engine.core.report import suggest
from engine.core.workflow import Workflow
from engine.language.yaml_source import Source
from schemas.scenario_file import EXPECTATIONS, ExpectForm

Path = tuple[str | int, ...]
NTH = "nth"
"""In `track:`, of several that match the one opened first (1), second (2), …"""
CLOCK_LISTS = ("running", "paused", "met", "missed", "lapsed", "cancelled", "reminded")
LEVELS = {
    "supervision": ("none", "reminded", "supervision", "risk_warning", "accountability"),
    "sponsor": ("none", "L1", "L2", "L3", "L4", "L5"),
}


@dataclass
class Checks:
    """One run over one file: collects problems instead of stopping at the first."""

    source: Source
    workflow: Workflow
    calendar: Calendar
    problems: list[Problem] = field(default_factory=list, init=False)

    def problem(self, code: str, path: Path, *, key: bool = False, suggestion: str | None = None, **facts: str) -> None:
        span = self.source.span(path, key)
        self.problems.append(Problem(code, self.source.file, span, facts, suggestion=suggestion))

    def known(self, what: str, name: str, names: Iterable[str], path: Path, *, key: bool = False) -> bool:
        """Whether `name` is one of `names`; otherwise a fault with did-you-mean."""
        names = sorted(names)
        if name in names:
            return True
        self.problem(
            "LX-232", path, key=key, suggestion=suggest(name, names), what=what, name=name, known="、".join(names)
        )
        return False

    def instant(self, text: str | None, path: Path) -> Instant:
        if text is None:
            return ""
        try:
            return to_instant(text, self.calendar.zone)
        except ValueError as error:
            self.problem("LX-231", path, field="at", reason=f"{error}: write e.g. 2026-04-01 or 2026-04-01 09:00")
            return ""

    def somebody(self, text: str | None, path: Path, directory: Directory) -> tuple[str, str]:
        """`李四@水务局`; a person of the directory may be named without the unit."""
        if text is None:
            return "", ""
        person, _, unit = text.partition("@")
        if not unit:
            unit = next((known.unit for known in directory.people if known.ref == person), "")
            if not unit:
                self.problem("LX-231", path, field="as", reason="write PERSON@UNIT, e.g. 李四@水务局")
        else:
            self.known("a unit", unit, directory.units, path)
        return person, unit

    def track(self, kind: str, criteria: Mapping[str, Any], path: Path, *, choosing: bool = False) -> None:
        names: Iterable[str] = {"state", "open", "number", *((NTH,) if choosing else ())}
        if kind:
            names = {*names, *self.workflow.tracks[kind].fields}
        else:
            names = {*names, *(name for machine in self.workflow.tracks.values() for name in machine.fields)}
        if not isinstance(criteria.get(NTH, 1), int) or criteria.get(NTH, 1) < 1:
            self.problem("LX-231", (*path, NTH), field=NTH, reason="a whole number from 1")
        for name in criteria:
            self.known("a field of the track", name, names, (*path, name), key=True)

    def expectations(self, form: ExpectForm, kind: str, path: Path, cases: set[str], directory: Directory) -> None:
        workflow = self.workflow
        if form.case is not None and form.case not in cases:
            self.known("a case of this scenario", form.case, cases, (*path, "case"))
        self.somebody(form.as_, (*path, "as"), directory)
        if form.by is not None:
            self.known("a role", form.by, workflow.roles, (*path, "by"))
        if form.state is not None:
            self.known("a state", form.state, workflow.main.states, (*path, "state"))
        if form.phase is not None:
            self.known("a phase", form.phase, {s.phase for s in workflow.main.states.values()}, (*path, "phase"))
        self._clocks(form, path)
        if isinstance(form.letters, dict):
            self._by_state(form.letters, workflow.letters, lambda _: "letter", "a kind of letter", (*path, "letters"))
        self._by_state(form.tracks or {}, workflow.tracks, lambda name: name, "a track", (*path, "tracks"))
        if form.letter is not None:
            self.track("letter" if "letter" in workflow.tracks else "", form.letter, (*path, "letter"))
        if form.track is not None:
            self.track(kind, form.track, (*path, "track"))
        if form.level is not None:
            self.known("a level", form.level, {*LEVELS["supervision"], *LEVELS["sponsor"]}, (*path, "level"))
        for which, level in (form.levels or {}).items():
            self.known("a level", level, LEVELS[which], (*path, "levels", which))
        for number, case in enumerate(form.sees or ()):
            self.known("a case of this scenario", case, cases, (*path, "sees", number))
        if isinstance(form.opened, dict) and {"case", "workflow"} & form.opened.keys():
            self.problem("LX-239", (*path, "opened"), name="opened", reason="linked cases are a later piece")
        elif form.opened is not None:
            for name in named(form.opened):
                self.known("a track", name, workflow.tracks, (*path, "opened"))
        self._fields(form, path)

    def _clocks(self, form: ExpectForm, path: Path) -> None:
        labels = {d.name for d in self.workflow.main.deadlines.values()}
        labels |= {f"{name}.{d}" for name, machine in self.workflow.tracks.items() for d in machine.deadlines}
        for what in CLOCK_LISTS:
            expected = getattr(form, what)
            if expected is None:
                continue
            if not isinstance(expected, str | list | dict):
                self.problem("LX-231", (*path, what), field=what, reason="a list of deadlines, or {deadline: how many}")
                continue
            for number, name in enumerate(named(expected)):
                step = name if isinstance(expected, dict) else number
                self.known("a deadline", name, labels, (*path, what, step), key=isinstance(expected, dict))
        for what in ("due", "due_raw"):
            for name, text in (getattr(form, what) or {}).items():
                self.known("a deadline", name, labels, (*path, what, name), key=True)
                self.instant(text, (*path, what, name))

    def _by_state(
        self, given: Mapping[str, Any], names: Iterable[str], track: Callable[[str], str], what: str, path: Path
    ) -> None:
        """`{supervision: delivered}`, `{supervision: {verified: 1}}`, `{supervision: 2}`."""
        for name, states in given.items():
            if not self.known(what, name, names, (*path, name), key=True) or track(name) not in self.workflow.tracks:
                continue
            known = self.workflow.tracks[track(name)].states
            for state in [states] if isinstance(states, str) else states if isinstance(states, dict) else ():
                self.known("a state", state, known, (*path, name))
            if not isinstance(states, str | int | dict):
                self.problem("LX-231", (*path, name), field=name, reason="a state, a number, or {state: number}")

    def _fields(self, form: ExpectForm, path: Path) -> None:
        fields = self.workflow.fields
        for name in form.model_extra or {}:
            at: Path = (*path, name)
            if not self.known("an expectation or a field", name, {*EXPECTATIONS, *fields}, at, key=True):
                continue
            if fields[name].personal:
                reason = "it is personal: it lives in the vault, and nothing that is tested here may read it"
                self.problem("LX-239", at, key=True, name=name, reason=reason)


def named(expected: Any) -> list[str]:
    """The names in `a`, `[a, b]` or `{a: 1}`."""
    return [expected] if isinstance(expected, str) else [str(name) for name in expected]
