"""Each resource returns its data with the right status and headers."""

import pytest

from functions.api.http import resolver
from functions.api.resources import uploads
from tests.integration.api.conftest import TRAIN
from tests.simulation.gateway import BASE, Answer, Client, Context
from tests.simulation.world import World
from tidemark.domain.canonical import canonical_json, digest
from tidemark.domain.limits import MAX_LABELS_PER_FRAME


def add(frame_id: str, **frame: object) -> dict[str, object]:
    return {"op": "ADD", "frame": {"frame_id": frame_id, **frame}}


def label(class_name: str) -> dict[str, object]:
    return {"id": "l1", "type": "CLASSIFICATION_2D", "class": class_name}


def submit(client: Client, *rows: object, **headers: str) -> Answer:
    return client.post(f"{TRAIN}/mutations", {"mutations": rows}, **headers)


@pytest.fixture
def history(api: Client, world: World) -> Client:
    """A client of a dataset at version 2: frame `f1` was added, then its label changed."""
    assert submit(api, add("f1", labels=[label("heron")])).status == 202
    world.drain()
    relabel = {"op": "MODIFY", "frame": {"frame_id": "f1", "labels": [{"id": "l1", "class": "stork"}]}}
    assert submit(api, relabel).status == 202
    world.drain()
    return api


def test_creating_a_project_answers_where_it_is(api: Client) -> None:
    response = api.post("/projects", {"name": "cars", "description": "Cars"})
    assert (response.status, response.headers["Location"]) == (201, "/api/v2/projects/cars")
    assert api.get("/projects/cars").json() == response.json()


def test_a_project_is_made_by_the_key_that_asked(api: Client) -> None:
    assert api.get("/projects/birds").json()["created_by"] == "ann"


def test_a_second_project_of_the_same_name_is_a_conflict(api: Client) -> None:
    response = api.post("/projects", {"name": "birds"})
    assert (response.status, response.json()["code"]) == (409, "project_exists")


def test_projects_are_listed_in_pages(api: Client) -> None:
    api.post("/projects", {"name": "cars"})
    first = api.get("/projects?limit=1").json()
    second = api.get(f"/projects?limit=1&cursor={first['cursor']}").json()
    assert [page["items"][0]["name"] for page in (first, second)] == ["birds", "cars"]


def test_a_list_shows_only_the_projects_of_the_key(api: Client, reader: Client) -> None:
    api.post("/projects", {"name": "cars"})
    assert [project["name"] for project in reader.get("/projects").json()["items"]] == ["birds"]


def test_the_class_map_can_be_read(api: Client) -> None:
    classes = api.get("/projects/birds/class-map").json()["classes"]
    assert [(entry["name"], entry["id"]) for entry in classes] == [("heron", 0), ("stork", 1)]


def test_the_class_map_can_be_appended_to(api: Client) -> None:
    longer = [{"name": "heron"}, {"name": "stork"}, {"name": "crane"}]
    assert api.put("/projects/birds/class-map", {"classes": longer}).status == 200
    assert len(api.get("/projects/birds/class-map").json()["classes"]) == 3


def test_dropping_a_class_is_a_conflict_that_names_its_place(api: Client) -> None:
    response = api.put("/projects/birds/class-map", {"classes": [{"name": "stork"}]})
    assert (response.status, response.json()["errors"][0]["pointer"]) == (409, "/classes/0")


def test_a_new_dataset_is_at_version_0(api: Client) -> None:
    dataset = api.get(TRAIN).json()
    assert (dataset["latest"], dataset["frames"], dataset["shards"]) == (0, 0, 2)


def test_datasets_are_listed(api: Client) -> None:
    assert [dataset["name"] for dataset in api.get("/projects/birds/datasets").json()["items"]] == ["train"]


def test_accepted_mutations_are_followed_by_their_location(api: Client, world: World) -> None:
    response = submit(api, add("f1"))
    assert (response.status, response.json()["accepted"]) == (202, 1)
    location = response.headers["Location"].removeprefix(BASE)
    assert api.get(location).json()["status"] == "PENDING"
    world.drain()
    assert api.get(location).json()["status"] == "SETTLED"


def test_a_bad_row_among_good_ones_is_in_the_receipt(api: Client) -> None:
    response = submit(api, add("f1"), add("f2", labels=[label("dodo")]))
    assert (response.status, response.json()["rejected"]) == (202, 1)
    assert response.json()["errors"][0]["code"] == "unknown_class"


def test_mutations_of_which_none_is_good_are_refused_and_stay_on_record(api: Client) -> None:
    response = submit(api, add("f1", labels=[label("dodo")]))
    problem = response.json()
    assert (response.status, problem["code"]) == (422, "nothing_accepted")
    assert problem["errors"][0]["pointer"] == "/mutations/0/frame/labels/0/class"
    assert response.headers["Location"].endswith(f"/uploads/{problem['upload']}")
    assert api.get(f"{TRAIN}/uploads/{problem['upload']}").json()["status"] == "FAILED"


