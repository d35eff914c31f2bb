"""Which tokens of an OpenID Connect issuer the authorizer accepts."""

import base64
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from functions.authorizer import handler as authorizer
from tests.reliability.access.forging import FORGERIES, forged, hmac_token
from tests.reliability.access.issuer import AUDIENCE, CONFIGURATION, KEYS, Issuer, rsa_key, serving, signed
from tests.simulation.gateway import Context
from tidemark.access import issuer as issuer_keys
from tidemark.access.issuer import IssuerKeys, IssuerUnreachable
from tidemark.domain.api_keys import Grant, Role, Scope

Json = dict[str, Any]
REFUSED = {"isAuthorized": False}


class Clock:
    """A clock that tests move forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def listening() -> Iterator[Issuer]:
    with serving() as made:
        yield made


@pytest.fixture
def issuer(listening: Issuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """The deployment's issuer, with an authorizer that has not fetched its keys yet."""
    fresh = Issuer(listening.url)
    listening.__dict__ = fresh.__dict__
    monkeypatch.setenv("TIDEMARK_OIDC_ISSUER", listening.url)
    monkeypatch.setenv("TIDEMARK_OIDC_AUDIENCE", AUDIENCE)
    monkeypatch.setenv("TIDEMARK_OIDC_CLAIM", "groups")
    authorizer._verifier.cache_clear()
    authorizer._decisions.clear()
    yield listening
    authorizer._verifier.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(authorizer, "_now", made)
    return made


def authorize(token: str, **headers: str) -> Json:
    event = {
        "headers": {"authorization": f"Bearer {token}"} | headers,
        "requestContext": {"requestId": "request-1"},
    }
    answer: Json = authorizer.handler(event, Context())
    return answer


def granted(token: str) -> Grant:
    answer = authorize(token)
    assert answer["isAuthorized"] is True
    return Grant.model_validate_json(answer["context"]["grant"])


@pytest.mark.parametrize("kid", ["r1", "e1"])
def test_a_token_that_the_issuer_has_signed_passes_as_its_subject(issuer: Issuer, kid: str) -> None:
    expected = Grant(name="oidc:ann", role=Role.WRITE, projects=("street",))
    assert granted(issuer.token("tidemark:write:street", kid=kid)) == expected


def test_a_role_holds_in_the_projects_of_its_own_values_only(issuer: Issuer) -> None:
    grant = granted(issuer.token("tidemark:admin:mine", "tidemark:write:ours", "tidemark:read:*"))
    roles = {project: grant.role_in(project) for project in ("mine", "ours", "theirs")}
    assert roles == {"mine": Role.ADMIN, "ours": Role.WRITE, "theirs": Role.READ}


def test_several_values_give_exactly_what_they_say(issuer: Issuer) -> None:
    grant = granted(issuer.token("tidemark:write:a", "tidemark:read:b", "tidemark:write:c", "others:admin:b"))
    expected = {Scope(role=Role.READ, projects=("b",)), Scope(role=Role.WRITE, projects=("a", "c"))}
    assert set(grant.scopes) == expected


def test_values_may_come_as_one_text(issuer: Issuer) -> None:
    assert granted(issuer.token(groups="openid tidemark:read:a tidemark:read:b")).projects == ("a", "b")


def test_an_audience_among_others_is_one(issuer: Issuer) -> None:
    granted(issuer.token("tidemark:read:*", aud=["other", AUDIENCE]))


def test_clocks_may_be_a_little_apart(issuer: Issuer) -> None:
    now = int(time.time())
    granted(issuer.token("tidemark:read:*", iat=now + 20, nbf=now + 20))
    granted(issuer.token("tidemark:read:*", exp=now - 20))


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "http://127.0.0.1:1"}, id="another issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"aud": "other"}, id="another audience"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"aud": ["other"]}, id="other audiences"),
        pytest.param({"exp": int(time.time()) - 60}, id="expired"),
        pytest.param({"exp": None}, id="never expires"),
        pytest.param({"exp": "soon"}, id="expires at no time"),
        pytest.param({"nbf": int(time.time()) + 3600}, id="not yet"),
        pytest.param({"iat": int(time.time()) + 3600}, id="issued in the future"),
        pytest.param({"iat": None}, id="issued at no time"),
        pytest.param({"sub": None}, id="nobody"),
        pytest.param({"sub": ""}, id="empty name"),
        pytest.param({"sub": "a\nb"}, id="name with a line break"),
        pytest.param({"sub": "änn"}, id="name beyond ASCII"),
        pytest.param({"sub": "x" * 256}, id="long name"),
        pytest.param({"groups": None}, id="no claim"),
        pytest.param({"groups": []}, id="no value"),
        pytest.param({"groups": ["admin", "tidemark", "tidemark:admin"]}, id="no value of ours"),
        pytest.param({"groups": ["tidemark:god:*"]}, id="unknown role"),
        pytest.param({"groups": ["tidemark:ADMIN:*"]}, id="role in capitals"),
        pytest.param({"groups": ["tidemark:admin:"]}, id="no project"),
        pytest.param({"groups": ["tidemark:admin:a:b"]}, id="four parts"),
        pytest.param({"groups": ["tidemark:admin:../x"]}, id="no name of a project"),
        pytest.param({"groups": [" tidemark:admin:*"]}, id="space before"),
        pytest.param({"groups": {"tidemark:admin:*": True}}, id="an object"),
        pytest.param({"groups": [["tidemark:admin:*"], 7, None]}, id="no texts"),
        pytest.param({"groups": [f"tidemark:read:p{number}" for number in range(101)]}, id="too many projects"),
    ],
)
def test_a_token_that_says_too_little_or_something_else_is_turned_away(issuer: Issuer, claims: Json) -> None:
    good = issuer.claims("tidemark:admin:*")
    changed = {name: value for name, value in (good | claims).items() if value is not None}
    assert authorize(signed(changed, issuer.keys["r1"], kid="r1")) == REFUSED


