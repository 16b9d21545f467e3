"""Apache Kafka on this machine, for tests, benchmarks and people without a broker of their own.

    deploy/kafka/start [--dir DIR] [--port PORT]     prints the address, e.g. 127.0.0.1:41233
    deploy/kafka/stop [--dir DIR] [--wipe]

One node (KRaft), on loopback alone, without passwords: nothing for production. Maven fetches the broker once, into
`$KAFKA_JARS` or ~/.cache/lianxin/kafka-4.3.1; every file is compared with jars.sha256 beside this script. Needs
Java 17 and, for the first time, Maven; as root on Debian both are installed where they are missing.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = "4.3.1"
HOME_VARIABLE = "KAFKA_JARS"
HOST = "127.0.0.1"
UP_SECONDS_MAX = 90
STOP_SECONDS_MAX = 30
LOOK_SECONDS = 0.1
"""Between two looks whether it is up, or gone: it says neither by itself."""
JAVA = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
PACKAGES = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
TOLD_LINES = 20
"""Of the broker's log, when it does not start."""


class BrokerFault(Exception):
    """The broker cannot be had, started or stopped; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker in a folder: its data, its settings, its log, its process id."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id; 0 where it does not run."""
        try:
            pid = int((self.folder / "pid").read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if str(self.folder / "server.properties").encode() in command else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="deploy/kafka", description=__doc__.partition("\n")[0])
    parser.add_argument("do", choices=["start", "stop"])
    parser.add_argument("--dir", type=Path, default=default_folder(), help="数据与日志目录 · its data and log")
    parser.add_argument("--port", type=int, default=0, help="端口，0 为任一空闲端口 · 0: any that is free")
    parser.add_argument("--wipe", action="store_true", help="停止后删除数据 · stop, and remove its data")
    said = parser.parse_args(arguments)
    try:
        if said.do == "start":
            print(start(said.dir, port=said.port).address)
        else:
            stop(said.dir, wipe=said.wipe)
    except BrokerFault as fault:
        print(f"deploy/kafka: {fault}", file=sys.stderr)
        return 5
    return 0


def start(folder: Path, *, port: int = 0, settings: Mapping[str, str] | None = None) -> Broker:
    """Start a broker in a folder and wait until it answers; one that runs there already is given back as it is.

    A folder that held one goes on with its data and its port. `settings` are laid over ours (server.properties).
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / "start.lock"):
        file = folder / "server.properties"
        if file.exists():
            port = port or _port_in(file)
            running = Broker(folder, _port_in(file))
            if running.pid:
                return running
        java, jars = _java(), _jars()
        broker = Broker(folder, port or _free_port())
        file.write_text(_properties(broker, _free_port(), settings or {}), encoding="utf-8")
        if not (folder / "data" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            _tool(java, jars, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file))
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                _command(java, jars, "kafka.Kafka", str(file)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True,
            )  # fmt: skip
        (folder / "pid").write_text(str(process.pid), encoding="ascii")
        _wait_until_up(broker, process)
        return broker


def stop(folder: Path, *, wipe: bool = False) -> None:
    """Stop the broker of a folder, if one runs; with `wipe` its data go too."""
    broker = Broker(folder.resolve(), 0)
    if pid := broker.pid:
        os.kill(pid, signal.SIGTERM)
        if not _gone(broker, STOP_SECONDS_MAX):
            os.kill(pid, signal.SIGKILL)
            _gone(broker, STOP_SECONDS_MAX)
    if wipe:
        shutil.rmtree(folder, ignore_errors=True)


def kill(broker: Broker) -> None:
    """SIGKILL: as when the machine loses its power, but for the disk's cache."""
    if pid := broker.pid:
        os.kill(pid, signal.SIGKILL)
        if not _gone(broker, STOP_SECONDS_MAX):
            raise BrokerFault(f"进程 {pid} 杀不掉 · process {pid} does not die")


def default_folder() -> Path:
    """Where a person's broker keeps its data."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lianxin" / "kafka"


# ── what it is made of ───────────────────────────────────────────────────────────────────────────────────────────


def _home() -> Path:
    named = os.environ.get(HOME_VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else cache / "lianxin" / f"kafka-{VERSION}"


def _jars() -> Path:
    """The folder with the broker's files, each as jars.sha256 wants it; fetched where they are not there yet."""
    home = _home()
    home.parent.mkdir(parents=True, exist_ok=True)
    with _alone(home.parent / f"{home.name}.lock"):
        if not home.exists():
            _fetch(home)
        if wrong := _wrong_in(home):
            names = ", ".join(wrong[:3])
            raise BrokerFault(
                f"{home} 中 {len(wrong)} 个文件与 jars.sha256 不符（{names}）；请删除该目录再试 · "
                f"{len(wrong)} files in {home} are not those of jars.sha256 ({names}): remove the folder, try again"
            )
    return home