def test_errors_of_an_upload_are_listed(api: Client) -> None:
    upload = submit(api, add("f1", labels=[label("dodo")])).json()["upload"]
    (error,) = api.get(f"{TRAIN}/uploads/{upload}/errors").json()["items"]
    assert (error["outcome"], error["frame_id"]) == ("rejected", "f1")


@pytest.mark.parametrize(("query", "form"), [("", "jsonl"), ("?format=jsonl", "jsonl"), ("?format=csv", "csv")])
def test_errors_of_an_upload_are_downloaded_in_the_format_asked_for(api: Client, query: str, form: str) -> None:
    upload = submit(api, add("f1", labels=[label("dodo")])).json()["upload"]
    response = api.get(f"{TRAIN}/uploads/{upload}/errors/file{query}").json()
    assert (response["format"], response["errors"], response["truncated"]) == (form, 1, False)
    assert f".{form}?" in response["url"]


def test_a_download_stops_while_there_is_time_to_answer(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = submit(api, add("")).json()["upload"]
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _: uploads.ENOUGH_MILLISECONDS)
    response = api.get(f"{TRAIN}/uploads/{upload}/errors/file").json()
    assert (response["errors"], response["truncated"]) == (0, True)


def test_a_format_that_there_is_not_is_told_with_those_that_there_are(api: Client) -> None:
    (error,) = api.get(f"{TRAIN}/uploads/u/errors/file?format=xlsx").json()["errors"]
    assert (error["code"], error["parameter"]) == ("unknown_value", "format")
    assert "'jsonl' or 'csv'" in error["detail"]


def read_in_pages_of_one(client: Client, path: str) -> list[dict[str, object]]:
    page = client.get(f"{path}?limit=1").json()
    items = page["items"]
    while page["cursor"] is not None:
        assert len(page["items"]) <= 1
        page = client.get(f"{path}?limit=1&cursor={page['cursor']}").json()
        items += page["items"]
    return list(items)


@pytest.mark.parametrize(
    "path",
    [
        "frames",
        "frames/f1/history",
        "frames/f1/labels/l1/history",
        "versions",
        "uploads",
        "uploads/{}/errors",
        "uploads/{}/rows",
    ],
)
def test_a_list_in_pages_holds_what_it_holds_on_one(history: Client, path: str) -> None:
    upload = submit(history, add("f2"), add(""), add("")).json()["upload"]
    single_page = history.get(f"{TRAIN}/{path.format(upload)}").json()
    assert single_page["cursor"] is None
    assert read_in_pages_of_one(history, f"{TRAIN}/{path.format(upload)}") == single_page["items"]


def test_a_dataset_says_what_is_going_on_in_it(history: Client, world: World) -> None:
    submit(history, {"op": "DELETE", "frame_id": "f1"})
    assert history.get(TRAIN).json()["activity"] == {"pending_uploads": 1, "deleting": True}
    world.drain()
    assert history.get(TRAIN).json()["activity"] == {"pending_uploads": 0, "deleting": False}


def test_uploads_are_listed_newest_first(history: Client) -> None:
    uploads = history.get(f"{TRAIN}/uploads").json()["items"]
    assert [upload["version"] for upload in uploads] == [2, 1]


def test_uploads_of_a_project_are_found_by_their_status(history: Client) -> None:
    failed = submit(history, add("")).json()["upload"]
    page = history.get("/projects/birds/uploads?status=FAILED&mode=STREAMING&source=REQUEST").json()
    assert ([upload["id"] for upload in page["items"]], page["cursor"]) == ([failed], None)
    assert len(history.get("/projects/birds/uploads").json()["items"]) == 3


@pytest.mark.parametrize("where", [TRAIN, "/projects/birds"])
@pytest.mark.parametrize("wanted", ["status=partial", "mode=STREAM", "source=", "status=PENDING,PARTIAL"])
def test_a_filter_that_takes_no_such_value_says_which_it_takes(api: Client, where: str, wanted: str) -> None:
    response = api.get(f"{where}/uploads?{wanted}")
    (error,) = response.json()["errors"]
    assert (response.status, error["code"], error["parameter"]) == (422, "unknown_value", wanted.partition("=")[0])
    assert {"status": "'PARTIAL'", "mode": "'BATCH'", "source": "'DROP'"}[error["parameter"]] in error["detail"]


def test_an_unknown_upload_is_not_found(api: Client) -> None:
    assert api.get(f"{TRAIN}/uploads/ffff").json()["code"] == "unknown_upload"


def test_a_frame_is_read_at_the_latest_version(history: Client) -> None:
    response = history.get(f"{TRAIN}/frames/f1")
    assert (response.json()["version"], response.json()["frame"]["labels"][0]["class"]) == (2, "stork")


def test_a_frame_is_read_at_an_earlier_version(history: Client) -> None:
    response = history.get(f"{TRAIN}/frames/f1?version=1")
    assert (response.json()["version"], response.json()["frame"]["labels"][0]["class"]) == (1, "heron")


def test_the_tag_of_a_frame_is_its_digest(history: Client) -> None:
    response = history.get(f"{TRAIN}/frames/f1")
    assert response.headers["ETag"] == f'W/"{response.json()["digest"]}"'


