"""Row files of an upload: how they are announced, uploaded and recorded."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tidemark.domain.limits import (
    DEFAULT_PART_BYTES,
    MAX_FILE_BYTES,
    MAX_FILE_NAME_CHARACTERS,
    MAX_SINGLE_PUT_BYTES,
    MAX_UPLOAD_PARTS,
)


def _check_name(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("invalid_name", "A file name can contain only printable characters.")
    return value


def _check_sha256(value: str) -> str:
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != SHA256_BYTES:
        raise PydanticCustomError("invalid_value", "A SHA-256 must be given in base64, as 44 characters.")
    return value


SHA256_BYTES = 32
Sha256 = Annotated[
    str, AfterValidator(_check_sha256), Field(json_schema_extra={"pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"})
]
"""A SHA-256 in base64, as S3 expects it."""
FileName = Annotated[
    str, Field(strict=True, min_length=1, max_length=MAX_FILE_NAME_CHARACTERS), AfterValidator(_check_name)
]


class NewFile(BaseModel):
    """A row file to upload. S3 refuses content that differs from the announced size or SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    bytes: int | None = Field(
        None, strict=True, ge=0, le=MAX_FILE_BYTES, description="Size of the file as uploaded, in bytes."
    )
    sha256: Sha256 | None = Field(None, description="SHA-256 of the file as uploaded, in base64.")

    @property
    def in_parts(self) -> bool:
        """Whether the file is large enough for multipart upload and has no announced SHA-256. S3 can check the size of
        each part, but not the SHA-256 of the whole file."""
        return self.bytes is not None and self.bytes > MAX_SINGLE_PUT_BYTES and self.sha256 is None


class SignedPart(BaseModel):
    """A part of a multipart upload, with the signed URL and the headers of its PUT request."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Number of the part, from 1, in file order.")
    bytes: int
    url: str
    headers: dict[str, str]


class SignedFile(BaseModel):
    """How to upload a file before its signed URLs expire: by one PUT to `url` with `headers`, or by multipart upload of
    its `parts`."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str | None = Field(description="URL of the PUT request; null for multipart upload.")
    headers: dict[str, str]
    parts: list[SignedPart] = Field(description="Parts to upload; empty for a single PUT request.")
    expires_at: datetime


class FileUploadReceipt(BaseModel):
    """An upload that waits for its files, and how to upload them."""

    model_config = ConfigDict(frozen=True)

    upload: str
    files: list[SignedFile]


class RejectedFile(BaseModel):
    """A file in the drop folder that matches no dataset."""

    model_config = ConfigDict(frozen=True)

    key: str
    """S3 key under which the file was dropped."""
    moved_to: str
    """S3 key to which the file was moved."""
    reason: str
    at: datetime


class DroppedObject(BaseModel):
    """An S3 object in the drop folder."""

    model_config = ConfigDict(frozen=True)

    key: str
    version: str | None
    bytes: int


def part_bytes(files: Sequence[NewFile]) -> int:
    """Returns the part size, in bytes, for the files of an upload that use multipart upload. The last part of a file
    can be smaller.

    The size is large enough that all these files together have at most `MAX_UPLOAD_PARTS` parts.
    """
    sizes = [file.bytes for file in files if file.bytes is not None and file.in_parts]
    # Reserves a part per file, because each file's last part can be small.
    smallest = -(-sum(sizes) // (MAX_UPLOAD_PARTS - len(sizes)))
    return max(smallest, DEFAULT_PART_BYTES)
