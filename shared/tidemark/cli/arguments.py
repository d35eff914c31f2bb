"""Arguments and options that several commands have, and the API client that commands use."""

from typing import Annotated

import typer

from tidemark.cli import settings
from tidemark.client.api import Api
from tidemark.client.refs import DatasetRef
from tidemark.domain.pages import Archived


def dataset_ref(text: str) -> DatasetRef:
    """Parses `PROJECT/DATASET`. Raises typer.BadParameter for text of any other form."""
    project, slash, name = text.partition("/")
    if not (project and slash and name) or "/" in name:
        raise typer.BadParameter(f"{text!r} is not of the form PROJECT/DATASET.")
    return DatasetRef(project, name)


def connect() -> Api:
    """Returns an API client for the settings in effect. Raises settings.Unusable."""
    used = settings.load()
    return Api(used.api, used.key)


def archived_filter(archived: bool, both: bool) -> Archived:
    """Returns which items to list, given the options `--archived` and `--all`. Raises typer.BadParameter for both."""
    if archived and both:
        raise typer.BadParameter("lists fewer than --all; give only one of them", param_hint="--archived")
    if both:
        return Archived.ALL
    return Archived.YES if archived else Archived.NO


DatasetArgument = Annotated[
    DatasetRef, typer.Argument(metavar="PROJECT/DATASET", parser=dataset_ref, show_default=False)
]
ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", show_default=False)]
UploadArgument = Annotated[str, typer.Argument(metavar="UPLOAD", show_default=False)]
VersionOption = Annotated[
    str,
    typer.Option("--version", metavar="VERSION", help="A number, a checkpoint, a time with its zone, or LATEST."),
]
ArchivedOption = Annotated[bool, typer.Option("--archived", help="List only archived ones.")]
AllOption = Annotated[bool, typer.Option("--all", help="List archived ones too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the API's JSON, one document a line.")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, show_default=False, help="At most so many. By default 50 in a table, else all."),
]
