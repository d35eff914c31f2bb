"""A checkpoint does not change while writers continue, is read by its name, edited and archived (R12-R14)."""

from concurrent.futures import ThreadPoolExecutor

from tests.stack.test_exports import until_written
from tests.support.deployed.client import Dataset, Json
from tests.support.deployed.rows import add, box, delete, modify

FRAMES = 20


def _write(dataset: Dataset) -> None:
    for turn in range(4):
        dataset.upload(modify("cam-0", box("a", "tram"), turn=turn), delete(f"cam-{turn + 1}"), add(f"new-{turn}"))


def _request(dataset: Dataset, method: str, *parts: str, body: Json | None = None) -> Json:
    answer = dataset.caller.http.request(method, dataset.at("checkpoints", *parts), json=body)
    assert answer.status_code == 200, answer.text
    checkpoint: Json = answer.json()
    return checkpoint


def test_a_checkpoint_reads_as_when_it_was_made_while_writers_go_on(dataset: Dataset) -> None:
    dataset.upload(*(add(f"cam-{number}", box("a"), turn=-1) for number in range(FRAMES)))
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(_write, dataset)
        created = dataset.caller.create(dataset.at("checkpoints"), {"name": "golden", "metadata": {"run": 42}})
        before = dataset.frames("golden")
        assert len(before) == created["frames"]
        while not writing.done():
            assert dataset.frames("golden") == before
        writing.result()
    dataset.upload(delete("cam-9"))  # surely after the checkpoint
    assert dataset.read("versions", "golden")["number"] == created["version"] < dataset.read()["latest"]
    assert dataset.frames("golden") == dataset.frames(created["version"]) == before != dataset.frames()

    patch = {"description": "Spring", "metadata": {"run": None}}
    written = until_written(dataset, "checkpoints", "golden")
    assert _request(dataset, "PATCH", "golden", body=patch) == written | {"description": "Spring", "metadata": {}}
    assert _request(dataset, "POST", "golden", "archive")["archived_at"] is not None
    assert dataset.items("checkpoints") == []
    assert dataset.frames("golden") == before
    assert _request(dataset, "POST", "golden", "unarchive") == dataset.items("checkpoints", archived="all")[0]
