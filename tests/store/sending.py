"""Rows and uploads in a line each."""

import json
from typing import Any

from tests.faults.world import World
from tidemark.domain.uploads import Receipt
from tidemark.services import intake

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


def send(world: World, *rows: Any, key: str | None = None, dataset: str = DATASET, actor: str = "ann") -> Receipt:
    """Submit rows without applying them."""
    return intake.submit(
        world.process(),
        project=PROJECT,
        dataset=dataset,
        body=json.dumps({"mutations": rows}).encode(),
        actor=actor,
        idempotency_key=key,
    )


def upload(world: World, *rows: Any, key: str | None = None, dataset: str = DATASET) -> Receipt:
    """Submit rows and let them settle."""
    receipt = send(world, *rows, key=key, dataset=dataset)
    world.drain()
    return receipt
