"""The local stack keeps its data when it is stopped and started, and leaves no process running."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from infra.local.server import free_port
from infra.local.stack import up
from tests.stack.conftest import FIRST_PORT


class Stopped(NamedTuple):
    home: Path
    port: int
    key: str


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    """A stack that served a request and was stopped."""
    home = tmp_path_factory.mktemp("restart")
    stack = up(home, free_port(FIRST_PORT))
    key = stack.make_key("read")
    assert httpx2.get(f"{stack.api}/projects", headers={"x-api-key": key}, timeout=30).status_code == 200
    stack.stop()
    return Stopped(home, stack.server.port, key)


def test_a_stop_leaves_no_process_running(stopped: Stopped) -> None:
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert str(stopped.home) not in processes


def test_a_stop_frees_the_port(stopped: Stopped) -> None:
    assert free_port(stopped.port) == stopped.port


def test_data_and_keys_are_found_again_after_a_start(stopped: Stopped) -> None:
    stack = up(stopped.home)
    answer = httpx2.get(f"{stack.api}/projects", headers={"x-api-key": stopped.key}, timeout=30)
    stack.stop()
    assert answer.status_code == 200
