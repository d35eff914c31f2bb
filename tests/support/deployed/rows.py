"""Builds rows of mutations."""

from typing import Any

Json = dict[str, Any]


def box(label_id: str, class_name: str = "car", **given: Any) -> Json:
    """Returns a 2D box label."""
    bounds = {"left": 10, "top": 20, "width": 30, "height": 40}
    return {"id": label_id, "type": "BBOX_2D", "class": class_name, **bounds, **given}


def add(frame_id: str, *labels: Json, **metadata: Any) -> Json:
    """Returns an ADD of a frame."""
    return {"op": "ADD", "frame": {"frame_id": frame_id, "metadata": metadata, "labels": list(labels)}}


def modify(frame_id: str, *labels: Json, **metadata: Any) -> Json:
    """Returns a MODIFY of a frame's metadata and labels."""
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, "metadata": metadata, "labels": list(labels)}}


def delete(frame_id: str) -> Json:
    """Returns a DELETE of a frame."""
    return {"op": "DELETE", "frame_id": frame_id}
