"""Archives and purges the datasets of smoke tests."""

import time
from collections.abc import Sequence

from infra.smoke.waiting import TimedOut
from tidemark.client.api import Api, Refused
from tidemark.client.models import Json
from tidemark.client.polling import polls, responses
from tidemark.client.refs import DatasetRef

TOO_EARLY = ("just_archived", "uploads_pending", "clone_pending", "dataset_changed")
"""Error codes of a purge that can be requested again later. The first is that of the two minutes after archiving."""
GONE = "unknown_dataset"
UNKNOWN_PROJECT = "unknown_project"
PURGED = "dataset_purged"
"""Error code of archiving a dataset whose purge has begun."""
FIRST_PAUSE, MAX_PAUSE = 0.2, 5.0
"""First and longest pause between two polls, in seconds."""


def datasets_of(api: Api, projects: Sequence[str]) -> list[DatasetRef]:
    """Returns all datasets of projects, archived or not. A project that does not exist has none."""
    found: list[DatasetRef] = []
    for project in projects:
        try:
            items = list(api.items("projects", project, "datasets", archived="all"))
        except Refused as refusal:
            if refusal.problem.code != UNKNOWN_PROJECT:
                raise
            items = []
        found += [DatasetRef(project, item["name"]) for item in items]
    return found


def archive(api: Api, datasets: Sequence[DatasetRef]) -> None:
    """Archives datasets, if they exist."""
    for dataset in datasets:
        try:
            api.delete(*dataset.path)
        except Refused as refusal:
            if refusal.problem.code not in (GONE, UNKNOWN_PROJECT, PURGED):
                raise


def purge(api: Api, datasets: Sequence[DatasetRef], seconds: float) -> list[str]:
    """Purges archived datasets and waits until they are gone. Returns the failures of purges.

    Waits until two minutes have passed since the archiving. Raises TimedOut after `seconds`.
    """
    deadline = time.monotonic() + seconds
    for dataset in datasets:
        _begin(api, dataset, deadline)
    return [f"{dataset}: {failure}" for dataset in datasets if (failure := _until_gone(api, dataset, deadline))]


def _begin(api: Api, dataset: DatasetRef, deadline: float) -> None:
    for _ in polls(FIRST_PAUSE, MAX_PAUSE):
        try:
            api.post(*dataset.path, "purge", body={"name": dataset.name})
        except Refused as refusal:
            if refusal.problem.code == GONE:
                return
            if refusal.problem.code not in TOO_EARLY or time.monotonic() > deadline:
                raise
        else:
            return


def _until_gone(api: Api, dataset: DatasetRef, deadline: float) -> str | None:
    """Waits until a dataset is purged. Returns the failure of the purge; None if it did not fail."""
    try:
        for response in responses(api, dataset.path, first=FIRST_PAUSE, longest=MAX_PAUSE):
            purged: Json | None = response["purge"]
            if purged and purged["failure"]:
                return str(purged["failure"])
            if time.monotonic() > deadline:
                raise TimedOut(f"The purge of {dataset} has not ended.")
    except Refused as refusal:
        if refusal.problem.code != GONE:
            raise
    return None
