"""Assets: signed URLs to upload and download the images, masks and other files that frames refer to."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.parameters import ProjectPath
from functions.api.http.router import Router
from tidemark import assets
from tidemark.domain.api_keys import Role
from tidemark.domain.assets import AnnouncedAssets, NewAsset, ReadableAssets
from tidemark.domain.frames.fields import Url
from tidemark.domain.limits import MAX_REQUEST_ASSETS

router = Router()


class NewAssets(BaseModel):
    """Assets to upload."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "assets": [
                        {
                            "name": "cam-0001.jpg",
                            "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                            "bytes": 12345,
                            "content_type": "image/jpeg",
                        }
                    ]
                }
            ]
        },
    )

    assets: Annotated[
        list[NewAsset],
        Field(
            min_length=1,
            max_length=MAX_REQUEST_ASSETS,
            fail_fast=True,
            description="Assets to upload. The response keeps their order.",
        ),
    ]


class WantedAssets(BaseModel):
    """Assets to download."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"urls": ["s3://bucket/assets/road/e3b0c442/cam-0001.jpg"]}]},
    )

    urls: Annotated[
        list[Url],
        Field(
            min_length=1,
            max_length=MAX_REQUEST_ASSETS,
            fail_fast=True,
            description="Permanent URLs of the assets, as frames refer to them.",
        ),
    ]


@router.post("/projects/<project>/assets", operation_id="announceAssets", summary="Announce assets", tags=["assets"])
@allow(Role.WRITE)
def announce_assets(project: ProjectPath, body: Annotated[NewAssets, Body()]) -> AnnouncedAssets:
    """Returns each asset's permanent URL and, unless the asset is already stored, a signed URL to PUT the asset to.

    The permanent URL contains the asset's digest, so an asset is never overwritten by another. S3 refuses a body whose
    size, digest or content type differs from the announced one. Signed URLs are valid for up to an hour.
    """
    return assets.announce(backend(), project=project, assets=body.assets)


@router.post("/projects/<project>/assets/read", operation_id="readAssets", summary="Read assets", tags=["assets"])
@allow(Role.READ)
def read_assets(project: ProjectPath, body: Annotated[WantedAssets, Body()]) -> ReadableAssets:
    """Returns, for each asset, a signed URL to GET the asset from. Changes nothing.

    A signed URL is valid for up to an hour, for anyone who has it.
    """
    return assets.read(backend(), project=project, urls=body.urls)
