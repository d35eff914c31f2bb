"""The deployed stack refuses smuggled keys, altered signed URLs and altered tokens of an issuer."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest

from infra.local.stack import LocalStack
from tests.reliability.access.issuer import Issuer, serving
from tests.stack.test_assets import announced, put, read
from tests.support.deployed.client import Caller, Dataset
from tests.support.deployed.inside import authorizer_with

GHOST = f"tdm.ghost.{'x' * 43}"


def status(stack: LocalStack, *headers: tuple[str, str | bytes]) -> int:
    sent = [(name.encode(), value.encode() if isinstance(value, str) else value) for name, value in headers]
    return httpx2.get(f"{stack.api}/projects", params={"limit": 1}, headers=sent, timeout=30).status_code


@pytest.fixture(scope="module")
def key(stack: LocalStack) -> str:
    return stack.make_key("read", ["nothing"])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("x-api-key", "{key}"), ("x-api-key", GHOST)], id="two keys in one header"),
        pytest.param([("x-api-key", GHOST), ("x-api-key", "{key}")], id="two keys, the good one last"),
        pytest.param([("authorization", "Bearer {key}"), ("authorization", f"Bearer {GHOST}")], id="two bearers"),
        pytest.param([("authorization", "Bearer {key}"), ("X-API-Key", GHOST)], id="both headers"),
        pytest.param([("Authorization", "Basic {key}")], id="another scheme"),
        pytest.param([("x-api-key", "{key}\u00e9")], id="beyond ASCII"),
        pytest.param([("x-api-key", "{key}" + "x" * 8000)], id="very long"),
    ],
)
def test_a_key_with_something_beside_it_opens_nothing(
    stack: LocalStack, key: str, headers: list[tuple[str, str]]
) -> None:
    assert status(stack, *((name, value.replace("{key}", key)) for name, value in headers)) == 403


@pytest.mark.parametrize("name", ["x-api-key", "X-API-KEY", "X-Api-Key"])
def test_a_headers_name_may_be_in_any_case(stack: LocalStack, key: str, name: str) -> None:
    assert status(stack, (name, key)) == 200


@pytest.mark.parametrize("value", [b"\xff\xfe", b"tdm.\xc3\x28", b"Bearer \x80"])
def test_bytes_that_are_no_text_open_nothing(stack: LocalStack, value: bytes) -> None:
    assert status(stack, ("authorization", value)) == 403


ALTERED: dict[str, Callable[[str], str]] = {
    "another key": lambda url: url.replace("cam-0001.png", "cam-0002.png"),
    "a folder up": lambda url: url.replace("/assets/", "/assets/../packs/"),
    "a longer life": lambda url: url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000"),
    "another day": lambda url: re.sub(r"X-Amz-Date=\d{8}", "X-Amz-Date=20200101", url),
    "fewer headers": lambda url: re.sub(r"X-Amz-SignedHeaders=[^&]+", "X-Amz-SignedHeaders=host", url),
    "another signature": lambda url: re.sub(r"X-Amz-Signature=.{8}", "X-Amz-Signature=00000000", url),
    "no signature": lambda url: url.partition("?")[0],
}


@pytest.mark.parametrize("how", ALTERED)
def test_a_signed_put_that_was_altered_is_refused(dataset: Dataset, how: str) -> None:
    asset = announced(dataset, "cam-0001.png")
    asset["put"]["url"] = ALTERED[how](asset["put"]["url"])
    assert put(asset).status_code == 403


def test_a_signed_get_is_for_one_object_and_one_method(dataset: Dataset) -> None:
    asset = announced(dataset, "cam-0001.png")
    assert put(asset).status_code == 200
    url = read(dataset, asset["url"]).json()["assets"][0]["get"]["url"]
    refused = [httpx2.get(ALTERED[how](url), timeout=30).status_code for how in ALTERED if how != "fewer headers"]
    refused += [httpx2.request(method, url, timeout=30).status_code for method in ("PUT", "DELETE", "POST")]
    assert set(refused) == {403}
    assert httpx2.get(url, timeout=30).status_code == 200


@pytest.fixture(scope="module")
def issuer(stack: LocalStack) -> Iterator[Issuer]:
    with serving() as issuer, authorizer_with(stack, issuer):
        yield issuer


def test_a_token_of_the_issuer_opens_what_it_names(
    issuer: Issuer, dataset: Dataset, connect: Callable[[str | None], Caller]
) -> None:
    person = connect(None)
    person.http.headers["authorization"] = f"Bearer {issuer.token(f'tidemark:write:{dataset.project}')}"
    seen = dataset.seen_by(person)
    upload = seen.upload({"op": "ADD", "frame": {"frame_id": "cam-1"}})
    assert upload["actor"] == "oidc:ann"
    assert [entry["actor"] for entry in seen.history("cam-1")] == ["oidc:ann"]
    assert person.http.post("/projects", json={"name": "other"}).status_code == 403
    assert person.http.get("/projects/other").json()["code"] == "project_forbidden"
    person.http.headers["authorization"] += "x"
    assert person.http.get("/projects").status_code == 403


def test_keys_open_as_before_beside_an_issuer(issuer: Issuer, stack: LocalStack, key: str) -> None:  # noqa: ARG001 - it must be set up
    assert status(stack, ("x-api-key", key)) == 200
