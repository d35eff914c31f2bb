"""Rows of mutations, a line each."""

from typing import Any

Json = dict[str, Any]


def box(label_id: str, class_name: str = "car", **given: Any) -> Json:
    """A 2D box."""
    place = {"left": 10, "top": 20, "width": 30, "height": 40}
    return {"id": label_id, "type": "BBOX_2D", "class": class_name, **place, **given}


def add(frame_id: str, *labels: Json, **metadata: Any) -> Json:
    """An ADD of a frame."""
    return {"op": "ADD", "frame": {"frame_id": frame_id, "metadata": metadata, "labels": list(labels)}}


def modify(frame_id: str, *labels: Json, **metadata: Any) -> Json:
    """A MODIFY of a frame's metadata and labels."""
    return {"op": "MODIFY", "frame": {"frame_id": frame_id, "metadata": metadata, "labels": list(labels)}}


def delete(frame_id: str) -> Json:
    """A DELETE of a frame."""
    return {"op": "DELETE", "frame_id": frame_id}
