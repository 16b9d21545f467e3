"""What `lianxin doctor` looks at. Each check says what it found; what is amiss has a code with its remedy."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.core.errors import LianxinError

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from engine.cli.installation import Installation
    from engine.core.calendar import Calendar
    from engine.core.workflow import Workflow
    from engine.letters.glyphs import FontFile

Level = Literal["ok", "warning", "error"]

DISK_LOW_BYTES = 1024**3
DISK_OUT_BYTES = 100 * 1024**2
FONT_FOLDERS = ("~/.local/share/fonts", "~/.fonts", "/usr/local/share/fonts", "/usr/share/fonts")
FONT_NAMES = ("notoserifcjk", "notosanscjk", "fangsong", "simfang", "stfangso", "sourcehanserif", "sourcehansans")
FONTS_TRIED_MAX = 20
SAMPLE = "督办函〔2026〕号信访事项办理答复风险警示问责建议"
"""Characters that every letter needs."""
FILES_SHOWN_MAX = 5


@dataclass(frozen=True)
class Found:
    """What one check found. `said` in both languages; `code` has the remedy where something is amiss."""

    check: str
    level: Level
    said: str
    code: str = ""
    facts: dict[str, str] = field(default_factory=dict)


Check = Callable[["Installation"], Iterator[Found]]


def settings(installation: Installation) -> Iterator[Found]:
    """lianxin.toml, variables and flags can be read."""
    try:
        found = installation.settings
    except LianxinError as error:
        yield broken("settings", error)
        return
    origin = "lianxin.toml" if (installation.project / "lianxin.toml").is_file() else "缺省 defaults"
    yield Found("settings", "ok", f"设置可读（{origin}） · settings are readable ({origin})")
    if not found.sources:
        yield amiss("settings", "warning", "LX-930")


def sqlite(installation: Installation) -> Iterator[Found]:
    """The SQLite that is linked does not lose committed pages."""
    from pysqlite3 import dbapi2

    from engine.store.sqlite import SQLITE_OLDEST

    found, oldest = dbapi2.sqlite_version, ".".join(map(str, SQLITE_OLDEST))
    if dbapi2.sqlite_version_info < SQLITE_OLDEST:
        yield amiss("sqlite", "error", "LX-525", found=found, needed=oldest)
    else:
        yield Found("sqlite", "ok", f"SQLite {found}（至少 {oldest}） · SQLite {found} (at least {oldest})")


def database(installation: Installation) -> Iterator[Found]:
    """The database opens, and nothing waits in it for a person."""
    from engine.store.backup import RESTORED

    try:
        with installation.store() as store, store.read() as reader:
            counts = reader.counts()
            incidents = len(reader.incidents(open_only=True))
            dead = len(reader.dead_letters(state="open"))
            restored = sorted(name for name in reader.about() if name.startswith(RESTORED))
    except LianxinError as error:
        yield broken("database", error, "warning" if error.code == "LX-520" else "error")
        return
    cases, records = counts["case"], counts["log"]
    said = f"数据库可读，{cases} 件事项，{records} 条记录 · the database opens: {cases} cases, {records} records"
    yield Found("database", "ok", said)
    for name in restored:
        at = name.removeprefix(RESTORED)
        yield Found("database", "ok", f"此库于 {at} 由备份恢复 · this database was restored from a backup at {at}")
    if incidents:
        yield amiss("incidents", "warning", "LX-931", count=incidents)
    if dead:
        yield amiss("dead letters", "warning", "LX-932", count=dead)


def key_file(installation: Installation) -> Iterator[Found]:
    """The key file is there, is its owner's alone, and is the one the vault was written with."""
    path = installation.settings.key_file
    try:
        keys = installation.keys
    except LianxinError as error:
        yield broken("key file", error)
        return
    yield Found("key file", "ok", f"密钥文件 {path}（{keys.key_id}） · key file {path} ({keys.key_id})")
    try:
        with installation.store() as store:
            installation.must_fit(store)
    except LianxinError as error:
        if error.code == "LX-508":
            yield broken("key file", error)


def workflows(installation: Installation) -> Iterator[Found]:
    """Every workflow, calendar, directory and template can be read."""
    from engine.runtime.letter_office import templates

    try:
        assembly = installation.assembly
        found = assembly.workflows()
        assembly.calendars()
        assembly.directory(installation.settings.directory)
        templates(assembly.folder)
    except LianxinError as error:
        yield broken("workflows", error)
        return
    if not found:
        yield amiss("workflows", "warning", "LX-933", folder=assembly.folder)
        return
    names = "、".join(found)
    yield Found("workflows", "ok", f"{len(found)} 个流程：{names} · {len(found)} workflows: {names}")


def calendars(installation: Installation) -> Iterator[Found]:
    """The calendars reach as far as the longest promise that begins today."""
    try:
        known = installation.assembly.calendars()
        in_force = installation.assembly.workflows()
        now = installation.now()
    except LianxinError:
        return  # told by `workflows` or `clock`
    for workflow in in_force.values():
        calendar = known.get(workflow.calendar)
        if calendar is None:
            yield amiss("calendar", "error", "LX-411", name=workflow.calendar, known="、".join(known))
            continue
        today = calendar.local_day(now)
        longest, name = _longest(workflow, today, calendar)
        if calendar.notices and longest > calendar.last_day:
            last = calendar.last_day
            yield amiss("calendar", "warning", "LX-934", calendar=calendar.name, last=last, deadline=name, due=longest)
        else:
            said = f"{workflow.name}：日历 {calendar.edition} · {workflow.name}: calendar {calendar.edition}"
            yield Found("calendar", "ok", said)


