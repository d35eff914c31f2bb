"""Objects in the bucket that hold files: those that senders put, of mutations and assets, and those that are written to
be fetched. Signs their URLs, and reads and writes them as streams."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidemark.aws.backend import Backend

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef, TaggingTypeDef

STREAM_BYTES = 1024 * 1024
SIGNED_URL_SECONDS = 60 * 60
"""How long a signed URL can be used."""
MAX_COPY_BYTES = 5 * 1024**3
"""S3's limit for copying an object in one request."""
NOT_FOUND_CODES = frozenset({"404", "403", "NoSuchKey", "NoSuchVersion", "AccessDenied", "Forbidden"})
"""What S3 answers for an object that is not there; 403 to those who may not list the bucket."""


@dataclass(frozen=True, kw_only=True)
class Object:
    """One object, in one state: what is put under its key later is another."""

    key: str
    version: str | None = None
    """The state; None where the bucket keeps but one."""
    size: int = field(default=0, compare=False)
    """Bytes."""


def sign_put(
    backend: Backend, key: str, *, size: int | None, sha256: str | None, content_type: str | None = None
) -> tuple[str, dict[str, str]]:
    """A URL to which an object can be put, and the headers to send with it.

    S3 refuses a body that has another size or digest (SHA-256 in base64) than was signed, and another content type.
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
    """A URL from which an object can be read."""
    parameters = {"Bucket": backend.bucket, "Key": key}
    return backend.s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=SIGNED_URL_SECONDS)


def put(backend: Backend, key: str, body: IO[bytes], *, media_type: str, file_name: str) -> None:
    """Write an object from a file; a browser that fetches it saves it under `file_name`, which needs no quoting."""
    backend.s3.put_object(
        Bucket=backend.bucket,
        Key=key,
        Body=body,
        ContentType=media_type,
        ContentDisposition=f'attachment; filename="{file_name}"',
    )


def read(backend: Backend, key: str) -> bytes:
    """All of an object that is there and is not large."""
    return backend.s3.get_object(Bucket=backend.bucket, Key=key)["Body"].read()


def find(backend: Backend, key: str) -> Object | None:
    """The object under a key, as it is now, or None."""
    try:
        answer = backend.s3.head_object(Bucket=backend.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND_CODES:
            return None
        raise
    return Object(key=key, version=answer.get("VersionId"), size=answer["ContentLength"])


def list_pages(backend: Backend, prefix: str, after: str | None = None) -> Iterator[list[Object]]:
    """The objects whose keys begin with `prefix`, in order of their keys, from the one after `after`: by the thousand,
    a request for each."""
    request: dict[str, Any] = {"Bucket": backend.bucket, "Prefix": prefix}
    if after is not None:
        request["StartAfter"] = after
    while True:
        answer = backend.s3.list_objects_v2(**request)
        yield [Object(key=one["Key"], size=one["Size"]) for one in answer.get("Contents", [])]
        if not answer["IsTruncated"]:
            return
        request["ContinuationToken"] = answer["NextContinuationToken"]


def delete(backend: Backend, keys: Sequence[str]) -> None:
    """Delete objects, at most a thousand: one request. One that is not there is no error. Raises NotDeleted."""
    if not keys:
        return
    found: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
    answer = backend.s3.delete_objects(Bucket=backend.bucket, Delete={"Objects": found, "Quiet": True})
    errors = answer.get("Errors", [])
    if errors:
        raise NotDeleted(f"{len(errors)} objects are not deleted; the first: {errors[0]}")


def delete_under(
    backend: Backend, prefix: str, has_time: Callable[[], bool], kept: Collection[str] = frozenset()
) -> bool:
    """Delete the objects under a prefix but for the keys that are `kept`, as long as there is time; tells whether they
    are gone. Raises NotDeleted."""
    for number, page in enumerate(list_pages(backend, prefix)):
        if number and not has_time():
            return False
        delete(backend, [one.key for one in page if one.key not in kept])
    return True


class NotDeleted(Exception):
    """S3 did not delete what it was asked to."""


class ObjectGone(Exception):
    """The object, or the state of it that is wanted, is not there any more."""


def stream(backend: Backend, found: Object, first_byte: int) -> Iterator[bytes]:
    """What an object holds, from a byte on, in order. Raises ObjectGone, and what S3 raises, also in the middle."""
    request = _request(backend, found)
    if first_byte:
        request["Range"] = f"bytes={first_byte}-"
    try:
        answer = backend.s3.get_object(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":  # it ends there, or is empty
            return
        if error.response["Error"]["Code"] in {"NoSuchKey", "NoSuchVersion"}:
            raise ObjectGone(found.key) from None
        raise
    yield from answer["Body"].iter_chunks(STREAM_BYTES)


def tag(backend: Backend, found: Object, tags: dict[str, str]) -> None:
    """Give an object tags, in place of those that it has."""
    tagging: TaggingTypeDef = {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
    backend.s3.put_object_tagging(**_request(backend, found), Tagging=tagging)


def move(backend: Backend, found: Object, key: str, metadata: dict[str, str]) -> None:
    """Put an object under another key, with metadata and without its tags, and take it from where it was.

    One that is too large to be copied at once stays where it is.
    """
    if found.size > MAX_COPY_BYTES:
        return
    backend.s3.copy_object(
        Bucket=backend.bucket,
        Key=key,
        CopySource=_request(backend, found),
        Metadata=metadata,
        MetadataDirective="REPLACE",
        TaggingDirective="REPLACE",
    )
    backend.s3.delete_object(Bucket=backend.bucket, Key=found.key)


def _request(backend: Backend, found: Object) -> Any:
    request = {"Bucket": backend.bucket, "Key": found.key}
    return request | ({"VersionId": found.version} if found.version else {})
