"""A file in the drop folder becomes an upload; a file that belongs to no dataset is moved to the rejected files."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest

from infra.local.stack import LocalStack
from tests.support.deployed.client import Dataset, Json, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(stack: LocalStack) -> Iterator["S3Client"]:
    """An S3 client of the bucket's owner."""
    client: S3Client = boto3.client(
        "s3",
        endpoint_url=stack.server.endpoint,
        region_name=stack.aws["AWS_REGION"],
        aws_access_key_id=stack.aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=stack.aws["AWS_SECRET_ACCESS_KEY"],
    )
    yield client
    client.close()


def lines(*frame_ids: str) -> bytes:
    rows = [{"op": "ADD", "frame": {"frame_id": frame_id}} for frame_id in frame_ids]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def uploads(dataset: Dataset, count: int) -> list[Json]:
    """Waits for `count` uploads of a dataset to settle, and returns them, newest first."""
    wait_until(lambda: len(dataset.items("uploads")) == count, f"{count} uploads to begin")
    return [dataset.settled(upload["id"]) for upload in dataset.items("uploads")]


def test_a_dropped_file_is_read_and_tagged(stack: LocalStack, s3: "S3Client", dataset: Dataset) -> None:
    bucket, key = stack.outputs["BucketName"], f"drop/{dataset.project}/{dataset.name}/first day+.jsonl"
    version = s3.put_object(Bucket=bucket, Key=key, Body=lines("a", "b"))["VersionId"]
    (upload,) = uploads(dataset, 1)
    assert (upload["status"], upload["source"], upload["applied"]) == ("SETTLED", "DROP", 2)
    assert set(dataset.frames()) == {"a", "b"}
    tags = s3.get_object_tagging(Bucket=bucket, Key=key, VersionId=version)["TagSet"]
    assert {"Key": "tidemark", "Value": "read"} in tags


def test_a_file_that_is_replaced_at_once_is_read_in_both_its_states(
    stack: LocalStack, s3: "S3Client", dataset: Dataset
) -> None:
    bucket, key = stack.outputs["BucketName"], f"drop/{dataset.project}/{dataset.name}/rows.jsonl"
    for frame_id in "ab":
        s3.put_object(Bucket=bucket, Key=key, Body=lines(frame_id))
    assert [upload["applied"] for upload in uploads(dataset, 2)] == [1, 1]
    assert set(dataset.frames()) == {"a", "b"}


def test_a_file_of_no_dataset_is_moved_to_the_rejected_with_a_reason(
    stack: LocalStack, s3: "S3Client", dataset: Dataset
) -> None:
    bucket, name = stack.outputs["BucketName"], f"{dataset.project}/nowhere/rows.jsonl"
    s3.put_object(Bucket=bucket, Key=f"drop/{name}", Body=lines("a"))
    wait_until(lambda: "Contents" in s3.list_objects_v2(Bucket=bucket, Prefix=f"rejected/{name}"), "it to be moved")
    assert "nowhere" in s3.head_object(Bucket=bucket, Key=f"rejected/{name}")["Metadata"]["reason"]
    wait_until(lambda: "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=f"drop/{name}"), "it to be gone")


def test_a_part_of_a_version_can_be_read(stack: LocalStack, s3: "S3Client") -> None:
    bucket = stack.outputs["BucketName"]
    version = s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"first")["VersionId"]
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"second")
    answer = s3.get_object(Bucket=bucket, Key="elsewhere", VersionId=version, Range="bytes=2-")
    assert answer["Body"].read() == b"rst"
    with pytest.raises(s3.exceptions.ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key="elsewhere", VersionId=version, Range="bytes=5-")
