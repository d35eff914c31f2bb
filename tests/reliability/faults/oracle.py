"""The oracle: what a dataset must contain, in plain dictionaries, without any product code.

A state maps frame ids to `{"metadata": {...}, "labels": {label id: {"class": ..., "attributes": {...}}}}`.
"""

from copy import deepcopy
from typing import Any, Literal

Row = dict[str, Any]
State = dict[str, dict[str, Any]]
Outcome = Literal["applied", "dropped", "failed"]

CLASSES = ("car", "dog")


def rejected(rows: list[Row], *, repeats: bool) -> set[int]:
    """Returns the numbers of the rows that intake must reject: those with an unknown class and, unless `repeats` are
    allowed, those that repeat a frame."""
    refused: set[int] = set()
    seen: set[str] = set()
    for number, row in enumerate(rows):
        labels = row.get("frame", {}).get("labels", [])
        unknown = any(label.get("class", CLASSES[0]) not in CLASSES for label in labels)
        if unknown or (frame_id(row) in seen and not repeats):
            refused.add(number)
        else:
            seen.add(frame_id(row))
    return refused


def frame_id(row: Row) -> str:
    """Returns the id of a row's frame."""
    return str(row["frame_id"] if row["op"] == "DELETE" else row["frame"]["frame_id"])


def apply(state: State, row: Row) -> Outcome:
    """Applies a row to `state` (R16-R19) and returns its outcome."""
    name = frame_id(row)
    if row["op"] == "ADD":
        state[name] = {"metadata": {}, "labels": {}}
        return _merge(state[name], row)
    if name not in state:
        return "dropped"
    if row["op"] == "DELETE":
        del state[name]
        return "applied"
    merged = deepcopy(state[name])
    outcome = _merge(merged, row)
    if outcome == "applied":
        state[name] = merged
    return outcome


def _merge(frame: dict[str, Any], row: Row) -> Outcome:
    update = row["frame"]
    frame["metadata"].update(update.get("metadata", {}))
    for label in update.get("labels", []):
        known = frame["labels"].setdefault(label["id"], {"class": None, "attributes": {}})
        known["class"] = label.get("class", known["class"])
        known["attributes"].update(label.get("attributes", {}))
        if known["class"] is None:
            return "failed"
    for label_id in row.get("remove_labels", []):
        frame["labels"].pop(label_id, None)
    return "applied"


def plain(frame: dict[str, Any]) -> dict[str, Any]:
    """Converts a frame from the API to a frame of a state."""
    return {
        "metadata": frame.get("metadata") or {},
        "labels": {
            label["id"]: {"class": label["class"], "attributes": label.get("attributes") or {}}
            for label in frame.get("labels") or []
        },
    }
