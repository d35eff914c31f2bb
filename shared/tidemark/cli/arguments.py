"""What commands have in common: the API of the settings, and the arguments that many of them take."""

from typing import Annotated

import typer

from tidemark.cli import settings
from tidemark.client.api import Api
from tidemark.client.refs import DatasetRef


def dataset_ref(text: str) -> DatasetRef:
    """The dataset that `text` names."""
    project, slash, name = text.partition("/")
    if not (project and slash and name) or "/" in name:
        raise typer.BadParameter(f"{text!r} is not of the form PROJECT/DATASET.")
    return DatasetRef(project, name)


def connect() -> Api:
    """The API of the settings in effect. Raises settings.Unusable."""
    found = settings.load()
    return Api(found.api, found.key)


DatasetArgument = Annotated[
    DatasetRef, typer.Argument(metavar="PROJECT/DATASET", parser=dataset_ref, show_default=False)
]
ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", show_default=False)]
UploadArgument = Annotated[str, typer.Argument(metavar="UPLOAD", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document a line, as the API gives it.")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, show_default=False, help="At most so many. By default 50 in a table, else all."),
]
