"""Ids in paths: any script and most punctuation, behind gateways that decode paths and gateways that do not."""

import urllib.parse

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.api.http.resolver import Resolver
from tests.integration.api.conftest import TRAIN
from tests.simulation.gateway import Client
from tests.simulation.world import World

IDS = [
    "plain",
    "a b",
    "a+b",
    "user@host",
    "12:30",
    "ü",
    "日本語",
    "हिन्दी",
    "🦩",
    "é̱",
    "(1)",
    "a=b;c",
    "~x!",
    "a&b",
    "it's",
]


def encoded(text: str) -> str:
    return urllib.parse.quote(text, safe="")


@pytest.mark.parametrize("decodes", [True, False], ids=["decoding gateway", "passing gateway"])
@pytest.mark.parametrize("frame_id", IDS)
def test_a_frame_is_found_by_its_id(api: Client, world: World, frame_id: str, decodes: bool) -> None:
    labels = [{"id": frame_id, "type": "CLASSIFICATION_2D", "class": "heron"}]
    api.post(f"{TRAIN}/mutations", {"mutations": [{"op": "ADD", "frame": {"frame_id": frame_id, "labels": labels}}]})
    world.drain()
    client = Client(decodes_paths=decodes)
    path = f"{TRAIN}/frames/{encoded(frame_id)}"
    assert client.get(path).json()["frame"]["frame_id"] == frame_id
    assert len(client.get(f"{path}/labels/{encoded(frame_id)}/history").json()["items"]) == 1


@pytest.mark.parametrize("refused", ["#", "\\", "?", "*", "[", "]", ",", '"', "<", ">", "^", "|", "{", "}", "`"])
@pytest.mark.parametrize("decodes", [True, False], ids=["decoding gateway", "passing gateway"])
def test_a_refused_character_in_an_id_is_named(api: Client, refused: str, decodes: bool) -> None:
    response = Client(decodes_paths=decodes).get(f"{TRAIN}/frames/{encoded('a' + refused)}")
    (error,) = response.json()["errors"]
    assert (response.status, error["parameter"]) == (422, "frame")
    assert f"cannot contain '{refused}'" in error["detail"]
    assert api.get(TRAIN).status == 200


def test_a_percent_sign_is_refused_even_if_encoded_twice(api: Client) -> None:
    # HTTP APIs decode every escape but %25.
    response = Client(decodes_paths=False).get(f"{TRAIN}/frames/100%25")
    assert "'%'" in response.json()["detail"]
    assert api.get(f"{TRAIN}/frames/100%2525").status == 422


def test_a_control_character_is_named_by_its_code_point(api: Client) -> None:
    assert "U+000A" in api.get(f"{TRAIN}/frames/a%0A").json()["detail"]


def test_a_slash_in_an_id_from_a_gateway_that_passes_it_on_is_named(api: Client) -> None:  # noqa: ARG001 - deployed
    assert "'/'" in Client(decodes_paths=False).get(f"{TRAIN}/frames/a%2Fb").json()["detail"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_path_parameter_is_any_text_between_slashes(text: str) -> None:
    match = Resolver._compile_regex("/frames/<frame>/history").match(f"/frames/{text}/history")
    assert match is not None
    assert match["frame"] == text
