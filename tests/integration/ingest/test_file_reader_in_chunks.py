"""Large files are uploaded as multipart uploads and read only when all parts have arrived and are joined (R31)."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from moto.s3 import models as moto_s3

from tests.simulation.invocation import Invocation
from tests.simulation.world import World, new_world
from tests.support.uploads import DATASET, PROJECT, add
from tidemark.aws import bucket, multipart
from tidemark.datasets import datasets, projects
from tidemark.domain import upload_files as shapes
from tidemark.domain.errors import Conflict
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.upload_files import FileUploadReceipt, NewFile, SignedFile
from tidemark.domain.uploads import Upload, UploadStatus
from tidemark.ingest import file_uploads
from tidemark.uploads import follow
from tidemark.versions import frames, resolve

WHERE: dict[str, str] = {"project": PROJECT, "dataset": DATASET}
PART = 100
ROWS = [add(f"f{number}", n=number) for number in range(5)]
TEXT = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
PARTS = -(-len(TEXT) // PART)
LARGE = NewFile(name="large", bytes=len(TEXT))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes files of a few hundred bytes count as large."""
    monkeypatch.setattr(shapes, "MAX_SINGLE_PUT_BYTES", PART)
    monkeypatch.setattr(shapes, "DEFAULT_PART_BYTES", PART)
    monkeypatch.setattr(moto_s3, "S3_UPLOAD_PART_MIN_SIZE", 1)


def announce(world: World, *files: NewFile, request: str | None = None) -> FileUploadReceipt:
    return file_uploads.create(world.process(), **WHERE, files=files, actor="ann", request=request)


def complete(world: World, receipt: FileUploadReceipt) -> Upload:
    return file_uploads.complete(world.process(), **WHERE, upload=receipt.upload)


def put(world: World, file: SignedFile, text: bytes = TEXT, leave_out: int = 0) -> None:
    """Uploads the parts of a file to their signed URLs, except the part number `leave_out`."""
    start = 0
    for part in file.parts:
        url = urlsplit(part.url)
        query = parse_qs(url.query)
        assert query["partNumber"] == [str(part.number)]
        if part.number != leave_out:
            world.process().s3.upload_part(
                Bucket=world.process().bucket,
                Key=url.path.lstrip("/"),
                UploadId=query["uploadId"][0],
                PartNumber=part.number,
                Body=text[start : start + part.bytes],
            )
        start += part.bytes


def key(file: SignedFile) -> str:
    return urlsplit(file.parts[0].url).path.lstrip("/")


def content(world: World) -> dict[str, Any]:
    page = frames.list_frames(world.process(), **WHERE, version="LATEST", limit=1000, cursor=None)
    return {frame["frame_id"]: frame["metadata"] for frame in (json.loads(item.frame) for item in page.items)}


ALL = {f"f{number}": {"n": number} for number in range(5)}


def test_a_large_file_is_announced_in_parts_that_add_up_to_it(world: World) -> None:
    (file,) = announce(world, LARGE).files
    assert (file.url, file.headers) == (None, {})
    assert [part.number for part in file.parts] == list(range(1, PARTS + 1))
    assert [part.bytes for part in file.parts] == [PART] * (PARTS - 1) + [len(TEXT) - PART * (PARTS - 1)]


def test_a_part_is_signed_for_its_size(world: World) -> None:
    for part in announce(world, LARGE).files[0].parts:
        assert part.headers == {"Content-Length": str(part.bytes)}
        assert "content-length" in parse_qs(urlsplit(part.url).query)["X-Amz-SignedHeaders"][0].split(";")


