"""Waits for what the service writes: manifests of checkpoints, and exports."""

import typer

from tidemark.cli.exit_status import ExitStatus
from tidemark.cli.output import print_note
from tidemark.client.api import Api
from tidemark.client.models import Json, parse
from tidemark.client.polling import responses
from tidemark.domain.workflows import Artifact, ArtifactStatus

FIRST_PAUSE, MAX_PAUSE = 0.2, 5.0
"""Seconds between two polls."""


def wait_until_written(api: Api, path: tuple[str, ...], model: type[Artifact], name: str, *, again: str) -> Json:
    """Polls `path` until the artifact there is written, and returns the API's response.

    If writing it failed, prints why and the command `again` that repeats it, and ends the program.
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
