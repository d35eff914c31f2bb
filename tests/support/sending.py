"""Rows and uploads in a line each."""

import json
from typing import Any

from tests.simulation.world import World
from tidemark.aws.backend import Backend
from tidemark.domain.uploads import Receipt
from tidemark.ingest import requests

PROJECT, DATASET = "birds", "train"


def add(frame_id: str, *labels: str, **metadata: Any) -> dict[str, Any]:
    """An ADD of a frame with a heron under each label id."""
    return {
        "op": "ADD",
        "frame": {
            "frame_id": frame_id,
            "metadata": metadata,
            "labels": [{"id": label, "type": "CLASSIFICATION_2D", "class": "heron"} for label in labels],
        },
    }


def modify(frame_id: str, **given: Any) -> dict[str, Any]:
    """A MODIFY of a frame."""
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, **given}}


def delete(frame_id: str) -> dict[str, Any]:
    """A DELETE of a frame."""
    return {"op": "DELETE", "frame_id": frame_id}


def body_of(*rows: Any) -> bytes:
    """The body of a request that carries these rows."""
    return json.dumps({"mutations": rows}).encode()


def submit(
    world: World,
    body: bytes,
    *,
    key: str | None = None,
    dataset: str = DATASET,
    actor: str = "ann",
    by: Backend | None = None,
) -> Receipt:
    """Submit a body, to the process `by` or to a fresh one."""
    return requests.submit(
        by or world.process(), project=PROJECT, dataset=dataset, body=body, actor=actor, idempotency_key=key
    )


def send(
    world: World,
    *rows: Any,
    key: str | None = None,
    dataset: str = DATASET,
    actor: str = "ann",
    by: Backend | None = None,
) -> Receipt:
    """Submit rows without applying them."""
    return submit(world, body_of(*rows), key=key, dataset=dataset, actor=actor, by=by)


def upload(world: World, *rows: Any, key: str | None = None, dataset: str = DATASET, actor: str = "ann") -> Receipt:
    """Submit rows and let them settle."""
    receipt = send(world, *rows, key=key, dataset=dataset, actor=actor)
    world.drain()
    return receipt
