"""S3 objects other than packs: signs URLs for them, and reads, writes, lists, moves and deletes them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidemark.aws.backend import Backend

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ObjectIdentifierTypeDef, TaggingTypeDef

SIGNED_URL_SECONDS = 60 * 60
"""How long a signed URL can be used, in seconds."""
STREAM_BYTES = 1024 * 1024
"""Most bytes that `stream` yields at a time."""
MAX_COPY_BYTES = 5 * 1024**3
"""Size, in bytes, of the largest object that `move` copies. It fits well within the time of a call of intake."""
COPY_PART_BYTES = 64 * 1024**2
"""Most bytes that `move` has S3 copy in one request. S3 may copy gigabytes for longer than the client waits for a
response, and the client would begin again until it gives up. It copies this much in about a second."""
NOT_FOUND_CODES = frozenset({"404", "403", "NoSuchKey", "NoSuchVersion", "AccessDenied", "Forbidden"})
"""S3's error codes for a missing object. S3 reports 403 to a function that may not list the bucket."""


class NotDeleted(Exception):
    """Raised when S3 did not delete every object named in a request."""


class ObjectGone(Exception):
    """Raised when an S3 object, or the requested version of it, no longer exists."""


@dataclass(frozen=True, kw_only=True)
class Object:
    """One version of an S3 object. A later upload to the same S3 key creates another version."""

    key: str
    version: str | None = None
    """S3's version id; None for the current version, or if the bucket is not versioned."""
    size: int = field(default=0, compare=False)
    """Size of the object in bytes; 0 if unknown."""


def sign_put(
    backend: Backend, key: str, *, size: int | None, sha256: str | None, content_type: str | None = None
) -> tuple[str, dict[str, str]]:
    """Returns a signed URL for uploading an object, and the headers to send.

    S3 refuses a body whose size in bytes, digest (SHA-256 in base64) or content type is not the signed one. S3 does not
    check a size, digest or content type of None.
    """
    parameters: dict[str, Any] = {"Bucket": backend.bucket, "Key": key}
    headers: dict[str, str] = {}
    if size is not None:
        parameters["ContentLength"] = size
        headers["Content-Length"] = str(size)
    if sha256 is not None:
        parameters["ChecksumSHA256"] = sha256
        headers["x-amz-checksum-sha256"] = sha256
    if content_type is not None:
        parameters["ContentType"] = content_type
        headers["Content-Type"] = content_type
    url = backend.s3.generate_presigned_url("put_object", Params=parameters, ExpiresIn=SIGNED_URL_SECONDS)
    return url, headers


def sign_get(backend: Backend, key: str) -> str:
    """Returns a signed URL for downloading an object."""
    parameters = {"Bucket": backend.bucket, "Key": key}
    return backend.s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=SIGNED_URL_SECONDS)


def url_expiry(backend: Backend) -> datetime:
    """Returns when a URL that is signed now expires."""
    return backend.clock() + timedelta(seconds=SIGNED_URL_SECONDS)


