"""Assets: the images, masks and other files in the deployment's bucket that frames refer to by URL.

An asset is stored under the digest of its content, so nothing can ever replace it. A URL in an earlier version of a
dataset therefore always reads the same content (R7).
"""

import base64
import re
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.errors import InvalidRequest
from tidemark.domain.ids import AssetName
from tidemark.domain.limits import MAX_ASSET_BYTES
from tidemark.domain.upload_files import Sha256

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_KEY_CHARACTERS = 1024
"""Most characters of an asset's S3 key. S3 accepts no longer key."""

_WORD = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}"
ContentType = Annotated[str, Field(strict=True, pattern=rf"^{_WORD}/{_WORD}$")]
"""A media type without parameters, such as `image/jpeg`."""

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
"""Matches what follows the project in an asset's S3 key: names separated by "/" that mean the same however they are
decoded or resolved."""


class NewAsset(BaseModel):
    """An asset to upload. S3 refuses content that differs from the announced SHA-256 and size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: AssetName
    sha256: Sha256 = Field(description="SHA-256 of the content, in base64.")
    bytes: int = Field(strict=True, ge=1, le=MAX_ASSET_BYTES, description="Size in bytes.")
    content_type: ContentType = Field(DEFAULT_CONTENT_TYPE, description="Media type that downloads report.")


class SignedPut(BaseModel):
    """A signed PUT request to S3. The request needs no API key, must carry `headers`, and has to start before it
    expires."""

    model_config = ConfigDict(frozen=True)

    url: str
    headers: dict[str, str]
    expires_at: datetime


class SignedGet(BaseModel):
    """A signed GET request to S3. The request needs no API key and has to start before it expires."""

    model_config = ConfigDict(frozen=True)

    url: str
    expires_at: datetime


class AnnouncedAsset(BaseModel):
    """The permanent URL of an announced asset, and how to upload the asset if it is missing."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str = Field(description="Permanent URL, for use in frames.")
    put: SignedPut | None = Field(description="How to upload the asset; null if it is already stored.")


class AnnouncedAssets(BaseModel):
    """Announced assets, in the order of the request."""

    model_config = ConfigDict(frozen=True)

    assets: list[AnnouncedAsset]


class ReadableAsset(BaseModel):
    """The permanent URL of an asset, and a signed request to download it."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(description="Permanent URL, as used in frames.")
    get: SignedGet


class ReadableAssets(BaseModel):
    """Assets with signed requests to download them, in the order of the request."""

    model_config = ConfigDict(frozen=True)

    assets: list[ReadableAsset]


def asset_key(project: str, asset: NewAsset) -> str:
    """Returns the S3 key of a project's asset. Assets with different content have different keys."""
    return f"{_prefix(project)}{base64.b64decode(asset.sha256).hex()}/{asset.name}"


def asset_url(bucket: str, key: str) -> str:
    """Returns the permanent URL of the S3 object with this key."""
    return f"s3://{bucket}/{key}"


def key_of(url: str, *, bucket: str, project: str, pointer: str) -> str:
    """Returns the S3 key of a project's asset, given the asset's permanent URL. `pointer` is the location of the URL in
    the request body.

    Accepts the URL of any S3 object in the project's folder whose key is made of plain names, including objects that
    the operator stored there. Raises InvalidRequest for any other URL, so that no other object in the bucket can be
    signed.
    """
    folder = asset_url(bucket, _prefix(project))
    if not url.startswith(folder):
        raise InvalidRequest(
            f"This URL is not an asset of the project. Asset URLs begin with {folder}.",
            code="foreign_asset",
            pointer=pointer,
        )
    path = url.removeprefix(folder)
    if not _PATH.fullmatch(path) or len(_prefix(project) + path) > MAX_KEY_CHARACTERS:
        raise InvalidRequest(
            f"After {folder}, an asset URL consists of names separated by '/'. A name has only the characters "
            "A-Z a-z 0-9 . _ - and begins with a letter, a digit or '_'.",
            pointer=pointer,
            fault="invalid_url",
        )
    return _prefix(project) + path


def _prefix(project: str) -> str:
    return f"assets/{project}/"