@pytest.mark.parametrize("how", FORGERIES)
def test_a_token_that_the_issuer_has_not_signed_so_is_turned_away(issuer: Issuer, how: str) -> None:
    assert authorize(forged(issuer, how)) == REFUSED


def test_a_key_of_the_issuer_that_is_too_short_proves_nothing(issuer: Issuer) -> None:
    issuer.keys = {"short": rsa_key("short", 1024)}
    with pytest.warns(match="RSA key is 1024 bits"):
        token = issuer.token("tidemark:read:*", kid="short")
    assert authorize(token) == REFUSED


def test_a_secret_among_the_published_keys_proves_nothing(issuer: Issuer) -> None:
    secret = b"0123456789abcdef0123456789abcdef"
    published = {"keys": [{"kty": "oct", "kid": "r1", "k": base64.urlsafe_b64encode(secret).decode().rstrip("=")}]}
    issuer.answers[KEYS] = 200, json.dumps(published).encode(), {}
    assert authorize(hmac_token(issuer.claims("tidemark:admin:*"), secret)) == REFUSED


def test_a_token_travels_as_bearer_only(issuer: Issuer) -> None:
    token = issuer.token("tidemark:read:*")
    event = {"headers": {"x-api-key": token}, "requestContext": {"requestId": "request-1"}}
    assert authorizer.handler(event, Context()) == REFUSED
    granted(token)


def test_a_token_beside_a_key_is_turned_away(issuer: Issuer) -> None:
    token = issuer.token("tidemark:read:*")
    assert authorize(token, **{"x-api-key": f"tdm.k.{'x' * 43}"}) == REFUSED


def test_a_token_that_no_gateway_would_pass_on_is_not_looked_at(issuer: Issuer) -> None:
    assert authorize(issuer.token(*(f"others:{number}" for number in range(2000)))) == REFUSED
    assert issuer.asked == []


