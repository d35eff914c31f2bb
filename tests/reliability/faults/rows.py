"""Small random uploads with few frames, labels and classes, so that they often touch the same ones."""

from random import Random
from typing import Any

from hypothesis import strategies as st

FRAME_IDS = ["f0", "f1", "f2", "f3", "f4"]
LABEL_IDS = ["l0", "l1", "l2"]
FRAMES = st.sampled_from(FRAME_IDS)
LABELS = st.sampled_from(LABEL_IDS)
METADATA = st.dictionaries(st.sampled_from(["weather", "city"]), st.sampled_from(["rain", "sun"]), max_size=2)
ATTRIBUTES = st.dictionaries(st.sampled_from(["hard", "checked"]), st.booleans(), max_size=2)
KNOWN = st.sampled_from(["car", "dog"])
CLASSES = st.sampled_from(["car", "dog", "car", "dog", "car", "dog", "unicorn"])
"""Mostly known classes, sometimes one that the project does not have."""


def _label(label_id: str, attributes: dict[str, Any], class_name: str | None) -> dict[str, Any]:
    label: dict[str, Any] = {"id": label_id, "attributes": attributes}
    return label if class_name is None else label | {"type": "CLASSIFICATION_2D", "class": class_name}


def _labels(classes: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    label = st.builds(_label, LABELS, ATTRIBUTES, classes)
    return st.lists(label, max_size=2, unique_by=lambda drawn: drawn["id"])


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


def drawn(random: Random, *, only_adds: bool = False) -> list[dict[str, Any]]:
    """Draws the rows of a small upload. With `only_adds`, as BATCH datasets require, each frame has at most one ADD."""
    if only_adds:
        ids = random.sample(FRAME_IDS, random.randint(1, 4))
        return [_drawn_add(random, frame_id, wrong=0.04) for frame_id in ids]
    return [_drawn_row(random, random.choice(FRAME_IDS)) for _ in range(random.randint(1, 5))]


def _drawn_row(random: Random, frame_id: str) -> dict[str, Any]:
    kind = random.choice(["ADD", "ADD", "MODIFY", "MODIFY", "DELETE"])
    if kind == "DELETE":
        return {"op": "DELETE", "frame_id": frame_id}
    if kind == "ADD":
        return _drawn_add(random, frame_id, wrong=0.1)
    labels = _drawn_labels(random, ["car", "dog", "car", "dog", None], wrong=0.1)
    given = {label["id"] for label in labels}
    removed = [label_id for label_id in LABEL_IDS if label_id not in given and random.random() < 0.2]
    frame = {"frame_id": frame_id, "metadata": _drawn_metadata(random), "labels": labels}
    return {"op": "MODIFY", "frame": frame, "remove_labels": removed}


def _drawn_add(random: Random, frame_id: str, *, wrong: float) -> dict[str, Any]:
    labels = _drawn_labels(random, ["car", "dog"], wrong=wrong)
    return {"op": "ADD", "frame": {"frame_id": frame_id, "metadata": _drawn_metadata(random), "labels": labels}}


def _drawn_labels(random: Random, classes: list[str | None], *, wrong: float) -> list[dict[str, Any]]:
    return [
        _label(
            label_id,
            {name: random.random() < 0.5 for name in ("hard", "checked") if random.random() < 0.5},
            "unicorn" if random.random() < wrong else random.choice(classes),
        )
        for label_id in random.sample(LABEL_IDS, random.randint(0, 2))
    ]


def _drawn_metadata(random: Random) -> dict[str, str]:
    return {name: random.choice(["rain", "sun"]) for name in ("weather", "city") if random.random() < 0.5}
