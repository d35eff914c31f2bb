"""`tidemark delete`, `unarchive` and `purge`: the end of datasets."""

import json
import sys
import uuid
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.output import print_json, say, tell
from tidemark.client import retry
from tidemark.client.api import Api, Refused
from tidemark.client.models import Dataset, Json
from tidemark.client.refs import DatasetRef

PARTIAL = 1
GONE = "unknown_dataset"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


def delete(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Archive a dataset: it is not listed and takes no changes; it reads as before. Takes a key of role admin.

    Nothing is lost: `unarchive` puts it back, and only `purge` deletes it for good.
    """
    with connect() as api:
        _tell(api.delete(*dataset.path), f"Archived {dataset}; `tidemark unarchive` puts it back.", as_json)


def unarchive(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Put an archived dataset back into the list, and let it take changes. Takes a key of role admin."""
    with connect() as api:
        _tell(api.start(*dataset.path, "unarchive"), f"{dataset} is listed again.", as_json)


def purge(
    dataset: DatasetArgument,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="NAME", help="The dataset's name once more.", show_default="asked for"),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until it is done.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Delete an archived dataset for good, with all of its versions. It cannot be undone. Takes a key of role admin.

    With --wait, the exit status is 1 if it failed; the same command goes on with it.
    """
    body = json.dumps({"name": _confirmed(dataset, confirm)}).encode()
    with connect() as api:
        begun = api.post(*dataset.path, "purge", body=body, idempotency_key=str(uuid.uuid4()))
        if not wait:
            _tell(begun, f"{dataset} is being purged.", as_json)
            return
        failure = _awaited(api, dataset, Dataset.model_validate(begun).uid)
    if failure is not None:
        tell(f"tidemark: {failure}")
        raise typer.Exit(PARTIAL)
    _tell(begun, f"Purged {dataset}; its name is free.", as_json)


def _confirmed(dataset: DatasetRef, given: str | None) -> str:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"give the dataset's name, {dataset.name!r}", param_hint="--confirm")
    return str(typer.prompt(f"All versions of {dataset} will be gone for good. Its name, to confirm", err=True))


def _awaited(api: Api, dataset: DatasetRef, uid: str) -> str | None:
    """Wait until a dataset is gone; answers why it is not, if the purge failed."""
    pause = FIRST_PAUSE
    while True:
        try:
            found = Dataset.model_validate(api.get(*dataset.path))
        except Refused as refusal:
            if refusal.problem.code != GONE:
                raise
            return None
        if found.uid != uid:
            return None
        if found.purge and found.purge.failure:
            return found.purge.failure
        retry.pause(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


def _tell(answer: Json, sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        say(sentence)