def test_without_an_issuer_no_token_is_good(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEMARK_OIDC_ISSUER")
    authorizer._verifier.cache_clear()
    assert authorize(issuer.token("tidemark:admin:*")) == REFUSED
    assert issuer.asked == []


def test_an_answer_is_not_remembered_beyond_the_tokens_end(issuer: Issuer, clock: Clock) -> None:
    token = issuer.token("tidemark:read:*", exp=int(time.time()) + 5)
    granted(token)
    (remembered,) = authorizer._decisions.values()
    assert remembered.until <= time.time() + 5
    clock.ahead = 6
    issuer.keys.clear()
    authorizer._verifier.cache_clear()
    with pytest.raises(IssuerUnreachable):  # the keys are fetched again
        authorize(token)


def test_a_refused_token_takes_no_room(issuer: Issuer) -> None:
    assert authorize(issuer.token("others:admin:*")) == REFUSED
    assert not authorizer._decisions


def test_an_answer_is_remembered_for_a_minute_at_most(issuer: Issuer) -> None:
    granted(issuer.token("tidemark:read:*", exp=int(time.time()) + 3600))
    (remembered,) = authorizer._decisions.values()
    assert remembered.until <= time.time() + authorizer.MEMORY_SECONDS


def test_why_a_token_is_refused_is_logged_and_nothing_of_it(
    issuer: Issuer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = io.StringIO()
    monkeypatch.setattr(authorizer.logger.registered_handler, "stream", logged)
    token = issuer.token("tidemark:read:*", aud="other")
    authorize(token)
    written = capsys.readouterr()
    assert '"reason":"InvalidAudienceError"' in logged.getvalue()
    for part in token.split("."):
        assert part not in written.out + written.err + logged.getvalue()


@pytest.fixture
def keys(issuer: Issuer) -> tuple[IssuerKeys, Clock]:
    clock = Clock()
    return IssuerKeys(issuer.url, clock), clock


def test_keys_are_read_once_for_ten_minutes(issuer: Issuer, keys: tuple[IssuerKeys, Clock]) -> None:
    key_set, clock = keys
    for _ in range(5):
        assert key_set.find("r1")
    assert issuer.asked == [CONFIGURATION, KEYS]
    clock.ahead = issuer_keys.MAX_KEY_AGE_SECONDS
    assert key_set.find("r1")
    assert len(issuer.asked) == 4


def test_a_key_that_was_withdrawn_is_good_for_ten_minutes_at_most(
    issuer: Issuer, keys: tuple[IssuerKeys, Clock]
) -> None:
    key_set, clock = keys
    assert key_set.find("r1")
    del issuer.keys["r1"]
    clock.ahead = issuer_keys.MAX_KEY_AGE_SECONDS
    assert key_set.find("r1") is None


def test_a_new_key_is_looked_for_when_it_is_first_named(issuer: Issuer, keys: tuple[IssuerKeys, Clock]) -> None:
    key_set, clock = keys
    assert key_set.find("r1")
    issuer.keys["r2"] = rsa_key("r2")
    clock.ahead = issuer_keys.MIN_FETCH_INTERVAL_SECONDS
    assert key_set.find("r2")


def test_made_up_key_ids_do_not_flood_the_issuer(issuer: Issuer, keys: tuple[IssuerKeys, Clock]) -> None:
    key_set, clock = keys
    for number in range(100):
        assert key_set.find(f"made-up-{number}") is None
        clock.ahead = number * 0.9
    assert len(issuer.asked) == 2 * 3


def test_an_issuer_that_answers_in_drops_is_not_waited_for(
    issuer: Issuer, keys: tuple[IssuerKeys, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    key_set, _ = keys
    monkeypatch.setattr(issuer_keys, "FETCH_TIMEOUT_SECONDS", 0.2)
    issuer.seconds_a_byte = 0.02
    began = time.monotonic()
    with pytest.raises(IssuerUnreachable, match=r"not responded within 0\.2 s"):
        key_set.find("r1")
    assert time.monotonic() - began < 1


def test_an_issuer_that_is_down_is_not_asked_by_every_request(issuer: Issuer, keys: tuple[IssuerKeys, Clock]) -> None:
    key_set, clock = keys
    issuer.answers[CONFIGURATION] = 503, b"", {}
    for _ in range(10):
        with pytest.raises(IssuerUnreachable):
            key_set.find("r1")
    assert len(issuer.asked) == 1
    del issuer.answers[CONFIGURATION]
    clock.ahead = issuer_keys.MIN_FETCH_INTERVAL_SECONDS
    assert key_set.find("r1")


def test_known_keys_are_good_while_the_issuer_is_down(issuer: Issuer, keys: tuple[IssuerKeys, Clock]) -> None:
    key_set, clock = keys
    assert key_set.find("r1")
    issuer.answers[CONFIGURATION] = 503, b"", {}
    clock.ahead = issuer_keys.MIN_FETCH_INTERVAL_SECONDS
    with pytest.raises(IssuerUnreachable):
        key_set.find("made-up")
    assert key_set.find("r1")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param(CONFIGURATION, (200, b"<html>", {}), id="no JSON"),
        pytest.param(CONFIGURATION, (200, b"[]", {}), id="no object"),
        pytest.param(CONFIGURATION, (200, b'{"issuer": "https://other.example.com"}', {}), id="another issuer"),
        pytest.param(CONFIGURATION, (302, b"", {"Location": KEYS}), id="elsewhere"),
        pytest.param(KEYS, (302, b"", {"Location": "/other-keys"}), id="keys elsewhere"),
        pytest.param(KEYS, (200, b"{}", {}), id="no keys"),
        pytest.param(KEYS, (200, b'{"keys": [{"kty": "RSA"}]}', {}), id="no key that is one"),
        pytest.param(KEYS, (200, b"\xff\xfe", {}), id="no text"),
        pytest.param(KEYS, (200, b"{", {"Content-Length": "9"}), id="broken off"),
    ],
)
def test_an_issuer_that_does_not_answer_as_one_is_out_of_reach(
    issuer: Issuer, keys: tuple[IssuerKeys, Clock], path: str, answer: tuple[int, bytes, dict[str, str]]
) -> None:
    issuer.answers[path] = answer
    with pytest.raises(IssuerUnreachable):
        keys[0].find("r1")


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/keys", "", 7, None])
def test_keys_are_read_by_no_other_way_than_the_issuers_own(
    issuer: Issuer, keys: tuple[IssuerKeys, Clock], where: object
) -> None:
    issuer.answers[CONFIGURATION] = 200, issuer.configuration(jwks_uri=where), {}
    with pytest.raises(IssuerUnreachable, match="not an HTTPS URL"):
        keys[0].find("r1")
