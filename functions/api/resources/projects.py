"""Projects: create, list and read."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from functions.api.http.access import allow, check
from functions.api.http.deployment import backend
from functions.api.http.idempotency import once, request_fingerprint
from functions.api.http.parameters import DEFAULT_LIMIT, Cursor, Description, IdempotencyKey, Limit, ProjectPath
from functions.api.http.response import WriteResponse
from functions.api.http.router import Router, project_path
from functions.api.resources.class_map import NewClasses
from tidemark.datasets import projects
from tidemark.domain.api_keys import Role
from tidemark.domain.ids import ProjectName
from tidemark.domain.pages import Page
from tidemark.domain.projects import Project

router = Router()


class NewProject(BaseModel):
    """A project to create."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "street", "description": "Street scenes", "classes": [{"name": "car"}, {"name": "person"}]}
            ]
        },
    )

    name: ProjectName = Field(description="Name of the project, unique in the deployment.")
    description: Description = ""
    classes: NewClasses = Field((), description="Label classes of the project, in order.")


@router.post("/projects", operation_id="createProject", summary="Create a project", tags=["projects"], status_code=201)
@allow(Role.ADMIN)
def create_project(body: Annotated[NewProject, Body()], idempotency_key: IdempotencyKey = None) -> Response[Project]:
    """Creates a project with a class map, to which classes can be appended later (R1, R2)."""
    grant = router.caller
    check(Role.ADMIN, grant, body.name)

    def create() -> WriteResponse:
        project = projects.create_project(
            backend(),
            name=body.name,
            description=body.description,
            classes=body.classes,
            actor=grant.name,
            request=request_fingerprint(router, idempotency_key),
        )
        return WriteResponse.of(project, status=HTTPStatus.CREATED, location=project_path(project.name))

    return once(router, idempotency_key, create)


@router.get("/projects", operation_id="listProjects", summary="List projects", tags=["projects"])
@allow(Role.READ)
def list_projects(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Project]:
    """Lists the projects that the API key or token has access to, sorted by name."""
    only = router.caller.projects_with(Role.READ)
    return projects.list_projects(backend(), only=only, limit=limit, cursor=cursor)


@router.get("/projects/<project>", operation_id="getProject", summary="Read a project", tags=["projects"])
@allow(Role.READ)
def get_project(project: ProjectPath) -> Project:
    """Returns a project. Its class map is a separate resource."""
    return projects.get_project(backend(), project)
