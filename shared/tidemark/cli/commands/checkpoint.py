"""`tidemark checkpoint`: creates, lists, edits and archives checkpoints, which are names of versions."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from tidemark.cli.arguments import (
    AllOption,
    ArchivedOption,
    DatasetArgument,
    JsonOption,
    LimitOption,
    archived_filter,
    connect,
)
from tidemark.cli.artifacts import wait_until_written
from tidemark.cli.output import Column, View, print_json, print_lines, print_list, print_result
from tidemark.client.api import Api
from tidemark.client.models import Json, parse
from tidemark.client.refs import DatasetRef
from tidemark.domain.checkpoints import Checkpoint
from tidemark.domain.pages import Archived
from tidemark.domain.statistics import FieldStatistics, Statistics

app = typer.Typer(help="Give versions names that every read takes, and list, edit and archive these.")

CHECKPOINTS = View(
    Checkpoint,
    [
        Column("CHECKPOINT", lambda checkpoint: checkpoint.name),
        Column("VERSION", lambda checkpoint: checkpoint.version),
        Column("FRAMES", lambda checkpoint: checkpoint.frames),
        Column("LABELS", lambda checkpoint: checkpoint.labels),
        Column("STATUS", lambda checkpoint: checkpoint.status),
        Column("CREATED", lambda checkpoint: checkpoint.created_at),
        Column("BY", lambda checkpoint: checkpoint.created_by),
        Column("ARCHIVED", lambda checkpoint: checkpoint.archived_at),
        Column("DESCRIPTION", lambda checkpoint: checkpoint.description, folds=True),
        Column("METADATA", lambda checkpoint: _metadata_text(checkpoint.metadata), folds=True),
    ],
)
KINDS = {Archived.NO: "", Archived.YES: "archived ", Archived.ALL: ""}


class Line(NamedTuple):
    """A line of a checkpoint's statistics."""

    subject: str
    name: str | None
    frames: int | None
    number: int | None
    values: str | None = None


STATISTICS: list[Column[Line]] = [
    Column("OF", lambda line: line.subject),
    Column("NAME", lambda line: line.name),
    Column("FRAMES", lambda line: line.frames),
    Column("COUNT", lambda line: line.number),
    Column("VALUES", lambda line: line.values, folds=True),
]
MAX_VALUES_SHOWN = 8
"""Most values of a metadata field in the table of statistics."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
DescriptionOption = Annotated[str | None, typer.Option("--description", help="For people.", show_default=False)]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="FIELD=VALUE",
        help="Set a field; a value that is a number, true or false in JSON is taken as that.",
        show_default=False,
    ),
]


@app.command()
def create(
    dataset: DatasetArgument,
    name: NameArgument,
    version: Annotated[
        str,
        typer.Option(
            "--version", metavar="VERSION", help="A number, another checkpoint, a time with its zone, or LATEST."
        ),
    ] = "LATEST",
    description: DescriptionOption = None,
    metadata: MetadataOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until its manifest is written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a version a name, for good. Every --version takes it at once, exports once its manifest is written."""
    body = {
        "name": name,
        "version": version,
        "description": description or "",
        "metadata": _fields(metadata),
    }
    with connect() as api:
        response = api.post(*dataset.path, "checkpoints", body=body)
        if wait:
            response = _wait_until_written(api, dataset, name)
    number = parse(Checkpoint, response).version
    print_result(response, f"Checkpoint {name} of {dataset} is version {number}.", as_json)


