"""Archives and purges datasets in one line each, and lists what is left of them."""

from datetime import timedelta

from tests.simulation.world import Execution, World
from tests.support.uploads import DATASET, PROJECT
from tidemark.aws.workflows import Workflow
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.retention import archive, purge


def uid_of(world: World, dataset: str = DATASET) -> str:
    """Returns the uid of a dataset that is not purged yet."""
    return dataset_records.definition(world.process(), PROJECT, dataset).dataset.uid


def archive_for_purge(world: World, dataset: str = DATASET) -> Dataset:
    """Archives a dataset and lets the time pass that a purge requires after it."""
    archived = archive.archive_dataset(world.process(), project=PROJECT, dataset=dataset, actor="ann")
    world.now += timedelta(minutes=3)
    return archived


def begin_purge(world: World, dataset: str = DATASET, confirmation: str | None = None) -> Dataset:
    """Starts the purge of an archived dataset. Nothing is deleted yet."""
    return purge.begin_purge(
        world.process(), project=PROJECT, dataset=dataset, confirmation=confirmation or dataset, actor="ann"
    )


def purges(world: World) -> list[Execution]:
    """Returns the started purge workflows, oldest first."""
    return [execution for execution in world.executions.values() if execution.workflow == Workflow.PURGE]


def archive_and_purge(world: World, dataset: str = DATASET, pages: int = 1000) -> str:
    """Archives and purges a dataset. Returns the uid that it had."""
    uid = archive_for_purge(world, dataset).uid
    begin_purge(world, dataset)
    world.run_purge(purges(world)[-1], pages)
    return uid


def items(world: World, uid: str) -> list[str]:
    """Returns the sort keys of a dataset's items in the table."""
    backend = world.process()
    sort_keys: list[str] = []
    for page in backend.dynamodb.get_paginator("scan").paginate(TableName=backend.table):
        keys = [(item["PK"]["S"], item["SK"]["S"]) for item in page["Items"]]
        sort_keys.extend(sk for pk, sk in keys if pk.split("#")[:2] == ["D", uid])
    return sorted(sort_keys)


def objects(world: World, uid: str) -> list[str]:
    """Returns the keys of a dataset's objects in S3."""
    backend = world.process()
    listed = backend.s3.list_objects_v2(Bucket=backend.bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if entry["Key"].split("/")[1] == uid]
