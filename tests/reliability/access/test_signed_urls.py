"""Signed URLs: valid for an hour, for one object of the caller's project, one method and the announced headers."""

import base64
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reliability.access.deployment import MARK, OTHER, Deployment
from tests.reliability.access.foreign import tried
from tests.reliability.access.operations import operation

HOUR = 60 * 60
SHA256 = base64.b64encode(bytes(range(32))).decode()

CLIMBING = st.lists(
    st.sampled_from(["..", ".", "/", "\\", "%2e", "%2f", "%252e", "%5c", "\uff0e", "\uff0f", "\u2024", "\u2215", "//"])
    | st.sampled_from(
        [OTHER, "own", "assets", "packs", "uploads", "a.png", "a", "s3:", "?versionId=1", "#", "\x00", "\n"]
    ),
    max_size=8,
).map("".join)
"""Paths that leave a folder, plain and encoded."""


class Signed(NamedTuple):
    """What a URL was signed for."""

    key: str
    seconds: int
    headers: set[str]
    query: dict[str, list[str]]


def signed(url: str) -> Signed:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return Signed(
        key=unquote(parts.path.removeprefix("/")),
        seconds=int(query["X-Amz-Expires"][0]),
        headers=set(query["X-Amz-SignedHeaders"][0].split(";")),
        query=query,
    )


def announced(deployment: Deployment, name: str) -> Any:
    asset = {"name": name, "sha256": SHA256, "bytes": 3, "content_type": "image/png"}
    return tried(deployment, operation("announceAssets").request(deployment.own, assets=[asset]))


def files(deployment: Deployment, *new: dict[str, Any]) -> Any:
    answer, violations = tried(deployment, operation("createUpload").request(deployment.own, files=list(new)))
    assert (answer.status, violations) == (201, [])
    return answer.json()


def test_an_asset_is_put_for_an_hour_under_its_projects_digest_with_what_was_announced(deployment: Deployment) -> None:
    answer, _ = announced(deployment, "cam.png")
    put = signed(answer.json()["assets"][0]["put"]["url"])
    assert put.key == f"assets/own/{bytes(range(32)).hex()}/cam.png"
    assert put.seconds == HOUR
    assert put.headers == {"host", "content-length", "content-type", "x-amz-checksum-sha256"}


def test_an_asset_is_got_for_an_hour_and_nothing_else_of_it_is_signed(deployment: Deployment) -> None:
    answer, _ = tried(deployment, operation("readAssets").request(deployment.own, urls=[deployment.own["asset"]]))
    got = signed(answer.json()["assets"][0]["get"]["url"])
    assert deployment.own["asset"].endswith(got.key)
    assert (got.seconds, got.headers) == (HOUR, {"host"})


def test_a_file_is_put_under_a_name_of_ours_whatever_its_senders_name_is(deployment: Deployment) -> None:
    receipt = files(deployment, {"name": "../../packs/x%2f..%2fy", "bytes": 3, "sha256": SHA256})
    put = signed(receipt["files"][0]["url"])
    assert put.key == f"uploads/{deployment.uids['own']}/{receipt['upload']}/0000"
    assert (put.seconds, put.headers) == (HOUR, {"host", "content-length", "x-amz-checksum-sha256"})


def test_a_part_of_a_file_is_signed_by_its_number_and_size(deployment: Deployment) -> None:
    receipt = files(deployment, {"name": "large", "bytes": 150 * 1024**2})
    parts = [signed(part["url"]) for part in receipt["files"][0]["parts"]]
    assert [part.query["partNumber"] for part in parts] == [["1"], ["2"], ["3"]]
    assert {part.key for part in parts} == {f"uploads/{deployment.uids['own']}/{receipt['upload']}/0000"}
    assert {(part.seconds, *sorted(part.headers)) for part in parts} == {(HOUR, "content-length", "host")}


def test_a_file_of_errors_is_got_for_an_hour_from_a_name_that_nobody_chooses(deployment: Deployment) -> None:
    answer, _ = tried(deployment, operation("downloadUploadErrors").request(deployment.own, "format=csv"))
    got = signed(answer.json()["url"])
    assert got.key.startswith(f"downloads/{deployment.uids['own']}/{deployment.own['upload']}/")
    assert (got.seconds, got.headers) == (HOUR, {"host"})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=CLIMBING)
def test_no_name_of_an_asset_is_signed_outside_its_folder(deployment: Deployment, name: str) -> None:
    answer, violations = announced(deployment, name)
    assert violations == []
    if answer.status == 200:
        put = signed(answer.json()["assets"][0]["put"]["url"])
        assert put.key == f"assets/own/{bytes(range(32)).hex()}/{name}"
        assert "/" not in name
        assert ".." not in name.split("/")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=CLIMBING)
def test_no_url_of_an_asset_is_signed_outside_its_project(deployment: Deployment, path: str) -> None:
    folder = deployment.own["asset"].partition("own/")[0] + "own/"
    _, violations = tried(deployment, operation("readAssets").request(deployment.own, urls=[folder + path]))
    looked = [call.parameters["Key"] for call in deployment.data_calls if call.operation == "HeadObject"]
    assert violations == []
    for key in looked:
        assert key.startswith("assets/own/")
        assert not {"..", ".", ""} & set(key.split("/"))


@pytest.mark.parametrize("caller", ["read", "write", "admin"])
def test_no_role_gets_an_asset_of_another_project_signed(deployment: Deployment, caller: str) -> None:
    for project in ("own", OTHER):
        named = deployment.own | {"project": project}
        request = operation("readAssets").request(named, urls=[deployment.other["asset"]])
        answer, violations = tried(deployment, request, caller)
        assert answer.status in {403, 422}
        assert violations == []
        assert f"{MARK}.png?" not in answer.text
