"""Asset keys and URLs: keys contain the digest, and no URL leads out of its project's folder."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tidemark.domain.assets import DEFAULT_CONTENT_TYPE, NewAsset, asset_key, asset_url, key_of
from tidemark.domain.errors import InvalidRequest

FOLDER = "s3://bucket/assets/road/"
DIGEST = hashlib.sha256(b"picture").hexdigest()


def sha256_of(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def asset(**given: Any) -> NewAsset:
    return NewAsset.model_validate({"name": "cam-0001.jpg", "sha256": sha256_of(b"picture"), "bytes": 7} | given)


def key(url: str) -> str:
    return key_of(url, bucket="bucket", project="road", pointer="/urls/3")


def test_an_asset_lies_under_its_project_and_its_digest() -> None:
    assert asset_key("road", asset()) == f"assets/road/{DIGEST}/cam-0001.jpg"


def test_other_bytes_lie_elsewhere() -> None:
    assert asset_key("road", asset(sha256=sha256_of(b"other"))) != asset_key("road", asset())


def test_the_url_of_an_asset_leads_to_its_key() -> None:
    where = asset_key("road", asset())
    assert key(asset_url("bucket", where)) == where


def test_a_content_type_that_is_not_given_is_bytes() -> None:
    assert asset().content_type == DEFAULT_CONTENT_TYPE


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../b.jpg", "a/b.jpg", "a\\b", ".hidden", "a b", "ä.jpg", "a%2fb", "a\n", "a?b", "x" * 129, 7],
)
def test_a_name_that_is_unsafe_in_urls_is_refused(name: object) -> None:
    with pytest.raises(ValidationError, match="name"):
        asset(name=name)


@pytest.mark.parametrize(
    "kind", ["", "image", "image/", "/png", "image/png\n", "a/b/c", "text/html; charset=utf-8", "ä/b"]
)
def test_what_is_no_media_type_is_refused(kind: str) -> None:
    with pytest.raises(ValidationError, match="content_type"):
        asset(content_type=kind)


@pytest.mark.parametrize("given", [{"sha256": DIGEST}, {"sha256": "x"}, {"bytes": 0}, {"bytes": 5 * 1024**3 + 1}])
def test_what_cannot_be_the_digest_or_the_size_of_an_asset_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        asset(**given)


@pytest.mark.parametrize("left_out", ["name", "sha256", "bytes"])
def test_nothing_can_be_announced_without_its_name_digest_and_size(left_out: str) -> None:
    with pytest.raises(ValidationError, match=left_out):
        NewAsset.model_validate(asset().model_dump(exclude={left_out}))


@pytest.mark.parametrize(
    "url",
    [
        f"s3://other/assets/road/{DIGEST}/a.jpg",
        f"s3://bucket/assets/town/{DIGEST}/a.jpg",
        f"s3://bucket/assets/road2/{DIGEST}/a.jpg",
        f"S3://bucket/assets/road/{DIGEST}/a.jpg",
        "s3://bucket/packs/0001",
        "s3://bucket/assets/road",
        "s3://bucket//assets/road/a.jpg",
        "s3://bucket/x/../assets/road/a.jpg",
        "https://bucket.s3.amazonaws.com/assets/road/a.jpg",
        "",
    ],
)
def test_what_is_not_in_the_folder_of_the_project_is_foreign(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not an asset of the project") as refusal:
        key(url)
    assert (refusal.value.code, refusal.value.pointer) == ("foreign_asset", "/urls/3")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "..",
        "../town/a.jpg",
        "./a.jpg",
        "a//b",
        "/a",
        "a/",
        "%2e%2e/town/a.jpg",
        "a%2fb",
        "a?versionId=1",
        "a#b",
        "a\n",
        "a\\..\\b",
        "ä.jpg",
        "a b",
        "x" * 1013,
    ],
)
def test_a_path_that_could_mean_something_else_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        key(FOLDER + path)
    assert (refusal.value.fault, refusal.value.pointer) == ("invalid_url", "/urls/3")


@pytest.mark.parametrize("path", ["scans/scan-0001.png", "a", "x" * 1012, "a..b/c.d"])
def test_what_the_operator_put_into_the_folder_can_be_read_too(path: str) -> None:
    assert key(FOLDER + path) == f"assets/road/{path}"


@given(st.text(alphabet="ab./%\\ s3:-_~\n", max_size=40))
def test_no_url_leads_out_of_the_folder(path: str) -> None:
    try:
        readable_key = key(FOLDER + path)
    except InvalidRequest:
        return
    assert readable_key == f"assets/road/{path}"
    assert not {"", ".", ".."} & set(readable_key.split("/"))
