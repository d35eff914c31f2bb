"""Retention of datasets: archive, unarchive and purge; and their storage use."""

from datetime import timedelta

import pytest

from tests.integration.api.conftest import TRAIN
from tests.simulation.gateway import Answer, Client
from tests.simulation.world import World
from tests.support.purges import purges

ROW = {"op": "ADD", "frame": {"frame_id": "f1"}}


def archived(api: Client, world: World) -> Answer:
    response = api.delete(TRAIN)
    world.now += timedelta(minutes=3)
    return response


def test_a_dataset_is_archived_and_put_back(api: Client, world: World) -> None:
    response = archived(api, world)
    assert response.status == 200
    assert response.json()["archived_by"] == "ann"
    assert api.get("/projects/birds/datasets").json()["items"] == []
    assert [item["name"] for item in api.get("/projects/birds/datasets?archived=true").json()["items"]] == ["train"]
    unarchived = api.post(f"{TRAIN}/unarchive", {})
    assert (unarchived.status, unarchived.json()["archived_at"]) == (200, None)
    assert len(api.get("/projects/birds/datasets?archived=all").json()["items"]) == 1


def test_an_archived_dataset_refuses_mutations_in_words(api: Client, world: World) -> None:
    archived(api, world)
    refusal = api.post(f"{TRAIN}/mutations", {"mutations": [ROW]})
    assert (refusal.status, refusal.json()["code"]) == (409, "dataset_archived")
    assert "was archived by 'ann'" in refusal.json()["detail"]
    assert api.get(f"{TRAIN}/frames").status == 200


def test_a_purge_is_confirmed_accepted_and_seen(api: Client, world: World) -> None:
    archived(api, world)
    response = api.post(f"{TRAIN}/purge", {"name": "train"})
    assert (response.status, response.headers["Location"]) == (202, "/api/v2/projects/birds/datasets/train")
    dataset = api.get(TRAIN).json()
    assert (dataset["purge"]["requested_by"], dataset["purge"]["failure"]) == ("ann", None)
    refusal = api.get(f"{TRAIN}/frames")
    assert (refusal.status, refusal.json()["code"]) == (404, "dataset_purged")
    world.run_purge(purges(world)[-1])
    assert (api.get(TRAIN).status, api.get(TRAIN).json()["code"]) == (404, "unknown_dataset")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "other"}, "not_confirmed"),
        ({}, "invalid_request"),
        ({"name": "train", "force": True}, "invalid_request"),
    ],
)
def test_a_purge_that_is_not_confirmed_is_refused(
    api: Client, world: World, body: dict[str, object], code: str
) -> None:
    archived(api, world)
    refusal = api.post(f"{TRAIN}/purge", body)
    assert (refusal.status, refusal.json()["code"]) == (422, code)
    assert api.get(f"{TRAIN}/frames").status == 200


def test_a_purge_that_is_sent_again_gets_the_first_answer(api: Client, world: World) -> None:
    archived(api, world)
    answers = [api.post(f"{TRAIN}/purge", {"name": "train"}, idempotency_key="k") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(purges(world)) == 1


def test_the_storage_of_a_dataset_is_told(api: Client, world: World) -> None:
    api.post(f"{TRAIN}/mutations", {"mutations": [ROW]})
    world.drain()
    report = api.get(f"{TRAIN}/storage").json()
    assert (report["versions"], report["frame_versions"], report["packs"]["objects"]) == (1, 1, 1)
    assert report["live_bytes"] == report["payload_bytes"] > 0
    assert report["cursor"] is None
