"""`tidemark projects`, `datasets` and `create`: what there is, and making it."""

import json
import uuid
from typing import Annotated

import typer

from tidemark.cli.arguments import JsonOption, LimitOption, ProjectArgument, connect, dataset_ref
from tidemark.cli.output import Column, View, print_json, say, show_list
from tidemark.client.api import Api
from tidemark.client.models import Dataset, Json, Named

PROJECTS = View[Named](
    Named,
    [
        Column("PROJECT", lambda project: project.name),
        Column("CREATED", lambda project: project.created_at),
        Column("BY", lambda project: project.created_by),
        Column("DESCRIPTION", lambda project: project.description, folds=True),
    ],
)
DATASETS = View[Dataset](
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
    """List the projects that the key is for."""
    with connect() as api:
        show_list(
            lambda most: api.items("projects", most=most),
            PROJECTS,
            limit=limit,
            as_json=as_json,
            none="No projects yet.",
        )


def datasets(
    project: ProjectArgument,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived.")] = False,
    both: Annotated[bool, typer.Option("--all", help="Those that are archived, too.")] = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the datasets of a project; without options, those that are not archived."""
    if archived and both:
        raise typer.BadParameter("is for fewer than --all; give one of them", param_hint="--archived")
    wanted = "all" if both else "true" if archived else "false"
    with connect() as api:
        show_list(
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
    """Create a project, a dataset in a project, or with --classes both at once. Takes a key of role admin."""
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
        _tell(_create(api, "projects", ref.project, "datasets", **body), f"dataset {ref}", as_json)


def _create_project(api: Api, name: str, classes: list[str], description: str, as_json: bool) -> None:
    entries = [{"name": name} for name in classes]
    made = _create(api, "projects", name=name, description=description, classes=entries)
    _tell(made, f"project {name}", as_json)


def _create(api: Api, *path: str, **body: object) -> Json:
    return api.post(*path, body=json.dumps(body).encode(), idempotency_key=str(uuid.uuid4()))


def _tell(made: Json, what: str, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        say(f"Created {what}.")
