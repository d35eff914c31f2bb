"""Images and masks by signed URLs: what is announced, what is there already, what may be read (R31)."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.simulation.gateway import Answer, Client
from tests.simulation.world import World

ASSETS = "/projects/birds/assets"


def new(name: str, content: bytes = b"picture", **given: Any) -> dict[str, Any]:
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"name": name, "sha256": sha256, "bytes": len(content), **given}


def announce(client: Client, *assets: dict[str, Any]) -> list[Any]:
    answer = client.post(ASSETS, {"assets": assets})
    assert answer.status == 200, answer.text
    return list(answer.json()["assets"])


def read(client: Client, *urls: object) -> Answer:
    return client.post(f"{ASSETS}/read", {"urls": urls})


def put(world: World, url: str, content: bytes = b"picture") -> None:
    backend = world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=url.removeprefix(f"s3://{backend.bucket}/"), Body=content)


def signed(url: str) -> set[str]:
    """The headers that a URL is signed for, which S3 refuses to take with other values."""
    return set(parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";"))


def test_assets_are_answered_in_their_order_with_their_lasting_urls(api: Client, world: World) -> None:
    digest = hashlib.sha256(b"picture").hexdigest()
    found = announce(api, new("b.jpg"), new("a.jpg"))
    assert [(asset["name"], asset["url"]) for asset in found] == [
        (name, f"s3://{world.process().bucket}/assets/birds/{digest}/{name}") for name in ("b.jpg", "a.jpg")
    ]


def test_a_put_is_signed_for_size_digest_and_content_type(api: Client) -> None:
    wanted = new("a.jpg", content_type="image/jpeg")
    (asset,) = announce(api, wanted)
    assert asset["put"]["headers"] == {
        "Content-Length": "7",
        "Content-Type": "image/jpeg",
        "x-amz-checksum-sha256": wanted["sha256"],
    }
    assert {header.lower() for header in asset["put"]["headers"]} <= signed(asset["put"]["url"])
    assert asset["put"]["expires_at"]


def test_the_content_type_is_signed_where_none_is_given(api: Client) -> None:
    (asset,) = announce(api, new("a"))
    assert asset["put"]["headers"]["Content-Type"] == "application/octet-stream"
    assert "content-type" in signed(asset["put"]["url"])


def test_what_is_there_already_is_not_put_again(api: Client, world: World) -> None:
    (first,) = announce(api, new("a.jpg"))
    put(world, first["url"])
    again, other = announce(api, new("a.jpg"), new("b.jpg"))
    assert (again["url"], again["put"]) == (first["url"], None)
    assert other["put"]


def test_an_asset_is_read_by_its_lasting_url(api: Client, world: World) -> None:
    found = [asset["url"] for asset in announce(api, new("a.jpg"), new("b.jpg"))]
    for url in found:
        put(world, url)
    assets = read(api, *reversed(found)).json()["assets"]
    assert [asset["url"] for asset in assets] == found[::-1]
    assert [urlsplit(asset["get"]["url"]).path.rpartition("/")[2] for asset in assets] == ["b.jpg", "a.jpg"]
    assert all(asset["get"]["expires_at"] for asset in assets)


def test_a_reader_may_read_and_not_put(api: Client, world: World, reader: Client) -> None:
    (asset,) = announce(api, new("a.jpg"))
    put(world, asset["url"])
    assert read(reader, asset["url"]).status == 200
    assert reader.post(ASSETS, {"assets": [new("a.jpg")]}).json()["code"] == "role_too_low"


def test_an_asset_that_is_not_there_is_named(api: Client, world: World) -> None:
    there, missing = (asset["url"] for asset in announce(api, new("a.jpg"), new("b.jpg")))
    put(world, there)
    answer = read(api, there, missing)
    assert (answer.status, answer.json()["code"]) == (404, "unknown_asset")
    assert answer.json()["errors"][0]["pointer"] == "/urls/1"
    assert missing in answer.json()["detail"]


def test_of_many_assets_that_are_not_there_some_are_named(api: Client) -> None:
    urls = [asset["url"] for asset in announce(api, *(new(f"{number}.jpg") for number in range(7)))]
    assert "4.jpg and 2 more" in read(api, *urls).json()["detail"]


@pytest.mark.parametrize("where", ["{bucket}/assets/cars/a", "{bucket}/packs/a", "{bucket}/assets/birds2/a", "other/a"])
def test_nothing_outside_the_projects_folder_is_signed(api: Client, world: World, where: str) -> None:
    url = "s3://" + where.format(bucket=world.process().bucket)
    own = announce(api, new("a.jpg"))[0]["url"]
    put(world, own)
    if "{bucket}" in where:
        put(world, url)
    answer = read(api, own, url)
    assert (answer.status, answer.json()["code"]) == (422, "foreign_asset")
    assert answer.json()["errors"][0]["pointer"] == "/urls/1"


@pytest.mark.parametrize("path", ["../cars/a", "%2e%2e/cars/a", "a/./b", "a//b", "ä"])
def test_a_url_that_could_mean_another_object_is_refused(api: Client, world: World, path: str) -> None:
    answer = read(api, f"s3://{world.process().bucket}/assets/birds/{path}")
    assert (answer.status, answer.json()["code"]) == (422, "invalid_request")
    assert [(e["code"], e["pointer"]) for e in answer.json()["errors"]] == [("invalid_url", "/urls/0")]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"assets": []}, "/assets", "too_short"),
        ({"assets": [{}] * 101}, "/assets/0/name", "missing_field"),
        ({"assets": [new("../a")]}, "/assets/0/name", "invalid_name"),
        ({"assets": [new("a"), new("a", sha256="abc")]}, "/assets/1/sha256", "invalid_value"),
        ({"assets": [new("a", content_type="image")]}, "/assets/0/content_type", "invalid_value"),
        ({"assets": [new("a", bytes="7")]}, "/assets/0/bytes", "wrong_type"),
        ({"assets": [new("a", size=7)]}, "/assets/0/size", "unknown_field"),
    ],
)
def test_a_bad_announcement_is_told_by_its_place(api: Client, body: object, pointer: str, code: str) -> None:
    answer = api.post(ASSETS, body)
    assert answer.status == 422
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


@pytest.mark.parametrize(
    ("urls", "pointer"), [([], "/urls"), (["s3://b/a"] * 101, "/urls"), (["s3://b/a b"], "/urls/0"), ([7], "/urls/0")]
)
def test_a_bad_wish_to_read_is_told_by_its_place(api: Client, urls: list[object], pointer: str) -> None:
    answer = read(api, *urls)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(("path", "body"), [("", {"assets": [new("a")]}), ("/read", {"urls": ["s3://b/a"]})])
def test_an_unknown_project_has_no_assets(api: Client, path: str, body: object) -> None:
    answer = api.post(f"/projects/nowhere/assets{path}", body)
    assert (answer.status, answer.json()["code"]) == (404, "unknown_project")


def test_a_hundred_assets_fit_a_request(api: Client) -> None:
    assert len(announce(api, *(new(f"{number}.jpg") for number in range(100)))) == 100
