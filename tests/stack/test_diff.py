"""The diff of two versions agrees with the frames that each of them holds."""

from tests.support.deployed.client import Dataset
from tests.support.deployed.rows import add, box, delete, modify


def test_a_diff_tells_what_differs_between_the_states_of_two_versions(dataset: Dataset) -> None:
    dataset.upload(*(add(f"f{number}", box("l1"), turn=1) for number in range(40)))
    relabelled = [modify(f"f{number}", box("l1", "person")) for number in range(10)]
    dataset.upload(*relabelled, *(delete(f"f{number}") for number in range(30, 35)), add("new", box("l1"), box("l2")))
    before, after = dataset.frames(1), dataset.frames(2)

    for one, other, added, removed in ((1, 2, after, before), (2, 1, before, after)):
        items = dataset.items("diff", **{"from": one, "to": other}, limit=7)
        changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
        changes = {item["frame_id"]: item["change"] for item in items}
        assert len(changes) == len(items)
        assert changes == {
            **dict.fromkeys(added.keys() - removed.keys(), "added"),
            **dict.fromkeys(removed.keys() - added.keys(), "removed"),
            **dict.fromkeys(changed, "modified"),
        }
        modified = [part for item in items if item["change"] == "modified" for part in item["labels"]["modified"]]
        assert {(part["before"]["class"], part["after"]["class"]) for part in modified} == {
            ("car", "person") if one == 1 else ("person", "car")
        }

    summary = dataset.read("diff", "summary", **{"from": 1, "to": "LATEST"})
    assert (summary["from"], summary["to"], summary["cursor"]) == (1, 2, None)
    assert summary["frames"] == {"added": 1, "removed": 5, "modified": 10}
    assert summary["labels"] == {"added": 2, "removed": 5, "modified": 10}
    assert summary["classes"] == {
        "car": {"added": 2, "removed": 15, "modified": 0},
        "person": {"added": 10, "removed": 0, "modified": 0},
    }
