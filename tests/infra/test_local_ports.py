"""The local stack reports in one line why it cannot start on the port given."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import __main__ as command
from infra.local import server
from infra.local.server import LAST_PORT, NotStarted, Server, free_port, start

FIRST_PORT = 24566


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_named_with_one_that_is_free(tmp_path: Path, taken: int) -> None:
    with pytest.raises(NotStarted) as refusal:
        start(tmp_path, taken)
    message, _, offered = str(refusal.value).rpartition("=")
    assert message == f"127.0.0.1:{taken} is in use by another program; choose a port: make up PORT"
    assert free_port(int(offered)) == int(offered)


def test_a_port_that_may_not_be_had_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = PermissionError(13, "Permission denied")
    monkeypatch.setattr(server, "_obstacle", lambda port: denied if port == 80 else None)
    with pytest.raises(NotStarted, match=r"127\.0\.0\.1:80 cannot be used \(Permission denied\)"):
        start(tmp_path, 80)


def test_the_last_port_has_none_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_obstacle", lambda port: OSError(98, "in use") if port == LAST_PORT else None)
    with pytest.raises(NotStarted, match="make up PORT=4566"):
        start(tmp_path, LAST_PORT)
    with pytest.raises(NotStarted, match="no free port"):
        free_port(LAST_PORT)


@pytest.fixture
def _runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "running", lambda _home: Server(pid=1, port=FIRST_PORT))


@pytest.mark.usefixtures("_runs")
@pytest.mark.parametrize("port", [None, FIRST_PORT])
def test_one_that_runs_is_found(tmp_path: Path, port: int | None) -> None:
    assert start(tmp_path, port).port == FIRST_PORT


@pytest.mark.usefixtures("_runs")
def test_one_that_runs_on_another_port_says_how_to_move_it(tmp_path: Path) -> None:
    with pytest.raises(NotStarted) as refusal:
        start(tmp_path, FIRST_PORT + 1)
    assert str(refusal.value) == (
        f"Tidemark already runs on 127.0.0.1:{FIRST_PORT}; to move it with its data: make down && make up PORT=24567"
    )


def test_the_command_ends_with_the_reason_alone(monkeypatch: pytest.MonkeyPatch, taken: int, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "HOME", tmp_path)
    monkeypatch.setattr(sys, "argv", ["infra.local", "up", "--port", str(taken)])
    with pytest.raises(SystemExit, match=r"^127\.0\.0\.1:\d+ is in use by another program"):
        command.main()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "²"])
def test_what_is_no_port_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["infra.local", "up", f"--port={port}"])
    with pytest.raises(SystemExit):
        command.main()
    assert "a port is a number from 1 to 65535" in capsys.readouterr().err
