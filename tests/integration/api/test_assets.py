"""Assets: announce, upload and download by signed URLs (R31)."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.simulation.gateway import Answer, Client
from tests.simulation.world import World

ASSETS = "/projects/birds/assets"


def new(name: str, content: bytes = b"picture", **fields: Any) -> dict[str, Any]:
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"name": name, "sha256": sha256, "bytes": len(content), **fields}


def announce(client: Client, *assets: dict[str, Any]) -> list[Any]:
    response = client.post(ASSETS, {"assets": assets})
    assert response.status == 200, response.text
    return list(response.json()["assets"])


def read(client: Client, *urls: object) -> Answer:
    return client.post(f"{ASSETS}/read", {"urls": urls})


def put(world: World, url: str, content: bytes = b"picture") -> None:
    backend = world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=url.removeprefix(f"s3://{backend.bucket}/"), Body=content)


def signed(url: str) -> set[str]:
    """Returns the headers that a URL is signed for. S3 refuses other values for them."""
    return set(parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";"))


def test_assets_are_answered_in_their_order_with_their_lasting_urls(api: Client, world: World) -> None:
    digest = hashlib.sha256(b"picture").hexdigest()
    assets = announce(api, new("b.jpg"), new("a.jpg"))
    assert [(asset["name"], asset["url"]) for asset in assets] == [
        (name, f"s3://{world.process().bucket}/assets/birds/{digest}/{name}") for name in ("b.jpg", "a.jpg")
    ]


def test_a_put_is_signed_for_size_digest_and_content_type(api: Client) -> None:
    announced = new("a.jpg", content_type="image/jpeg")
    (asset,) = announce(api, announced)
    assert asset["put"]["headers"] == {
        "Content-Length": "7",
        "Content-Type": "image/jpeg",
        "x-amz-checksum-sha256": announced["sha256"],
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
    urls = [asset["url"] for asset in announce(api, new("a.jpg"), new("b.jpg"))]
    for url in urls:
        put(world, url)
    assets = read(api, *reversed(urls)).json()["assets"]
    assert [asset["url"] for asset in assets] == urls[::-1]
    assert [urlsplit(asset["get"]["url"]).path.rpartition("/")[2] for asset in assets] == ["b.jpg", "a.jpg"]
    assert all(asset["get"]["expires_at"] for asset in assets)


def test_a_reader_may_read_and_not_put(api: Client, world: World, reader: Client) -> None:
    (asset,) = announce(api, new("a.jpg"))
    put(world, asset["url"])
    assert read(reader, asset["url"]).status == 200
    assert reader.post(ASSETS, {"assets": [new("a.jpg")]}).json()["code"] == "role_too_low"


def test_an_asset_that_is_not_there_is_named(api: Client, world: World) -> None:
    stored, missing = (asset["url"] for asset in announce(api, new("a.jpg"), new("b.jpg")))
    put(world, stored)
    response = read(api, stored, missing)
    assert (response.status, response.json()["code"]) == (404, "unknown_asset")
    assert response.json()["errors"][0]["pointer"] == "/urls/1"
    assert missing in response.json()["detail"]


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
    response = read(api, own, url)
    assert (response.status, response.json()["code"]) == (422, "foreign_asset")
    assert response.json()["errors"][0]["pointer"] == "/urls/1"


@pytest.mark.parametrize("path", ["../cars/a", "%2e%2e/cars/a", "a/./b", "a//b", "ä"])
def test_a_url_that_could_mean_another_object_is_refused(api: Client, world: World, path: str) -> None:
    response = read(api, f"s3://{world.process().bucket}/assets/birds/{path}")
    assert (response.status, response.json()["code"]) == (422, "invalid_request")
    assert [(e["code"], e["pointer"]) for e in response.json()["errors"]] == [("invalid_url", "/urls/0")]


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
    response = api.post(ASSETS, body)
    assert response.status == 422
    assert (response.json()["errors"][0]["pointer"], response.json()["errors"][0]["code"]) == (pointer, code)


@pytest.mark.parametrize(
    ("urls", "pointer"), [([], "/urls"), (["s3://b/a"] * 101, "/urls"), (["s3://b/a b"], "/urls/0"), ([7], "/urls/0")]
)
def test_a_bad_wish_to_read_is_told_by_its_place(api: Client, urls: list[object], pointer: str) -> None:
    response = read(api, *urls)
    assert (response.status, response.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(("path", "body"), [("", {"assets": [new("a")]}), ("/read", {"urls": ["s3://b/a"]})])
def test_an_unknown_project_has_no_assets(api: Client, path: str, body: object) -> None:
    response = api.post(f"/projects/nowhere/assets{path}", body)
    assert (response.status, response.json()["code"]) == (404, "unknown_project")


def test_a_hundred_assets_fit_a_request(api: Client) -> None:
    assert len(announce(api, *(new(f"{number}.jpg") for number in range(100)))) == 100
