"""The OpenAPI document: valid, complete, and consistent with the responses."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs
from openapi_spec_validator import validate

from functions.api import handler, openapi
from functions.api.openapi import describe
from functions.api.resources.mutations import MUTATION_EXAMPLES
from tests.simulation.gateway import Client
from tests.simulation.world import World
from tests.support.checkpoint_workflow import run_all
from tidemark.domain.frames.class_map import ClassInput, ClassMap
from tidemark.domain.frames.schema import Schema
from tidemark.domain.rows.validation import AcceptedRow, RowValidator

DOCUMENT = describe(handler.app)
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}


def conforms(document: Any, schema: str) -> bool:
    full_schema = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    Draft202012Validator(full_schema).validate(document)
    return True


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_it_is_served_to_anyone(world: World) -> None:  # noqa: ARG001 - the deployment
    response = Client(None).get("/openapi.json")
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.json() == json.loads(json.dumps(DOCUMENT))


def test_it_is_made_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - the deployment
    first = Client().get("/openapi.json")
    monkeypatch.setattr(openapi, "describe", lambda _: pytest.fail("made again"))
    assert Client().get("/openapi.json") == first


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        target: Any = DOCUMENT
        for name in reference.split("/"):
            target = target[name]


def test_both_ways_to_send_a_key_are_described() -> None:
    assert {scheme["type"] for scheme in DOCUMENT["components"]["securitySchemes"].values()} == {"http", "apiKey"}
    assert DOCUMENT["security"] == [{"bearer": []}, {"header": []}]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_refusal_is_a_problem(name: str) -> None:
    for status, response in OPERATIONS[name]["responses"].items():
        resolved = response
        if "$ref" in response:
            resolved = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
        expected = ["application/problem+json"] if int(status) >= 400 else ["application/json"]
        if status in {"403", "413", "429", "500", "503"}:
            expected.append("application/json")  # errors of the gateway itself
        assert list(resolved["content"]) == expected


@pytest.mark.parametrize(
    "name", ["createProject", "createDataset", "putClassMap", "createCheckpoint", "purgeDataset", "submitMutations"]
)
def test_writes_take_an_idempotency_key_and_a_body(name: str) -> None:
    parameters = {(parameter["in"], parameter["name"]) for parameter in OPERATIONS[name]["parameters"]}
    assert ("header", "Idempotency-Key") in parameters
    assert OPERATIONS[name]["requestBody"]["required"]
    assert {"400", "413", "415", "422"} <= OPERATIONS[name]["responses"].keys()


def test_a_conflict_is_described_where_there_can_be_one() -> None:
    conflicting = {name for name, operation in OPERATIONS.items() if "409" in operation["responses"]}
    assert conflicting == {
        "createProject",
        "createDataset",
        "putClassMap",
        "createCheckpoint",
        "editCheckpoint",
        "createUpload",
        "completeUpload",
        "retryUpload",
        "rollBack",
        "cloneDataset",
        "purgeDataset",
        "unarchiveDataset",
        "submitMutations",
        "getCheckpointStatistics",
        "createExport",
        "listExportFiles",
    }


@pytest.mark.parametrize(
    "name", ["createProject", "createDataset", "createCheckpoint", "createExport", "purgeDataset", "submitMutations"]
)
def test_what_is_made_has_a_location(name: str) -> None:
    (made,) = [response for status, response in OPERATIONS[name]["responses"].items() if status in {"201", "202"}]
    assert "Location" in made["headers"]


def test_every_operation_is_described_and_has_an_answer_with_a_schema() -> None:
    for name, operation in OPERATIONS.items():
        assert operation["summary"], name
        assert operation["description"], name
        (good,) = [response for status, response in operation["responses"].items() if status < "300"]
        assert good["content"]["application/json"], name


@pytest.mark.parametrize("example", MUTATION_EXAMPLES.values(), ids=MUTATION_EXAMPLES.keys())
def test_the_examples_of_mutations_are_good(example: dict[str, Any]) -> None:
    class_map = ClassMap().append([ClassInput(name="car"), ClassInput(name="tram")])
    validator = RowValidator(class_map, Schema())
    assert all(isinstance(validator.check(row, value), AcceptedRow) for row, value in enumerate(example["mutations"]))
    assert conforms(example, "NewMutations")


@pytest.mark.parametrize(
    "name",
    [
        "NewProject",
        "NewDataset",
        "NewClassMap",
        "NewCheckpoint",
        "CheckpointPatch",
        "NewExport",
        "WantedFrames",
        "NewAssets",
        "WantedAssets",
    ],
)
def test_the_examples_of_bodies_are_good(name: str) -> None:
    (example,) = DOCUMENT["components"]["schemas"][name]["examples"]
    assert conforms(example, name)


def test_answers_are_as_described(api: Client, world: World) -> None:
    train = "/projects/birds/datasets/train"
    mutations = MUTATION_EXAMPLES["add"]
    api.put("/projects/birds/class-map", {"classes": [{"name": "heron"}, {"name": "stork"}, {"name": "car"}]})
    receipt = api.post(f"{train}/mutations", mutations).json()
    world.drain()
    api.post(f"{train}/checkpoints", {"name": "golden", "metadata": {"run": 42, "share": 0.5, "by": "ann", "ok": True}})
    run_all(world)
    api.post(f"{train}/checkpoints/golden/exports", {"format": "coco"})
    run_all(world)
    for path, schema in [
        ("/projects", "Page_Project_"),
        ("/projects/birds", "Project"),
        ("/projects/birds/class-map", "ClassMap"),
        ("/projects/birds/datasets", "Page_Dataset_"),
        (train, "DatasetDetails"),
        (f"{train}/frames", "FramePage"),
        (f"{train}/frames/cam-0001", "FrameAt"),
        (f"{train}/frames/cam-0001/history", "Page_FrameRevision_"),
        (f"{train}/frames/cam-0001/labels/car-1/history", "Page_LabelRevision_"),
        (f"{train}/versions", "Page_VersionSummary_"),
        (f"{train}/versions/1", "VersionSummary"),
        (f"{train}/checkpoints", "Page_Checkpoint_"),
        (f"{train}/checkpoints/golden", "Checkpoint"),
        (f"{train}/checkpoints/golden/statistics", "Statistics"),
        (f"{train}/checkpoints/golden/exports", "Page_Export_"),
        (f"{train}/checkpoints/golden/exports/coco", "Export"),
        (f"{train}/checkpoints/golden/exports/coco/files", "Page_ExportFile_"),
        (f"{train}/uploads", "Page_Upload_"),
        ("/projects/birds/uploads", "Page_Upload_"),
        (f"{train}/uploads/{receipt['upload']}", "Upload"),
        (f"{train}/uploads/{receipt['upload']}/errors", "Page_RowOutcome_"),
        (f"{train}/uploads/{receipt['upload']}/errors/file", "ErrorFile"),
        (f"{train}/uploads/{receipt['upload']}/rows", "Page_UploadRow_"),
        (f"{train}/frames/ghost", "Problem"),
    ]:
        assert conforms(api.get(path).json(), schema), path


def test_a_refused_upload_is_as_described(api: Client) -> None:
    response = api.post("/projects/birds/datasets/train/mutations", {"mutations": [7]})
    assert conforms(response.json(), "UploadProblem")
