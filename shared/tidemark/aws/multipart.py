"""S3's multipart uploads: objects uploaded in parts, each with its own request.

A lifecycle rule of the bucket aborts multipart uploads that are not completed within some days.
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
"""S3's error code after an upload was completed or aborted."""
PART_CHANGED = "InvalidPart"
"""S3's error code when a part was uploaded again after it was listed."""


@dataclass(frozen=True, kw_only=True)
class Multipart:
    """A multipart upload of one S3 object."""

    id: str
    """S3's id of the multipart upload."""
    size: int
    """Size of the whole object in bytes."""
    part_bytes: int
    """Size in bytes of every part but the last."""

    @property
    def sizes(self) -> dict[int, int]:
        """Size of each part in bytes, by part number, which starts at 1."""
        starts = range(0, self.size, self.part_bytes)
        return {number: min(self.part_bytes, self.size - start) for number, start in enumerate(starts, 1)}


def create(backend: Backend, key: str, *, size: int, part_bytes: int) -> Multipart:
    """Starts a multipart upload of an object of `size` bytes.

    The object does not exist until the multipart upload is completed.
    """
    response = backend.s3.create_multipart_upload(Bucket=backend.bucket, Key=key)
    return Multipart(id=response["UploadId"], size=size, part_bytes=part_bytes)


def sign_part(backend: Backend, key: str, multipart: Multipart, number: int, size: int) -> tuple[str, dict[str, str]]:
    """Returns a signed URL for uploading the part with this `number`, and the headers to send.

    S3 refuses a body that is not `size` bytes long.
    """
    parameters = _parameters(backend, key, multipart) | {"PartNumber": number, "ContentLength": size}
    url = backend.s3.generate_presigned_url("upload_part", Params=parameters, ExpiresIn=SIGNED_URL_SECONDS)
    return url, {"Content-Length": str(size)}


def uploaded_parts(backend: Backend, key: str, multipart: Multipart) -> dict[int, str]:
    """Returns the entity tags of the parts that were uploaded in full, by part number.

    Empty once the multipart upload has been completed or aborted.
    """
    try:
        # One request lists a thousand parts, and no multipart upload has signed URLs for more.
        response = backend.s3.list_parts(**_parameters(backend, key, multipart))
    except ClientError as error:
        if error.response["Error"]["Code"] == UPLOAD_GONE:
            return {}
        raise
    sizes = multipart.sizes
    return {
        part["PartNumber"]: part["ETag"]
        for part in response.get("Parts", [])
        if part["Size"] == sizes.get(part["PartNumber"])
    }


def complete(backend: Backend, key: str, upload: str, tags: Mapping[int, str]) -> None:
    """Completes a multipart upload, which creates the object. `tags` are the parts' entity tags, by part number.

    Raises no error if the multipart upload was already completed or aborted. S3 does not create the object if a part
    was uploaded again after it was listed; that raises no error either. Use `bucket.find` to see whether the object
    exists.
    """
    parts: list[CompletedPartTypeDef] = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(tags.items())]
    try:
        backend.s3.complete_multipart_upload(
            Bucket=backend.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in (UPLOAD_GONE, PART_CHANGED):
            raise


def create_download(backend: Backend, key: str, *, media_type: str) -> str:
    """Starts a multipart upload of an object that the service writes and users download. Returns S3's upload id.

    A browser saves the object under the last segment of its S3 key. Every part but the last must have at least 5 MiB.
    """
    response = backend.s3.create_multipart_upload(
        Bucket=backend.bucket,
        Key=key,
        ContentType=media_type,
        ContentDisposition=f'attachment; filename="{key.rsplit("/", 1)[1]}"',
    )
    return response["UploadId"]


def upload_part(backend: Backend, key: str, upload: str, number: int, data: bytes) -> str | None:
    """Uploads a part. Returns its entity tag, or None if the multipart upload was completed or aborted."""
    try:
        response = backend.s3.upload_part(Bucket=backend.bucket, Key=key, UploadId=upload, PartNumber=number, Body=data)
    except ClientError as error:
        if error.response["Error"]["Code"] == UPLOAD_GONE:
            return None
        raise
    return response["ETag"]


def _parameters(backend: Backend, key: str, multipart: Multipart) -> Any:
    return {"Bucket": backend.bucket, "Key": key, "UploadId": multipart.id}
