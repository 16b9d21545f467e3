"""A PostgreSQL of the tests' own: a cluster in a temporary folder, on a free port of loopback, with fsync on."""

from __future__ import annotations

import os
import pwd
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from engine.store.store import Store

NEWEST_FIRST = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "10s",
    "logging_collector": "off",
}
START_SECONDS_MAX = 30
USER = "lianxin"
TEMPLATE = "lianxin_template"


class Cluster:
    """A running server, and its databases: each made anew from a template that has the schema."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self._numbers = count(1)

    def url(self, database: str = "postgres", *, user: str = USER, port: int = 0) -> str:
        """Its address, as lianxin takes it."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = USER) -> psycopg.Connection:
        """A connection past lianxin, each statement committed at once."""
        where = f"host=127.0.0.1 port={self.port} dbname={database} user={user}"
        return psycopg.connect(where, autocommit=True)

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """The name of a database of one's own; gone afterwards."""
        name = f"lianxin_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else TEMPLATE}")
        try:
            yield name
        finally:
            with self.connect() as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        said = ["-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-t", str(START_SECONDS_MAX)]
        _run("pg_ctl", *said, "-o", f"-p {self.port} -k {self.folder} {options}", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` as by a power cut."""
        _run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "-w", "stop")

    @property
    def postmaster(self) -> int:
        """The process id of the server's first process."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A cluster that is gone afterwards. Fails the test where PostgreSQL is not installed."""
    if not NEWEST_FIRST:
        pytest.fail("PostgreSQL is missing: deploy/setup.sh postgresql (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="lianxin-postgres-"))
    with _removed_at_the_end(folder):
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        where = ["-D", f"{folder}/data", "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
        _run("initdb", *where, "--locale=C.UTF-8")
        running = Cluster(folder, _free_port())
        running.start()
        with running.connect() as connection:
            connection.execute((ROOT / "deploy/postgres/roles.sql").read_text(encoding="utf-8"))
            connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        Store.open(running.url(TEMPLATE)).close()
        yield running


@contextmanager
def _removed_at_the_end(folder: Path) -> Iterator[None]:
    """The server is stopped and its folder removed by a process that waits for the end of ours, however that comes."""
    stop = shlex.join(_as_owner("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop"))
    script = f"read -r _; {stop}; rm -rf {shlex.quote(str(folder))}"
    null = subprocess.DEVNULL
    with subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=null, stderr=null, cwd="/", start_new_session=True
    ):  # at its end the pipe is closed, and it is waited for
        yield


ROOT = Path(__file__).parent.parent


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; as root by way of its own user, since it refuses root."""
    command = _as_owner(program, *arguments)
    # Into a file and not a pipe: the server that pg_ctl starts would keep the pipe open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=False)
        if done.returncode:
            said.seek(0)
            raise AssertionError(f"{program}: {said.read().decode(errors='replace')}")


def _as_owner(program: str, *arguments: str) -> list[str]:
    command = [str(NEWEST_FIRST[0] / program), *arguments]
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
