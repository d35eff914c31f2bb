"""Small random uploads: few frames, labels and classes, so that they meet each other often."""

from typing import Any

from hypothesis import strategies as st

FRAMES = st.sampled_from(["f0", "f1", "f2", "f3", "f4"])
LABELS = st.sampled_from(["l0", "l1", "l2"])
METADATA = st.dictionaries(st.sampled_from(["weather", "city"]), st.sampled_from(["rain", "sun"]), max_size=2)
ATTRIBUTES = st.dictionaries(st.sampled_from(["hard", "checked"]), st.booleans(), max_size=2)
KNOWN = st.sampled_from(["car", "dog"])
CLASSES = st.sampled_from(["car", "dog", "car", "dog", "car", "dog", "unicorn"])
"""Now and then a class that the project does not have."""


def _label(label_id: str, attributes: dict[str, Any], class_name: str | None) -> dict[str, Any]:
    label: dict[str, Any] = {"id": label_id, "attributes": attributes}
    return label if class_name is None else label | {"type": "CLASSIFICATION_2D", "class": class_name}


def _labels(classes: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    one = st.builds(_label, LABELS, ATTRIBUTES, classes)
    return st.lists(one, max_size=2, unique_by=lambda label: label["id"])


@st.composite
def _add(draw: st.DrawFn) -> dict[str, Any]:
    frame = {"frame_id": draw(FRAMES), "metadata": draw(METADATA), "labels": draw(_labels(CLASSES))}
    return {"op": "ADD", "frame": frame}


@st.composite
def _modify(draw: st.DrawFn) -> dict[str, Any]:
    labels = draw(_labels(CLASSES | st.none()))
    given_ids = {label["id"] for label in labels}
    removed = [label_id for label_id in draw(st.lists(LABELS, max_size=1)) if label_id not in given_ids]
    frame = {"frame_id": draw(FRAMES), "metadata": draw(METADATA), "labels": labels}
    return {"op": "MODIFY", "frame": frame, "remove_labels": removed}


_delete = st.builds(lambda frame_id: {"op": "DELETE", "frame_id": frame_id}, FRAMES)

UPLOADS = st.lists(st.one_of(_add(), _add(), _modify(), _modify(), _delete), min_size=1, max_size=5)
