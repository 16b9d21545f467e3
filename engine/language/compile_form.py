"""From a file's plain data to `WorkflowForm`: shipped tracks brought in, unknown keys, wrong and missing values told.

A form with faults is mended before its meaning is read: what is wrong is left out, what is missing gets a stand-in.
So one run tells the faults of the form and those of the meaning; `doubted` says whose consequences nobody need hear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from engine.core.errors import Problem, Span
from engine.core.report import suggest
from engine.language.compile_facts import Fact, in_words, reserved
from engine.language.form_keys import known_keys
from engine.language.yaml_source import Source, load
from schemas.workflow_file import RESERVED, StateForm, WorkflowForm

Path = tuple[str | int, ...]
MENDING_ROUNDS_MAX = 8
"""How often a form is mended and read again; a form with faults left after that has its faults told, no meaning."""

MAX_STATES = 500
"""States of one machine: everything that can follow everything is worked out when a file is loaded."""
MAX_MOVES = 5_000
"""Transitions of one machine, those written under several states counted once for each."""
STAND_INS: Mapping[str, Any] = {
    "type": "text", "by": "engine", "until": [], "from": [], "do": [], "upon": [], "while": [], "approved_by": [],
    "condition": "true", "reply_within": "1 day", "lianxin": 1,
}  # fmt: skip
"""What stands in for a missing key while the rest is read; any other is an empty text."""
ESSENTIAL = ("states", "opens")
"""Keys without which nothing can be said of the rest."""


@dataclass
class FormReading:
    """What was read: the form (None where it cannot be mended), the faults, and whose consequences are known."""

    source: Source
    data: dict[str, Any] = field(default_factory=dict)
    form: WorkflowForm | None = None
    problems: list[Problem] = field(default_factory=list)
    mended: set[Path] = field(default_factory=set)
    doubted: set[str] = field(default_factory=set)
    """Names whose definitions had faults: another fault that mentions one is a consequence."""

    def span(self, path: Path, *, key: bool = False, word: str = "") -> Span | None:
        """The place of what stands at a path of the form, as it is written in the file; of `word` within it."""
        return self.source.span(self.real(path, word), key)

    def real(self, path: Path, word: str = "") -> Path:
        """A path of the form as the file has it: short forms are other paths. With `word`, on to that very text."""
        at, here = walked(self.source.data, path)
        return at + _path_to(here, word) if word and isinstance(here, dict | list) else at

    def is_consequence(self, path: Path) -> bool:
        """Whether a fault there follows from one that has been told."""
        return any(path[: len(mended)] == mended for mended in self.mended)


def read_form(source: Source, shipped: Mapping[str, str]) -> FormReading:
    """The form of a file. `shipped`: name → YAML text of the tracks that `{use: …}` may take."""
    reading = FormReading(source)
    if not isinstance(source.data, dict):
        facts = in_words({"field": "文件 file", "reason": _WANTED["dict_type"]})
        reading.problems.append(Problem("LX-201", source.file, source.span(()), facts))
        return reading
    data: dict[str, Any] = _copied(source.data)
    for key in [key for key in data if key in RESERVED]:
        facts = in_words({"name": key, "what": reserved(RESERVED[key])})
        reading.problems.append(Problem("LX-203", source.file, source.span((key,), True), facts))
        del data[key]
    _bring_tracks(reading, data, shipped)
    reading.data = data
    for _ in range(MENDING_ROUNDS_MAX):
        try:
            reading.form = _within_limits(reading, WorkflowForm.model_validate(data))
            break
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=True)
            mended = [_mend(reading, fault) for fault in faults]  # all are told, whatever becomes of the first
            if not all(mended):
                break
    return reading


def _within_limits(reading: FormReading, form: WorkflowForm) -> WorkflowForm | None:
    """The form; None, and the fault told, where a machine is larger than any that people could oversee."""
    machines: list[tuple[Path, Mapping[str, StateForm]]] = [(("states",), form.states)]
    machines += [(("tracks", name, "states"), track.states) for name, track in form.tracks.items()]
    for path, states in machines:
        moves = sum(len(state.transitions) for state in states.values())
        moves += len(form.transitions) * len(states) if path == ("states",) else 0
        for count, limit in ((len(states), MAX_STATES), (moves, MAX_MOVES)):
            if count > limit:
                facts = {"count": str(count), "limit": str(limit)}
                reading.problems.append(Problem("LX-281", reading.source.file, reading.span(path, key=True), facts))
                return None
    return form


def walked(data: Any, path: Path) -> tuple[Path, Any]:
    """How far a path of the form leads in the data as written, and what stands there.

    `needs: [{opinion: …}]`, `when: {name: …}`, `do: {remind: …}` and one text for a list are other paths in the form.
    """
    at: Path = ()
    here = data
    for number, step in enumerate(path):
        if isinstance(here, dict):
            if step in here:
                at, here = (*at, step), here[step]
            elif isinstance(step, int) and not (path[number + 1 :] and path[number + 1] in here) and step < len(here):
                key = list(here)[step]
                at, here = (*at, key), here[key]
        elif isinstance(here, list):
            if isinstance(step, int) and step < len(here):
                at, here = (*at, step), here[step]
            elif isinstance(step, str):
                found = next((i for i, item in enumerate(here) if item == step or _has(item, step)), None)
                if found is not None:
                    at, here = (
                        ((*at, found, step), here[found][step]) if _has(here[found], step) else ((*at, found), step)
                    )
    if isinstance(here, dict) and path and isinstance(path[-1], int) and len(here) == 1 and at and at[-1] == path[-1]:
        key = next(iter(here))  # `- {name: condition}`: the condition is what is meant
        if isinstance(here[key], str):
            at, here = (*at, key), here[key]
    return at, here


def _has(item: Any, step: str) -> bool:
    return isinstance(item, dict) and step in item


def _path_to(here: Any, value: str) -> Path:
    """Where a text (or `….text`) stands inside, first found."""
    pairs = here.items() if isinstance(here, dict) else enumerate(here)
    for step, inner in pairs:
        if isinstance(inner, dict | list):
            if below := _path_to(inner, value):
                return (step, *below)
        elif isinstance(inner, str) and (inner == value or inner.endswith(f".{value}") or f".{value}." in inner):
            return (step,)
    return ()


def _copied(value: Any) -> Any:
    """Mappings and lists anew: aliases share theirs, and mending one place must not mend another."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return value


