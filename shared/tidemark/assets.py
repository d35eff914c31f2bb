"""Assets: users upload and download them by signed URLs, without AWS credentials or a bucket of their own."""

from collections.abc import Sequence

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.catalog import project_records
from tidemark.domain.assets import (
    AnnouncedAsset,
    AnnouncedAssets,
    NewAsset,
    ReadableAsset,
    ReadableAssets,
    SignedGet,
    SignedPut,
    asset_key,
    asset_url,
    key_of,
)
from tidemark.domain.errors import NotFound, listed

MAX_ASSETS_NAMED = 5
"""Most missing assets that an error text names."""


def announce(backend: Backend, *, project: str, assets: Sequence[NewAsset]) -> AnnouncedAssets:
    """Returns the permanent URL of each asset and, if the asset is not uploaded yet, a signed URL for its PUT.

    Stores nothing. S3 refuses a PUT whose size, digest or content type is not the announced one. Raises NotFound for an
    unknown project.
    """
    project_records.get(backend, project)
    keys = [asset_key(project, asset) for asset in assets]
    objects = backend.parallel(lambda key: bucket.find(backend, key), keys)
    return AnnouncedAssets(
        assets=[
            AnnouncedAsset(
                name=asset.name,
                url=asset_url(backend.bucket, key),
                put=_signed_put(backend, key, asset) if existing is None else None,
            )
            for asset, key, existing in zip(assets, keys, objects, strict=True)
        ]
    )


def read(backend: Backend, *, project: str, urls: Sequence[str]) -> ReadableAssets:
    """Returns a signed URL for downloading each asset of a project, given the assets' permanent URLs.

    Raises NotFound for an unknown project and for missing assets. Raises InvalidRequest if a URL is not the permanent
    URL of an asset in the project.
    """
    project_records.get(backend, project)
    keys = [
        key_of(url, bucket=backend.bucket, project=project, pointer=f"/urls/{position}")
        for position, url in enumerate(urls)
    ]
    objects = backend.parallel(lambda key: bucket.find(backend, key), keys)
    missing = [position for position, existing in enumerate(objects) if existing is None]
    if missing:
        raise NotFound(
            f"These assets do not exist: {listed([urls[position] for position in missing], MAX_ASSETS_NAMED)}.",
            code="unknown_asset",
            pointer=f"/urls/{missing[0]}",
        )
    return ReadableAssets(
        assets=[ReadableAsset(url=url, get=_signed_get(backend, key)) for url, key in zip(urls, keys, strict=True)]
    )


def _signed_put(backend: Backend, key: str, asset: NewAsset) -> SignedPut:
    expires_at = bucket.url_expiry(backend)
    url, headers = bucket.sign_put(backend, key, size=asset.bytes, sha256=asset.sha256, content_type=asset.content_type)
    return SignedPut(url=url, headers=headers, expires_at=expires_at)


def _signed_get(backend: Backend, key: str) -> SignedGet:
    expires_at = bucket.url_expiry(backend)
    return SignedGet(url=bucket.sign_get(backend, key), expires_at=expires_at)
