"""Users read every version of a changing dataset, the history of its frames, and its uploads.

All tests read the same dataset, which has three uploads. The first adds three frames. The second relabels a frame,
deletes one, modifies a missing one and has a row with an unknown class. The third adds the deleted frame again.
"""

from datetime import datetime
from typing import NamedTuple

import pytest

from tests.support.deployed.client import Caller, Dataset, Json, path
from tests.support.deployed.rows import add, box, delete, modify


class Story(NamedTuple):
    """The dataset, and the uploads that made its versions 1, 2 and 3."""

    dataset: Dataset
    added: Json
    changed: Json
    returned: Json
    states: tuple[dict[str, Json], ...]
    """The frames of versions 0 to 3, each read before the next upload was sent."""


@pytest.fixture(scope="module")
def story(admin: Caller) -> Story:
    dataset = admin.new_dataset()
    states = [dataset.frames()]

    def send(*rows: Json) -> Json:
        upload = dataset.upload(*rows)
        states.append(dataset.frames())
        return upload

    added = send(
        add("cam-1", box("a"), box("b", "person"), weather="rain", speed=12.5),
        add("cam-2", box("a"), weather="sun"),
        add("cam-3", weather="fog"),
    )
    changed = send(
        {**modify("cam-1", box("a", "tram"), weather="snow"), "remove_labels": ["b"]},
        delete("cam-2"),
        modify("cam-9", weather="sun"),
        add("cam-4", box("a", "unicorn")),
    )
    returned = send(add("cam-2", box("c"), weather="dusk"))
    return Story(dataset, added, changed, returned, tuple(states))


def test_an_upload_settles_into_a_version_of_its_own(story: Story) -> None:
    assert [upload["version"] for upload in (story.added, story.changed, story.returned)] == [1, 2, 3]


def test_the_counts_of_an_upload_add_up(story: Story) -> None:
    counts = {name: story.changed[name] for name in ("status", "rows", "rejected", "applied", "dropped", "failed")}
    assert counts == {"status": "PARTIAL", "rows": 4, "rejected": 1, "applied": 2, "dropped": 1, "failed": 0}


def test_rows_that_took_no_effect_are_listed_with_their_reasons(story: Story) -> None:
    errors = story.dataset.items("uploads", story.changed["id"], "errors")
    listed = [(error["row"], error["frame_id"], error["outcome"], error["code"]) for error in errors]
    assert listed == [(2, "cam-9", "dropped", "unknown_frame"), (3, "cam-4", "rejected", "unknown_class")]


def test_a_modified_frame_keeps_what_the_modification_did_not_give(story: Story) -> None:
    frame = story.dataset.read("frames", "cam-1")["frame"]
    assert frame["metadata"] == {"weather": "snow", "speed": 12.5}
    assert frame["labels"] == [box("a", "tram")]


def test_every_version_reads_as_it_did_when_it_was_the_latest(story: Story) -> None:
    assert [story.dataset.frames(version) for version in range(4)] == list(story.states)


def test_a_deleted_frame_is_in_the_versions_before_and_after_its_absence(story: Story) -> None:
    assert ["cam-2" in story.dataset.frames(version) for version in range(4)] == [False, True, False, True]


def test_a_frame_reads_the_same_alone_as_in_the_list(story: Story) -> None:
    alone = story.dataset.read("frames", "cam-1", version=1)
    listed = story.dataset.items("frames", version=1)
    assert alone in listed


def test_a_frame_that_a_version_does_not_hold_is_not_found_there(story: Story) -> None:
    answer = story.dataset.caller.http.get(story.dataset.at("frames", "cam-2"), params={"version": 2})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_frame")


def test_several_frames_are_read_in_the_order_asked_for_and_missing_ones_named(story: Story) -> None:
    wanted = {"frame_ids": ["cam-3", "cam-9", "cam-1"], "version": "1"}
    answer = story.dataset.caller.http.post(story.dataset.at("frames", "batch-get"), json=wanted).json()
    assert [item["frame"] for item in answer["items"]] == [story.states[1]["cam-3"], story.states[1]["cam-1"]]
    assert (answer["version"], answer["missing"], answer["unread"]) == (1, ["cam-9"], [])


def test_versions_are_listed_newest_first_with_their_uploads_and_counts(story: Story) -> None:
    def summary(upload: Json) -> list[Json]:
        return [{name: upload[name] for name in ("id", "actor", "accepted_at")}]

    listed = [(v["number"], v["uploads"], v["frames"], v["labels"]) for v in story.dataset.items("versions", limit=2)]
    assert listed == [
        (3, summary(story.returned), 3, 2),
        (2, summary(story.changed), 2, 1),
        (1, summary(story.added), 3, 3),
    ]


def test_a_version_is_read_by_the_time_at_which_it_was_the_latest(story: Story) -> None:
    second, third = (story.dataset.read("versions", number)["created_at"] for number in ("2", "3"))
    assert datetime.fromisoformat(second) < datetime.fromisoformat(third)
    assert [story.dataset.read("frames", version=moment)["version"] for moment in (second, third)] == [2, 3]


def test_the_history_of_a_frame_tells_what_each_upload_did(story: Story) -> None:
    first, second = story.dataset.history("cam-1")
    assert [first["op"], first["upload"], first["changes"]["change"]] == ["ADD", story.added["id"], "added"]
    assert [second["op"], second["upload"], second["actor"]] == ["MODIFY", story.changed["id"], story.changed["actor"]]
    assert second["changes"]["metadata"] == {"weather": {"before": "rain", "after": "snow"}}
    labels = second["changes"]["labels"]
    assert [(label["id"], label["fields"]) for label in labels["modified"]] == [("a", ["class"])]
    assert [label["id"] for label in labels["removed"]] == ["b"]


def test_the_history_of_a_frame_shows_its_deletion_and_its_return(story: Story) -> None:
    assert [change["op"] for change in story.dataset.history("cam-2")] == ["ADD", "DELETE", "ADD"]


def test_the_history_of_a_label_tells_when_it_changed_and_how(story: Story) -> None:
    newest, oldest = story.dataset.items("frames", "cam-1", "labels", "a", "history")
    assert [oldest["change"], oldest["before"], oldest["after"]["class"]] == ["added", None, "car"]
    assert [newest["change"], newest["before"]["class"], newest["after"]["class"]] == ["modified", "car", "tram"]
    assert newest["upload"] == story.changed["id"]


def test_uploads_are_listed_newest_first(story: Story) -> None:
    listed = [upload["id"] for upload in story.dataset.items("uploads", limit=2)]
    assert listed == [story.returned["id"], story.changed["id"], story.added["id"]]


def test_a_dataset_tells_its_latest_version_its_counts_and_its_schema(story: Story) -> None:
    details = story.dataset.read()
    assert (details["latest"], details["frames"], details["labels"]) == (3, 3, 2)
    assert details["activity"] == {"pending_uploads": 0, "deleting": False}
    assert details["metadata_schema"]["fields"] == {"weather": "string", "speed": "number"}


def test_projects_and_datasets_are_found_where_they_were_created(story: Story) -> None:
    caller, project = story.dataset.caller, story.dataset.project
    assert project in [found["name"] for found in caller.items("/projects", limit=1000)]
    assert [found["name"] for found in caller.items(path("projects", project, "datasets"))] == ["train"]
