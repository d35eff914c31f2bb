"""Fixtures that run the program against the API's own handler over moto, without a network."""

import base64
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.integration.api.conftest import Logs, api, logs, world  # noqa: F401 - fixtures
from tests.simulation.gateway import BASE, Client
from tests.simulation.world import World
from tests.support.checkpoint_workflow import fail, run_all
from tidemark.aws import bucket as s3
from tidemark.cli import app, output
from tidemark.client import api as client_api
from tidemark.client import retrying
from tidemark.domain.api_keys import Grant, Role

ADDRESS = "https://tidemark.test/api/v2"
KEY = "tdm.ann.c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"
TRAIN = "birds/train"


class Service:
    """The API at `ADDRESS`, and the requests that the program sent to it."""

    def __init__(self, world: World, client: Client) -> None:  # noqa: F811
        self.world = world
        self.client = client
        self.requests: list[httpx2.Request] = []
        self.faults: list[httpx2.Response | BaseException | None] = []
        """Replaces the next responses; None keeps the real one."""
        self.lost: set[int] = set()
        """Numbers of requests that take effect, but whose response is lost."""
        self.slow = 0
        """How many polls find nothing settled or written."""
        self.failing = ""
        """The error of workflows; empty if they succeed."""
        self.storage = Storage(world)

    @property
    def sent(self) -> list[httpx2.Request]:
        """The requests with mutations."""
        return [request for request in self.requests if request.url.path.endswith("/mutations")]

    def as_role(self, role: Role) -> None:
        """Gives the key another role."""
        self.client = Client(Grant(name="ann", role=role, projects=("birds",)))

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Returns the response of the API, or its replacement; for a signed URL, that of the bucket."""
        if request.url.host.endswith(".amazonaws.com"):
            return self.storage.handle(request)
        request.read()
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, BaseException):
            raise fault
        response = fault or self._respond(request)
        if len(self.requests) in self.lost:
            raise httpx2.ReadError("connection reset")
        return response

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        if request.headers["x-api-key"] != KEY:
            return httpx2.Response(403, json={"message": "Forbidden"})
        if request.method == "GET" and "/uploads" in request.url.path:
            self._settle()
        if request.method == "GET" and "/checkpoints/" in request.url.path:
            self._write()
        path = request.url.raw_path.decode().removeprefix(BASE)
        with redirect_stdout(io.StringIO()):  # functions log to it
            response = self.client.send(request.method, path, request.content or None, dict(request.headers))
        date = format_datetime(self.world.now, usegmt=True)
        return httpx2.Response(
            response.status, headers={**response.headers, "date": date}, content=response.text.encode()
        )

    def _settle(self) -> None:
        if self.slow:
            self.slow -= 1
        else:
            self.world.drain()

    def _write(self) -> None:
        """Writes between two polls what was started, or lets it fail."""
        if self.slow:
            self.slow -= 1
        elif self.failing and self.world.executions:
            _, execution = self.world.executions.popitem()
            fail(self.world, execution, self.failing)
        else:
            run_all(self.world)


class Storage:
    """The bucket behind signed URLs, and the requests that the program sent to it."""

    def __init__(self, world: World) -> None:  # noqa: F811
        self._world = world
        self._lock = Lock()
        self.requests: list[httpx2.Request] = []
        self.faults: list[httpx2.Response | Exception | None] = []
        """Replaces the next responses; None keeps the real one."""

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of all PUTs, in no order."""
        return [request.content for request in self.requests if request.method == "PUT"]

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Stores or returns a file as S3 does. Threads take turns, so that a fault meets one request."""
        with self._lock:
            assert "x-api-key" not in request.headers
            request.read()
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else None
            if isinstance(fault, Exception):
                raise fault
            return fault or self._respond(request)

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            body = s3.read(self._world.process(), request.url.path[1:])
            return httpx2.Response(200, content=body)
        digest = base64.b64encode(sha256(request.content).digest()).decode()
        if digest != request.headers["x-amz-checksum-sha256"]:
            return s3_error(400, "BadDigest", "The digest is another.")
        assert int(request.headers["content-length"]) == len(request.content)
        bucket = request.url.host.split(".")[0]
        self._world.process().s3.put_object(Bucket=bucket, Key=request.url.path[1:], Body=request.content)
        return httpx2.Response(200)


class Wire(httpx2.BaseTransport):
    """The transport between the program and the service. Bodies arrive as the program streams them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Returns the response of the service."""
        return self._service.handle(request)


class Result(NamedTuple):
    """The result of a run of the program."""

    status: int
    out: str
    err: str


Program = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder of settings. Pauses take no time."""
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.delenv("TIDEMARK_API", raising=False)
    monkeypatch.delenv("TIDEMARK_KEY", raising=False)
    monkeypatch.setattr(retrying, "pause", lambda _: None)
    return folder


@pytest.fixture
def unset_service(world: World, api: Client, logs: Logs, monkeypatch: pytest.MonkeyPatch) -> Service:  # noqa: F811, ARG001
    """The API, with project `birds` and dataset `train`, for a program without settings."""
    service = Service(world, api)
    monkeypatch.setattr(client_api, "new_transport", lambda: Wire(service))
    return service


@pytest.fixture
def service(unset_service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """The API, for a program whose settings name it."""
    monkeypatch.setenv("TIDEMARK_API", ADDRESS)
    monkeypatch.setenv("TIDEMARK_KEY", KEY)
    return unset_service


@pytest.fixture
def tidemark(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    """Runs the program with arguments and stdin."""

    def run(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        capsys.readouterr()
        status = app.main([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output goes to a wide terminal."""
    monkeypatch.setattr(output, "is_for_people", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")


def s3_error(status: int, code: str, message: str) -> httpx2.Response:
    """Returns an error of S3."""
    return httpx2.Response(status, text=f"<Error><Code>{code}</Code><Message>{message}</Message></Error>")


def problem(status: int, code: str, detail: str = "no", **more: Any) -> httpx2.Response:
    """Returns a problem document."""
    return httpx2.Response(status, json={"status": status, "code": code, "detail": detail, **more})
