"""A workflow that fails for good at any step records why, changes nothing that is read, and can be started again.

No request makes a step fail, so these tests deny the function a permission that the step needs, as a mistake in a
policy would.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from infra.local.stack import LocalStack
from tests.support.deployed import inside
from tests.support.deployed.client import Caller, Dataset, wait_until
from tests.support.deployed.inside import Right
from tests.support.deployed.rows import add, box, delete, modify
from tidemark.aws import queues
from tidemark.aws.backend import Backend
from tidemark.domain.intake_tasks import ResumeUpload

Json = dict[str, Any]

READING = [Right("s3:PutObject", "packs/*")]
"""The shard steps need these: they write an index of the windows that they make."""
SENDING = [Right("sqs:SendMessage")]
"""The finish step needs this, once it is decided that the rows are sent."""
RECORDING = [*READING, Right("dynamodb:PutItem")]
"""A shard step needs the first, and the recording of its failure the second."""


@pytest.fixture(scope="module")
def backend(stack: LocalStack) -> Backend:
    return inside.backend_of(stack)


@pytest.fixture
def dataset(admin: Caller) -> Dataset:
    """A dataset with two different versions."""
    dataset = admin.new_dataset()
    dataset.upload(*(add(f"cam-{number}", box("a"), n=number) for number in range(20)))
    dataset.upload(modify("cam-1", box("b", "tram"), n=-1), delete("cam-2"), add("cam-20"))
    return dataset


def roll_back(dataset: Dataset, version: str = "1") -> str:
    """Starts a rollback and returns its upload."""
    answer = dataset.caller.http.post(dataset.at("rollbacks"), json={"version": version})
    assert answer.status_code == 202, answer.text
    upload: str = answer.json()["id"]
    return upload


def clone(dataset: Dataset, name: str) -> tuple[Dataset, str]:
    """Starts a clone and returns the clone and the upload that fills it."""
    answer = dataset.caller.http.post(dataset.at("clones"), json={"name": name, "version": "1"})
    assert answer.status_code == 202, answer.text
    copy = Dataset(dataset.caller, dataset.project, name)
    upload: str = copy.read()["cloned_from"]["upload"]
    return copy, upload


def seen(dataset: Dataset) -> list[Json]:
    """Returns the dataset's frames as readers see them."""
    details = dataset.read()
    counts = {name: details[name] for name in ("latest", "frames", "labels")}
    return [counts, dataset.frames("1"), dataset.frames("2"), dataset.frames()]


def test_a_roll_back_that_fails_says_why_and_changes_nothing(stack: LocalStack, dataset: Dataset) -> None:
    before = seen(dataset)
    with inside.forbidden(stack, "transfer", READING):
        failed = dataset.settled(roll_back(dataset))
    assert failed["status"] == "FAILED"
    assert "AccessDenied" in failed["reason"]
    assert seen(dataset) == before
    done = dataset.settled(roll_back(dataset))
    assert (done["status"], done["version"]) == ("SETTLED", 3)
    assert dataset.frames(3) == dataset.frames(1)


def test_a_clone_that_failed_goes_on_when_it_is_retried(stack: LocalStack, dataset: Dataset) -> None:
    before = seen(dataset)
    with inside.forbidden(stack, "transfer", READING):
        copy, upload = clone(dataset, "copy")
        failed = copy.settled(upload)
    assert failed["status"] == "FAILED"
    assert "AccessDenied" in failed["reason"]
    assert copy.frames() == {}
    assert seen(dataset) == before
    answer = copy.caller.http.post(copy.at("uploads", upload, "retry"))
    assert answer.status_code == 202, answer.text
    assert copy.settled(upload)["status"] == "SETTLED"
    assert copy.frames() == dataset.frames(1)


