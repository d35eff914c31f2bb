"""Objects that are put in parts, each to a signed URL of its own: S3's multipart uploads.

What was not finished after some days ends by a rule of the bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidemark.aws.backend import Backend
from tidemark.aws.bucket import SIGNED_URL_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

UPLOAD_GONE = "NoSuchUpload"
"""What S3 answers when an object has been put together, or its parts thrown away."""
PART_CHANGED = "InvalidPart"
"""What S3 answers when a part was put again after it was looked at."""


@dataclass(frozen=True, kw_only=True)
class Multipart:
    """An object that is put in parts."""

    id: str
    """S3's."""
    size: int
    """Bytes of the whole."""
    part_bytes: int
    """Bytes of each part but the last."""

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of each part by its number, from 1."""
        starts = range(0, self.size, self.part_bytes)
        return {number: min(self.part_bytes, self.size - start) for number, start in enumerate(starts, 1)}


def create(backend: Backend, key: str, *, size: int, part_bytes: int) -> Multipart:
    """Begin an object of `size` bytes. Nothing is under its key before it is finished."""
    answer = backend.s3.create_multipart_upload(Bucket=backend.bucket, Key=key)
    return Multipart(id=answer["UploadId"], size=size, part_bytes=part_bytes)


def create_download(backend: Backend, key: str, *, media_type: str) -> str:
    """Begin an object that the service itself puts; answers S3's id of the upload. It is saved as the end of its key.

    Parts have 5 MiB at least, but for the last.
    """
    answer = backend.s3.create_multipart_upload(
        Bucket=backend.bucket,
        Key=key,
        ContentType=media_type,
        ContentDisposition=f'attachment; filename="{key.rsplit("/", 1)[1]}"',
    )
    return answer["UploadId"]


def upload_part(backend: Backend, key: str, upload: str, number: int, data: bytes) -> str | None:
    """Put a part; answers its entity tag, or None where the upload has ended."""
    try:
        answer = backend.s3.upload_part(Bucket=backend.bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)
    except ClientError as error:
        if error.response["Error"]["Code"] == UPLOAD_GONE:
            return None
        raise
    return answer["ETag"]


def sign_part(backend: Backend, key: str, multipart: Multipart, number: int, size: int) -> tuple[str, dict[str, str]]:
    """A URL to which a part can be put, and the headers to send with it. S3 refuses a body of another size."""
    parameters = _named(backend, key, multipart) | {"PartNumber": number, "ContentLength": size}
    url = backend.s3.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=SIGNED_URL_SECONDS)
    return url, {"Content-Length": str(size)}


def uploaded_parts(backend: Backend, key: str, multipart: Multipart) -> dict[int, str]:
    """The entity tags of the parts that are there in their right sizes, by number; none when the upload has ended."""
    try:
        # One request tells of a thousand parts, and a URL was signed for no more.
        answer = backend.s3.list_parts(**_named(backend, key, multipart))
    except ClientError as error:
        if error.response["Error"]["Code"] == UPLOAD_GONE:
            return {}
        raise
    sizes = multipart.sizes
    return {
        part["PartNumber"]: part["ETag"]
        for part in answer.get("Parts", [])
        if part["Size"] == sizes.get(part["PartNumber"])
    }


def complete(backend: Backend, key: str, upload: str, tags: Mapping[int, str]) -> None:
    """Put the object together. Whether it is there then, `objects.find` tells: it may have been finished or ended
    before, and is not put together when a part was put again meanwhile.
    """
    parts: list[CompletedPartTypeDef] = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(tags.items())]
    try:
        backend.s3.complete_multipart_upload(
            Bucket=backend.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in (UPLOAD_GONE, PART_CHANGED):
            raise


def _named(backend: Backend, key: str, multipart: Multipart) -> Any:
    return {"Bucket": backend.bucket, "Key": key, "UploadId": multipart.id}