def fonts(installation: Installation) -> Iterator[Found]:
    """This machine can show a letter: not needed to write DOCX, but to print one here."""
    from engine.letters.glyphs import missing_glyphs

    candidates = list(_fonts())
    for font in candidates:
        try:
            if not missing_glyphs(SAMPLE, [font]):
                yield Found("fonts", "ok", f"字体 {font.path.name} · font {font.path.name}")
                return
        except LianxinError:  # a broken font file: the next one may do
            continue
    yield amiss("fonts", "warning", "LX-935", folders="、".join(FONT_FOLDERS))


def installed_files(installation: Installation) -> Iterator[Found]:
    """The installed files are those of the wheel: pip overwrites same-named packages without a word."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        changed = list(changed_files(distribution("lianxin")))
    except PackageNotFoundError:
        yield Found("files", "ok", "从源码运行 · running from source")
        return
    if changed:
        shown = "、".join(changed[:FILES_SHOWN_MAX])
        yield amiss("files", "error", "LX-936", count=len(changed), files=shown)
    else:
        yield Found("files", "ok", "安装的文件与发行版一致 · installed files are those of the release")


def disk(installation: Installation) -> Iterator[Found]:
    """There is room to write."""
    folder = _folder(installation)
    free = shutil.disk_usage(folder).free
    megabytes = free // 1024**2
    if free < DISK_LOW_BYTES:
        yield amiss(
            "disk", "error" if free < DISK_OUT_BYTES else "warning", "LX-937", folder=folder, megabytes=megabytes
        )
    else:
        yield Found("disk", "ok", f"磁盘剩余 {megabytes} MB · {megabytes} MB of disk are free")


def clock(installation: Installation) -> Iterator[Found]:
    """The machine's clock is not behind what is on record."""
    try:
        now = installation.now()
        with installation.store() as store, store.read() as reader:
            last = reader.log(max(reader.head() - 1, 0), 1)
    except LianxinError as error:
        if error.code == "LX-530":
            yield broken("clock", error)
        return  # a database that does not open is told by `database`
    if last and last[0].recorded_at > now:
        yield amiss("clock", "error", "LX-938", now=now, recorded=last[0].recorded_at)
    else:
        yield Found("clock", "ok", f"时钟 {now} · clock {now}")


CHECKS: tuple[Check, ...] = (
    settings,
    sqlite,
    database,
    key_file,
    workflows,
    calendars,
    fonts,
    installed_files,
    disk,
    clock,
)
"""In the order they are told; where the settings cannot be read, only those that need none are made."""
WITHOUT_SETTINGS: tuple[Check, ...] = (sqlite, fonts, installed_files)


def amiss(check: str, level: Level, code: str, **facts: object) -> Found:
    """Something to mend, said by its code."""
    from engine.core.catalogue import sentence

    texts = {name: str(value) for name, value in facts.items()}
    return Found(check, level, f"{sentence(code, texts, 'zh')} · {sentence(code, texts, 'en')}", code, texts)


def broken(check: str, error: LianxinError, level: Level = "error") -> Found:
    """Something that raised."""
    return amiss(check, level, error.code, **error.facts)


def changed_files(installed: Distribution) -> Iterator[str]:
    """The files of a distribution that are missing or are not what its RECORD says."""
    for file in installed.files or ():
        if file.hash is None or file.hash.mode != "sha256":
            continue
        path = Path(str(file.locate()))
        if not path.is_file() or _digest(path) != file.hash.value:
            yield str(file)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _longest(workflow: Workflow, today: date, calendar: Calendar) -> tuple[date, str]:
    """The farthest due day of a deadline that begins today, and its name."""
    farthest, name = today, ""
    for machine in (workflow.main, *workflow.tracks.values()):
        for deadline in machine.deadlines.values():
            table = deadline.within_by[1].values() if deadline.within_by else ()
            for length in (*([deadline.within] if deadline.within else []), *table):
                days = {"working days": 0, "days": 1, "months": 31, "years": 366}.get(length.unit)
                if days is None:
                    continue
                due = (
                    calendar.add_working_days(today, length.amount)
                    if days == 0
                    else today + timedelta(days=days * length.amount)
                )
                if due > farthest:
                    farthest, name = due, deadline.name
    return farthest, name


def _folder(installation: Installation) -> Path:
    url = installation.settings.database_url
    folder = Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite:///") else installation.project
    return folder if folder.is_dir() else installation.project


def _fonts() -> Iterator[FontFile]:
    """Fonts that may have Chinese characters, by their names."""
    from engine.letters.glyphs import FontFile

    tried = 0
    for folder in FONT_FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob("*.[to]t[fc]")):
            plain = path.name.lower().replace("-", "").replace("_", "")
            if any(name in plain for name in FONT_NAMES) and tried < FONTS_TRIED_MAX:
                tried += 1
                yield FontFile(path)