@pytest.mark.parametrize("needed", [SENDING, RECORDING], ids=["finish", "fail"])
def test_what_fails_when_all_is_decided_or_cannot_be_recorded_is_gone_on_with_by_the_sweep(
    stack: LocalStack, backend: Backend, dataset: Dataset, needed: Sequence[Right]
) -> None:
    before = seen(dataset)
    with inside.forbidden(stack, "transfer", needed):
        upload = roll_back(dataset)
        wait_until(lambda: inside.outcome_of(backend, upload) == "FAILED", "the workflow to fail")
    assert dataset.read("uploads", upload)["status"] == "PENDING"
    assert seen(dataset) == before
    # The sweep sends this after half an hour.
    queues.send_tasks(backend, [ResumeUpload(uid=dataset.read()["uid"], upload=upload)])
    assert dataset.settled(upload)["status"] == "SETTLED"
    assert dataset.frames() == dataset.frames(1)


def written(dataset: Dataset, *parts: str) -> Json:
    """Waits until the workflow that writes a resource has ended, and returns the resource."""
    wait_until(lambda: dataset.read(*parts)["status"] != "WRITING", f"{parts} to be written")
    resource: Json = dataset.read(*parts)
    return resource


def post(dataset: Dataset, *parts: str, body: Json | None = None) -> None:
    """Sends a request that starts a workflow."""
    answer = dataset.caller.http.post(dataset.at(*parts), json=body)
    assert answer.status_code == 202, answer.text


CHECKPOINT = ("checkpoints", "golden")
DESCRIBING = [Right("s3:PutObject", "checkpoints/*")]
"""The shard steps and the finish step of a checkpoint both need this."""


def test_a_checkpoint_that_cannot_be_described_says_why_and_reads_all_the_same(
    stack: LocalStack, dataset: Dataset
) -> None:
    with inside.forbidden(stack, "checkpoint", DESCRIBING):
        dataset.caller.create(dataset.at("checkpoints"), {"name": "golden", "version": "1"})
        failed = written(dataset, *CHECKPOINT)
    assert failed["status"] == "FAILED"
    assert "AccessDenied" in failed["reason"]
    assert dataset.frames("golden") == dataset.frames(1)
    assert dataset.caller.http.post(dataset.at(*CHECKPOINT, "retry")).status_code == 200
    assert written(dataset, *CHECKPOINT)["status"] == "READY"


@pytest.mark.parametrize("form", ["parquet", "coco"])
def test_an_export_that_failed_says_why_and_can_be_asked_for_again(
    stack: LocalStack, dataset: Dataset, form: str
) -> None:
    dataset.caller.create(dataset.at("checkpoints"), {"name": "golden"})
    assert written(dataset, *CHECKPOINT)["status"] == "READY"
    where = (*CHECKPOINT, "exports")
    with inside.forbidden(stack, "checkpoint", [Right("s3:PutObject", "exports/*")]):
        post(dataset, *where, body={"format": form})
        failed = written(dataset, *where, form)
    assert failed["status"] == "FAILED"
    assert "AccessDenied" in failed["reason"]
    assert dataset.read(*CHECKPOINT)["status"] == "READY"
    post(dataset, *where, body={"format": form})
    assert written(dataset, *where, form)["status"] == "READY"


@pytest.mark.parametrize(
    "needed", [Right("dynamodb:BatchWriteItem"), Right("s3:DeleteObject")], ids=["shard", "finish"]
)
def test_a_purge_that_failed_says_why_and_can_be_asked_for_again(
    stack: LocalStack, backend: Backend, dataset: Dataset, needed: Right
) -> None:
    assert dataset.caller.http.delete(dataset.at()).status_code == 200
    inside.archived_long_ago(backend, dataset.project, dataset.name)
    confirmed = {"name": dataset.name}
    with inside.forbidden(stack, "purge", [needed]):
        post(dataset, "purge", body=confirmed)
        wait_until(lambda: dataset.read()["purge"]["failure"] is not None, "the purge to fail")
    assert (
        "not authorized" in dataset.read()["purge"]["failure"] or "AccessDenied" in dataset.read()["purge"]["failure"]
    )
    post(dataset, "purge", body=confirmed)
    wait_until(lambda: dataset.caller.http.get(dataset.at()).status_code == 404, "the purge to be done")