def find(backend: Backend, key: str) -> Object | None:
    """Returns the current version of the object under an S3 key, or None if there is no object."""
    try:
        response = backend.s3.head_object(Bucket=backend.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND_CODES:
            return None
        raise
    return Object(key=key, version=response.get("VersionId"), size=response["ContentLength"])


def list_pages(backend: Backend, prefix: str, after: str | None = None) -> Iterator[list[Object]]:
    """Yields the objects whose keys begin with `prefix`, in pages, sorted by key, starting after the key `after`.

    Each page has up to a thousand objects and costs one request.
    """
    request: dict[str, Any] = {"Bucket": backend.bucket, "Prefix": prefix}
    if after is not None:
        request["StartAfter"] = after
    while True:
        response = backend.s3.list_objects_v2(**request)
        yield [Object(key=entry["Key"], size=entry["Size"]) for entry in response.get("Contents", [])]
        if not response["IsTruncated"]:
            return
        request["ContinuationToken"] = response["NextContinuationToken"]


def read(backend: Backend, key: str) -> bytes:
    """Returns the content of a small object that must exist."""
    return backend.s3.get_object(Bucket=backend.bucket, Key=key)["Body"].read()


def stream(backend: Backend, source: Object, first_byte: int) -> Iterator[bytes]:
    """Yields the content of an object from the byte numbered `first_byte` (from 0, inclusive) on.

    Yields nothing if the object ends before that byte. Raises ObjectGone, and any S3 error, even in the middle of the
    content.
    """
    request = _parameters(backend, source)
    if first_byte:
        request["Range"] = f"bytes={first_byte}-"
    try:
        response = backend.s3.get_object(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":  # the object ends before `first_byte`, or is empty
            return
        if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion"}:
            raise ObjectGone(source.key) from None
        raise
    yield from response["Body"].iter_chunks(STREAM_BYTES)


def put(backend: Backend, key: str, body: IO[bytes], *, media_type: str, file_name: str) -> None:
    """Writes an object for download. A browser saves it as `file_name`, which must not need quoting."""
    backend.s3.put_object(
        Bucket=backend.bucket,
        Key=key,
        Body=body,
        ContentType=media_type,
        ContentDisposition=f'attachment; filename="{file_name}"',
    )


def tag(backend: Backend, target: Object, tags: dict[str, str]) -> None:
    """Replaces the tags of an object."""
    tagging: TaggingTypeDef = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
    backend.s3.put_object_tagging(**_parameters(backend, target), Tagging=tagging)


def move(backend: Backend, source: Object, key: str, metadata: dict[str, str]) -> None:
    """Moves an object to another S3 key, with new metadata and without its tags.

    Does nothing if the object is larger than `MAX_COPY_BYTES`.
    """
    if source.size > MAX_COPY_BYTES:
        return
    if source.size > COPY_PART_BYTES:
        _copy_in_parts(backend, source, key, metadata)
    else:
        backend.s3.copy_object(
            Bucket=backend.bucket,
            Key=key,
            CopySource=_parameters(backend, source),
            Metadata=metadata,
            MetadataDirective="REPLACE",
            TaggingDirective="REPLACE",
        )
    backend.s3.delete_object(Bucket=backend.bucket, Key=source.key)


def _copy_in_parts(backend: Backend, source: Object, key: str, metadata: dict[str, str]) -> None:
    """Copies an object by a multipart upload, whose parts S3 copies side by side. Costs a request for each part.

    A lifecycle rule of the bucket aborts the multipart upload if it is not completed.
    """
    upload = backend.s3.create_multipart_upload(Bucket=backend.bucket, Key=key, Metadata=metadata)["UploadId"]
    target: Any = {"Bucket": backend.bucket, "Key": key, "UploadId": upload}

    def copy(part: tuple[int, int]) -> "CompletedPartTypeDef":
        number, start = part
        last = min(start + COPY_PART_BYTES, source.size) - 1
        response = backend.s3.upload_part_copy(
            **target,
            PartNumber=number,
            CopySource=_parameters(backend, source),
            CopySourceRange=f"bytes={start}-{last}",
        )
        return {"PartNumber": number, "ETag": response["CopyPartResult"]["ETag"]}

    parts = backend.parallel(copy, enumerate(range(0, source.size, COPY_PART_BYTES), 1))
    backend.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": parts})


def delete(backend: Backend, keys: Sequence[str]) -> None:
    """Deletes up to a thousand objects in one request. Missing objects are ignored. Raises NotDeleted."""
    if not keys:
        return
    identifiers: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
    response = backend.s3.delete_objects(Bucket=backend.bucket, Delete={"Objects": identifiers, "Quiet": True})
    errors = response.get("Errors", [])
    if errors:
        raise NotDeleted(f"S3 did not delete {len(errors)} objects; the first: {errors[0]}")


def delete_under(
    backend: Backend, prefix: str, has_time: Callable[[], bool], kept: Collection[str] = frozenset()
) -> bool:
    """Deletes the objects whose keys begin with `prefix`, except for the `kept` keys, until `has_time` returns False.

    Returns whether all of them are deleted. Raises NotDeleted.
    """
    for number, page in enumerate(list_pages(backend, prefix)):
        if number and not has_time():
            return False
        delete(backend, [entry.key for entry in page if entry.key not in kept])
    return True


def _parameters(backend: Backend, target: Object) -> Any:
    parameters = {"Bucket": backend.bucket, "Key": target.key}
    return parameters | ({"VersionId": target.version} if target.version else {})
