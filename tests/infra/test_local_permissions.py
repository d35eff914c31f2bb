"""The emulator checks a condition on a key with several values as IAM documents it."""

import json
from typing import Any

import pytest
from ministack.core import iam_actions, iam_evaluator

from infra.functions import OWN_EVENTS
from infra.local import patch_iam

BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"


@pytest.fixture(autouse=True)
def _patched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches the emulator's modules, in this process and for one test."""
    for module, name in [
        (iam_actions, "extract_iam_action"),
        (iam_actions, "request_tag_context"),
        (iam_evaluator, "_evaluate_single_condition"),
    ]:
        monkeypatch.setattr(module, name, getattr(module, name))
    patch_iam.apply()


def may_put(condition: dict[str, Any], entries: list[dict[str, str]]) -> bool:
    """Returns whether a role with `condition` may put `entries` on the bus."""
    policy = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS, "Condition": condition}
    body = json.dumps({"Entries": entries}).encode()
    context = iam_evaluator.EvalContext(
        principal_arn="arn:aws:iam::000000000000:role/publish",
        principal_type="AssumedRole",
        principal_account="000000000000",
        action="events:PutEvents",
        resource_arn=BUS,
        region="us-east-1",
        service_context=iam_actions.request_tag_context("events", "events:PutEvents", body, {}),
    )
    statements = iam_evaluator.parse_policy_document({"Statement": [policy]})
    return bool(iam_evaluator.evaluate(context, [statements]).decision == "Allow")


OWN, FOREIGN = {"Source": "tidemark"}, {"Source": "aws.s3"}


@pytest.mark.parametrize("entries", [[OWN], [OWN, OWN, OWN]])
def test_publish_may_put_events_of_its_own(entries: list[dict[str, str]]) -> None:
    assert may_put(OWN_EVENTS, entries)


@pytest.mark.parametrize("entries", [[FOREIGN], [OWN, FOREIGN], [FOREIGN, OWN], [{"Detail": "{}"}], []])
def test_publish_may_put_no_other_event_even_beside_its_own(entries: list[dict[str, str]]) -> None:
    assert not may_put(OWN_EVENTS, entries)


@pytest.mark.parametrize("entries", [[OWN], [OWN, OWN]])
def test_an_operator_for_single_values_admits_no_list(entries: list[dict[str, str]]) -> None:
    assert not may_put({"StringEquals": {"events:source": "tidemark"}}, entries)


def test_one_of_several_values_is_enough_where_the_policy_says_so() -> None:
    any_own = {"ForAnyValue:StringEquals": {"events:source": "tidemark"}}
    assert may_put(any_own, [FOREIGN, OWN])
    assert not may_put(any_own, [FOREIGN, FOREIGN])
