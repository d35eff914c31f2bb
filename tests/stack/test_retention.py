"""A dataset is archived, unarchived and purged, while its clone stays unchanged."""

from infra.local.stack import LocalStack
from tests.stack.test_transfers import begin
from tests.support.deployed.client import Dataset, Json, path, wait_until
from tests.support.deployed.inside import archived_long_ago, backend_of
from tests.support.deployed.rows import add, box, delete

FRAMES = 500


def archive(dataset: Dataset) -> None:
    answer = dataset.caller.http.delete(dataset.at())
    assert answer.status_code == 200, answer.text


def listed(dataset: Dataset, archived: str) -> list[str]:
    where = path("projects", dataset.project, "datasets")
    return [item["name"] for item in dataset.caller.items(where, archived=archived)]


def test_an_archived_dataset_reads_and_takes_nothing_until_it_is_put_back(dataset: Dataset) -> None:
    dataset.upload(add("f1", box("a")))
    before = dataset.frames(1)
    archive(dataset)
    assert (listed(dataset, "false"), listed(dataset, "true")) == ([], ["train"])
    wait_until(lambda: dataset.submit(add("f2")).status_code == 409, "all functions to know of it")
    assert dataset.submit(add("f2")).json()["code"] == "dataset_archived"
    assert dataset.frames(1) == before
    assert dataset.caller.http.post(dataset.at("unarchive")).status_code == 200
    assert dataset.upload(add("f3"))["status"] == "SETTLED"


def purge(dataset: Dataset) -> None:
    """Purges a dataset and waits until it is deleted."""
    answer = dataset.caller.http.post(dataset.at("purge"), json={"name": dataset.name})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: dataset.caller.http.get(dataset.at()).status_code == 404, f"{dataset.name} to be purged")


def packs_of(stack: LocalStack, uid: str) -> list[str]:
    """Returns the dataset's packs in the bucket, since the API does not show a purged dataset."""
    backend = backend_of(stack)
    objects = backend.s3.list_objects_v2(Bucket=backend.bucket, Prefix=f"packs/{uid}/").get("Contents", [])
    return [entry["Key"] for entry in objects]


def test_a_purge_leaves_nothing_but_what_a_clone_uses(stack: LocalStack, dataset: Dataset) -> None:
    dataset.upload(*(add(f"cam-{number:04}", box("a")) for number in range(FRAMES)))
    dataset.upload(*(delete(f"cam-{number:04}") for number in range(0, FRAMES, 2)))
    clone = Dataset(dataset.caller, dataset.project, "copy")
    clone.settled(begin(dataset, "clones", {"name": "copy", "version": "1"})["upload"]["id"])
    before, uid = clone.frames(), dataset.read()["uid"]
    taken: Json = dataset.read("storage")
    assert (taken["versions"], taken["frame_versions"], taken["packs"]["objects"]) == (2, FRAMES * 3 // 2, 2)
    archive(dataset)
    early = dataset.caller.http.post(dataset.at("purge"), json={"name": "train"})
    assert (early.status_code, early.json()["code"]) == (409, "just_archived")
    archived_long_ago(backend_of(stack), dataset.project, dataset.name)
    purge(dataset)
    assert clone.frames() == before
    assert len(packs_of(stack, uid)) == 1
    dataset.caller.create(path("projects", dataset.project, "datasets"), {"name": "train"})
    assert dataset.frames() == {}
    archive(clone)
    archived_long_ago(backend_of(stack), clone.project, clone.name)
    purge(clone)
    assert packs_of(stack, uid) == []