@app.command("list")
def list_(
    dataset: DatasetArgument,
    archived: ArchivedOption = False,
    both: AllOption = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the checkpoints of a dataset, newest first; by default, those that are not archived."""
    wanted = archived_filter(archived, both)
    with connect() as api:
        print_list(
            lambda most: api.items(*dataset.path, "checkpoints", most=most, archived=wanted),
            CHECKPOINTS,
            limit=limit,
            as_json=as_json,
            none=f"{dataset} has no {KINDS[wanted]}checkpoints.",
        )


@app.command()
def show(
    dataset: DatasetArgument,
    name: NameArgument,
    statistics: Annotated[bool, typer.Option("--statistics", help="Show counts of what its frames hold.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a checkpoint, archived or not, or its statistics."""
    path = _path(dataset, name)
    with connect() as api:
        response = api.get(*path, "statistics") if statistics else api.get(*path)
    if as_json:
        print_json(response)
    elif statistics:
        print_lines(list(_lines(parse(Statistics, response))), STATISTICS)
    else:
        print_lines([parse(Checkpoint, response)], CHECKPOINTS.columns)


@app.command()
def edit(
    dataset: DatasetArgument,
    name: NameArgument,
    description: DescriptionOption = None,
    metadata: MetadataOption = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="FIELD", help="Remove a field of the metadata.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change the description and metadata fields of a checkpoint; the rest stays."""
    fields: Json = _fields(metadata) | dict.fromkeys(remove or ())
    patch: Json = ({} if description is None else {"description": description}) | (
        {"metadata": fields} if fields else {}
    )
    if not patch:
        raise typer.BadParameter("Say what to change: --description, --metadata or --remove.")
    with connect() as api:
        response = api.patch(*_path(dataset, name), body=patch)
    print_result(response, f"Changed checkpoint {name} of {dataset}.", as_json)


@app.command()
def retry(
    dataset: DatasetArgument,
    name: NameArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the manifest is written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Have the manifest of a checkpoint written again after it failed."""
    with connect() as api:
        response = api.start(*_path(dataset, name), "retry")
        if wait:
            response = _wait_until_written(api, dataset, name)
    status = parse(Checkpoint, response).status
    print_result(response, f"The manifest of checkpoint {name} of {dataset} is {status}.", as_json)


@app.command()
def archive(dataset: DatasetArgument, name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a checkpoint out of the list. It keeps its name and reads as before."""
    with connect() as api:
        response = api.start(*_path(dataset, name), "archive")
    print_result(response, f"Archived checkpoint {name} of {dataset}.", as_json)


@app.command()
def unarchive(dataset: DatasetArgument, name: NameArgument, as_json: JsonOption = False) -> None:
    """Put an archived checkpoint back into the list."""
    with connect() as api:
        response = api.start(*_path(dataset, name), "unarchive")
    print_result(response, f"Checkpoint {name} of {dataset} is listed again.", as_json)


def _wait_until_written(api: Api, dataset: DatasetRef, name: str) -> Json:
    again = f"tidemark checkpoint retry {dataset} {name}"
    return wait_until_written(api, _path(dataset, name), Checkpoint, f"The manifest of {name}", again=again)


def _lines(statistics: Statistics) -> Iterator[Line]:
    yield Line("frames", None, statistics.frames, statistics.frames)
    yield Line("labels", None, None, statistics.labels)
    for name, occurrences in statistics.classes.items():
        yield Line("class", name, occurrences.frames, occurrences.labels)
    for subject, counts in (("label type", statistics.label_types), ("sensor type", statistics.sensor_types)):
        for name, count in counts.items():
            yield Line(subject, name, None, count)
    for name, field in statistics.metadata.items():
        yield Line("metadata", name, field.frames, None, _values_text(field))


def _values_text(field: FieldStatistics) -> str:
    """Returns a metadata field's values as text: the range of a numeric field, else the most frequent values with their
    counts, or `many`."""
    if field.min is not None:
        return f"{field.min:g} to {field.max:g}"
    if field.values is None:
        return "many"
    shown = [f"{value.value}: {value.count:,}" for value in field.values[:MAX_VALUES_SHOWN]]
    return ", ".join([*shown, "…"] if len(field.values) > MAX_VALUES_SHOWN else shown)


def _path(dataset: DatasetRef, name: str) -> tuple[str, ...]:
    return (*dataset.path, "checkpoints", name)


def _fields(options: list[str] | None) -> Json:
    """Parses the values of `--metadata`, each of the form `FIELD=VALUE`. Raises typer.BadParameter."""
    fields: Json = {}
    for text in options or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{text!r} is not of the form FIELD=VALUE.", param_hint="--metadata")
        fields[name] = _value(value)
    return fields


def _value(text: str) -> Any:
    """Parses a metadata value: a number, true, false or a quoted string as JSON. Returns other text unchanged."""
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | str) else text


def _metadata_text(metadata: Json) -> str:
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in metadata.items()
    )
