"""An object is moved whole, by requests that S3 responds to in time."""

from typing import Any

import pytest

from tests.simulation.world import World
from tidemark.aws import bucket
from tidemark.aws.backend import S3_CONFIG, Backend
from tidemark.aws.bucket import Object

MEBIBYTE = 1024**2
SOURCE, TARGET = "drop/street/2026-spring/rows.jsonl", "rejected/street/2026-spring/rows.jsonl"
REASON = {"reason": "There is no dataset of this name."}


@pytest.fixture
def backend(world: World, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """A process that copies 5 MiB in a request, the least that S3 takes as a part. The bucket keeps versions."""
    monkeypatch.setattr(bucket, "COPY_PART_BYTES", 5 * MEBIBYTE)
    process = world.process()
    process.s3.put_bucket_versioning(Bucket=process.bucket, VersioningConfiguration={"Status": "Enabled"})
    return process


def store(backend: Backend, size: int, first: bytes = b"\0") -> Object:
    """Stores an object of `size` bytes that differ along the object, and tags it."""
    content = first + b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))
    backend.s3.put_object(Bucket=backend.bucket, Key=SOURCE, Body=content[:size], Tagging="colour=red")
    stored = bucket.find(backend, SOURCE)
    assert stored is not None
    return stored


def content(backend: Backend, key: str) -> bytes:
    return backend.s3.get_object(Bucket=backend.bucket, Key=key)["Body"].read()


@pytest.mark.parametrize("size", [0, 1, 5 * MEBIBYTE, 5 * MEBIBYTE + 1, 12 * MEBIBYTE, 15 * MEBIBYTE])
def test_an_object_of_any_size_is_moved_with_new_metadata_and_no_tags(backend: Backend, size: int) -> None:
    source = store(backend, size)
    before = content(backend, SOURCE)
    bucket.move(backend, source, TARGET, REASON)
    assert content(backend, TARGET) == before
    assert backend.s3.head_object(Bucket=backend.bucket, Key=TARGET)["Metadata"] == REASON
    assert backend.s3.get_object_tagging(Bucket=backend.bucket, Key=TARGET)["TagSet"] == []
    assert bucket.find(backend, SOURCE) is None


def test_the_version_that_was_asked_for_is_moved(backend: Backend) -> None:
    source = store(backend, 12 * MEBIBYTE, first=b"a")
    store(backend, 11 * MEBIBYTE, first=b"b")
    bucket.move(backend, source, TARGET, REASON)
    moved = content(backend, TARGET)
    assert (len(moved), moved[:1]) == (12 * MEBIBYTE, b"a")


def test_no_request_copies_more_than_a_part(backend: Backend) -> None:
    source = store(backend, 12 * MEBIBYTE)
    ranges = []

    def note(params: dict[str, Any], **_: Any) -> None:
        ranges.append(params["CopySourceRange"])

    backend.s3.meta.events.register("before-parameter-build.s3.UploadPartCopy", note)
    bucket.move(backend, source, TARGET, REASON)
    assert sorted(ranges) == ["bytes=0-5242879", "bytes=10485760-12582911", "bytes=5242880-10485759"]


def test_a_part_is_copied_before_the_client_gives_up_even_at_ten_megabytes_a_second() -> None:
    config: Any = S3_CONFIG  # botocore sets its options as attributes that no type names
    assert config.read_timeout > bucket.COPY_PART_BYTES / 10_000_000


def test_the_largest_object_has_as_many_parts_as_one_multipart_upload_may() -> None:
    assert bucket.MAX_COPY_BYTES / bucket.COPY_PART_BYTES <= 10_000


def test_an_object_above_the_limit_stays(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "MAX_COPY_BYTES", 10)
    bucket.move(backend, store(backend, 11), TARGET, REASON)
    assert bucket.find(backend, SOURCE) is not None
    assert bucket.find(backend, TARGET) is None
