"""Archiving and purging in a line each, and what is left of a dataset."""

from datetime import timedelta

from tests.simulation.world import Execution, World
from tests.support.sending import DATASET, PROJECT
from tidemark.aws.workflows import Workflow
from tidemark.catalog import dataset_records
from tidemark.domain.datasets import Dataset
from tidemark.retention import archive, purge


def uid_of(world: World, dataset: str = DATASET) -> str:
    """The uid of a dataset that has not been purged."""
    return dataset_records.definition(world.process(), PROJECT, dataset).dataset.uid


def archived(world: World, dataset: str = DATASET) -> Dataset:
    """A dataset that is archived, and for as long as a purge asks for."""
    found = archive.archive_dataset(world.process(), project=PROJECT, dataset=dataset, actor="ann")
    world.now += timedelta(minutes=3)
    return found


def begun(world: World, dataset: str = DATASET, confirmation: str | None = None) -> Dataset:
    """A purge that has begun; nothing is deleted yet."""
    return purge.begin_purge(
        world.process(), project=PROJECT, dataset=dataset, confirmation=confirmation or dataset, actor="ann"
    )


def purges(world: World) -> list[Execution]:
    """The workflows of purges, in the order in which they were started."""
    return [one for one in world.executions.values() if one.workflow == Workflow.PURGE]


def purged(world: World, dataset: str = DATASET, pages: int = 1000) -> str:
    """Archive and purge a dataset; answers the uid that it had."""
    uid = archived(world, dataset).uid
    begun(world, dataset)
    world.run_purge(purges(world)[-1], pages)
    return uid


def items(world: World, uid: str) -> list[str]:
    """The sort keys of what the table holds of a dataset."""
    backend = world.process()
    found: list[str] = []
    for page in backend.dynamodb.get_paginator("scan").paginate(TableName=backend.table):
        keys = [(item["PK"]["S"], item["SK"]["S"]) for item in page["Items"]]
        found.extend(sk for pk, sk in keys if pk.split("#")[:2] == ["D", uid])
    return sorted(found)


def objects(world: World, uid: str) -> list[str]:
    """The keys of what lies in S3 for a dataset."""
    backend = world.process()
    found = backend.s3.list_objects_v2(Bucket=backend.bucket).get("Contents", [])
    return [one["Key"] for one in found if one["Key"].split("/")[1] == uid]
