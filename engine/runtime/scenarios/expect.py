"""What a step expects, compared with what is: each difference with its key, what was expected and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.calendar import Calendar
from engine.core.conversion import convert, to_instant
from engine.core.desk import Rules
from engine.core.instants import Instant, parse_date, to_datetime
from engine.core.model import Case, Clock, Event, Track
from engine.core.permits import may_see
from engine.core.workflow import Field
from engine.runtime.scenarios.checks import CLOCK_LISTS, LEVELS
from schemas.scenario_file import ExpectForm

Path = tuple[str | int, ...]
REMINDER = "lianxin.deadline.reminder.v1"
NOTHING = "—"


@dataclass(frozen=True, slots=True)
class Unmet:
    """One difference. `path` leads from `expect` to the key that says what was expected."""

    path: Path
    expected: str
    found: str


@dataclass(slots=True)
class Look:
    """What there is to compare with, after a step."""

    case: Case
    rules: Rules
    events: Sequence[Event]
    """The case's records, rejections among them."""
    kind: str = ""
    track_id: str = ""
    """The track that the step opened or moved, and its kind."""
    opened: Sequence[str] = ()
    """The kinds of track opened since the step began."""
    cases: Mapping[str, Case] = field(default_factory=dict)
    """All cases of the scenario, by name."""

    @property
    def calendar(self) -> Calendar:
        return self.rules.calendar

    def label(self, clock: Clock) -> str:
        """`handling`, or `letter.reply` of a track."""
        track = self.case.tracks[clock["track"]]["track"] if clock["track"] else ""
        return f"{track}.{clock['deadline']}" if track else clock["deadline"]

    def clocks(self) -> list[Clock]:
        """The runs of all deadlines, the oldest first; delayed reactions are none."""
        found = [clock for clock in self.case.clocks.values() if "armed" not in clock]
        return sorted(found, key=lambda clock: (clock["started_at"], clock["run"]))


def unmet(look: Look, expect: ExpectForm) -> Iterator[Unmet]:
    """Every difference between what is expected and what is."""
    if expect.state is not None:
        yield from _same(("state",), expect.state, look.case.state)
    if expect.phase is not None:
        yield from _same(("phase",), expect.phase, look.case.phase)
    for what in ("due", "due_raw"):
        for label, text in (getattr(expect, what) or {}).items():
            yield from _due(look, what, label, text)
    for what in CLOCK_LISTS:
        if (expected := getattr(expect, what)) is not None:
            yield from _listed((what,), expected, _with_status(look, what), exactly=what == "missed")
    letters = [track for track in look.case.tracks.values() if track["track"] == "letter"]
    if expect.letters is not None:
        yield from _by_state(("letters",), expect.letters, letters, lambda track: str(track["data"]["kind"]))
    if expect.tracks is not None:
        yield from _by_state(("tracks",), expect.tracks, look.case.tracks.values(), lambda track: track["track"])
    for what, wanted in (("letter", expect.letter), ("track", expect.track)):
        if wanted is not None:
            yield from _track(look, what, wanted)
    yield from _levels(look, expect)
    if expect.sees is not None:
        yield from _sees(look, expect)
    if expect.opened is not None:
        yield from _listed(("opened",), expect.opened, Counter(look.opened), exactly=False)
    if expect.incidents is not None:
        codes = [incident["code"] for event in look.events for incident in event.data.get("incidents", ())]
        yield from _listed(("incidents",), expect.incidents, Counter(codes), exactly=False)
    for name, value in (expect.model_extra or {}).items():
        yield from _field(look, name, value)


def _same(path: Path, expected: object, found: object) -> Iterator[Unmet]:
    if expected != found:
        yield Unmet(path, shown(expected), shown(found))


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _due(look: Look, what: str, label: str, text: str) -> Iterator[Unmet]:
    """The latest run of a deadline; of several tracks, that of the one the step is about."""
    runs = [clock for clock in look.clocks() if look.label(clock) == label]
    mine = [clock for clock in runs if clock["track"] == look.track_id]
    if not runs:
        yield Unmet((what, label), text, f"{NOTHING}（never started）")
        return
    clock = (mine or runs)[-1]
    found = clock["due_at"] if what == "due" else clock["due_raw_at"]
    expected = (
        look.calendar.day_end(parse_date(text))
        if len(text) == len("2026-04-01")
        else to_instant(text, look.calendar.zone)
    )
    if found != expected:
        yield Unmet((what, label), text, written(found, look.calendar))


def _with_status(look: Look, what: str) -> Counter[str]:
    if what == "reminded":
        fired = (event.data for event in look.events if event.type == REMINDER)
        return Counter(look.label(clock) for data in fired for clock in data["clocks"].values())
    return Counter(look.label(clock) for clock in look.clocks() if _is(clock, what))


def _is(clock: Clock, what: str) -> bool:
    if what == "missed":
        return "missed_at" in clock
    if what in ("running", "paused"):
        return clock["status"] == "running" and ("since" in clock) is (what == "running")
    return clock["status"] == what


