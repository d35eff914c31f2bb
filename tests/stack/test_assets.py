"""Images are uploaded to and read from the deployed stack without a bucket or AWS credentials."""

import base64
import hashlib
from typing import Any

import httpx2
import pytest

from infra.local.stack import LocalStack
from tests.support.deployed.client import Dataset, Json, path

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def announced(dataset: Dataset, name: str, content: bytes = PICTURE) -> Json:
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    asset = {"name": name, "sha256": sha256, "bytes": len(content), "content_type": "image/png"}
    answer = dataset.caller.http.post(path("projects", dataset.project, "assets"), json={"assets": [asset]})
    assert answer.status_code == 200, answer.text
    announced_asset: Json = answer.json()["assets"][0]
    return announced_asset


def put(asset: Json, content: bytes = PICTURE, **other: str) -> httpx2.Response:
    return httpx2.put(asset["put"]["url"], content=content, headers=asset["put"]["headers"] | other, timeout=30)


def read(dataset: Dataset, url: str) -> httpx2.Response:
    return dataset.caller.http.post(path("projects", dataset.project, "assets", "read"), json={"urls": [url]})


def test_the_image_of_a_frame_is_read_back_byte_for_byte(dataset: Dataset) -> None:
    asset = announced(dataset, "cam-0001.png")
    assert put(asset).status_code == 200
    sensor = {"id": "front", "type": "IMAGE", "url": asset["url"]}
    dataset.upload({"op": "ADD", "frame": {"frame_id": "cam-0001", "sensors": [sensor]}})
    (stored,) = dataset.frames()["cam-0001"]["sensors"]
    answer = read(dataset, stored["url"])
    assert answer.status_code == 200, answer.text
    image = httpx2.get(answer.json()["assets"][0]["get"]["url"], timeout=30)
    assert (image.status_code, image.content, image.headers["content-type"]) == (200, PICTURE, "image/png")


def test_an_image_that_is_there_is_not_to_be_sent_again(dataset: Dataset) -> None:
    first = announced(dataset, "cam-0001.png")
    assert put(first).status_code == 200
    assert announced(dataset, "cam-0001.png") == first | {"put": None}


@pytest.mark.parametrize(
    ("content", "other"),
    [
        (PICTURE[:-1], {"Content-Length": str(len(PICTURE) - 1)}),
        (PICTURE[:-1] + b"\0", {}),
        (PICTURE, {"Content-Type": "text/html"}),
    ],
    ids=["size", "digest", "type"],
)
def test_something_else_than_was_announced_is_refused(dataset: Dataset, content: bytes, other: dict[str, Any]) -> None:
    asset = announced(dataset, "cam-0001.png")
    assert put(asset, content, **other).status_code in {400, 403}
    assert read(dataset, asset["url"]).json()["code"] == "unknown_asset"


def test_an_image_of_another_project_is_not_signed(stack: LocalStack, connect: Any, dataset: Dataset) -> None:
    asset = announced(dataset, "cam-0001.png")
    assert put(asset).status_code == 200
    other = dataset.caller.new_dataset()
    stranger = other.seen_by(connect(stack.make_key("read", [other.project])))
    assert read(stranger, asset["url"]).json()["code"] == "foreign_asset"
    assert read(dataset.seen_by(stranger.caller), asset["url"]).json()["code"] == "project_forbidden"
