"""`tidemark config`: settings are checked before they are saved, and nobody else can read them."""

import json
import stat
from pathlib import Path

import httpx2
import pytest

from tests.integration.cli.conftest import ADDRESS, KEY, Program, Service
from tidemark.cli import settings

ADDRESSES_OF_NO_API = (
    "http://tidemark.test/api/v2",
    "http://127.0.0.1.tidemark.test/api/v2",
    "tidemark.test",
    "ftp://tidemark.test",
    "https://",
    "https://[::1",
    "https://tide mark.test\n/",
)


def keep(tidemark: Program, *more: str) -> None:
    assert tidemark("config", "--api", ADDRESS, "--key-file", "-", *more, stdin=KEY.encode() + b"\n").status == 0


def test_what_is_kept_is_used(tidemark: Program, unset_service: Service) -> None:
    keep(tidemark)
    assert tidemark("projects").status == 0
    assert unset_service.requests[-1].headers["x-api-key"] == KEY


def test_the_file_is_for_its_user_alone(tidemark: Program, unset_service: Service) -> None:
    settings.path().parent.mkdir(parents=True)
    settings.path().write_text("{}")
    settings.path().chmod(0o644)
    keep(tidemark)
    assert stat.S_IMODE(settings.path().stat().st_mode) == 0o600
    assert [file.name for file in settings.path().parent.iterdir()] == ["config.json"]
    assert unset_service.requests


def test_a_new_folder_of_settings_is_for_its_user_alone(tidemark: Program, unset_service: Service) -> None:
    keep(tidemark)
    assert stat.S_IMODE(settings.path().parent.stat().st_mode) == 0o700
    assert unset_service.requests


@pytest.mark.usefixtures("unset_service")
def test_a_key_is_never_shown(tidemark: Program) -> None:
    for arguments in (["--api", ADDRESS, "--key-file", "-"], ["--key-file", "-", "--json"], [], ["--json"]):
        result = tidemark("config", *arguments, stdin=KEY.encode())
        assert result.status == 0
        assert KEY.rpartition(".")[2] not in result.out + result.err + repr(settings.load())


@pytest.mark.usefixtures("unset_service")
def test_what_is_in_effect_is_shown_with_its_origin(tidemark: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tidemark)
    monkeypatch.setenv("TIDEMARK_KEY", KEY)
    shown = json.loads(tidemark("config", "--json").out)
    kept_in = str(settings.path())
    assert shown == {"api": ADDRESS, "api_from": kept_in, "key_name": "ann", "key_from": "TIDEMARK_KEY"}


@pytest.mark.usefixtures("unset_service")
def test_a_file_at_home_is_shown_as_there(tidemark: Program, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home.parent))
    keep(tidemark)
    assert tidemark("config").out.splitlines()[0].endswith("from ~/config/tidemark/config.json")


def test_a_key_can_come_from_a_file(tidemark: Program, unset_service: Service, tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text(KEY + "\n")
    assert tidemark("config", "--api", ADDRESS + "/", "--key-file", tmp_path / "admin.key").status == 0
    assert settings.load().api == ADDRESS
    assert tidemark("config", "--key-file", tmp_path / "none.key").status == 2
    assert unset_service.requests


def test_a_key_is_asked_for_on_a_terminal(
    tidemark: Program, unset_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: KEY)
    monkeypatch.setattr("tidemark.cli.commands.config.sys", _Terminal)
    assert tidemark("config", "--api", ADDRESS).status == 0
    assert unset_service.requests[-1].headers["x-api-key"] == KEY


class _Terminal:
    class stdin:  # noqa: N801
        isatty = staticmethod(lambda: True)


def test_a_script_that_gives_no_key_is_not_kept_waiting(tidemark: Program, unset_service: Service) -> None:
    assert tidemark("config", "--api", ADDRESS).status == 2
    assert unset_service.requests == []


@pytest.mark.usefixtures("unset_service")
def test_a_key_that_is_refused_is_not_kept(tidemark: Program) -> None:
    result = tidemark("config", "--api", ADDRESS, "--key-file", "-", stdin=b"tdm.ann.wrong")
    assert (result.status, result.err) == (3, "tidemark: The API rejects this key: it is unknown or revoked.\n")
    assert not settings.path().exists()


@pytest.mark.parametrize("key", [b"", b"\n", "tdm.ünn.x".encode()])
def test_what_is_no_key_is_not_sent(tidemark: Program, unset_service: Service, key: bytes) -> None:
    assert tidemark("config", "--api", ADDRESS, "--key-file", "-", stdin=key).status == 2
    assert unset_service.requests == []


@pytest.mark.parametrize("address", ADDRESSES_OF_NO_API)
def test_a_key_goes_over_https_only(tidemark: Program, unset_service: Service, address: str) -> None:
    assert tidemark("config", "--api", address, "--key-file", "-", stdin=KEY.encode()).status == 2
    assert unset_service.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "[::1]:4566"])
@pytest.mark.usefixtures("unset_service")
def test_this_machine_may_be_asked_without_https(tidemark: Program, host: str) -> None:
    address = f"http://{host}/api/v2"
    assert tidemark("config", "--api", address, "--key-file", "-", stdin=KEY.encode()).status == 0


def test_a_kept_key_does_not_go_to_another_address(
    tidemark: Program, unset_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tidemark)
    unset_service.requests.clear()
    monkeypatch.setenv("TIDEMARK_API", "https://other.test/api/v2")
    result = tidemark("projects")
    assert result.status == 2
    assert "There is no key for https://other.test/api/v2." in result.err
    assert unset_service.requests == []


@pytest.mark.usefixtures("unset_service")
def test_without_settings_the_way_to_them_is_told(tidemark: Program) -> None:
    result = tidemark("projects")
    assert result.status == 2
    assert "tidemark config --api" in result.err


@pytest.mark.parametrize("content", ["{", "[]"])
@pytest.mark.usefixtures("unset_service")
def test_a_damaged_file_is_told(tidemark: Program, content: str) -> None:
    settings.path().parent.mkdir(parents=True)
    settings.path().write_text(content)
    assert tidemark("projects").status == 2


@pytest.mark.parametrize(
    "fault",
    [
        httpx2.Response(200, text="<html>"),
        httpx2.Response(404, text="<html>"),
        httpx2.Response(301, headers={"location": "https://other.test"}),
    ],
)
def test_an_address_where_something_else_answers_is_told(
    tidemark: Program, service: Service, fault: httpx2.Response
) -> None:
    service.faults = [fault]
    result = tidemark("config")
    assert result.status == 3
    assert "is the address right?" in result.err


def test_an_address_where_nobody_answers_is_told_soon(tidemark: Program, service: Service) -> None:
    service.faults = [httpx2.ConnectError("connection refused")] * 20
    result = tidemark("projects")
    assert (result.status, result.err) == (3, f"tidemark: No response from {ADDRESS}: connection refused\n")
    assert len(service.requests) == 3


def test_the_environment_is_said_to_win(tidemark: Program, service: Service) -> None:
    result = tidemark("config", "--api", ADDRESS, "--key-file", "-", stdin=KEY.encode())
    assert "TIDEMARK_API is set" in result.err
    assert service.requests
