"""Assets by signed URLs: put to the bucket and read back without a bucket or AWS credentials of one's own."""

from collections.abc import Sequence
from datetime import timedelta

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
from tidemark.domain.errors import NotFound

MAX_ASSETS_NAMED = 5
"""Assets that are not there and that one refusal names."""


def announce(backend: Backend, *, project: str, assets: Sequence[NewAsset]) -> AnnouncedAssets:
    """Where assets will be, and a signed PUT for each that is not there yet; it changes nothing, however often.

    S3 holds who puts one to its size, its digest and its content type. Raises NotFound for an unknown project.
    """
    project_records.get(backend, project)
    keys = [asset_key(project, asset) for asset in assets]
    found = backend.parallel(lambda key: bucket.find(backend, key), keys)
    return AnnouncedAssets(
        assets=[
            AnnouncedAsset(
                name=asset.name,
                url=asset_url(backend.bucket, key),
                put=_signed_put(backend, key, asset) if there is None else None,
            )
            for asset, key, there in zip(assets, keys, found, strict=True)
        ]
    )


def read(backend: Backend, *, project: str, urls: Sequence[str]) -> ReadableAssets:
    """A signed GET for each of a project's assets, by their lasting URLs.

    Raises NotFound for an unknown project and for assets that are not there, and InvalidRequest for a URL that is not
    of an asset of the project.
    """
    project_records.get(backend, project)
    keys = [
        key_of(url, bucket=backend.bucket, project=project, pointer=f"/urls/{position}")
        for position, url in enumerate(urls)
    ]
    found = backend.parallel(lambda key: bucket.find(backend, key), keys)
    missing = [position for position, there in enumerate(found) if there is None]
    if missing:
        more = f" and {len(missing) - MAX_ASSETS_NAMED} more" if len(missing) > MAX_ASSETS_NAMED else ""
        raise NotFound(
            f"These assets are not there: {', '.join(urls[position] for position in missing[:MAX_ASSETS_NAMED])}{more}.",
            code="unknown_asset",
            pointer=f"/urls/{missing[0]}",
        )
    return ReadableAssets(
        assets=[ReadableAsset(url=url, get=_signed_get(backend, key)) for url, key in zip(urls, keys, strict=True)]
    )


def _signed_put(backend: Backend, key: str, asset: NewAsset) -> SignedPut:
    expires_at = backend.clock() + timedelta(seconds=bucket.SIGNED_URL_SECONDS)
    url, headers = bucket.sign_put(backend, key, size=asset.bytes, sha256=asset.sha256, content_type=asset.content_type)
    return SignedPut(url=url, headers=headers, expires_at=expires_at)


def _signed_get(backend: Backend, key: str) -> SignedGet:
    expires_at = backend.clock() + timedelta(seconds=bucket.SIGNED_URL_SECONDS)
    return SignedGet(url=bucket.sign_get(backend, key), expires_at=expires_at)
