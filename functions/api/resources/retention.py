"""The end of datasets: archived, put back, purged."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once
from functions.api.http.parameters import DatasetPath, IdempotencyKey, ProjectPath
from functions.api.http.router import Routes, path_of
from tidemark.domain.api_keys import Role
from tidemark.domain.datasets import Dataset
from tidemark.retention import archive
from tidemark.retention import purge as purges

router = Routes()


class NewPurge(BaseModel):
    """The confirmation of a purge."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "2026-spring"}]})

    name: str = Field(description="The name of the dataset once more.", strict=True)


@router.delete(
    "/projects/<project>/datasets/<dataset>",
    operation_id="archiveDataset",
    summary="Archive a dataset",
    tags=["datasets"],
)
@allow(Role.ADMIN)
def archive_dataset(project: ProjectPath, dataset: DatasetPath) -> Dataset:
    """Take a dataset out of the list and let nothing be written to it. It reads as before. It may be repeated.

    Up to a minute may pass until writes are refused. What was accepted before goes on to its end.
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
    """Put an archived dataset back into the list and let it be written to. It may be repeated."""
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
    """Delete an archived dataset for good: all frames, versions, checkpoints, uploads and exports.

    Packs that clones of it use are kept for these. Nothing of the dataset reads from this moment on. `purge` tells how
    far it is; when it has ended, there is no such dataset, and its name is free. One that failed is begun anew.
    """

    def purge() -> Answer:
        begun = purges.begin_purge(
            backend(), project=project, dataset=dataset, confirmation=body.name, actor=router.caller.name
        )
        return Answer.of(begun, status=202, location=path_of("projects", project, "datasets", dataset))

    return once(router, idempotency_key, purge)
