"""The class map of a project: read it, and replace it with a larger one (R1, R2)."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once
from functions.api.http.parameters import IdempotencyKey, ProjectPath
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router
from tidemark.datasets import projects
from tidemark.domain.api_keys import Role
from tidemark.domain.frames.class_map import ClassInput, ClassMap
from tidemark.domain.limits import MAX_CLASSES

router = Router()

NewClasses = Annotated[
    tuple[ClassInput, ...],
    Field(max_length=MAX_CLASSES, description="Label classes in order: all existing ones, then new ones."),
]


class NewClassMap(BaseModel):
    """A complete class map: the existing classes in their order, then new ones."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"classes": [{"name": "car", "color": "#4477aa"}, {"name": "tram"}]}]},
    )

    classes: NewClasses


@router.get(
    "/projects/<project>/class-map", operation_id="getClassMap", summary="Read the class map", tags=["class map"]
)
@allow(Role.READ)
def get_class_map(project: ProjectPath) -> ClassMap:
    """Returns the label classes of a project, in order."""
    return projects.get_class_map(backend(), project)


@router.put(
    "/projects/<project>/class-map", operation_id="putClassMap", summary="Replace the class map", tags=["class map"]
)
@allow(Role.ADMIN)
def put_class_map(
    project: ProjectPath, body: Annotated[NewClassMap, Body()], idempotency_key: IdempotencyKey = None
) -> Response[ClassMap]:
    """Replaces a project's class map, to append classes or change colours.

    The names, ids and order of existing classes cannot change. An existing class that is sent without an id or a colour
    keeps the stored value.
    """

    def replace() -> WriteResponse:
        return WriteResponse.of(projects.put_class_map(backend(), project, body.classes), status=HTTPStatus.OK)

    return once(router, idempotency_key, replace)
