"""Retention of datasets: archive, unarchive and purge."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once
from functions.api.http.parameters import DatasetPath, IdempotencyKey, ProjectPath
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.domain.api_keys import Role
from tidemark.domain.datasets import Dataset
from tidemark.retention import archive
from tidemark.retention.purge import begin_purge

router = Router()


class NewPurge(BaseModel):
    """Confirmation of a purge."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "2026-spring"}]})

    name: str = Field(description="Name of the dataset, repeated as confirmation.", strict=True)


@router.delete(
    "/projects/<project>/datasets/<dataset>",
    operation_id="archiveDataset",
    summary="Archive a dataset",
    tags=["datasets"],
)
@allow(Role.ADMIN)
def archive_dataset(project: ProjectPath, dataset: DatasetPath) -> Dataset:
    """Archives a dataset: hides it from lists and makes it read-only. Safe to repeat.

    Writes may still be accepted for up to a minute. Uploads that were accepted are applied to the end.
    """
    return archive.archive_dataset(backend(), project=project, dataset=dataset, actor=router.caller.name)


@router.post(
    "/projects/<project>/datasets/<dataset>/unarchive",
    operation_id="unarchiveDataset",
    summary="Unarchive a dataset",
    tags=["datasets"],
)
@allow(Role.ADMIN)
def unarchive_dataset(project: ProjectPath, dataset: DatasetPath) -> Dataset:
    """Shows an archived dataset in lists again and makes it writable. Safe to repeat."""
    return archive.unarchive_dataset(backend(), project=project, dataset=dataset)


@router.post(
    "/projects/<project>/datasets/<dataset>/purge",
    operation_id="purgeDataset",
    summary="Purge a dataset",
    tags=["datasets"],
    status_code=202,
)
@allow(Role.ADMIN)
def purge_dataset(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewPurge, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[Dataset]:
    """Permanently deletes an archived dataset, with all frames, versions, checkpoints, uploads and exports.

    Once this request returns, the data cannot be read any more. Clones of the dataset keep the data that they use. The
    dataset's `purge` field reports progress. When the purge is complete, the dataset no longer exists and its name is
    free. To restart a purge that failed, repeat the request.
    """

    def begin() -> WriteResponse:
        purged = begin_purge(
            backend(), project=project, dataset=dataset, confirmation=body.name, actor=router.caller.name
        )
        return WriteResponse.of(purged, status=HTTPStatus.ACCEPTED, location=dataset_path(project, dataset))

    return once(router, idempotency_key, begin)
