"""Files of mutations on their way in: how they are announced, put, and read."""

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
        raise PydanticCustomError("invalid_name", "A file's name is printable text.")
    return value


def _check_sha256(value: str) -> str:
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != SHA256_BYTES:
        raise PydanticCustomError("invalid_value", "A SHA-256 is given in base64: 44 characters.")
    return value


SHA256_BYTES = 32
Sha256 = Annotated[
    str, AfterValidator(_check_sha256), Field(json_schema_extra={"pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"})
]
"""The SHA-256 of some bytes, in base64, as S3 takes it."""
FileName = Annotated[
    str, Field(strict=True, min_length=1, max_length=MAX_FILE_NAME_CHARACTERS), AfterValidator(_check_name)
]


class NewFile(BaseModel):
    """A file that is going to be put. What is said of it, S3 holds the sender to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    bytes: int | None = Field(None, strict=True, ge=0, le=MAX_FILE_BYTES, description="Its size, as it is put.")
    sha256: Sha256 | None = Field(None, description="Its SHA-256 in base64, as it is put.")

    @property
    def in_parts(self) -> bool:
        """Whether it is large enough to be put in parts. S3 can hold parts to their sizes, but not the whole to a
        digest.
        """
        return self.bytes is not None and self.bytes > MAX_SINGLE_PUT_BYTES and self.sha256 is None


class SignedPart(BaseModel):
    """Where the next so many bytes of a file are to be put, as it is with a file."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="From 1, in the order of the file.")
    bytes: int
    url: str
    headers: dict[str, str]


class SignedFile(BaseModel):
    """Where a file is to be put: by a PUT to the URL, with the headers, before it expires; or part by part."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str | None = Field(description="Null for a file that is to be put in parts.")
    headers: dict[str, str]
    parts: list[SignedPart] = Field(description="Empty for a file that is to be put at once.")
    expires_at: datetime


class FileUploadReceipt(BaseModel):
    """An upload that waits for its files."""

    model_config = ConfigDict(frozen=True)

    upload: str
    files: list[SignedFile]


class RejectedFile(BaseModel):
    """A file in the drop folder that belongs to no dataset."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Where it was put."""
    moved_to: str
    reason: str
    at: datetime


class DroppedObject(BaseModel):
    """An object that was put into the drop folder."""

    model_config = ConfigDict(frozen=True)

    key: str
    version: str | None
    bytes: int


def part_bytes(files: Sequence[NewFile]) -> int:
    """Bytes of each part of the files of an upload that are put in parts; the last part of a file has what is left.

    As many as it takes for the parts of all of them to be `MAX_UPLOAD_PARTS` at most.
    """
    sizes = [file.bytes for file in files if file.bytes is not None and file.in_parts]
    # The last part of each file may be a small one.
    least = -(-sum(sizes) // (MAX_UPLOAD_PARTS - len(sizes)))
    return max(least, DEFAULT_PART_BYTES)
