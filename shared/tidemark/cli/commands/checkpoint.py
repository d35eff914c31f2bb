"""`tidemark checkpoint`: versions under names."""

import json
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, LimitOption, connect
from tidemark.cli.output import Column, View, print_json, say, show_list
from tidemark.cli.wait import until_written
from tidemark.client.api import Api
from tidemark.client.models import Checkpoint, FieldStatistics, Json, Statistics, Tallied
from tidemark.client.refs import DatasetRef

app = typer.Typer(help="Give versions names that every read takes, and list, edit and archive these.")

CHECKPOINTS = View[Checkpoint](
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
        Column("METADATA", lambda checkpoint: _told(checkpoint.metadata), folds=True),
    ],
)

STATISTICS = View[Tallied](
    Tallied,
    [
        Column("OF", lambda line: line.of),
        Column("NAME", lambda line: line.name),
        Column("FRAMES", lambda line: line.frames),
        Column("COUNT", lambda line: line.count),
        Column("VALUES", lambda line: line.told, folds=True),
    ],
)
SHOWN_VALUES = 8
"""Values of a metadata field that are told in a table."""

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
    """Give a version a name, for good. Every --version takes it at once; an export, when its manifest is written."""
    body = {
        "name": name,
        "version": version,
        "description": description or "",
        "metadata": _fields(metadata),
    }
    with connect() as api:
        made = api.post(*dataset.path, "checkpoints", body=_encoded(body), idempotency_key=str(uuid.uuid4()))
        if wait:
            made = _until_written(api, dataset, name)
    _tell(made, f"Checkpoint {name} of {dataset} is version {Checkpoint.model_validate(made).version}.", as_json)


@app.command("list")
def list_(
    dataset: DatasetArgument,
    archived: Annotated[bool, typer.Option("--archived", help="Those that are archived.")] = False,
    both: Annotated[bool, typer.Option("--all", help="Those that are archived, too.")] = False,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the checkpoints of a dataset, newest first; without options, those that are not archived."""
    if archived and both:
        raise typer.BadParameter("is for fewer than --all; give one of them", param_hint="--archived")
    wanted, kind = ("all", "") if both else ("true", "archived ") if archived else ("false", "")
    with connect() as api:
        show_list(
            lambda most: api.items(*dataset.path, "checkpoints", most=most, archived=wanted),
            CHECKPOINTS,
            limit=limit,
            as_json=as_json,
            none=f"{dataset} has no {kind}checkpoints.",
        )


@app.command()
def show(
    dataset: DatasetArgument,
    name: NameArgument,
    statistics: Annotated[bool, typer.Option("--statistics", help="What its frames hold, counted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a checkpoint, archived or not, or its statistics."""
    with connect() as api:
        if statistics:
            _show_statistics(api.get(*_path(dataset, name), "statistics"), as_json)
            return
        found = api.get(*_path(dataset, name))
        # A table of one needs no limit.
        show_list(lambda _: iter([found]), CHECKPOINTS, limit=1, as_json=as_json, none="")


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
    """Change the description and fields of the metadata of a checkpoint; the rest stays."""
    fields: Json = _fields(metadata) | dict.fromkeys(remove or ())
    patch: Json = ({} if description is None else {"description": description}) | (
        {"metadata": fields} if fields else {}
    )
    if not patch:
        raise typer.BadParameter("Say what to change: --description, --metadata or --remove.")
    with connect() as api:
        edited = api.patch(*_path(dataset, name), body=_encoded(patch), idempotency_key=str(uuid.uuid4()))
    _tell(edited, f"Changed checkpoint {name} of {dataset}.", as_json)


@app.command()
def retry(
    dataset: DatasetArgument,
    name: NameArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the manifest is written.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Have the manifest of a checkpoint written again that could not be."""
    with connect() as api:
        begun = api.start(*_path(dataset, name), "retry")
        if wait:
            begun = _until_written(api, dataset, name)
    status = Checkpoint.model_validate(begun).status
    _tell(begun, f"The manifest of checkpoint {name} of {dataset} is {status}.", as_json)


@app.command()
def archive(dataset: DatasetArgument, name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a checkpoint out of the list. It keeps its name and reads as before."""
    with connect() as api:
        _tell(api.start(*_path(dataset, name), "archive"), f"Archived checkpoint {name} of {dataset}.", as_json)


@app.command()
def unarchive(dataset: DatasetArgument, name: NameArgument, as_json: JsonOption = False) -> None:
    """Put an archived checkpoint back into the list."""
    with connect() as api:
        listed = api.start(*_path(dataset, name), "unarchive")
    _tell(listed, f"Checkpoint {name} of {dataset} is listed again.", as_json)


def _until_written(api: Api, dataset: DatasetRef, name: str) -> Json:
    again = f"tidemark checkpoint retry {dataset} {name}"
    return until_written(api, _path(dataset, name), f"The manifest of {name}", retry=again)


def _show_statistics(answer: Json, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    lines = list(_lines(Statistics.model_validate(answer)))
    show_list(lambda most: iter(lines[:most]), STATISTICS, limit=len(lines), as_json=False, none="")


def _lines(found: Statistics) -> Iterator[Json]:
    def line(of: str, name: str | None, frames: int | None, count: int | None, told: str | None = None) -> Json:
        return {"of": of, "name": name, "frames": frames, "count": count, "told": told}

    yield line("frames", None, found.frames, found.frames)
    yield line("labels", None, None, found.labels)
    for name, counted in found.classes.items():
        yield line("class", name, counted.frames, counted.labels)
    for of, counts in (("label type", found.label_types), ("sensor type", found.sensor_types)):
        for name, count in counts.items():
            yield line(of, name, None, count)
    for name, field in found.metadata.items():
        yield line("metadata", name, field.frames, None, _field_told(field))


def _field_told(field: FieldStatistics) -> str:
    """The range of a field's numbers, or the most frequent of its values if they were few."""
    if field.min is not None:
        return f"{field.min:g} to {field.max:g}"
    if field.values is None:
        return "many"
    told = [f"{value.value}: {value.count:,}" for value in field.values[:SHOWN_VALUES]]
    return ", ".join([*told, "…"] if len(field.values) > SHOWN_VALUES else told)


def _path(dataset: DatasetRef, name: str) -> tuple[str, ...]:
    return (*dataset.path, "checkpoints", name)


def _encoded(body: Json) -> bytes:
    return json.dumps(body).encode()


def _fields(given: list[str] | None) -> Json:
    """Fields of metadata as `FIELD=VALUE` gives them."""
    fields: Json = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{text!r} is not of the form FIELD=VALUE.", param_hint="--metadata")
        fields[name] = _value(value)
    return fields


def _value(text: str) -> Any:
    """A number, true or false, or a text in quotation marks, as JSON has them; any other text as it is."""
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | str) else text


def _told(metadata: Json) -> str:
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in metadata.items()
    )


def _tell(answer: Json, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)