def _fetch(home: Path) -> None:
    maven = _installed("mvn")
    print(f"下载 Apache Kafka {VERSION} · Fetching Apache Kafka {VERSION} …", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=home.parent) as work:
        shutil.copy(HERE / "pom.xml", work)
        goal = [maven, "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
        done = subprocess.run(goal, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerFault(f"Maven: {(done.stdout + done.stderr)[-2000:]}")
        if wrong := _wrong_in(Path(work) / "jars"):
            raise BrokerFault(
                f"下载的文件校验不符 · what was fetched is not what jars.sha256 wants: {', '.join(wrong)}"
            )
        os.rename(Path(work) / "jars", home)


def _wrong_in(home: Path) -> list[str]:
    """The files that are missing, changed or too many."""
    wanted = {}
    for line in (HERE / "jars.sha256").read_text(encoding="ascii").splitlines():
        digest, name = line.split()
        wanted[name] = digest
    found = {path.name: path for path in home.iterdir()}
    wrong = sorted(found.keys() ^ wanted.keys())
    for name in sorted(found.keys() & wanted.keys()):
        with found[name].open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != wanted[name]:
                wrong.append(name)
    return wrong


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    named = Path(home) / "bin" / "java" if home else None
    return str(named) if named and named.exists() else _installed("java")


def _installed(program: str) -> str:
    """The path of a program; as root on Debian it is installed where it is missing."""
    if found := shutil.which(program):
        return found
    package = PACKAGES[program]
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise BrokerFault(f"缺少 {program}，请先运行 · {program} is missing, run first: sudo {' '.join(install)}")
    print(f"安装 {package} · Installing {package} …", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(install, env=environment, stdout=sys.stderr, check=False).returncode:
        subprocess.run(["apt-get", "update", "--quiet"], env=environment, stdout=sys.stderr, check=False)
        subprocess.run(install, env=environment, stdout=sys.stderr, check=False)
    if found := shutil.which(program):
        return found
    raise BrokerFault(f"装不上 {package} · {package} could not be installed")


# ── one broker ───────────────────────────────────────────────────────────────────────────────────────────────────


def _properties(broker: Broker, controller: int, more: Mapping[str, str]) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{broker.address},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker.address}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,"
        "SSL:SSL,SASL_SSL:SASL_SSL",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(broker.folder / "data"),
        "auto.create.topics.enable": "false",
        "num.partitions": "4",
        # one node: nothing can be kept twice
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # a group of one begins at once
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _port_in(file: Path) -> int:
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("advertised.listeners="):
            return int(line.partition(",")[0].rpartition(":")[2])
    raise BrokerFault(f"{file} 不是本程序写的 · was not written by this program")


def _command(java: str, jars: Path, main_class: str, *arguments: str) -> list[str]:
    return [java, *JAVA, f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "-cp", f"{jars}/*", main_class,
            *arguments]  # fmt: skip


def _tool(java: str, jars: Path, main_class: str, *arguments: str) -> None:
    done = subprocess.run(_command(java, jars, main_class, *arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokerFault(f"{main_class}: {(done.stdout + done.stderr)[-2000:]}")


def _wait_until_up(broker: Broker, process: subprocess.Popen[bytes]) -> None:
    """Until it takes connections: it opens its port as the last step of its start."""
    until = time.monotonic() + UP_SECONDS_MAX
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((HOST, broker.port), timeout=1):
            process.returncode = 0  # it is nobody's child from here on: `stop` ends it, from whatever process
            return
        time.sleep(LOOK_SECONDS)
    process.kill()
    process.wait()
    tail = (broker.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-TOLD_LINES:]
    raise BrokerFault("没有启动 · it did not start:\n" + "\n".join(tail))


def _gone(broker: Broker, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while pid := broker.pid:
        if time.monotonic() > until:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # where it is a child of this process
        time.sleep(LOOK_SECONDS)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Others that want the same wait."""
    with path.open("a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
