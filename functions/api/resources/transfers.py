"""Roll backs and clones: what a dataset takes from a version, its own or another dataset's (R10, R32, R33)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http import access
from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once, request_name
from functions.api.http.parameters import (
    LATEST,
    MAX_VERSION_TEXT,
    DatasetPath,
    Description,
    IdempotencyKey,
    ProjectPath,
)
from functions.api.http.router import Routes, path_of
from tidemark.domain.api_keys import Role
from tidemark.domain.ids import DatasetName, ProjectName
from tidemark.domain.transfers import CloneReceipt
from tidemark.domain.uploads import Upload
from tidemark.transfers import clone, rollback

router = Routes()

VERSION_NAMED = "as in the `version` parameter of reads."


class NewRollback(BaseModel):
    """A roll back to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"version": "golden", "message": "Labels of the night shift"}]},
    )

    version: str = Field(
        min_length=1,
        max_length=MAX_VERSION_TEXT,
        strict=True,
        description=f"What to go back to, {VERSION_NAMED}",
    )
    message: Description = Field("", description="Why; the upload that the roll back is tells it.")


class NewClone(BaseModel):
    """A clone to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "spring-relabelled", "version": "golden"}]}
    )

    name: DatasetName | None = Field(
        None, description="Of the new dataset; a clone of a BATCH dataset is `MUTABLE_<name>` if none is given."
    )
    project: ProjectName | None = Field(
        None, description="Where it is made, if not in the project of its source. Its class map has all classes of it."
    )
    version: str = Field(
        LATEST,
        min_length=1,
        max_length=MAX_VERSION_TEXT,
        strict=True,
        description=f"The version that it begins with, {VERSION_NAMED}",
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
    """Bring a dataset to the state of an earlier version, as a new version (R10); answers the upload to follow.

    Nothing is lost: what is undone stays in the versions before. Changes that arrive meanwhile come before it or after
    it: in each shard, what was applied before its last window is undone, and what comes after stays. There is one roll
    back of a dataset at a time.
    """

    def begin() -> Answer:
        upload = rollback.roll_back(
            backend(),
            project=project,
            dataset=dataset,
            version=body.version,
            message=body.message,
            actor=router.caller.name,
            request=request_name(router, idempotency_key),
        )
        location = path_of("projects", project, "datasets", dataset, "uploads", upload.id)
        return Answer.of(upload, status=HTTPStatus.ACCEPTED, location=location)

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
    """Make a STREAMING dataset that begins with the frames of a version; answers it and the upload that fills it.

    Payloads are shared, not copied. It is empty until its upload has settled, and takes no changes before.
    """
    if body.project is not None:
        access.check(Role.ADMIN, router.caller, body.project)

    def begin() -> Answer:
        made, upload = clone.clone(
            backend(),
            project=project,
            dataset=dataset,
            version=body.version,
            into=body.project,
            name=body.name,
            description=body.description,
            actor=router.caller.name,
            request=request_name(router, idempotency_key),
        )
        location = path_of("projects", made.project, "datasets", made.name, "uploads", upload.id)
        return Answer.of(CloneReceipt(dataset=made, upload=upload), status=HTTPStatus.ACCEPTED, location=location)

    return once(router, idempotency_key, begin)
