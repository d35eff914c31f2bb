"""The authorizer: which requests pass, as whom, and what it remembers."""

import io
import json
from typing import Any

import pytest

from functions.authorizer import handler as authorizer
from tidemark.domain.api_keys import Grant, Role
from tidemark.services.api_keys import create_key, revoke_key
from tidemark.store.api_keys import KeysTable

GHOST = "tdm.ghost." + "x" * 43


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "authorizer"


@pytest.fixture(autouse=True)
def _fresh(keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_KEYS_TABLE", keys_table.name)
    authorizer._table.cache_clear()
    authorizer._answers.clear()


@pytest.fixture
def token(keys_table: KeysTable) -> str:
    return str(create_key(keys_table, name="trainer", role=Role.WRITE, projects=["street"])[1])


def authorize(**headers: str) -> dict[str, Any]:
    event = {
        "version": "2.0",
        "type": "REQUEST",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"requestId": "request-1"},
    }
    answer: dict[str, Any] = authorizer.handler(event, Context())
    return answer


def granted(answer: dict[str, Any]) -> Grant:
    assert answer["isAuthorized"] is True
    return Grant.model_validate_json(answer["context"]["grant"])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"authorization": "Bearer {token}"}, id="bearer"),
        pytest.param({"authorization": "bearer   {token} "}, id="bearer, untidy"),
        pytest.param({"x_api_key": "{token}"}, id="x-api-key"),
        pytest.param({"authorization": "Bearer {token}", "x_api_key": "{token}"}, id="both, the same"),
    ],
)
def test_a_good_key_passes_with_what_it_allows(token: str, headers: dict[str, str]) -> None:
    answer = authorize(**{name: value.format(token=token) for name, value in headers.items()})
    assert granted(answer) == Grant(name="trainer", role=Role.WRITE, projects=("street",))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"authorization": "Basic {token}"}, id="another scheme"),
        pytest.param({"authorization": "{token}"}, id="no scheme"),
        pytest.param({"authorization": "Bearer {token}, Bearer {token}"}, id="two headers"),
        pytest.param({"authorization": "Bearer {token}x"}, id="one character too many"),
        pytest.param({"authorization": "Bearer"}, id="empty bearer"),
        pytest.param({"authorization": ""}, id="empty authorization"),
        pytest.param({"x_api_key": ""}, id="empty x-api-key"),
        pytest.param({"x_api_key": "Bearer {token}"}, id="scheme in x-api-key"),
        pytest.param({"x_api_key": GHOST}, id="unknown name"),
        pytest.param({"authorization": "Bearer {token}", "x_api_key": GHOST}, id="both, different"),
        pytest.param({"authorization": "Basic {token}", "x_api_key": "{token}"}, id="both, one of them no key"),
    ],
)
def test_a_bad_key_is_turned_away(token: str, headers: dict[str, str]) -> None:
    answer = authorize(**{name: value.format(token=token) for name, value in headers.items()})
    assert answer == {"isAuthorized": False}


def test_no_key_passes_as_nobody() -> None:
    assert authorize() == {"isAuthorized": True, "context": {}}


def test_a_good_answer_is_remembered_for_a_minute(token: str, keys_table: KeysTable) -> None:
    granted(authorize(x_api_key=token))
    revoke_key(keys_table, "trainer")
    granted(authorize(x_api_key=token))
    authorizer._answers.expire(authorizer._answers.timer() + authorizer.MEMORY_SECONDS)
    assert authorize(x_api_key=token) == {"isAuthorized": False}


def test_a_bad_answer_is_remembered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def authenticate(_table: KeysTable, text: str) -> None:
        reads.append(text)

    monkeypatch.setattr(authorizer, "authenticate", authenticate)
    authorize(x_api_key=GHOST)
    authorize(x_api_key=GHOST)
    assert reads == [GHOST]


def test_memory_is_bounded() -> None:
    assert authorizer._answers.maxsize == authorizer.MEMORY_ENTRIES


def test_nothing_secret_is_logged_or_measured(
    token: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = io.StringIO()
    monkeypatch.setattr(authorizer.logger.registered_handler, "stream", logged)
    authorize(x_api_key=token)
    authorize(authorization=f"Bearer {token}x")
    written = capsys.readouterr()
    secret = token.rpartition(".")[2]
    assert "key refused" in logged.getvalue()
    assert secret not in written.out + written.err + logged.getvalue()


def test_a_refusal_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    authorize(x_api_key="no")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert any(line.get("KeysRefused") == [1.0] for line in lines)


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_table_out_of_reach_is_not_an_answer(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_reach(_table: KeysTable, _text: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(authorizer, "authenticate", out_of_reach)
    with pytest.raises(ConnectionError):
        authorize(x_api_key=token)
