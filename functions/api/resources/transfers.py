"""Roll backs and clones: restore a version of a dataset, in place or as a new dataset (R10, R32, R33)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http import access
from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once, request_fingerprint
from functions.api.http.parameters import (
    LATEST,
    DatasetPath,
    Description,
    IdempotencyKey,
    ProjectPath,
    VersionRef,
)
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, dataset_path
from tidemark.domain.api_keys import Role
from tidemark.domain.ids import DatasetName, ProjectName
from tidemark.domain.transfers import CloneReceipt
from tidemark.domain.uploads import Upload
from tidemark.transfers import rollback
from tidemark.transfers.clone import clone

router = Router()


class NewRollback(BaseModel):
    """A roll back to start."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"version": "golden", "message": "Labels of the night shift"}]},
    )

    version: VersionRef = Field(
        description="Version to restore: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`."
    )
    message: Description = Field("", description="Reason for the roll back, shown with its upload.")


class NewClone(BaseModel):
    """A clone to create."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "spring-relabelled", "version": "golden"}]}
    )

    name: DatasetName | None = Field(
        None,
        description="Name of the new dataset. Required, except for a clone of a BATCH dataset, which is named "
        "`MUTABLE_<name>` by default.",
    )
    project: ProjectName | None = Field(
        None,
        description="Project of the new dataset; by default, the source's project. Its class map must have all "
        "classes of the source's project.",
    )
    version: VersionRef = Field(
        LATEST, description="Version to clone: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`."
    )
    description: Description = ""


@router.post(
    "/projects/<project>/datasets/<dataset>/rollbacks",
    operation_id="rollBack",
    summary="Roll a dataset back",
    tags=["datasets"],
    status_code=202,
)
@allow(Role.WRITE)
def roll_back(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewRollback, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[Upload]:
    """Restores an earlier version of a dataset as a new version, and returns an upload to poll for progress (R10).

    Nothing is lost: changes that are undone stay in earlier versions. A change that arrives during the roll back is
    undone if its shard applies it before the roll back's last window in that shard, and kept otherwise. A dataset can
    have only one pending roll back.
    """

    def begin() -> WriteResponse:
        upload = rollback.roll_back(
            backend(),
            project=project,
            dataset=dataset,
            version=body.version,
            message=body.message,
            actor=router.caller.name,
            request=request_fingerprint(router, idempotency_key),
        )
        location = dataset_path(project, dataset, "uploads", upload.id)
        return WriteResponse.of(upload, status=HTTPStatus.ACCEPTED, location=location)

    return once(router, idempotency_key, begin)


@router.post(
    "/projects/<project>/datasets/<dataset>/clones",
    operation_id="cloneDataset",
    summary="Clone a dataset",
    tags=["datasets"],
    status_code=202,
)
@allow(Role.ADMIN)
def clone_dataset(
    project: ProjectPath,
    dataset: DatasetPath,
    body: Annotated[NewClone, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response[CloneReceipt]:
    """Creates a STREAMING dataset with the frames of a version, and returns it with the upload that fills it.

    The new dataset shares the payloads of its source instead of copying them. It is empty, and accepts no changes,
    until the upload has settled.
    """
    if body.project is not None:
        access.check(Role.ADMIN, router.caller, body.project)

    def begin() -> WriteResponse:
        cloned, upload = clone(
            backend(),
            project=project,
            dataset=dataset,
            version=body.version,
            into=body.project,
            name=body.name,
            description=body.description,
            actor=router.caller.name,
            request=request_fingerprint(router, idempotency_key),
        )
        location = dataset_path(cloned.project, cloned.name, "uploads", upload.id)
        return WriteResponse.of(
            CloneReceipt(dataset=cloned, upload=upload), status=HTTPStatus.ACCEPTED, location=location
        )

    return once(router, idempotency_key, begin)
