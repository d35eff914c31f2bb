"""Messages and workflow inputs contain nothing with which a request could name another dataset. There are no task
tokens: state machines wait for a function's result, not for a callback."""

import json
from typing import Any

import pytest

from tests.reliability.access.deployment import OTHER, OWN, Deployment
from tests.reliability.access.operations import operation

STARTING = ("rollBack", "cloneDataset", "createCheckpoint")
SMUGGLED = ("uid", "work", "shards", "shard", "dataset", "heads", "source", "transfer", "attempt", "request")


def sent(deployment: Deployment, called: str, **changes: Any) -> int:
    return deployment.send(operation(called).request(deployment.own, **changes), deployment.tokens["admin"]).status


@pytest.mark.parametrize("name", STARTING)
@pytest.mark.parametrize("field", SMUGGLED)
def test_a_request_cannot_tell_a_workflow_what_to_do(deployment: Deployment, name: str, field: str) -> None:
    deployment.world.executions.clear()
    own = {"name": "copy", "version": "1"} if name != "rollBack" else {"version": "1"}
    assert sent(deployment, name, **own, **{field: deployment.uids[OTHER]}) == 422
    assert not deployment.world.executions


def test_workflows_are_told_of_the_dataset_of_the_path(deployment: Deployment) -> None:
    deployment.world.executions.clear()
    assert sent(deployment, "rollBack", version="1") == 202
    assert sent(deployment, "cloneDataset", name="copy", version="1") == 202
    assert sent(deployment, "createCheckpoint", name="mine", version="1") == 201
    inputs = [json.dumps(execution.input) for execution in deployment.world.executions.values()]
    assert len(inputs) == len(STARTING)
    assert [text for text in inputs if deployment.uids[OTHER] in text or OTHER in text] == []
    of_path = [text for text in inputs if deployment.uids[OWN] in text]
    assert len(of_path) == 2, "the clone's upload belongs to its own new dataset"


def test_orders_to_read_files_are_of_the_dataset_of_the_path(deployment: Deployment) -> None:
    receipt = operation("createUpload").request(deployment.own, files=[{"name": f"../{OTHER}"}])
    upload = deployment.send(receipt, deployment.tokens["write"]).json()["upload"]
    backend = deployment.world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=f"uploads/{deployment.uids[OWN]}/{upload}/0000", Body=b"{}")
    complete = operation("completeUpload").request(deployment.own | {"upload": upload})
    assert deployment.send(complete, deployment.tokens["write"]).status == 202
    tasks = [task.model_dump() for task in deployment.world.tasks]
    assert [(task["uid"], task["upload"]) for task in tasks] == [(deployment.uids[OWN], upload)]