@pytest.mark.parametrize(
    "file",
    [
        NewFile(name="small", bytes=PART),
        NewFile(name="of unknown size"),
        NewFile(name="of known digest", bytes=PART + 1, sha256="47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ],
    ids=lambda file: file.name,
)
def test_any_other_file_is_put_at_once(world: World, file: NewFile) -> None:
    (signed,) = announce(world, file).files
    assert signed.url
    assert signed.parts == []


def test_rows_of_a_file_that_came_in_parts_are_applied_beside_those_of_a_small_one(world: World) -> None:
    receipt = announce(world, NewFile(name="small"), LARGE)
    small, large = receipt.files
    assert small.url
    backend = world.process()
    where = urlsplit(small.url).path.lstrip("/")
    backend.s3.put_object(Bucket=backend.bucket, Key=where, Body=json.dumps(add("g", n=9)).encode())
    put(world, large)
    assert complete(world, receipt).status is UploadStatus.PENDING
    world.drain()
    settled = follow.get_upload(world.process(), **WHERE, upload=receipt.upload)
    assert (settled.status, settled.applied) == (UploadStatus.SETTLED, 6)
    assert content(world) == ALL | {"g": {"n": 9}}


def test_a_missing_part_is_told_and_nothing_is_put_together(world: World) -> None:
    receipt = announce(world, LARGE, NewFile(name="other", bytes=len(TEXT)))
    complete_file, lacking = receipt.files
    put(world, complete_file)
    put(world, lacking, leave_out=2)
    with pytest.raises(Conflict, match=rf"yet: other \(1 of {PARTS} parts\)\.") as refusal:
        complete(world, receipt)
    assert refusal.value.code == "files_missing"
    assert bucket.find(world.process(), key(complete_file)) is None
    put(world, lacking)
    assert complete(world, receipt).status is UploadStatus.PENDING


def test_a_part_of_another_size_is_missing(world: World) -> None:
    receipt = announce(world, LARGE)
    put(world, receipt.files[0], TEXT[:-1])
    with pytest.raises(Conflict, match=rf"large \(1 of {PARTS} parts\)"):
        complete(world, receipt)


def test_a_part_that_is_put_again_while_the_file_is_put_together_is_no_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = announce(world, LARGE)
    put(world, receipt.files[0])
    tags = multipart.uploaded_parts

    def outdated(*arguments: Any) -> dict[int, str]:
        return dict.fromkeys(tags(*arguments), '"0123456789abcdef0123456789abcdef"')

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(multipart, "uploaded_parts", outdated)
        with pytest.raises(Conflict, match="yet: large"):
            complete(world, receipt)
    assert complete(world, receipt).status is UploadStatus.PENDING


def test_two_completions_at_once_both_go_well(world: World) -> None:
    receipt = announce(world, LARGE)
    put(world, receipt.files[0])
    first = Invocation("first", lambda: complete(world, receipt))
    first.run_to("s3.ListParts")
    complete(world, receipt)
    assert first.run().error is None
    world.drain()
    assert content(world) == ALL
    assert resolve.get_version(world.process(), **WHERE, version="LATEST").number == 1


def test_a_repeat_is_answered_with_the_parts_that_are_on_record(world: World) -> None:
    first = announce(world, LARGE, request="once")
    again = announce(world, LARGE, request="once")
    put(world, again.files[0])
    assert complete(world, first).status is UploadStatus.PENDING


def _world_to_crash() -> Iterator[World]:
    with new_world() as world:
        classes = [ClassInput(name="heron")]
        projects.create_project(world.process(), name=PROJECT, description="", classes=classes, actor="admin")
        datasets.create_dataset(world.process(), project=PROJECT, name=DATASET, description="", shards=4, actor="admin")
        yield world


def _crashes(operation: Callable[[World], Invocation], after: bool) -> Iterator[World]:
    """Yields a world for each call of an operation, in which the operation crashed at that call."""
    for world in _world_to_crash():
        calls = operation(world).run().calls
    for position in range(len(calls)):
        for world in _world_to_crash():
            invocation = operation(world)
            for _ in range(position):
                invocation.step()
            invocation.crash(after=after)
            assert invocation.crashed
            yield world


def _announcing(world: World) -> Invocation:
    return Invocation("announce", lambda: announce(world, LARGE, request="once"))


def _completing(world: World) -> Invocation:
    receipt = announce(world, LARGE, request="once")
    put(world, receipt.files[0])
    return Invocation("complete", lambda: complete(world, receipt))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_announcement_that_broke_off_is_repeated(after: bool) -> None:
    for world in _crashes(_announcing, after):
        receipt = announce(world, LARGE, request="once")
        put(world, receipt.files[0])
        complete(world, receipt)
        world.drain()
        assert content(world) == ALL


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_completion_that_broke_off_is_repeated(after: bool) -> None:
    for world in _crashes(_completing, after):
        complete(world, announce(world, LARGE, request="once"))
        world.drain()
        assert content(world) == ALL
        assert resolve.get_version(world.process(), **WHERE, version="LATEST").number == 1
