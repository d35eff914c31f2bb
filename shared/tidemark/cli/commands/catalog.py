"""`tidemark projects`, `datasets` and `create`: lists and creates projects and datasets."""

from typing import Annotated

import typer

from tidemark.cli.arguments import (
    AllOption,
    ArchivedOption,
    JsonOption,
    LimitOption,
    ProjectArgument,
    archived_filter,
    connect,
    dataset_ref,
)
from tidemark.cli.output import Column, View, print_list, print_result
from tidemark.client.api import Api
from tidemark.domain.datasets import Dataset
from tidemark.domain.projects import Project

PROJECTS = View(
    Project,
    [
        Column("PROJECT", lambda project: project.name),
        Column("CREATED", lambda project: project.created_at),
        Column("BY", lambda project: project.created_by),
        Column("DESCRIPTION", lambda project: project.description, folds=True),
    ],
)
DATASETS = View(
    Dataset,
    [
        Column("DATASET", lambda dataset: dataset.name),
        Column("SHARDS", lambda dataset: dataset.shards),
        Column("CREATED", lambda dataset: dataset.created_at),
        Column("BY", lambda dataset: dataset.created_by),
        Column("ARCHIVED", lambda dataset: dataset.archived_at),
        Column("DESCRIPTION", lambda dataset: dataset.description, folds=True),
    ],
)


def projects(limit: LimitOption = None, as_json: JsonOption = False) -> None:
    """List the projects that the key gives access to."""
    with connect() as api:
        print_list(
            lambda most: api.items("projects", most=most),
            PROJECTS,
            limit=limit,
            as_json=as_json,
            none="No projects yet.",
        )


def datasets(
    project: ProjectArgument,
    archived: ArchivedOption = False,
    both: AllOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the datasets of a project; by default, those that are not archived."""
    wanted = archived_filter(archived, both)
    with connect() as api:
        print_list(
            lambda most: api.items("projects", project, "datasets", most=most, archived=wanted),
            DATASETS,
            limit=limit,
            as_json=as_json,
            none=f"No archived datasets in {project}." if archived else f"No datasets in {project} yet.",
        )


def create(
    name: Annotated[str, typer.Argument(metavar="PROJECT[/DATASET]", show_default=False)],
    classes: Annotated[
        list[str] | None,
        typer.Option("--classes", metavar="NAME,…", help="Create the project, with these classes.", show_default=False),
    ] = None,
    description: Annotated[str, typer.Option("--description", help="For people.", show_default=False)] = "",
    shards: Annotated[
        int | None, typer.Option("--shards", help="Shards of the dataset, for good.", show_default="16")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create a project, a dataset in a project, or with --classes both at once. Needs a key of role admin."""
    ref = dataset_ref(name) if "/" in name else None
    if ref is None and shards is not None:
        raise typer.BadParameter("is for a dataset; give PROJECT/DATASET", param_hint="--shards")
    names = [name.strip() for given in classes or () for name in given.split(",") if name.strip()]
    with connect() as api:
        if ref is None:
            _create_project(api, name, names, description, as_json)
            return
        if names:
            _create_project(api, ref.project, names, "", as_json)
        body = {"name": ref.name, "description": description} | ({} if shards is None else {"shards": shards})
        created = api.post("projects", ref.project, "datasets", body=body)
        print_result(created, f"Created dataset {ref}.", as_json)


def _create_project(api: Api, name: str, classes: list[str], description: str, as_json: bool) -> None:
    body = {"name": name, "description": description, "classes": [{"name": name} for name in classes]}
    print_result(api.post("projects", body=body), f"Created project {name}.", as_json)
