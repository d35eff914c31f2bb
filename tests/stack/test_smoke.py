"""The smoke test runs against the local stack: it finds nothing wrong, notices what is, and cleans up in any case."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from infra.local.server import ROOT
from infra.local.stack import LocalStack
from infra.smoke import __main__ as smoke
from infra.smoke import steps
from infra.smoke.bus import NoEvent
from infra.smoke.cleaning import datasets_of
from infra.smoke.deployment import PERMISSIONS, Deployment, deployment
from infra.smoke.steps import STEPS, Seen, Step, Subject
from tests.support.deployed.client import Caller
from tests.support.deployed.inside import archived_long_ago, backend_of
from tidemark.access.api_keys import list_keys
from tidemark.client.api import Api
from tidemark.client.refs import DatasetRef

PROJECTS = ["smoke-test", "smoke-test-widest"]

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def aws(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of an operator of this stack."""
    for name, value in stack.aws.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the smoke test with a small load and returns its exit status."""
    monkeypatch.setattr(steps, "BURST", 20)
    return lambda *arguments: smoke.main(["--api", stack.api, "--rows", "200", "--shards", "2", *arguments])


@pytest.fixture
def found() -> Iterator[Deployment]:
    with deployment("Tidemark") as described:
        yield described


@pytest.fixture
def datasets(admin: Caller, stack: LocalStack) -> Iterator[Callable[[], list[DatasetRef]]]:
    """Returns a function that lists all datasets of smoke tests."""
    with Api(stack.api, str(admin.key)) as api:
        yield lambda: datasets_of(api, PROJECTS)


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The operations of AWS that are called in this process, each by its name."""
    names: set[str] = set()
    call = vars(BaseClient)["_make_api_call"]

    def record(client: BaseClient, operation: str, parameters: Any) -> Any:
        names.add(operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", record)
    return names


def temporary(found: Deployment) -> list[Any]:
    """Returns the temporary rules, queues and valid keys that are left."""
    rules = found.events.list_rules(NamePrefix="tidemark-smoke")["Rules"]
    queues = found.sqs.list_queues(QueueNamePrefix="tidemark-smoke").get("QueueUrls", [])
    keys = [key.name for key in list_keys(found.keys) if key.name.startswith("smoke-") and not key.revoked_at]
    return [*rules, *queues, *keys]


def dropped(stack: LocalStack) -> list[Any]:
    """Returns the objects that the smoke test has left in the drop folder."""
    with closing(boto3.client("s3")) as s3:
        return s3.list_objects_v2(Bucket=stack.outputs["BucketName"], Prefix="drop/smoke-test").get("Contents", [])


def printed_steps(output: str) -> list[str]:
    """Returns the names of the steps that were printed with their seconds."""
    return re.findall(r"^(\w[\w ]*?) +[0-9.]+ s  ", output, re.MULTILINE)


def test_everything_is_as_it_should_be_and_what_was_made_is_purged_later(
    run: Run,
    stack: LocalStack,
    found: Deployment,
    datasets: Callable[[], list[DatasetRef]],
    capsys: pytest.CaptureFixture[str],
    requested: set[str],
) -> None:
    status = run("--files", "2", "--widest", "--keep")
    assert requested == {permission.partition(":")[2] for permission in PERMISSIONS}
    output = capsys.readouterr().out
    assert (status, output.splitlines()[-2]) == (0, "Everything is as it should be."), output
    assert printed_steps(output) == ["dataset", "bus", *(step.name for step in STEPS), "widest"]
    assert (temporary(found), dropped(stack)) == ([], [])
    kept = datasets()
    assert [dataset.project for dataset in kept] == ["smoke-test", "smoke-test", "smoke-test-widest"]
    # The purge of a run without --keep waits until two minutes have passed since the archiving.
    for dataset in kept:
        archived_long_ago(backend_of(stack), dataset.project, dataset.name)
    assert run("--purge") == 0
    assert (datasets(), temporary(found)) == ([], [])


def fail(_: Subject) -> Seen:
    raise NoEvent("The bus is silent.")


def differ(_: Subject) -> Seen:
    return Seen("something else", ["one frame is missing"])


def interrupt(_: Subject) -> Seen:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("step", "status", "printed"),
    [
        (fail, 1, "FAILED: The bus is silent."),
        (differ, 1, "DIFFERS: one frame is missing"),
        (interrupt, 130, "Stopped."),
    ],
)
def test_a_step_that_goes_wrong_is_an_exit_status_and_leaves_archived_datasets_only(
    run: Run,
    stack: LocalStack,
    found: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    datasets: Callable[[], list[DatasetRef]],
    step: Callable[[Subject], Seen],
    status: int,
    printed: str,
) -> None:
    before = datasets()
    monkeypatch.setattr(smoke, "STEPS", [STEPS[0], Step("broken", step, "events")])
    assert run() == status
    output = capsys.readouterr().out
    assert printed in output
    assert ("What to look at: docs/operations.md#events" in output) == (status == 1)
    assert temporary(found) == []
    (dataset,) = set(datasets()) - set(before)
    # Only an archived dataset can be made to look as if it had been archived long ago.
    archived_long_ago(backend_of(stack), dataset.project, dataset.name)


def test_a_run_that_is_terminated_cleans_up(stack: LocalStack, found: Deployment) -> None:
    arguments = [sys.executable, "-m", "infra.smoke", "--api", stack.api, "--rows", "200", "--shards", "2"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
    process = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("add "):
                process.terminate()
                break
        output, _ = process.communicate()
    assert (process.returncode, "Stopped." in output) == (130, True)
    assert temporary(found) == []
