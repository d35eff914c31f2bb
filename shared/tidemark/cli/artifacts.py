"""Waits for artifacts that the service writes: checkpoints' manifests, and exports."""

import typer

from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_note
from tidemark.client.api import Api
from tidemark.client.models import Json, parse
from tidemark.client.polling import responses
from tidemark.domain.workflows import Artifact, ArtifactStatus

FIRST_PAUSE, MAX_PAUSE = 0.2, 5.0
"""First and longest pause between two polls, in seconds."""


def wait_until_written(api: Api, path: tuple[str, ...], model: type[Artifact], name: str, *, again: str) -> Json:
    """Polls the artifact at a URL path, given as segments, until it is written. Returns the API's last response.

    `name` is the artifact's name in messages. If writing fails, prints the reason and `again`, the command that tries
    again, and exits with status 1.
    """
    for response in responses(api, path, first=FIRST_PAUSE, longest=MAX_PAUSE):
        artifact = parse(model, response)
        if artifact.status is ArtifactStatus.READY:
            return response
        if artifact.status is ArtifactStatus.FAILED:
            break
    print_note(f"{name} could not be written: {artifact.reason}")
    print_note(f"To try again: {again}")
    raise typer.Exit(ExitStatus.PARTIAL)
