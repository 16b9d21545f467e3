"""How a broker is reached: its addresses, and what the settings say about logging on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kafka.errors
from kafka import KafkaAdminClient

from engine.core.errors import LianxinError
from schemas.settings import KafkaSettings

SCHEME = "kafka://"
CONNECT_MS = 10_000
"""Until a broker that does not answer counts as unreachable."""
REQUEST_MS = 15_000
"""Until a request that is not answered is given up, and sent again."""

REFUSED = (
    kafka.errors.AuthorizationError,
    kafka.errors.SaslAuthenticationFailedError,
    kafka.errors.UnsupportedSaslMechanismError,
)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the broker is and how to log on, for any of the clients. Passwords are read when they are needed."""

    servers: str
    settings: KafkaSettings = field(default_factory=KafkaSettings)

    @classmethod
    def of(cls, bus: str, settings: KafkaSettings) -> Connection:
        """From the settings `bus` (kafka://host:port,…) and `[kafka]`. LX-554 where they do not fit together."""
        made = cls(bus.removeprefix(SCHEME), settings)
        made.kafka_python()
        return made

    def topic(self, name: str) -> str:
        """`lianxin.intake` as it is called on this broker."""
        return f"{self.settings.prefix}.{name.partition('.')[2]}"

    def kafka_python(self) -> dict[str, Any]:
        """The options of kafka-python's clients."""
        s = self.settings
        found: dict[str, Any] = {
            "bootstrap_servers": self.servers.split(","),
            "client_id": "lianxin",
            "bootstrap_timeout_ms": CONNECT_MS,
            "request_timeout_ms": REQUEST_MS,
            "reconnect_backoff_max_ms": 2_000,
            "security_protocol": s.security.upper(),
        }
        if s.security in ("ssl", "sasl_ssl"):
            found["ssl_cafile"] = _readable(s.ca_file)
            found["ssl_certfile"] = _readable(s.certificate_file)
            found["ssl_keyfile"] = _readable(s.private_key_file)
        if s.security.startswith("sasl_"):
            name, password = self.login()
            found |= {
                "sasl_mechanism": s.mechanism,
                "sasl_plain_username": name,
                "sasl_plain_password": password,
            }
        return found

    def login(self) -> tuple[str, str]:
        """User name and password, the latter from its file. LX-554 where one is missing."""
        s = self.settings
        if not s.username or s.password_file is None:
            raise LianxinError("LX-554", exit_code=2, reason="kafka.username, kafka.password_file")
        path = Path(_readable(s.password_file) or "")
        return s.username, path.read_text(encoding="utf-8").rstrip("\r\n")

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """kafka-python's administration client. LX-550, LX-551 where it gets no answer."""
        with answered(self.servers):
            admin = KafkaAdminClient(**self.kafka_python())
        try:
            with answered(self.servers):
                yield admin
        finally:
            admin.close()


@contextmanager
def answered(servers: str, what: str = "kafka") -> Iterator[None]:
    """kafka-python's errors as ours: LX-550 unreachable, LX-551 no right, LX-556 anything else."""
    try:
        yield
    except REFUSED as error:
        raise LianxinError("LX-551", exit_code=5, what=what, reason=type(error).__name__) from error
    except kafka.errors.KafkaError as error:
        code = "LX-550" if isinstance(error, kafka.errors.RetriableError) else "LX-556"
        raise LianxinError(code, exit_code=5, reason=type(error).__name__, servers=servers) from error
    except OSError as error:
        raise LianxinError("LX-550", exit_code=5, servers=servers, reason=error.strerror or error) from error


def _readable(path: Path | None) -> str | None:
    """A file's path, LX-554 where it cannot be read. None stays None: then the system's own are used."""
    if path is None:
        return None
    try:
        path.open("rb").close()
    except OSError as error:
        raise LianxinError("LX-554", exit_code=2, reason=f"{path}: {error.strerror or error}") from error
    return str(path)
