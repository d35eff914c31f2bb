"""`tidemark delete`, `unarchive` and `purge`: archive datasets, restore them, and delete them for good."""

import sys
from typing import Annotated

import typer

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_note, print_result
from tidemark.client.api import Api, Refused
from tidemark.client.models import parse
from tidemark.client.polling import responses
from tidemark.client.refs import DatasetRef
from tidemark.domain.datasets import Dataset

GONE = "unknown_dataset"
FIRST_PAUSE, MAX_PAUSE = 0.5, 10.0
"""First and longest pause between two polls, in seconds. A purge takes minutes."""


def delete(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Archive a dataset: it is not listed and takes no changes, but reads as before. Needs a key of role admin.

    Nothing is lost: `unarchive` puts it back, and only `purge` deletes it for good.
    """
    with connect() as api:
        print_result(api.delete(*dataset.path), f"Archived {dataset}; `tidemark unarchive` puts it back.", as_json)


def unarchive(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Put an archived dataset back into the list, and let it take changes. Needs a key of role admin."""
    with connect() as api:
        print_result(api.start(*dataset.path, "unarchive"), f"{dataset} is listed again.", as_json)


def purge(
    dataset: DatasetArgument,
    confirm: Annotated[
        str | None,
        typer.Option("--confirm", metavar="NAME", help="The dataset's name once more.", show_default="asked for"),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Whether to wait until it is done.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Delete an archived dataset for good, with all of its versions. It cannot be undone. Needs a key of role admin.

    With --wait, the exit status is 1 if it failed; the same command continues it.
    """
    name = _confirmed(dataset, confirm)
    with connect() as api:
        started = api.post(*dataset.path, "purge", body={"name": name})
        if not wait:
            print_result(started, f"{dataset} is being purged.", as_json)
            return
        failure = _wait_until_gone(api, dataset, parse(Dataset, started).uid)
    if failure is not None:
        print_note(f"tidemark: {failure}")
        raise typer.Exit(ExitStatus.PARTIAL)
    print_result(started, f"Purged {dataset}; its name is free.", as_json)


def _confirmed(dataset: DatasetRef, given: str | None) -> str:
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"give the dataset's name, {dataset.name!r}", param_hint="--confirm")
    return str(typer.prompt(f"This deletes all versions of {dataset} for good. Type its name to confirm", err=True))


def _wait_until_gone(api: Api, dataset: DatasetRef, uid: str) -> str | None:
    """Waits until a dataset has been purged. Returns None, or the reason if the purge failed.

    A dataset with another uid is a new dataset of the same name, so the old one is gone.
    """
    try:
        for response in responses(api, dataset.path, first=FIRST_PAUSE, longest=MAX_PAUSE):
            found = parse(Dataset, response)
            if found.uid != uid:
                break
            if found.purge and found.purge.failure:
                return found.purge.failure
    except Refused as refusal:
        if refusal.problem.code != GONE:
            raise
    return None
