"""The storage report of a dataset."""

from collections.abc import Iterator

import pytest

from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT, add, delete, modify, upload
from tidemark.catalog import dataset_records
from tidemark.datasets import storage
from tidemark.domain.canonical import canonical_json
from tidemark.domain.errors import NotFound
from tidemark.domain.storage import Objects, StorageReport


def report(world: World, cursor: str | None = None, *, answers: int = 1000) -> StorageReport:
    left = iter(range(answers - 1))
    return storage.report_storage(
        world.process(),
        project=PROJECT,
        dataset=DATASET,
        cursor=cursor,
        has_time=lambda: next(left, None) is not None,
    )


def put(world: World, kind: str, name: str, body: bytes) -> None:
    backend = world.process()
    uid = dataset_records.get(backend, PROJECT, DATASET).uid
    backend.s3.put_object(Bucket=backend.bucket, Key=f"{kind}/{uid}/{name}", Body=body)


def bytes_of(frame_id: str, **metadata: object) -> int:
    return len(canonical_json({"frame_id": frame_id, "metadata": metadata}))


def test_an_empty_dataset_takes_nothing(world: World) -> None:
    assert report(world) == StorageReport(
        versions=0,
        frame_versions=0,
        payload_bytes=0,
        live_bytes=0,
        packs=Objects(),
        checkpoints=Objects(),
        exports=Objects(),
        cursor=None,
    )


def test_frame_versions_are_counted_with_their_bytes_live_and_historic(world: World) -> None:
    upload(world, add("f1", n=1), add("f2", n=1))
    upload(world, modify("f1", metadata={"n": 1000}), delete("f2"), delete("nowhere"))
    upload(world, add("f2", n=22))
    storage = report(world)
    assert (storage.versions, storage.frame_versions) == (3, 5)
    live = bytes_of("f1", n=1000) + bytes_of("f2", n=22)
    assert storage.live_bytes == live
    assert storage.payload_bytes == live + bytes_of("f1", n=1) + bytes_of("f2", n=1)


def test_the_bytes_of_packs_are_those_in_s3(world: World) -> None:
    upload(world, add("f1"))
    upload(world, modify("f1", metadata={"n": 1}))
    backend = world.process()
    listed = backend.s3.list_objects_v2(Bucket=backend.bucket, Prefix="packs/")["Contents"]
    assert report(world).packs == Objects(objects=len(listed), bytes=sum(entry["Size"] for entry in listed))
    assert len(listed) == 3  # a pack per request, and one of merged frames


def test_what_checkpoints_and_exports_hold_is_told_apart(world: World) -> None:
    put(world, "checkpoints", "golden/0.parquet", b"1234")
    put(world, "exports", "golden/jsonl/0.jsonl", b"123456")
    put(world, "exports", "golden/jsonl/1.jsonl", b"12")
    storage = report(world)
    assert storage.checkpoints == Objects(objects=1, bytes=4)
    assert storage.exports == Objects(objects=2, bytes=8)
    assert storage.packs == Objects()


@pytest.fixture
def two_to_a_page(world: World) -> Iterator[World]:
    """Makes S3 list two objects per page."""
    client = world.process().s3

    def small(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = 2

    client.meta.events.register("before-parameter-build.s3.ListObjectsV2", small)
    yield world
    client.meta.events.unregister("before-parameter-build.s3.ListObjectsV2", small)


@pytest.mark.parametrize("answers", [1, 2, 1000])
def test_answers_add_up_however_many_it_takes(two_to_a_page: World, answers: int) -> None:
    for number in range(5):
        put(two_to_a_page, "packs", f"{number}", b"1" * (number + 1))
        put(two_to_a_page, "exports", f"golden/{number}", b"1")
    parts = [report(two_to_a_page, answers=answers)]
    while parts[-1].cursor is not None:
        parts.append(report(two_to_a_page, parts[-1].cursor, answers=answers))
    assert len(parts) > (1 if answers < 1000 else 0)
    assert sum(part.packs.objects for part in parts) == sum(part.exports.objects for part in parts) == 5
    assert sum(part.packs.bytes for part in parts) == 15


def test_the_storage_of_a_dataset_that_is_not_there_is_not_told(world: World) -> None:
    with pytest.raises(NotFound):
        storage.report_storage(world.process(), project=PROJECT, dataset="other", cursor=None, has_time=lambda: True)
