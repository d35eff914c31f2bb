"""The authorizer: which requests it accepts, with which grant, and what it caches."""

import io
import json
from typing import Any

import pytest

from functions.authorizer import handler as authorizer
from tidemark.access.api_keys import authenticate, create_key, revoke_key
from tidemark.access.key_records import KeysTable
from tidemark.domain.api_keys import Grant, Role

GHOST = "tdm.ghost." + "x" * 43


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "authorizer"


@pytest.fixture(autouse=True)
def _fresh(keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_KEYS_TABLE", keys_table.name)
    authorizer._table.cache_clear()
    authorizer._decisions.clear()


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
    assert answer["context"]["actor"] == "trainer"


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


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(authorizer, "_now", made)
    return made


def test_a_revoked_key_works_for_a_minute_at_most(token: str, keys_table: KeysTable, clock: Clock) -> None:
    granted(authorize(x_api_key=token))
    revoke_key(keys_table, "trainer")
    clock.seconds += authorizer.MEMORY_SECONDS - 0.001
    granted(authorize(x_api_key=token))
    clock.seconds += 0.001
    assert authorize(x_api_key=token) == {"isAuthorized": False}


def test_the_minute_counts_from_before_the_key_is_read(
    token: str, keys_table: KeysTable, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(table: KeysTable, text: str) -> Grant | None:
        grant = authenticate(table, text)
        revoke_key(keys_table, "trainer")
        clock.seconds += 3
        return grant

    monkeypatch.setattr(authorizer, "authenticate", slowly)
    granted(authorize(x_api_key=token))
    clock.seconds += authorizer.MEMORY_SECONDS - 3
    assert authorize(x_api_key=token) == {"isAuthorized": False}


def test_use_does_not_prolong_the_minute(token: str, keys_table: KeysTable, clock: Clock) -> None:
    granted(authorize(x_api_key=token))
    revoke_key(keys_table, "trainer")
    for _ in range(3):
        clock.seconds += authorizer.MEMORY_SECONDS / 4
        granted(authorize(x_api_key=token))
    clock.seconds += authorizer.MEMORY_SECONDS / 4
    assert authorize(x_api_key=token) == {"isAuthorized": False}


def test_what_has_no_keys_shape_is_not_looked_up_and_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizer, "authenticate", None)
    for text in ("", "no", "tdm.", f"{GHOST}x", "a.b.c", "x" * 100_000):
        assert authorize(x_api_key=text) == {"isAuthorized": False}
    assert not authorizer._decisions


@pytest.mark.parametrize(
    "smuggled",
    [
        pytest.param("{token},{token}", id="two headers, joined by the gateway"),
        pytest.param(f"{{token}},{GHOST}", id="two headers, different"),
        pytest.param("{token}\x00", id="null"),
        pytest.param("{token} {token}", id="twice with a space"),
        pytest.param("{token}\u200b", id="zero-width space"),
        pytest.param("{token}é", id="beyond ASCII"),
        pytest.param("{token}\udcff", id="no text at all"),
        pytest.param("{token}" + "x" * 1_000_000, id="very long"),
        pytest.param("\uff54dm.trainer", id="full-width twin"),
    ],
)
@pytest.mark.parametrize("header", ["x_api_key", "authorization"])
def test_a_key_with_something_smuggled_along_is_turned_away(token: str, smuggled: str, header: str) -> None:
    value = smuggled.format(token=token)
    assert authorize(**{header: value if header == "x_api_key" else f"Bearer {value}"}) == {"isAuthorized": False}


@pytest.mark.parametrize("name", ["X-Api-Key", "AUTHORIZATION", "x-api-key "])
def test_a_header_that_the_gateway_has_not_put_into_lower_case_is_none(token: str, name: str) -> None:
    assert authorize(**{name: f"Bearer {token}"}) == {"isAuthorized": True, "context": {}}


def test_a_bad_answer_is_remembered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def authenticate(_table: KeysTable, text: str) -> None:
        reads.append(text)

    monkeypatch.setattr(authorizer, "authenticate", authenticate)
    authorize(x_api_key=GHOST)
    authorize(x_api_key=GHOST)
    assert reads == [GHOST]


def test_memory_is_bounded() -> None:
    assert authorizer._decisions.maxsize == authorizer.MEMORY_ENTRIES


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
