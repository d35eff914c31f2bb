"""The class map of a project: reading it, and replacing it by a larger one (R1, R2)."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once
from functions.api.http.parameters import IdempotencyKey, ProjectPath
from functions.api.http.router import Routes
from tidemark.datasets import projects
from tidemark.domain.api_keys import Role
from tidemark.domain.frames.class_map import ClassInput, ClassMap
from tidemark.domain.limits import MAX_CLASSES

router = Routes()

NewClasses = Annotated[tuple[ClassInput, ...], Field(max_length=MAX_CLASSES)]


class NewClassMap(BaseModel):
    """A whole class map: the present classes in their order, then new ones."""

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
    """The label classes of a project, in their order."""
    return projects.get_class_map(backend(), project)


@router.put(
    "/projects/<project>/class-map", operation_id="putClassMap", summary="Replace the class map", tags=["class map"]
)
@allow(Role.ADMIN)
def put_class_map(
    project: ProjectPath, body: Annotated[NewClassMap, Body()], idempotency_key: IdempotencyKey = None
) -> Response[ClassMap]:
    """Append classes, and change colours, by giving the whole map.

    Names, ids and order of present classes never change. A class given without id or colour keeps its own.
    """

    def replace() -> Answer:
        return Answer.of(projects.put_class_map(backend(), project, body.classes), status=200)

    return once(router, idempotency_key, replace)
