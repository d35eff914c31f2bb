"""Classes are added to a class map while its datasets are in use, and never removed (R1, R2)."""

from tests.support.deployed.client import CLASSES, Dataset, path
from tests.support.deployed.rows import add, box


def test_a_label_may_use_a_class_as_soon_as_it_is_appended(dataset: Dataset) -> None:
    dataset.upload(add("before", box("a")))  # now the functions have cached the map without the new class
    classes = [{"name": name} for name in (*CLASSES, "bicycle")]
    where = path("projects", dataset.project, "class-map")
    assert dataset.caller.http.put(where, json={"classes": classes}).status_code == 200
    assert dataset.upload(add("after", box("a", "bicycle")))["status"] == "SETTLED"


def test_a_class_cannot_be_renamed(dataset: Dataset) -> None:
    where = path("projects", dataset.project, "class-map")
    before = dataset.caller.read(where)
    renamed = [{"name": name} for name in ("lorry", *CLASSES[1:])]
    assert dataset.caller.http.put(where, json={"classes": renamed}).status_code == 409
    assert dataset.caller.read(where) == before
