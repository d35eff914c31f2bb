"""What functions are told to do, by queues and workflows, holds nothing that a request could put there for another
dataset. There are no task tokens: state machines wait for answers, not for calls."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.access.deployment import OTHER, OWN, Deployment, deployed
from tests.access.operations import operation

STARTING = ("rollBack", "cloneDataset", "createCheckpoint")
SMUGGLED = ("uid", "work", "shards", "shard", "dataset", "heads", "source", "transfer", "attempt", "request")


@pytest.fixture
def fresh() -> Iterator[Deployment]:
    with deployed() as made:
        made.world.executions.clear()
        yield made


def sent(deployment: Deployment, called: str, **changes: Any) -> int:
    return deployment.send(operation(called).request(deployment.own, **changes), deployment.tokens["admin"]).status


@pytest.mark.parametrize("name", STARTING)
@pytest.mark.parametrize("field", SMUGGLED)
def test_a_request_cannot_tell_a_workflow_what_to_do(deployment: Deployment, name: str, field: str) -> None:
    deployment.world.executions.clear()
    own = {"name": "copy", "version": "1"} if name != "rollBack" else {"version": "1"}
    assert sent(deployment, name, **own, **{field: deployment.uids[OTHER]}) == 422
    assert not deployment.world.executions


def test_workflows_are_told_of_the_dataset_of_the_path(fresh: Deployment) -> None:
    assert sent(fresh, "rollBack", version="1") == 202
    assert sent(fresh, "cloneDataset", name="copy", version="1") == 202
    assert sent(fresh, "createCheckpoint", name="mine", version="1") == 201
    told = [json.dumps(execution.input) for execution in fresh.world.executions.values()]
    assert len(told) == len(STARTING)
    assert [text for text in told if fresh.uids[OTHER] in text or OTHER in text] == []
    of_path = [text for text in told if fresh.uids[OWN] in text]
    assert len(of_path) == 2, "the clone's is of its own dataset, which is new"


def test_orders_to_read_files_are_of_the_dataset_of_the_path(fresh: Deployment) -> None:
    receipt = operation("createUpload").request(fresh.own, files=[{"name": f"../{OTHER}"}])
    upload = fresh.send(receipt, fresh.tokens["write"]).json()["upload"]
    backend = fresh.world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=f"uploads/{fresh.uids[OWN]}/{upload}/0000", Body=b"{}")
    complete = operation("completeUpload").request(fresh.own | {"upload": upload})
    assert fresh.send(complete, fresh.tokens["write"]).status == 202
    (order,) = fresh.world.orders
    assert (order.uid, order.upload) == (fresh.uids[OWN], upload)  # type: ignore[union-attr]
