"""Bad requests: each kind has its own status, code and message, and changes nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.http import request_body
from tests.integration.api.conftest import TRAIN
from tests.simulation.gateway import Answer, Client
from tidemark.domain.errors import TidemarkError
from tidemark.domain.limits import MAX_BODY_VALUES, MAX_NESTING, MAX_REQUEST_BYTES, MAX_REQUEST_ROWS

JSON = {"content-type": "application/json"}
WRITES = [("POST", "/projects"), ("PUT", "/projects/birds/class-map"), ("POST", f"{TRAIN}/mutations")]


def refusal(response: Answer) -> tuple[int, str, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["status"], problem["type"]) == (response.status, f"urn:tidemark:problem:{problem['code']}")
    assert problem["request_id"]
    return response.status, problem["code"], problem["detail"]


def nested(depth: int) -> bytes:
    return b'{"name":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_body_over_the_limit_is_too_large(api: Client, method: str, path: str) -> None:
    status, code, detail = refusal(api.send(method, path, b" " * (MAX_REQUEST_BYTES + 1), JSON))
    assert (status, code) == (413, "too_large")
    assert f"{MAX_REQUEST_BYTES:,}" in detail


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_content_type_is_refused(api: Client, method: str, path: str, kind: str | None) -> None:
    response = api.send(method, path, b"{}", {} if kind is None else {"content-type": kind})
    status, code, detail = refusal(response)
    assert (status, code, response.headers["Accept"]) == (415, "unsupported_content_type", "application/json")
    assert repr(kind) in detail if kind else "none" in detail


def test_another_charset_is_refused(api: Client) -> None:
    response = api.send("POST", "/projects", b"{}", {"content-type": "application/json; charset=latin-1"})
    assert refusal(response)[:2] == (415, "unsupported_content_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8;x=y"])
def test_parameters_of_the_content_type_are_allowed(api: Client, kind: str) -> None:
    assert api.send("POST", "/projects", b'{"name":"cars"}', {"content-type": kind}).status == 201


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_an_encoded_body_is_refused(api: Client, method: str, path: str) -> None:
    response = api.send(method, path, b"{}", JSON | {"content-encoding": "gzip"})
    status, code, detail = refusal(response)
    assert (status, code) == (415, "unsupported_encoding")
    assert "'gzip'" in detail


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("body", [b"", b"{", b"{'a':1}", b'{"a":1}x', b'"\xff"', b"[" * 100_000])
def test_what_is_not_json_is_a_bad_request(api: Client, method: str, path: str, body: bytes) -> None:
    status, code, _ = refusal(api.send(method, path, body, JSON))
    assert (status, code) in {(400, "malformed_json"), (422, "too_deep")}


def test_a_body_that_is_not_utf8_is_said_to_be_so(api: Client) -> None:
    assert refusal(api.send("POST", "/projects", b'{"name":"\xe4"}', JSON)) == (
        400,
        "malformed_json",
        "The body is not UTF-8 at byte 9.",
    )


def test_a_body_that_did_not_arrive_whole_is_to_be_sent_again() -> None:
    event = Client().event("POST", "/projects", None, JSON) | {"body": "e30", "isBase64Encoded": True}
    with pytest.raises(TidemarkError, match="send it again") as refusal:
        request_body.body(event)
    assert refusal.value.code == "malformed_json"


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    ("body", "seen"),
    [(b"[]", "a list"), (b"[{}]", "a list"), (b"null", "null"), (b"1", "a number"), (b'"name"', "text")],
)
def test_a_body_that_is_no_object_is_told_what_it_is(
    api: Client, method: str, path: str, body: bytes, seen: str
) -> None:
    response = api.send(method, path, body, JSON)
    status, code, detail = refusal(response)
    assert (status, code) == (422, "invalid_request")
    assert detail.startswith("The body must be an object, {")
    assert detail.endswith(f"; this is {seen}.")
    assert response.json()["errors"] == [{"code": "wrong_type", "detail": detail, "pointer": ""}]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(api: Client, number: str) -> None:
    response = api.send("POST", "/projects/birds/datasets", b'{"shards":%s}' % number.encode(), JSON)
    assert refusal(response)[:2] == (422, "not_finite")


@pytest.mark.parametrize("digits", [20, 101, 5000])
def test_a_whole_number_is_told_its_range_however_long_it_is(api: Client, digits: int) -> None:
    body = b'{"name":"many","shards":%s}' % (b"9" * digits)
    (error,) = api.send("POST", "/projects/birds/datasets", body, JSON).json()["errors"]
    assert (error["code"], error["pointer"]) == ("out_of_range", "/shards")


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_name_given_twice_is_refused(api: Client, method: str, path: str) -> None:
    response = api.send(method, path, b'{"name":"a","name":"b"}', JSON)
    assert refusal(response)[1:] == ("duplicate_name", "The name 'name' appears twice in one object.")


def test_half_of_a_surrogate_pair_is_refused(api: Client) -> None:
    response = api.send("POST", "/projects", b'{"name":"a","description":"\\ud800"}', JSON)
    assert refusal(response)[:2] == (422, "invalid_text")


@pytest.mark.parametrize("depth", [MAX_NESTING + 1, 100, 5000])
def test_deep_json_is_refused(api: Client, depth: int) -> None:
    assert refusal(api.send("POST", "/projects", nested(depth), JSON))[:2] == (422, "too_deep")


def test_json_of_the_allowed_depth_is_judged_by_its_content(api: Client) -> None:
    assert refusal(api.send("POST", "/projects", nested(MAX_NESTING), JSON))[:2] == (422, "invalid_request")


def test_a_deep_row_is_refused_alone(api: Client) -> None:
    good = {"op": "ADD", "frame": {"frame_id": "f1"}}
    body = b'{"mutations":[%s,%s]}' % (json.dumps(good).encode(), nested(100))
    response = api.send("POST", f"{TRAIN}/mutations", body, JSON)
    assert (response.status, response.json()["accepted"], response.json()["rejected"]) == (202, 1, 1)


def test_an_unknown_field_is_pointed_at_and_the_known_ones_are_told(api: Client) -> None:
    (error,) = api.post("/projects", {"name": "cars", "colour": 1}).json()["errors"]
    assert error["pointer"] == "/colour"
    assert error["detail"] == "'colour' is not a field here; the fields are name, description and classes."


def test_an_unknown_field_deep_in_the_body_is_told_those_of_its_place(api: Client) -> None:
    (error,) = api.post("/projects", {"name": "cars", "classes": [{"name": "a", "colour": 1}]}).json()["errors"]
    assert error["pointer"] == "/classes/0/colour"
    assert error["detail"] == "'colour' is not a field here; the fields are name, id and color."


def test_a_fault_deep_in_the_body_is_pointed_at(api: Client) -> None:
    (error,) = api.post("/projects", {"name": "cars", "classes": [{"name": "a"}, {"name": 7}]}).json()["errors"]
    assert error["pointer"] == "/classes/1/name"


def test_a_list_that_is_none_is_told_so_in_the_words_used_for_rows(api: Client) -> None:
    (error,) = api.post(f"{TRAIN}/frames/batch-get", {"frame_ids": "f1"}).json()["errors"]
    assert (error["code"], error["detail"]) == ("wrong_type", "'frame_ids' must be a list.")


def test_a_limit_of_very_many_digits_is_told_its_range(api: Client) -> None:
    (error,) = api.get(f"{TRAIN}/frames?limit={'9' * 5000}").json()["errors"]
    assert (error["code"], error["parameter"]) == ("out_of_range", "limit")


def test_all_faults_of_a_body_are_listed(api: Client) -> None:
    problem = api.post("/projects/birds/datasets", {"shards": 0, "description": 7}).json()
    assert {error["pointer"] for error in problem["errors"]} == {"/name", "/shards", "/description"}


def test_of_very_many_faults_twenty_are_told(api: Client) -> None:
    problem = api.post("/projects", {"name": "cars", "classes": [{"name": 7}] * 1000}).json()
    assert (problem["detail"], len(problem["errors"])) == (
        "The request has 1,000 errors. The first 20 are listed; fix them to see the others.",
        20,
    )


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/projects", {"name": "cars", "classes": [0] * MAX_BODY_VALUES}),
        ("/projects", {"name": "cars", "classes": [{"name": {}}] * MAX_BODY_VALUES}),
        ("/projects", {f"field {number}": 0 for number in range(MAX_BODY_VALUES + 1)}),
        (f"{TRAIN}/frames/batch-get", {"frame_ids": ["#"] * MAX_BODY_VALUES}),
    ],
)
def test_a_body_of_too_many_values_to_look_at_is_too_large(api: Client, path: str, document: object) -> None:
    status, code, detail = refusal(api.post(path, document))
    assert (status, code) == (413, "too_large")
    assert "50,000" in detail


def test_the_largest_class_map_is_not_too_large_to_look_at(api: Client) -> None:
    classes = [{"name": str(number), "id": number, "color": "#000000"} for number in range(5000)]
    assert api.post("/projects", {"name": "cars", "classes": classes}).status == 201
    detail = refusal(api.post("/projects", {"name": "all", "classes": classes * 2}))[2]
    assert "class '0' is in the map twice" in detail


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "ten", "1.5", "", "1&limit=2"])
def test_an_odd_limit_is_refused(api: Client, limit: str) -> None:
    response = api.get(f"/projects?limit={limit}")
    assert refusal(response)[:2] == (422, "invalid_request")
    assert response.json()["errors"][0]["parameter"] == "limit"


@pytest.mark.parametrize("cursor", ["nonsense", "====", "%00", "bnVsbA", "%C3%A4", "W10", "eA" * 5000])
@pytest.mark.parametrize(
    "path",
    [
        "/projects",
        *(f"{TRAIN}/{part}" for part in ("frames", "versions", "checkpoints", "uploads", "frames/f/history")),
    ],
)
def test_a_malformed_cursor_is_refused(api: Client, path: str, cursor: str) -> None:
    assert refusal(api.get(f"{path}?cursor={cursor}"))[:2] == (422, "malformed_cursor")


def test_the_cursor_of_another_dataset_is_refused(api: Client) -> None:
    api.post("/projects", {"name": "cars"})
    for name in ("a", "b", "c"):
        api.post("/projects/cars/datasets", {"name": name})
    cursor = api.get("/projects/cars/datasets?limit=1").json()["cursor"]
    assert refusal(api.get(f"/projects/birds/datasets?limit=1&cursor={cursor}"))[:2] == (422, "foreign_cursor")


@pytest.mark.parametrize(
    ("version", "status"),
    [("7", 404), ("99999999999999999999", 404), ("-1", 422), ("latest", 422), ("1.0", 422), ("2026-01-01T00:00", 422)],
)
@pytest.mark.parametrize("path", [f"{TRAIN}/frames?version=", f"{TRAIN}/frames/f?version=", f"{TRAIN}/versions/"])
def test_a_version_that_is_not_there_is_said_to_be_so(api: Client, path: str, version: str, status: int) -> None:
    assert refusal(api.get(path + version))[:2] == (status, "unknown_version")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/projects/a%20b", "project"),
        ("/projects/birds/datasets/-train", "dataset"),
        (f"{TRAIN}/uploads/{'f' * 65}", "upload"),
        (f"{TRAIN}/versions/{'1' * 129}", "version"),
        (f"{TRAIN}/frames?version={'1' * 129}", "version"),
        (f"{TRAIN}/frames?version=", "version"),
        (f"{TRAIN}/checkpoints/latest", "checkpoint"),
        (f"{TRAIN}/checkpoints?archived=maybe", "archived"),
        (f"{TRAIN}/checkpoints/c/exports/csv", "format"),
        (f"{TRAIN}/frames?cursor=", "cursor"),
        (f"{TRAIN}/frames/f/labels/a%23b/history", "label"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(api: Client, path: str, parameter: str) -> None:
    response = api.get(path)
    (error,) = response.json()["errors"]
    assert (response.status, error["parameter"]) == (422, parameter)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/frame_ids"),
        ({"frame_ids": []}, "/frame_ids"),
        ({"frame_ids": ["f"] * 101}, "/frame_ids"),
        ({"frame_ids": ["f", "a#b"]}, "/frame_ids/1"),
        ({"frame_ids": ["f"], "version": 7}, "/version"),
        ({"frame_ids": ["f"], "limit": 7}, "/limit"),
    ],
)
def test_a_fault_of_the_wanted_frames_is_pointed_at(api: Client, body: object, pointer: str) -> None:
    response = api.post(f"{TRAIN}/frames/batch-get", body)
    (error,) = response.json()["errors"]
    assert (response.status, error["pointer"]) == (422, pointer)


@pytest.mark.parametrize("shards", [0, 65, -1, "2", 2.5, True, None])
def test_a_number_of_shards_that_cannot_be_is_refused(api: Client, shards: object) -> None:
    (error,) = api.post("/projects/birds/datasets", {"name": "new", "shards": shards}).json()["errors"]
    assert error["pointer"] == "/shards"


@pytest.mark.parametrize(
    ("classes", "code", "pointer"),
    [
        ([{"name": "a"}, {"name": "a"}], "duplicate_class", "/classes/1/name"),
        ([{"name": "a", "id": 1}, {"name": "b"}], "duplicate_class", "/classes/1/id"),
        ([{"name": "a", "color": "red"}], "invalid_value", "/classes/0/color"),
        ([{"name": "a", "id": -1}], "out_of_range", "/classes/0/id"),
        ([{"name": " a"}], "invalid_name", "/classes/0/name"),
    ],
)
def test_a_class_that_cannot_be_is_pointed_at(
    api: Client, classes: list[dict[str, object]], code: str, pointer: str
) -> None:
    response = api.post("/projects", {"name": "cars", "classes": classes})
    (error,) = response.json()["errors"]
    assert (response.status, error["code"], error["pointer"]) == (422, code, pointer)
    assert api.get("/projects/cars").status == 404


def test_an_unknown_query_parameter_is_named(api: Client) -> None:
    assert refusal(api.get(f"{TRAIN}/frames?verison=1"))[1:] == (
        "unknown_parameter",
        "This resource has no query parameter 'verison'; it takes cursor, limit, version.",
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{TRAIN}/frames/f1?version=1&version=2", "version"),
        (f"{TRAIN}/frames?limit=5&cursor=&%6cimit=5", "limit"),
        ("/projects?cursor=&cursor=", "cursor"),
    ],
)
def test_a_query_parameter_given_twice_is_told_so(api: Client, path: str, name: str) -> None:
    response = api.get(path)
    assert refusal(response)[1:] == ("invalid_request", f"The query parameter '{name}' appears twice; send it once.")
    (error,) = response.json()["errors"]
    assert (error["code"], error["parameter"]) == ("duplicate_name", name)


def test_an_unknown_project_is_not_found(api: Client) -> None:
    assert refusal(api.get("/projects/ghosts"))[0] == 404


def test_an_unknown_dataset_is_not_found(api: Client) -> None:
    assert refusal(api.get("/projects/birds/datasets/ghosts"))[0] == 404


@pytest.mark.parametrize("part", ["", "/history", "/labels/l/history"])
def test_an_unknown_frame_is_not_found(api: Client, part: str) -> None:
    assert refusal(api.get(f"{TRAIN}/frames/ghost{part}"))[:2] == (404, "unknown_frame")


def test_mutations_of_an_unknown_dataset_are_not_found(api: Client) -> None:
    response = api.post("/projects/birds/datasets/ghosts/mutations", {"mutations": [{}]})
    assert refusal(response)[:2] == (404, "unknown_dataset")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"mutations": []}, "too_short", "/mutations"),
        ({"mutations": {}}, "wrong_type", "/mutations"),
        ({"mutations": None}, "wrong_type", "/mutations"),
        ({}, "missing_field", "/mutations"),
        ({"rows": []}, "unknown_field", "/rows"),
    ],
)
def test_a_body_without_rows_is_told_what_is_wrong_and_where(
    api: Client, body: object, code: str, pointer: str
) -> None:
    response = api.post(f"{TRAIN}/mutations", body)
    (error,) = response.json()["errors"]
    assert refusal(response)[:2] == (422, "invalid_request")
    assert (error["code"], error["pointer"]) == (code, pointer)


def test_too_many_mutations_are_too_large(api: Client) -> None:
    response = api.post(f"{TRAIN}/mutations", {"mutations": [{}] * (MAX_REQUEST_ROWS + 1)})
    assert refusal(response)[:2] == (413, "too_large")


@pytest.mark.parametrize(
    "path",
    ["/", "/project", "/projects/birds/", f"{TRAIN}/frames/a/b", "//projects", "/projects%0A", f"{TRAIN}/versions%0A"],
)
def test_a_path_that_leads_nowhere_is_not_found(api: Client, path: str) -> None:
    assert refusal(api.get(path))[:2] == (404, "no_such_route")


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_a_method_that_a_resource_does_not_take_is_refused(api: Client, method: str) -> None:
    response = api.send(method, "/projects")
    assert (*refusal(response)[:2], response.headers["Allow"]) == (405, "method_not_allowed", "GET, POST")


@pytest.mark.parametrize("key", ["", "x" * 129, "ä", "tab\there"])
def test_an_odd_idempotency_key_is_refused(api: Client, key: str) -> None:
    response = api.post("/projects", {"name": "cars"}, Idempotency_Key=key)
    assert refusal(response)[:2] == (422, "invalid_request")
    assert response.json()["errors"][0]["parameter"] == "Idempotency-Key"


def test_a_refused_request_changes_nothing(api: Client) -> None:
    before = api.get(f"{TRAIN}").text, api.get("/projects").text
    api.send("POST", f"{TRAIN}/mutations", b"{", JSON)
    api.send("POST", "/projects", b'{"name":"cars","shards":NaN}', JSON)
    assert (api.get(f"{TRAIN}").text, api.get("/projects").text) == before


def read(body: bytes) -> object:
    try:
        return request_body.json_object(Client().event("POST", "/projects", body, JSON))
    except TidemarkError as error:
        return error.code


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    assert isinstance(read(body), dict | str)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_sound_json_is_read_as_it_is(document: dict[str, object]) -> None:
    assert read(json.dumps(document).encode()) in (document, "too_deep", "not_finite")
