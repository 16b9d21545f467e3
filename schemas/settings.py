"""`lianxin.toml`: what an installation may set. Reading and precedence: engine.settings.

database_url = "postgresql+psycopg://lianxin@db/lianxin"
[clock]
max_wait = "15m"
[sources."urn:city:hotline"]
commands = ["register", "answer"]
roles = ["clerk", "handler"]
max_backdate = "1h"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, Strict

UNLIMITED = "unlimited"
_SPAN = re.compile(r"\s*(\d{1,6})\s*(s|m|h|d|seconds?|minutes?|hours?|days?|秒|分钟|小时|天)\s*", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "秒": 1, "分": 60, "小": 3600, "天": 86400}
LENGTH = r"^\d{1,4} ?(minutes?|hours?|days?|working days?|个工作日|天|小时|分钟)$"
LISTEN = r"^$|^(\[[0-9a-fA-F:]+\]|[^\s:\[\]]+):\d{1,5}$"
OTLP = r"^$|^https?://\S+$"
DATABASE_URL = r"^(sqlite:///.+|postgresql\+psycopg://.+)$"
BUS = r"^(embedded|kafka://[^\s,/]+(,[^\s,/]+)*)$"
TOPIC = r"^[a-zA-Z0-9._-]{1,200}$"


def _span(value: object) -> object:
    """`15m`, `1h`, `3 days` → timedelta."""
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a span of time such as "90s", "15m", "1h" or "3d"')
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2][0]])


def _backdate(value: object) -> object:
    return None if value == UNLIMITED else _span(value)


def _names(value: object) -> object:
    """`"*"` → None, which means all."""
    return None if value == "*" else value


TimeSpan = Annotated[timedelta, BeforeValidator(_span)]
Backdate = Annotated[timedelta | None, BeforeValidator(_backdate)]
Names = Annotated[frozenset[str] | None, BeforeValidator(_names)]
Count = Annotated[int, Strict()]


class Section(BaseModel):
    """Common to all: frozen, and a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockSettings(Section):
    """The clock waits for the intake; how long it waits when the intake stands still."""

    max_wait: TimeSpan = timedelta(minutes=15)


class InboxSettings(Section):
    """How many months of message ids stay in the quick table before they move to sealed segments."""

    hot_months: Annotated[Count, Field(ge=1, le=1200)] = 24


class LetterSettings(Section):
    """Who issues letters, and how old a breach may be for an automatic letter."""

    organisation: Annotated[str, Field(max_length=60)] = ""
    mark: Annotated[str, Field(max_length=20)] = ""
    auto_max_age: Annotated[str, Field(pattern=LENGTH)] = "3 working days"


class EarlySettings(Section):
    """How long a fact that came too early is parked before it becomes an incident."""

    max_wait: TimeSpan = timedelta(days=3)


class BatchSettings(Section):
    """How many messages one transaction takes."""

    messages_max: Annotated[Count, Field(ge=1, le=10_000)] = 500


class KafkaSettings(Section):
    """Topics and group on the broker that `bus` names, and how to log on to it. Secrets stand in files of their own."""

    prefix: Annotated[str, Field(pattern=TOPIC)] = "lianxin"
    group: Annotated[str, Field(pattern=TOPIC)] = "lianxin"
    partitions: Annotated[Count, Field(ge=1, le=1000)] = 8
    replication: Annotated[Count, Field(ge=0, le=7)] = 0
    """Copies of each topic; 0: as many as the broker makes by itself."""
    intake_retention: TimeSpan = timedelta(days=7)
    events_retention: TimeSpan = timedelta(days=90)
    session_timeout: TimeSpan = timedelta(seconds=45)
    format: Literal["structured", "binary"] = "structured"
    client: Literal["kafka-python", "confluent"] = "kafka-python"
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    private_key_file: Path | None = None


class ApiSettings(Section):
    """HTTP for other systems. `listen` is host:port, "" for none; `otlp` is where traces go, "" for nowhere."""

    listen: Annotated[str, Field(pattern=LISTEN)] = ""
    otlp: Annotated[str, Field(pattern=OTLP)] = ""


class SourceSettings(Section):
    """What one source may do. None means all (`"*"`), and for `max_backdate` without limit.

    `types` are of CloudEvents, and may end in `*`; `units` are those it acts for, with all that is under them.
    """

    commands: Names
    roles: Names
    types: Names = None
    units: Names = None
    max_backdate: Backdate = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting comes from: `where` is `--bus`, `LIANXIN_BUS`, `lianxin.toml:12` or empty for a default."""

    kind: Literal["flag", "environment", "file", "default"]
    where: str = ""


class Settings(Section):
    """Everything an installation may set. Paths are absolute once read by engine.settings."""

    database_url: Annotated[str, Field(pattern=DATABASE_URL)] = "sqlite:///lianxin.db"
    bus: Annotated[str, Field(pattern=BUS)] = "embedded"
    key_file: Path = Path("lianxin.key")
    workflows_dir: Path = Path("workflows")
    calendars_dir: Path | None = None
    directory: Path | None = None
    language: Literal["zh", "en"] = "zh"
    clock_file: Path | None = None
    clock: ClockSettings = ClockSettings()
    inbox: InboxSettings = InboxSettings()
    letters: LetterSettings = LetterSettings()
    early: EarlySettings = EarlySettings()
    batch: BatchSettings = BatchSettings()
    kafka: KafkaSettings = KafkaSettings()
    api: ApiSettings = ApiSettings()
    sources: dict[str, SourceSettings] = {}

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    @classmethod
    def made(cls, values: Mapping[str, Any], origins: Mapping[str, Origin]) -> Settings:
        """The settings of nested `values`; pydantic's ValidationError if they are none."""
        settings = cls.model_validate(values)
        settings._origins.update(origins)
        return settings

    def origin(self, key: str) -> Origin:
        """Where the setting `clock.max_wait` comes from. KeyError if there is none of that name."""
        if key in self._origins:
            return self._origins[key]
        if key not in setting_keys() and key not in dict(self.shown()):
            raise KeyError(key)
        return Origin("default")

    def source(self, name: str) -> SourceSettings | None:
        """What a source may do: its own table, else the longest `prefix*` that fits, else None: it is not listed."""
        if name in self.sources:
            return self.sources[name]
        fitting = [key for key in self.sources if key.endswith("*") and name.startswith(key[:-1])]
        return self.sources[max(fitting, key=len)] if fitting else None

    def shown(self) -> Iterator[tuple[str, str]]:
        """Every setting as text, for `config show`; a password in a URL is not shown."""
        for key in setting_keys():
            value: Any = self
            for step in key.split("."):
                value = getattr(value, step)
            yield key, _as_text(value)
        for name, source in self.sources.items():
            for key in SourceSettings.model_fields:
                value = getattr(source, key)
                everything = UNLIMITED if key == "max_backdate" else "*"
                yield f"sources.{name}.{key}", everything if value is None else _as_text(value)


def setting_keys() -> list[str]:
    """The dotted names of all settings but the sources', in the order of the class."""
    keys = []
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            keys += [f"{name}.{inner}" for inner in section.model_fields]
        elif name != "sources":
            keys.append(name)
    return keys


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, size = next(
            (unit, size) for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % size == 0
        )
        return f"{seconds // size}{unit}"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:…@", str(value))
