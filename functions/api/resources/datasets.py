"""Datasets: creating, listing and describing them."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once, request_name
from functions.api.http.parameters import (
    DEFAULT_LIMIT,
    ArchivedWanted,
    Cursor,
    DatasetPath,
    Description,
    IdempotencyKey,
    Limit,
    ProjectPath,
)
from functions.api.http.router import Routes, path_of
from tidemark.datasets import datasets
from tidemark.domain.api_keys import Role
from tidemark.domain.datasets import Dataset, DatasetDetails, Mode
from tidemark.domain.ids import DatasetName
from tidemark.domain.limits import DEFAULT_SHARDS, MAX_SHARDS
from tidemark.domain.pages import Archived, Page

router = Routes()


class NewDataset(BaseModel):
    """A dataset to be created."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "2026-spring", "description": "Rainy days"}]}
    )

    name: DatasetName
    description: Description = ""
    mode: Mode = Field(
        Mode.STREAMING,
        description="How it takes uploads: `STREAMING`, at any time, what is good in them; `BATCH`, one upload, whole "
        "or not at all, after which it never changes.",
    )
    shards: int = Field(
        DEFAULT_SHARDS,
        ge=1,
        le=MAX_SHARDS,
        strict=True,
        description="How many writers the dataset can have at once. It stays as it is for ever.",
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
    """Create an empty dataset; it is at version 0."""

    def create() -> Answer:
        dataset = datasets.create_dataset(
            backend(),
            project=project,
            name=body.name,
            description=body.description,
            shards=body.shards,
            mode=body.mode,
            actor=router.caller.name,
            request=request_name(router, idempotency_key),
        )
        return Answer.of(dataset, status=201, location=path_of("projects", project, "datasets", dataset.name))

    return once(router, idempotency_key, create)


@router.get("/projects/<project>/datasets", operation_id="listDatasets", summary="List datasets", tags=["datasets"])
@allow(Role.READ)
def list_datasets(
    project: ProjectPath, archived: ArchivedWanted = Archived.NO, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Dataset]:
    """The datasets of a project in order of their names; archived ones only if asked for.

    A page may hold fewer than `limit`, also none; the list ends only where `cursor` is null.
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
    """A dataset with its latest version, counts and metadata schema, and whether uploads are on their way (R18)."""
    return datasets.get_dataset(backend(), project, dataset)