def test_a_frame_can_be_sent_again_as_it_was_read(history: Client) -> None:
    frame = history.get(f"{TRAIN}/frames/f1").json()["frame"]
    assert submit(history, {"op": "ADD", "frame": frame}).json()["accepted"] == 1


def test_frames_are_listed_in_pages(history: Client, world: World) -> None:
    submit(history, *(add(f"g{number}") for number in range(5)))
    world.drain()
    frame_ids: list[str] = []
    cursor = ""
    while cursor is not None:
        page = history.get(f"{TRAIN}/frames?limit=2{cursor and '&cursor='}{cursor}").json()
        frame_ids.extend(item["frame"]["frame_id"] for item in page["items"])
        cursor = page["cursor"]
    assert sorted(frame_ids) == ["f1", "g0", "g1", "g2", "g3", "g4"]


def test_several_frames_are_read_at_once(history: Client) -> None:
    batch = history.post(f"{TRAIN}/frames/batch-get", {"frame_ids": ["f1", "nope"], "version": "1"}).json()
    assert (batch["version"], [item["frame"]["frame_id"] for item in batch["items"]]) == (1, ["f1"])
    assert batch["missing"] == ["nope"]


@pytest.mark.parametrize("frame_id", ["batch-get", "history", "labels"])
def test_a_frame_may_be_called_like_a_part_of_a_path(api: Client, world: World, frame_id: str) -> None:
    submit(api, add(frame_id))
    world.drain()
    assert api.get(f"{TRAIN}/frames/{frame_id}").json()["frame"]["frame_id"] == frame_id
    assert len(api.get(f"{TRAIN}/frames/{frame_id}/history").json()["items"]) == 1


def test_a_frame_has_a_history(history: Client) -> None:
    revisions = history.get(f"{TRAIN}/frames/f1/history").json()["items"]
    assert [(revision["op"], revision["actor"]) for revision in revisions] == [("MODIFY", "ann"), ("ADD", "ann")]


def test_the_history_of_a_frame_of_many_labels_fits_its_pages(api: Client, world: World) -> None:
    for turn in range(8):
        labels = [label(("heron", "stork")[turn % 2]) | {"id": f"l{number}"} for number in range(MAX_LABELS_PER_FRAME)]
        assert submit(api, add("f1", labels=labels)).status == 202
        world.drain()
    first = api.get(f"{TRAIN}/frames/f1/history")
    assert first.status == 200
    second = api.get(f"{TRAIN}/frames/f1/history?cursor={first.json()['cursor']}")
    assert [len(response.json()["items"]) for response in (first, second)] == [5, 3]


def test_a_label_has_a_history(history: Client) -> None:
    revisions = history.get(f"{TRAIN}/frames/f1/labels/l1/history").json()["items"]
    assert [revision["change"] for revision in revisions] == ["modified", "added"]


def test_versions_are_listed_newest_first(history: Client) -> None:
    versions = history.get(f"{TRAIN}/versions").json()["items"]
    assert [(version["number"], version["frames"], version["labels"]) for version in versions] == [(2, 1, 1), (1, 1, 1)]


def test_of_versions_one_an_hour_is_listed_if_asked(history: Client) -> None:
    assert [version["number"] for version in history.get(f"{TRAIN}/versions?every=hour").json()["items"]] == [2]
    assert history.get(f"{TRAIN}/versions?every=day").status == 422


def test_a_version_says_whose_uploads_it_holds(history: Client) -> None:
    version = history.get(f"{TRAIN}/versions/1").json()
    assert [upload["actor"] for upload in version["uploads"]] == ["ann"]


def test_a_version_can_be_named_by_a_time(history: Client) -> None:
    first = history.get(f"{TRAIN}/versions/1").json()
    at = first["created_at"].replace("+", "%2B")
    assert history.get(f"{TRAIN}/versions/{at}").json() == first


def test_an_answer_that_no_function_could_give_is_refused_with_advice(
    history: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "MAX_RESPONSE_BYTES", 300)
    response = history.get(f"{TRAIN}/frames/f1/history")
    assert (response.status, response.json()["code"]) == (422, "answer_too_large")
    assert "`limit`" in response.json()["detail"]


def test_a_frame_reads_as_its_digest_says(history: Client) -> None:
    read = history.get(f"{TRAIN}/frames/f1").json()
    assert digest(canonical_json(read["frame"])) == read["digest"]


def test_frames_are_answered_byte_for_byte_as_they_are_kept(api: Client, world: World) -> None:
    outline = {"type": "POLYGON_LIST_2D", "polygons": [[[1e-05, 2e-07], [1e15, -0.0], [0.1, 3]]]}
    submit(api, add("f1", metadata={"ä": 1e300, "note": "\n\u2028"}, labels=[label("heron") | outline]))
    world.drain()
    single = api.get(f"{TRAIN}/frames/f1")
    page = api.get(f"{TRAIN}/frames")
    batch = api.post(f"{TRAIN}/frames/batch-get", {"frame_ids": ["f1"]})
    frame = single.text.partition('"frame":')[2].removesuffix("}")
    assert digest(frame.encode()) == single.json()["digest"]
    assert frame in page.text
    assert frame in batch.text