def _listed(path: Path, expected: Any, found: Counter[str], *, exactly: bool) -> Iterator[Unmet]:
    """A list: these are among them (`exactly`: no others are); an empty one: none. A mapping: so many of each."""
    if isinstance(expected, dict):
        for name, number in expected.items():
            wanted = bool(found[name]) is number if isinstance(number, bool) else found[name] == number
            if not wanted:
                yield Unmet((*path, name), shown(number), str(found[name]))
        return
    wanted_names = {expected} if isinstance(expected, str) else set(expected)
    names = set(found)
    if (wanted_names - names) or ((exactly or not wanted_names) and names - wanted_names):
        yield Unmet(path, shown(sorted(wanted_names)), shown(sorted(names)))


def written(instant: Instant, calendar: Calendar) -> str:
    """An instant as scenarios write it: a date where it is the end of that day."""
    day = calendar.local_day(instant)
    if calendar.day_end(day) == instant:
        return day.isoformat()
    local = to_datetime(instant).astimezone(calendar.zone).replace(tzinfo=None)
    return local.isoformat(" ", "auto" if local.second or local.microsecond else "minutes")


# ── tracks and levels ────────────────────────────────────────────────────────────────────────────────────────────────


def _by_state(path: Path, expected: Any, tracks: Iterable[Track], name_of: Any) -> Iterator[Unmet]:
    """`{a: state}`: one, in this state; `{a: {state: 2}}`: exactly these; `{a: 2}`: so many; `{}` or 0: none."""
    found: dict[str, Counter[str]] = {}
    for track in tracks:
        found.setdefault(name_of(track), Counter())[track["state"]] += 1
    if isinstance(expected, int) or not expected:
        total = sum(sum(states.values()) for states in found.values())
        if total != int(expected or 0):
            yield Unmet(path, shown(expected), shown({name: dict(states) for name, states in found.items()}))
        return
    for name, wanted in expected.items():
        states = found.get(name, Counter())
        if isinstance(wanted, int):
            met = sum(states.values()) == wanted
        else:
            exact = Counter({wanted: 1} if isinstance(wanted, str) else wanted)
            met = states == exact
        if not met:
            yield Unmet((*path, name), shown(wanted), shown(dict(states)) if states else NOTHING)


def _track(look: Look, what: str, wanted: Mapping[str, Any]) -> Iterator[Unmet]:
    """Fields of the track (or letter) that the step is about; where it is about none, of the one opened last."""
    kind = "letter" if what == "letter" else look.kind
    mine = [key for key, track in look.case.tracks.items() if track["track"] == kind]
    chosen = look.track_id if look.track_id in mine else max(mine, key=lambda k: _age(look.case, k), default="")
    if not chosen:
        yield Unmet((what,), shown(wanted), NOTHING)
        return
    fields = look.rules.workflow.tracks[kind].fields
    for name, value in wanted.items():
        expected, found = expected_of(look, fields.get(name), value), value_of(look.case.tracks[chosen], name, value)
        yield from _same((what, name), expected, found)


def _age(case: Case, track_id: str) -> tuple[Instant, int]:
    return case.tracks[track_id]["opened_at"], list(case.tracks).index(track_id)


def value_of(track: Track, name: str, like: object = "") -> Any:
    """A track's state, whether it is open, its number (扬信督〔2026〕12号; 12 where asked for a number), a field."""
    if name in ("state", "open"):
        return track[name]  # type: ignore[literal-required]
    if name == "number":
        serial = track.get("number")
        if serial is None:
            return None
        return (
            serial["number"] if isinstance(like, int) else f"{serial['mark']}〔{serial['year']}〕{serial['number']}号"
        )
    return track["data"].get(name)


def _levels(look: Look, expect: ExpectForm) -> Iterator[Unmet]:
    levels = look.case.levels
    for name, wanted in (expect.levels or {}).items():
        yield from _same(("levels", name), wanted, levels[name])
    if expect.level == "none":
        yield from _same(("level",), "none", next((level for level in levels.values() if level != "none"), "none"))
    elif expect.level is not None:
        which = "sponsor" if expect.level in LEVELS["sponsor"] else "supervision"
        yield from _same(("level",), expect.level, levels[which])


# ── cases ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sees(look: Look, expect: ExpectForm) -> Iterator[Unmet]:
    _, _, unit = (expect.as_ or "").partition("@")
    seen = [
        name for name, case in look.cases.items() if case.exists and may_see(case, look.rules, expect.by or "", unit)
    ]
    yield from _same(("sees",), sorted(expect.sees or ()), sorted(seen))


def _field(look: Look, name: str, value: Any) -> Iterator[Unmet]:
    wanted_field = look.rules.workflow.fields[name]
    yield from _same((name,), expected_of(look, wanted_field, value), look.case.data.get(name))


def expected_of(look: Look, kind: Field | None, value: Any) -> Any:
    """An expected value in the form the case keeps it; one that cannot be read stands for itself."""
    if kind is None or value is None or kind.personal:
        return value
    if kind.type == "case" and value in look.cases:
        return look.cases[value].case_id
    try:
        if kind.many:
            return [convert(kind.type, item, kind.of, look.calendar.zone) for item in value]
        return convert(kind.type, value, kind.of, look.calendar.zone)
    except (TypeError, ValueError):
        return value


def shown(value: Any) -> str:
    """A value as people write it in YAML."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)
