"""A cursor of another list, or an altered or invented one, is refused or shows only the caller's own items.

Cursors are not signed, so the API must not trust their positions.
"""

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reliability.access.deployment import Deployment
from tests.reliability.access.foreign import tried
from tests.reliability.access.lists import CURSORS, OF_ALL_PROJECTS, issued, paged, request, scope

ALL = "admin of all projects"
REFUSED = {"malformed_cursor", "foreign_cursor", "unknown_version", "export_not_ready", "unknown_export"}

texts = st.text(st.characters(codec="utf-8"), max_size=60)
numbers = st.integers(min_value=-(2**70), max_value=2**70)
LISTS = sorted(CURSORS)


def packed(parts: Any) -> str:
    """Returns a cursor with any JSON."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def own(deployment: Deployment) -> dict[str, str]:
    """Cursors that the lists of the caller's project returned."""
    return dict(issued(deployment, deployment.own, ALL))


@pytest.fixture(scope="module")
def foreign(deployment: Deployment) -> dict[str, str]:
    """Cursors that the other project's lists returned to a caller with access."""
    return dict(issued(deployment, deployment.other, ALL))


def test_the_shape_of_the_cursors_of_every_list_is_known_to_these_tests(
    deployment: Deployment, own: dict[str, str]
) -> None:
    assert paged() == CURSORS.keys()
    for name, cursor in own.items():
        seen, *position = deployment.position(cursor)
        assert seen == scope(deployment, name, deployment.own)
        assert "".join("i" if isinstance(part, int) else "s" for part in position) == CURSORS[name].position


def test_enough_lists_have_given_out_cursors(foreign: dict[str, str]) -> None:
    assert len(foreign) >= 11, foreign.keys()


@pytest.mark.parametrize("name", [each for each in LISTS if each not in OF_ALL_PROJECTS])
def test_a_cursor_of_another_list_dataset_or_project_is_refused(
    deployment: Deployment, own: dict[str, str], foreign: dict[str, str], name: str
) -> None:
    place = LISTS.index(name)
    others = [own[other] for other in (LISTS * 2)[place + 1 : place + 4] if other in own]
    failures = []
    for cursor in [*others, *(foreign[each] for each in (name, "listUploads") if each in foreign)]:
        answer, violations = tried(deployment, request(name, deployment.own, cursor))
        failures += violations
        if answer.status < 400 or answer.json()["code"] not in REFUSED:
            failures.append(f"{deployment.position(cursor)}: {answer.status} {answer.text[:100]}")
    assert failures == []


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.parametrize("name", LISTS)
def test_a_made_up_position_shows_nothing_of_another_project(
    deployment: Deployment, name: str, data: st.DataObject
) -> None:
    theirs = st.sampled_from([*deployment.other.values(), deployment.uids["secret"], f"D#{deployment.uids['secret']}"])
    kinds = {"s": st.one_of(theirs, texts), "i": st.one_of(st.integers(0, 5), numbers)}
    position = [data.draw(kinds[kind]) for kind in CURSORS[name].position]
    cursor = packed([scope(deployment, name, deployment.own), *position])
    answer, violations = tried(deployment, request(name, deployment.own, cursor))
    assert violations == []
    assert answer.status == 200 or answer.json()["code"] in REFUSED


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_cursor_with_changed_bits_is_refused_or_shows_what_is_the_callers_own(
    deployment: Deployment, own: dict[str, str], foreign: dict[str, str], data: st.DataObject
) -> None:
    cursor = data.draw(st.sampled_from([*foreign.values(), *own.values()]))
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=="))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cursor = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    name = data.draw(st.sampled_from(LISTS))
    answer, violations = tried(deployment, request(name, deployment.own, cursor))
    assert violations == []
    assert answer.status == 200 or answer.json()["code"] in REFUSED


def test_colons_in_ids_do_not_make_one_list_of_two_datasets(deployment: Deployment) -> None:
    uids = deployment.uids
    one = deployment.own | {"label": "x", "frame": f"{uids['secret']}:f"}
    other = deployment.other | {"label": f"x:{uids['own']}", "frame": "f"}
    cursor = packed([scope(deployment, "getLabelHistory", one), 1])
    answer = deployment.send(request("getLabelHistory", other, cursor), deployment.tokens[ALL])
    assert answer.json()["code"] == "foreign_cursor"