# ── shipped tracks ───────────────────────────────────────────────────────────────────────────────────────────────────


def _bring_tracks(reading: FormReading, data: dict[str, Any], shipped: Mapping[str, str]) -> None:
    """`letter: {use: letter, …}`: the shipped definition, what is written here laid over it, and its roles."""
    if not isinstance(data.get("tracks"), dict):
        return
    brought: dict[str, Any] = {}
    for name, track in data["tracks"].items():
        if not isinstance(track, dict) or "use" not in track:
            continue
        use = track["use"]
        if not isinstance(use, str) or use not in shipped:
            path: Path = ("tracks", name, "use")
            known = "、".join(sorted(shipped))
            facts = in_words({"what": ("随附的并行线", "a shipped track"), "name": str(use), "known": known})
            near = suggest(str(use), shipped)
            reading.problems.append(
                Problem("LX-202", reading.source.file, reading.source.span(path), facts, suggestion=near)
            )
            reading.mended.add(("tracks", name))
            reading.doubted |= {name}
            data["tracks"][name] = {"states": {"unknown": {"initial": True}}}
            continue
        base = load(shipped[use], f"tracks/{use}.yaml").data
        own = {key: value for key, value in track.items() if key != "use"}
        merged = laid_over(base, own)
        brought |= merged.pop("roles", None) or {}
        data["tracks"][name] = merged
    if brought and isinstance(data.get("roles", {}), dict):
        data["roles"] = {**brought, **data.get("roles", {})}  # the workflow's own roles win


def laid_over(base: Any, change: Any) -> Any:
    """Maps merge by key, lists and values are replaced, null takes away."""
    if not (isinstance(base, dict) and isinstance(change, dict)):
        return change
    merged = dict(base)
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = laid_over(base.get(key), value)
    return merged


# ── faults of the form ───────────────────────────────────────────────────────────────────────────────────────────────


