"""Waiting for what the service writes: manifests of checkpoints, and exports."""

import typer

from tidemark.cli.output import tell
from tidemark.client import retry as retries
from tidemark.client.api import Api
from tidemark.client.models import FAILED, WRITING, Json, Written

PARTIAL = 1
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


def until_written(api: Api, path: tuple[str, ...], what: str, *, retry: str) -> Json:
    """What lies at a path, once it is written. Where that failed, says why and how to `retry`, and ends the program."""
    seconds = FIRST_PAUSE
    while True:
        answer = api.get(*path)
        found = Written.model_validate(answer)
        if found.status == FAILED:
            tell(f"{what} could not be written: {found.reason}")
            tell(f"To try again: {retry}")
            raise typer.Exit(PARTIAL)
        if found.status != WRITING:
            return answer
        retries.pause(seconds)
        seconds = min(1.5 * seconds, LONGEST_PAUSE)
