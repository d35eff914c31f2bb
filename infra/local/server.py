"""Starts, finds and stops the emulator's process."""

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
"""Seconds until an emulator that is asked to stop is killed. Long, because it saves the state of every table and queue
first."""

ROOT = Path(__file__).resolve().parents[2]

_children: dict[int, "subprocess.Popen[bytes]"] = {}
"""Emulators that this process started, by pid. `stop` waits for them, so that they leave no zombie processes."""


class NotStarted(RuntimeError):
    """Raised when the emulator cannot be started as asked; the message says why, and what to do."""


@dataclass(frozen=True)
class Server:
    """A running emulator."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        """The URL at which the emulator serves AWS's APIs."""
        return f"http://127.0.0.1:{self.port}"

    def responds(self) -> bool:
        """Returns whether the emulator serves requests."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5) as response:
                return bool(response.status == HTTPStatus.OK)
        except OSError:
            return False


def _record(home: Path) -> Path:
    return home / "server.json"


def _lock(home: Path) -> IO[bytes] | None:
    """Locks `home` and returns the lock file; None if an emulator holds the lock, as it does until its process ends."""
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _held(home: Path) -> bool:
    """Returns whether an emulator's process exists for `home`."""
    lock = _lock(home)
    if lock is None:
        return True
    lock.close()
    return False


def _last(home: Path) -> Server | None:
    """Returns the emulator last started for `home`, running or not."""
    record = _record(home)
    return Server(**json.loads(record.read_text())) if record.exists() else None


def running(home: Path) -> Server | None:
    """Returns the emulator that is running for `home`, or None."""
    server = _last(home)
    return server if server and _held(home) and server.responds() else None


def _obstacle(port: int) -> OSError | None:
    """Returns the error that keeps this user from listening on `port`; None if the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None


def free_port(first: int) -> int:
    """Returns the first free port from `first` on. Raises NotStarted if 200 ports from `first` on are in use."""
    for port in range(first, min(first + 200, LAST_PORT + 1)):
        if _obstacle(port) is None:
            return port
    raise NotStarted(f"There is no free port from {first} on; choose a lower one: make up PORT={DEFAULT_PORT}")


def _check_is_free(port: int) -> None:
    """Raises NotStarted, with another port to choose, if `port` is not free."""
    obstacle = _obstacle(port)
    if obstacle is None:
        return
    is_used = obstacle.errno == errno.EADDRINUSE
    reason = "is in use by another program" if is_used else f"cannot be used ({obstacle.strerror})"
    other = free_port(port + 1 if is_used and port < LAST_PORT else DEFAULT_PORT)
    raise NotStarted(f"127.0.0.1:{port} {reason}; choose a port: make up PORT={other}")


def start(home: Path, port: int | None = None) -> Server:
    """Starts the emulator of `home` unless it is running, and returns it. Its output goes to `home/emulator.log`.

    Without `port`, the emulator uses the port of its last start, or the next free port from there; the first search
    starts at 4566. Raises NotStarted if the emulator is running on another port, if `port` is in use, if the emulator's
    process exists but does not respond, or if the new process fails to start. The message then holds the end of its
    log.
    """
    if server := running(home):
        if port not in (None, server.port):
            move = f"make down && make up PORT={port}"
            raise NotStarted(f"Tidemark already runs on 127.0.0.1:{server.port}; to move it with its data: {move}")
        return server
    last = _last(home)
    if port is None:
        port = free_port(last.port if last else DEFAULT_PORT)
    else:
        _check_is_free(port)
    lock = _lock(home)
    if lock is None:
        raise NotStarted(f"An emulator that does not respond is using {home}; stop it first: make down")
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
    deadline = time.monotonic() + START_SECONDS
    while not server.responds():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(home)
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise NotStarted(f"The emulator did not start; the end of {log}:\n{tail}")
        time.sleep(0.1)
    return server


def stop(home: Path) -> bool:
    """Stops the emulator of `home` and its functions' processes; returns False if none was running.

    The emulator has a minute to save its state, then it is killed.
    """
    server = _last(home)
    if server is None or not _held(home):
        return False
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _held(home):
        if time.monotonic() > deadline:
            os.killpg(server.pid, signal.SIGKILL)
        time.sleep(0.05)
    if child := _children.pop(server.pid, None):
        child.wait()
    return True