def _mend(reading: FormReading, fault: Any) -> bool:
    """Tell one fault, unless it is the consequence of another, and mend it. False where nothing can stand in."""
    loc: Path = tuple(part for part in fault["loc"] if part != "[key]")
    at, here = walked(reading.data, loc)
    kind = fault["type"]
    if kind == "missing":
        name = str(loc[-1])
        at, here = walked(reading.data, loc[:-1])
        _tell(reading, (*at, name), "LX-205", at, key=bool(at), name=name)
        if not isinstance(here, dict) or loc[-1] in ESSENTIAL:
            return False
        here[name] = _copied(STAND_INS.get(name, ""))
        reading.mended.add((*at, name))
        return True
    if not at:
        return False
    name = str(at[-1])
    if kind == "extra_forbidden":
        known = known_keys(loc[:-1])
        _tell(reading, at, "LX-204", at, key=True, near=suggest(name, known), name=name, known="、".join(known))
        _remove(reading, at)
    elif "[key]" in fault["loc"]:
        _tell(reading, at, "LX-206", at, key=True, name=name)
        reading.doubted.add(name)
        _remove(reading, at)
    else:
        _tell_wrong(reading, at, here, fault)
        if len(at) == 1 and name in ESSENTIAL:
            return False
        _put(reading, at, {"model_type": {}, "dict_type": {}, "list_type": []}.get(kind))
        _doubt(reading, at)
    reading.mended.add(at)
    return True


def _tell(
    reading: FormReading, fault_path: Path, code: str, at: Path, *, key: bool, near: str | None = None, **facts: Fact
) -> None:
    if reading.is_consequence(fault_path):
        return
    place = reading.source.span(walked(reading.source.data, at)[0], key)
    reading.problems.append(Problem(code, reading.source.file, place, in_words(facts), suggestion=near))


def _tell_wrong(reading: FormReading, at: Path, here: Any, fault: Any) -> None:
    """A value that is not of its kind: one of a few words, a text, a number, a mapping."""
    field_name = ".".join(map(str, at))
    shown = "…" if isinstance(here, dict | list) else str(here)
    if fault["type"] == "literal_error":
        choices = [word.strip("' ") for word in fault["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        facts = {"field": field_name, "value": shown, "known": "、".join(choices)}
        _tell(reading, at, "LX-223", at, key=False, near=suggest(shown, choices), **facts)
        return
    if fault["type"] == "string_pattern_mismatch":
        _tell(reading, at, "LX-206", at, key=False, name=shown)
        return
    zh, en = _WANTED.get(fault["type"], (str(fault["msg"]), str(fault["msg"])))
    _tell(
        reading, at, "LX-201", at, key=False, field=field_name, reason=(f"{zh}，此处是 {shown}", f"{en}, not {shown}")
    )


_TEXT, _INT, _BOOL = (
    ("应为文字", "a text is wanted"),
    ("应为整数", "a whole number is wanted"),
    ("应为 true 或 false", "true or false is wanted"),
)
_MAPPING, _LIST = ("应为“键: 值”", "a mapping of keys is wanted"), ("应为列表", "a list is wanted")
_WANTED: Mapping[str, tuple[str, str]] = {
    "string_type": _TEXT,
    "int_type": _INT,
    "int_parsing": _INT,
    "int_from_float": _INT,
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "list_type": _LIST,
}


def _doubt(reading: FormReading, at: Path) -> None:
    """The name that is defined at or above a place: a field, state, deadline, letter."""
    match at:
        case ("tracks", _, "data" | "states" | "deadlines", str(name), *_) | ("tracks", str(name)):
            reading.doubted.add(name)
        case (_, _, "transitions", _, "needs", str(name), *_) | (_, _, _, _, "transitions", _, "needs", str(name), *_):
            reading.doubted.add(name)
        case (_, str(name), *_):
            reading.doubted.add(name)


def _above(reading: FormReading, at: Path) -> Any:
    here: Any = reading.data
    for step in at[:-1]:
        here = here[step]
    return here


def _remove(reading: FormReading, at: Path) -> None:
    above = _above(reading, at)
    if isinstance(above, dict):
        above.pop(at[-1], None)
    elif isinstance(above, list) and isinstance(at[-1], int):
        above[at[-1]] = {}  # the other entries keep their places


def _put(reading: FormReading, at: Path, stand_in: Any) -> None:
    if stand_in is None:
        _remove(reading, at)
    else:
        _above(reading, at)[at[-1]] = stand_in


__all__ = ["FormReading", "laid_over", "read_form", "walked"]
