"""Projects: creating, listing and reading them."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict

from functions.api.http.access import allow, check
from functions.api.http.deployment import backend
from functions.api.http.idempotency import Answer, once, request_name
from functions.api.http.parameters import DEFAULT_LIMIT, Cursor, Description, IdempotencyKey, Limit, ProjectPath
from functions.api.http.router import Routes, path_of
from functions.api.resources.class_map import NewClasses
from tidemark.datasets import projects
from tidemark.domain.api_keys import Role
from tidemark.domain.ids import ProjectName
from tidemark.domain.pages import Page
from tidemark.domain.projects import Project

router = Routes()


class NewProject(BaseModel):
    """A project to be created."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "street", "description": "Street scenes", "classes": [{"name": "car"}, {"name": "person"}]}
            ]
        },
    )

    name: ProjectName
    description: Description = ""
    classes: NewClasses = ()


@router.post("/projects", operation_id="createProject", summary="Create a project", tags=["projects"], status_code=201)
@allow(Role.ADMIN)
def create_project(body: Annotated[NewProject, Body()], idempotency_key: IdempotencyKey = None) -> Response[Project]:
    """Create a project with its label class map, which can be appended to later (R1, R2)."""
    grant = router.caller
    check(Role.ADMIN, grant, body.name)

    def create() -> Answer:
        project = projects.create_project(
            backend(),
            name=body.name,
            description=body.description,
            classes=body.classes,
            actor=grant.name,
            request=request_name(router, idempotency_key),
        )
        return Answer.of(project, status=201, location=path_of("projects", project.name))

    return once(router, idempotency_key, create)


@router.get("/projects", operation_id="listProjects", summary="List projects", tags=["projects"])
@allow(Role.READ)
def list_projects(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Project]:
    """The projects that the API key is for, in order of their names."""
    only = router.caller.projects_with(Role.READ)
    return projects.list_projects(backend(), only=only, limit=limit, cursor=cursor)


@router.get("/projects/<project>", operation_id="getProject", summary="Read a project", tags=["projects"])
@allow(Role.READ)
def get_project(project: ProjectPath) -> Project:
    """A project as created; its class map is a resource of its own."""
    return projects.get_project(backend(), project)
