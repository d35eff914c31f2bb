"""Requests with mutations: refused requests, rejected rows and repeats (R1, R3, R20, R21)."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.invocation import Invocation
from tests.simulation.world import World
from tests.support.strategies import any_json, small_mutations, spoiled
from tests.support.uploads import DATASET, PROJECT, add, body_of, delete, get_upload, modify, send, submit, upload
from tidemark.catalog import schema_records
from tidemark.datasets import datasets, projects
from tidemark.domain.errors import IdempotencyMismatch, InvalidRequest, NotFound, TidemarkError, TooLarge, Unavailable
from tidemark.domain.frames.class_map import ClassInput
from tidemark.domain.frames.schema import FieldType, Schema
from tidemark.domain.limits import MAX_REQUEST_BYTES, MAX_REQUEST_ROWS
from tidemark.domain.uploads import MAX_RECEIPT_ERRORS, Receipt, Upload, UploadStatus
from tidemark.ingest import requests
from tidemark.uploads import follow
from tidemark.versions import frames


def get(world: World, upload_id: str) -> Upload:
    return follow.get_upload(world.process(), project=PROJECT, dataset=DATASET, upload=upload_id)


def schema(world: World) -> Schema:
    return datasets.get_dataset(world.process(), PROJECT, DATASET).metadata_schema


def metadata(world: World, frame_id: str) -> Any:
    read = frames.get_frame(world.process(), project=PROJECT, dataset=DATASET, frame_id=frame_id, version="LATEST")
    return json.loads(read.frame).get("metadata", {})


def labelled(frame_id: str, class_name: str, **metadata: Any) -> Any:
    label = {"id": "l1", "type": "CLASSIFICATION_2D", "class": class_name}
    return {"op": "ADD", "frame": {"frame_id": frame_id, "labels": [label], "metadata": metadata}}


def refusal_of(world: World, body: bytes) -> TidemarkError:
    """Returns the error for a body. Fails if anything is written."""
    before = world.writes
    with pytest.raises(TidemarkError) as refusal:
        submit(world, body)
    assert world.writes == before
    return refusal.value


def start(world: World, body: bytes, key: str | None = None) -> Invocation:
    return Invocation("submit", lambda: submit(world, body, key=key))


# Repeats


@pytest.mark.parametrize("row", [add("f1"), add("f1", "l1") | {"op": "UPSERT"}], ids=["accepted", "rejected"])
def test_a_repeat_of_an_upload_gets_its_receipt_and_writes_nothing(world: World, row: Any) -> None:
    first = upload(world, row, key="once")
    before = world.writes
    assert send(world, row, key="once") == first
    assert world.writes == before


def test_a_repeat_sends_the_windows_of_an_unsettled_upload_again_and_none_is_applied_twice(world: World) -> None:
    rows = [add(f"f{number}") for number in range(8)]
    sent = send(world, *rows, key="once")
    groups = world.windows.groups()
    world.start_apply(groups[0]).run()
    world.windows.seen.clear()
    send(world, *rows, key="once")
    assert [len(world.windows.taken[group]) for group in groups] == [2] * len(groups)
    world.drain()
    upload = get_upload(world, sent.upload)
    assert (upload.status, upload.applied) == (UploadStatus.SETTLED, len(rows))
    send(world, *rows, key="once")
    assert world.windows.groups() == []


def test_without_a_key_a_repeat_is_another_upload(world: World) -> None:
    assert send(world, add("f1")).upload != send(world, add("f1")).upload


def test_a_key_is_its_senders_own(world: World) -> None:
    of_ann, of_bob = (send(world, add("f1"), key="once", actor=actor).upload for actor in ("ann", "bob"))
    assert of_ann != of_bob


def test_a_key_is_good_for_one_dataset(world: World) -> None:
    datasets.create_dataset(world.process(), project=PROJECT, name="other", description="", shards=1, actor="admin")
    upload, other_upload = (send(world, add("f1"), key="once", dataset=name).upload for name in (DATASET, "other"))
    assert upload != other_upload


def test_a_key_used_with_another_body_is_refused_and_changes_nothing(world: World) -> None:
    send(world, add("f1"), key="once")
    before = world.writes
    with pytest.raises(IdempotencyMismatch):
        send(world, add("f2"), key="once")
    assert world.writes == before


def test_of_two_bodies_sent_at_once_under_one_key_the_first_on_record_is_taken(world: World) -> None:
    slow = start(world, body_of(add("slow")), key="once")
    slow.run_to("s3.PutObject")
    fast = send(world, add("fast"), key="once")
    assert isinstance(slow.run().error, IdempotencyMismatch)
    world.drain()
    assert get(world, fast.upload).applied == 1
    with pytest.raises(NotFound):
        metadata(world, "slow")


# The metadata schema


def test_fields_that_two_requests_add_at_once_are_all_learned(world: World) -> None:
    slow = start(world, body_of(add("f1", weather="rain"))).run_to("dynamodb.TransactWriteItems")
    send(world, add("f2", speed=7))
    assert slow.run().result.accepted == 1
    assert schema(world).fields == {"weather": FieldType.STRING, "speed": FieldType.NUMBER}


def test_a_field_that_two_requests_add_at_once_has_the_type_that_was_first(world: World) -> None:
    slow = start(world, body_of(add("f1", speed="fast"), add("f2"))).run_to("dynamodb.TransactWriteItems")
    send(world, add("f3", speed=7))
    receipt: Receipt = slow.run().result
    assert [(error.row, error.code) for error in receipt.errors] == [(0, "metadata_type")]
    assert receipt.accepted == 1
    assert schema(world).fields == {"speed": FieldType.NUMBER}


def test_a_process_that_remembers_an_old_schema_judges_by_the_new_one(world: World) -> None:
    old = world.process()
    send(world, add("f1", weather="rain"), backend=old)
    send(world, add("f2", speed=7))
    assert [error.code for error in send(world, add("f3", speed="fast"), backend=old).errors] == ["metadata_type"]


def test_a_request_that_others_outrun_again_and_again_is_refused_and_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outrun(*_: object) -> None:
        raise schema_records.SchemaConflict

    monkeypatch.setattr(schema_records, "write_with_schema", outrun)
    with pytest.raises(Unavailable):
        send(world, add("f1", weather="rain"))
    assert follow.list_uploads(world.process(), project=PROJECT, dataset=DATASET, limit=10, cursor=None).items == []
    assert schema(world).fields == {}


@pytest.mark.parametrize("field", ["speed", "weather"])
def test_of_two_bodies_sent_at_once_under_one_key_the_one_that_is_refused_teaches_nothing(
    world: World, field: str
) -> None:
    slow = start(world, body_of(add("slow", weather="rain")), key="once")
    slow.run_to("dynamodb.TransactWriteItems")
    send(world, add("fast", **{field: 7}), key="once")
    assert isinstance(slow.run().error, IdempotencyMismatch)
    assert schema(world).fields == {field: FieldType.NUMBER}


@pytest.mark.parametrize("after", [False, True])
def test_a_request_that_breaks_off_teaches_what_is_on_record(world: World, after: bool) -> None:
    broken = start(world, body_of(add("f1", speed=7)), key="once").run_to("dynamodb.TransactWriteItems")
    broken.crash(after=after)
    assert schema(world).fields == ({"speed": FieldType.NUMBER} if after else {})
    assert send(world, add("f1", speed=7), key="once").accepted == 1
    assert schema(world).fields == {"speed": FieldType.NUMBER}


def test_a_request_without_a_new_field_makes_no_transaction(world: World) -> None:
    send(world, add("f1", speed=7))
    assert start(world, body_of(add("f2", speed=8))).run().calls.count("dynamodb.TransactWriteItems") == 0


def test_rejected_rows_teach_the_schema_nothing(world: World) -> None:
    send(world, labelled("f1", "dodo", speed=7), add("f2"))
    assert schema(world).fields == {}


# The class map


def test_a_process_that_remembers_an_old_class_map_takes_the_classes_appended_since(world: World) -> None:
    old = world.process()
    send(world, add("f1", "l1"), backend=old)
    classes = [ClassInput(name=name) for name in ("heron", "stork", "crane")]
    projects.put_class_map(world.process(), PROJECT, classes)
    assert send(world, labelled("f2", "crane"), backend=old).accepted == 1


# Refused requests


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param('{"mutations": []}'.encode("utf-16"), "not UTF-8 at byte 0", id="UTF-16"),
        pytest.param('{"mutations": []}'.encode("utf-16-le"), "not JSON", id="UTF-16 without a mark"),
        pytest.param('{"mutations": []}'.encode("utf-8-sig"), "byte order mark", id="UTF-8 with a mark"),
        pytest.param('{"mutations": ["é"]}'.encode("latin-1"), "not UTF-8 at byte 16", id="Latin-1"),
        pytest.param('{"mutations": ["é"]}'.encode()[:17], "not UTF-8 at byte 16", id="half a character"),
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b'{"mutations": [', "not JSON", id="no end"),
        pytest.param(b'{"mutations": []} {}', "not JSON", id="two documents"),
    ],
)
def test_what_is_not_json_in_utf_8_is_refused_and_said_to_be_so(world: World, body: bytes, words: str) -> None:
    refusal = refusal_of(world, body)
    assert refusal.code == "malformed_json"
    assert words in refusal.message


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"mutations":[' + b"[" * 9999 + b"]" * 9999 + b"]}"])
def test_a_body_nested_without_end_is_refused_and_said_to_be_so(world: World, body: bytes) -> None:
    assert "nested too deeply" in refusal_of(world, body).message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], 'The body must be an object, {"mutations": [...]}; this is a list.'),
        (7, 'The body must be an object, {"mutations": [...]}; this is a number.'),
        ({}, "'mutations' is required: {\"mutations\": [...]}."),
        ({"mutation": []}, "'mutation' is not a field here; the body is {\"mutations\": [...]} and nothing else."),
        (
            {"mutations": [], "dry_run": True},
            "'dry_run' is not a field here; the body is {\"mutations\": [...]} and nothing else.",
        ),
    ],
    ids=repr,
)
def test_a_body_of_another_shape_is_told_the_shape_and_what_is_wrong(world: World, document: Any, words: str) -> None:
    refusal = refusal_of(world, json.dumps(document).encode())
    assert isinstance(refusal, InvalidRequest)
    assert refusal.message == words


@pytest.mark.parametrize("mutations", [[], {}, None, "ADD", 1], ids=repr)
def test_a_body_without_rows_is_refused_at_the_place_of_its_rows(world: World, mutations: Any) -> None:
    refusal = refusal_of(world, json.dumps({"mutations": mutations}).encode())
    assert isinstance(refusal, InvalidRequest)
    assert refusal.pointer == "/mutations"


def test_a_request_with_too_many_rows_is_refused_and_told_the_limit(world: World) -> None:
    refusal = refusal_of(world, body_of(*(delete(f"f{number}") for number in range(MAX_REQUEST_ROWS + 1))))
    assert isinstance(refusal, TooLarge)
    assert f"{MAX_REQUEST_ROWS:,}" in refusal.message


def test_a_request_may_have_as_many_rows_as_the_limit_says(world: World) -> None:
    rows = [delete(f"f{number}") for number in range(MAX_REQUEST_ROWS)]
    assert send(world, *rows).accepted == MAX_REQUEST_ROWS


def test_a_request_with_too_many_bytes_is_refused_and_told_the_limit(world: World) -> None:
    refusal = refusal_of(world, body_of(add("f1")).ljust(MAX_REQUEST_BYTES + 1))
    assert isinstance(refusal, TooLarge)
    assert f"{MAX_REQUEST_BYTES:,}" in refusal.message


def test_a_request_may_have_as_many_bytes_as_the_limit_says(world: World) -> None:
    assert submit(world, body_of(add("f1")).ljust(MAX_REQUEST_BYTES)).accepted == 1


@pytest.mark.parametrize(("project", "dataset"), [("ghosts", DATASET), (PROJECT, "ghosts")])
def test_an_unknown_dataset_is_not_found(world: World, project: str, dataset: str) -> None:
    with pytest.raises(NotFound, match="ghosts"):
        requests.submit(
            world.process(), project=project, dataset=dataset, body=b"{", actor="ann", idempotency_key="once"
        )


# Rejected rows


def test_a_row_nested_too_deeply_is_an_error_of_its_own(world: World) -> None:
    deep: Any = "bottom"
    for _ in range(200):
        deep = [deep]
    receipt = send(world, add("f1", deep=deep), add("f2"))
    assert [(error.row, error.code) for error in receipt.errors] == [(0, "too_deep")]
    assert receipt.accepted == 1


@pytest.mark.parametrize("digits", [17, 100, 101, 150, 309, 5000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_whole_number_that_is_too_large_is_an_error_of_its_row_however_long(
    world: World, digits: int, sign: str
) -> None:
    number = sign + "9" * digits
    receipt = submit(world, body_of(add("f1", serial="number"), add("f2")).replace(b'"number"', number.encode()))
    assert [(error.row, error.code, error.pointer) for error in receipt.errors] == [
        (0, "out_of_range", "/frame/metadata/serial")
    ]
    assert receipt.accepted == 1


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_a_number_that_is_not_finite_is_an_error_of_its_row(world: World, number: str) -> None:
    receipt = submit(world, body_of(add("f1", speed="number"), add("f2")).replace(b'"number"', number.encode()))
    assert [(error.row, error.code) for error in receipt.errors] == [(0, "not_finite")]
    assert receipt.accepted == 1


def test_of_rows_for_one_frame_the_first_is_taken_and_the_others_are_told_to_come_afterwards(world: World) -> None:
    receipt = upload(world, add("f1", turn=1), modify("f1", metadata={"turn": 2}), delete("f1"))
    assert [(error.row, error.code) for error in receipt.errors] == [
        (1, "duplicate_frame_id"),
        (2, "duplicate_frame_id"),
    ]
    assert metadata(world, "f1") == {"turn": 1}


def test_a_receipt_tells_the_first_errors_and_the_list_of_the_upload_all(world: World) -> None:
    receipt = send(world, add("good"), *(add("") for _ in range(MAX_RECEIPT_ERRORS + 1)))
    listed = follow.list_errors(
        world.process(), project=PROJECT, dataset=DATASET, upload=receipt.upload, limit=1000, cursor=None
    )
    assert [error.row for error in receipt.errors] == list(range(1, MAX_RECEIPT_ERRORS + 1))
    assert len(listed.items) == MAX_RECEIPT_ERRORS + 1


@given(st.lists(any_json | spoiled(small_mutations) | small_mutations, min_size=1, max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_are_taken_or_explained_and_all_settle(world: World, rows: list[Any]) -> None:
    receipt = upload(world, *rows)
    settled = get(world, receipt.upload)
    assert receipt.accepted + receipt.rejected == len(rows)
    assert len({error.row for error in receipt.errors}) == receipt.rejected
    assert settled.status is not UploadStatus.PENDING
    assert settled.rejected + settled.applied + settled.dropped + settled.failed == len(rows)
