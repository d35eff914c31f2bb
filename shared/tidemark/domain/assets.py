"""Assets: the images, masks and other files that frames refer to by URL, in the bucket of the deployment.

An asset lies under the digest of what is in it, so nothing else can ever be put in its place: what an earlier state of
a dataset refers to reads as it did then (R7).
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
"""S3's limit for a key."""

_WORD = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}"
ContentType = Annotated[str, Field(strict=True, pattern=rf"^{_WORD}/{_WORD}$")]
"""A media type without parameters, such as `image/jpeg`."""

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
"""What a key may have behind its project: names that mean the same to whoever decodes or resolves them."""


class NewAsset(BaseModel):
    """An asset that is going to be put. What is said of it, S3 holds the sender to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: AssetName
    sha256: Sha256 = Field(description="Its SHA-256 in base64.")
    bytes: int = Field(strict=True, ge=1, le=MAX_ASSET_BYTES, description="Its size.")
    content_type: ContentType = Field(DEFAULT_CONTENT_TYPE, description="Its media type, as it is read later.")


class SignedPut(BaseModel):
    """A PUT that may be sent without API key, with these headers, before it expires."""

    model_config = ConfigDict(frozen=True)

    url: str
    headers: dict[str, str]
    expires_at: datetime


class SignedGet(BaseModel):
    """A GET that may be sent without API key, before it expires."""

    model_config = ConfigDict(frozen=True)

    url: str
    expires_at: datetime


class AnnouncedAsset(BaseModel):
    """Where an asset is, or is going to be."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str = Field(description="What frames refer to it by, for good.")
    put: SignedPut | None = Field(description="How to put it; null if it is there already.")


class AnnouncedAssets(BaseModel):
    """Assets in the order in which they were announced."""

    model_config = ConfigDict(frozen=True)

    assets: list[AnnouncedAsset]


class ReadableAsset(BaseModel):
    """An asset and how to read it."""

    model_config = ConfigDict(frozen=True)

    url: str = Field(description="What frames refer to it by.")
    get: SignedGet


class ReadableAssets(BaseModel):
    """Assets in the order in which they were asked for."""

    model_config = ConfigDict(frozen=True)

    assets: list[ReadableAsset]


def asset_key(project: str, asset: NewAsset) -> str:
    """The key of an asset in the bucket: other bytes have another one."""
    return f"{_prefix(project)}{base64.b64decode(asset.sha256).hex()}/{asset.name}"


def asset_url(bucket: str, key: str) -> str:
    """The lasting URL of what lies under a key."""
    return f"s3://{bucket}/{key}"


def key_of(url: str, *, bucket: str, project: str, pointer: str) -> str:
    """The key of a project's asset, from its lasting URL, which stands at `pointer` in the body.

    Takes any object under the project's folder whose path is plain, also one that the operator put there. Raises
    InvalidRequest for any other URL, so that nothing else in the bucket can be signed.
    """
    folder = asset_url(bucket, _prefix(project))
    if not url.startswith(folder):
        raise InvalidRequest(
            f"This is no asset of the project; the URLs of those begin with {folder}.",
            code="foreign_asset",
            pointer=pointer,
        )
    path = url.removeprefix(folder)
    if not _PATH.fullmatch(path) or len(_prefix(project) + path) > MAX_KEY_CHARACTERS:
        raise InvalidRequest(
            f"Behind {folder} an asset's URL has names of the characters A-Z a-z 0-9 . _ - with '/' between them; "
            "each begins with a letter, a digit or '_'.",
            pointer=pointer,
            fault="invalid_url",
        )
    return _prefix(project) + path


def _prefix(project: str) -> str:
    return f"assets/{project}/"
