"""Rows for the tests of the command line, and how files hold them."""

import json
from typing import Any


def lines(*rows: Any) -> bytes:
    """Returns rows as JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def add(frame_id: str, *classes: str, **metadata: Any) -> dict[str, Any]:
    """Returns an ADD of a frame with a label of each class."""
    labels = [{"id": f"l{n}", "type": "CLASSIFICATION_2D", "class": name} for n, name in enumerate(classes)]
    return {"op": "ADD", "frame": {"frame_id": frame_id, "metadata": metadata, "labels": labels}}


def modify(frame_id: str, **metadata: Any) -> dict[str, Any]:
    """Returns a MODIFY of a frame's metadata."""
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, "metadata": metadata}}


def delete(frame_id: str) -> dict[str, Any]:
    """Returns a DELETE of a frame."""
    return {"op": "DELETE", "frame_id": frame_id}
