"""A broker for tests, benchmarks and people: one command starts it, another stops it, and what it kept stays."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import broker
import pytest
from broker import Broker, BrokerFault
from kafka import KafkaAdminClient

ROOT = Path(__file__).resolve().parent.parent


def command(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "deploy" / "kafka" / name, *arguments], capture_output=True, text=True, check=False)


def topics(address: str) -> list[str]:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        found: list[str] = admin.list_topics()
        return found
    finally:
        admin.close()


def test_one_command_starts_it_another_stops_it_and_its_topics_stay(tmp_path: Path) -> None:
    place = ("--dir", str(tmp_path / "kafka"))
    try:
        first = command("start", *place)
        assert first.returncode == 0, first.stderr
        address = first.stdout.strip()
        assert address.startswith("127.0.0.1:")
        assert command("start", *place).stdout.strip() == address, "started again, it is the one that runs"
        admin = KafkaAdminClient(bootstrap_servers=address)
        admin.create_topics({"kept": {"num_partitions": 1}})
        admin.close()
        assert command("stop", *place).returncode == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=1)
        again = command("start", *place)
        assert again.stdout.strip() == address, "where it was, with what it had"
        assert "kept" in topics(address)
    finally:
        command("stop", *place, "--wipe")
    assert not (tmp_path / "kafka").exists()


def test_it_listens_on_loopback_alone(kafka_broker: Broker) -> None:
    ports = {int(line.split()[1].rpartition(":")[2], 16) for line in _listening("0.0.0.0")}
    assert kafka_broker.port not in ports


def test_files_that_are_not_those_on_the_list_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "kafka"
    shutil.copytree(broker._jars(), home)
    (home / "kafka-clients-4.3.1.jar").write_bytes(b"another")
    monkeypatch.setenv(broker.HOME_VARIABLE, str(home))
    with pytest.raises(BrokerFault, match=r"kafka-clients-4\.3\.1\.jar"):
        broker.start(tmp_path / "data")


def test_without_java_it_says_what_is_missing(tmp_path: Path) -> None:
    script = str(ROOT / "deploy" / "kafka" / "broker.py")
    done = subprocess.run(
        [sys.executable, script, "start", "--dir", str(tmp_path)],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5
    assert "openjdk-17" in done.stderr


def _listening(address: str) -> list[str]:
    """The lines of /proc/net/tcp of sockets that listen on this address."""
    packed = socket.inet_aton(address)[::-1].hex().upper()
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return [line for line in lines if line.split()[3] == "0A" and line.split()[1].startswith(packed)]


def test_a_folder_without_a_broker_can_be_stopped(tmp_path: Path) -> None:
    assert command("stop", "--dir", str(tmp_path)).returncode == 0
    assert os.listdir(tmp_path) == []
