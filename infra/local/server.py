"""Starts the emulator as a process of its own, waits until it serves, and ends it with all that it started."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO

from infra.local.sdk import link_sdk

DEFAULT_PORT = 4566
LAST_PORT = 65_535
START_SECONDS = 30
STOP_SECONDS = 60
"""Ending saves the state of every table and queue, which takes a while for a large one."""

ROOT = Path(__file__).resolve().parents[2]

_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""What this process itself started, and so has to collect when it ends."""


class NotStarted(RuntimeError):
    """The emulator is not started as asked; the message says why, and what to do."""


@dataclass(frozen=True)
class Server:
    """A running emulator."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        """Where AWS's APIs are served."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether it serves requests now."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5) as response:
                return bool(response.status == HTTPStatus.OK)
        except OSError:
            return False


def _record(home: Path) -> Path:
    return home / "server.json"


def _lock(home: Path) -> IO[bytes] | None:
    """The lock that an emulator holds on `home` as long as it lives, however it ends; None if one holds it now."""
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _held(home: Path) -> bool:
    """Whether an emulator lives with `home`."""
    lock = _lock(home)
    if lock is None:
        return True
    lock.close()
    return False


def _last(home: Path) -> Server | None:
    """The emulator last started with `home`, running or not."""
    record = _record(home)
    return Server(**json.loads(record.read_text())) if record.exists() else None


def running(home: Path) -> Server | None:
    """The emulator that runs with `home`, or None."""
    server = _last(home)
    return server if server and _held(home) and server.answers() else None


def _obstacle(port: int) -> OSError | None:
    """What keeps programs of this user from listening on `port`, if anything does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None


def free_port(first: int) -> int:
    """`first`, or the next port above it that nothing on this machine listens on."""
    for port in range(first, min(first + 200, LAST_PORT + 1)):
        if _obstacle(port) is None:
            return port
    raise NotStarted(f"There is no free port from {first} on; choose a lower one: make up PORT={DEFAULT_PORT}")


def _check_is_free(port: int) -> None:
    """Raise NotStarted for a port that was asked for and cannot be had."""
    obstacle = _obstacle(port)
    if obstacle is None:
        return
    used = obstacle.errno == errno.EADDRINUSE
    why = "is in use by another program" if used else f"cannot be used ({obstacle.strerror})"
    other = free_port(port + 1 if used and port < LAST_PORT else DEFAULT_PORT)
    raise NotStarted(f"127.0.0.1:{port} {why}; choose a port: make up PORT={other}")


def start(home: Path, port: int | None = None) -> Server:
    """The emulator for `home`, started if it does not run. Its output goes to `home/emulator.log`, from its start on.

    Without `port` it takes the one it had last, or the first free one from 4566 on. Raises NotStarted if it runs on
    another port, if the port is taken, if one that does not answer is in the way, and with the end of the log if it
    does not come up.
    """
    if server := running(home):
        if port not in (None, server.port):
            move = f"make down && make up PORT={port}"
            raise NotStarted(f"Tidemark runs on 127.0.0.1:{server.port} already; to move it, with its data: {move}")
        return server
    last = _last(home)
    if port is None:
        port = free_port(last.port if last else DEFAULT_PORT)
    else:
        _check_is_free(port)
    lock = _lock(home)
    if lock is None:
        raise NotStarted(f"An emulator that does not answer uses {home}; end it first: make down")
    link_sdk(home / "sdk")
    log = home / "emulator.log"
    with lock, log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.emulator", str(home), str(port)],
            cwd=ROOT,
            env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
    _children[process.pid] = process
    server = Server(process.pid, port)
    _record(home).write_text(json.dumps({"pid": server.pid, "port": server.port}))
    give_up = time.monotonic() + START_SECONDS
    while not server.answers():
        if process.poll() is not None or time.monotonic() > give_up:
            stop(home)
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise NotStarted(f"The emulator did not start; the end of {log}:\n{tail}")
        time.sleep(0.1)
    return server


def stop(home: Path) -> bool:
    """End the emulator of `home`, giving it time to save its state, and its functions' processes; False if none ran."""
    server = _last(home)
    if server is None or not _held(home):
        return False
    os.kill(server.pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS
    while _held(home):
        if time.monotonic() > give_up:
            os.killpg(server.pid, signal.SIGKILL)
        time.sleep(0.05)
    if child := _children.pop(server.pid, None):
        child.wait()
    return True
