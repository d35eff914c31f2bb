"""Datasets: create, list and read. Archiving and purging are in `retention`."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once, request_fingerprint
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    ArchivedFilter,
    Cursor,
    DatasetPath,
    Description,
    IdempotencyKey,
    Limit,
    ProjectPath,
)
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.datasets import datasets
from tidemark.domain.api_keys import Role
from tidemark.domain.datasets import Dataset, DatasetDetails, Mode
from tidemark.domain.ids import DatasetName
from tidemark.domain.limits import DEFAULT_SHARDS, MAX_SHARDS
from tidemark.domain.pages import Archived, Page

router = Router()


class NewDataset(BaseModel):
    """A dataset to create."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "2026-spring", "description": "Rainy days"}]}
    )

    name: DatasetName = Field(description="Name of the dataset, unique in its project.")
    description: Description = ""
    mode: Mode = Field(
        Mode.STREAMING,
        description="How the dataset accepts uploads. `STREAMING`: any number of uploads; the valid rows of each are "
        "applied. `BATCH`: a single upload, applied only if all its rows are valid; then the dataset never changes.",
    )
    shards: int = Field(
        DEFAULT_SHARDS,
        ge=1,
        le=MAX_SHARDS,
        strict=True,
        description="Number of shards, which are written in parallel. It cannot be changed later.",
    )


@router.post(
    "/projects/<project>/datasets",
    operation_id="createDataset",
    summary="Create a dataset",
    tags=["datasets"],
    status_code=201,
)
@allow(Role.ADMIN)
def create_dataset(
    project: ProjectPath, body: Annotated[NewDataset, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Dataset]:
    """Creates an empty dataset, at version 0."""

    def create() -> WriteResponse:
        dataset = datasets.create_dataset(
            backend(),
            project=project,
            name=body.name,
            description=body.description,
            shards=body.shards,
            mode=body.mode,
            actor=router.caller.name,
            request=request_fingerprint(router, idempotency_key),
        )
        return WriteResponse.of(dataset, status=HTTPStatus.CREATED, location=dataset_path(project, dataset.name))

    return once(router, idempotency_key, create)


@router.get("/projects/<project>/datasets", operation_id="listDatasets", summary="List datasets", tags=["datasets"])
@allow(Role.READ)
def list_datasets(
    project: ProjectPath, archived: ArchivedFilter = Archived.NO, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Dataset]:
    """Lists a project's datasets, sorted by name. Archived datasets are listed only on request.

    A page may hold fewer than `limit` items, or none. The list ends when `cursor` is null.
    """
    return datasets.list_datasets(backend(), project=project, archived=archived, limit=limit, cursor=cursor)


@router.get(
    "/projects/<project>/datasets/<dataset>",
    operation_id="getDataset",
    summary="Read a dataset",
    tags=["datasets"],
)
@allow(Role.READ)
def get_dataset(project: ProjectPath, dataset: DatasetPath) -> DatasetDetails:
    """Returns a dataset with its latest version, counts and metadata schema.

    `activity` holds the number of pending uploads, and whether any of them deletes frames (R18).
    """
    return datasets.get_dataset(backend(), project, dataset)
