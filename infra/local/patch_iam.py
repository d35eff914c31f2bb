"""Patches the emulator's permission checks where they name actions and conditions differently from AWS.

Roles are then enforced exactly as they are written in the template.
"""

import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator


def _check_batches_as_single_messages() -> None:
    """Makes the emulator check message batches as `sqs:SendMessage`; AWS has no action `sqs:SendMessageBatch`."""
    extract_action = iam_actions.extract_iam_action

    def extract_without_batch(service: str, *request: Any) -> str | None:
        action: str | None = extract_action(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = extract_without_batch


def _add_event_sources() -> None:
    """Adds the condition key `events:source` to PutEvents: the source of each event in the request."""
    read_context = iam_actions.request_tag_context

    def read_context_with_sources(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        keys: dict[str, Any] = read_context(service, action, body, parameters)
        if action == "events:PutEvents":
            entries = json.loads(body).get("Entries", [])
            keys["events:source"] = [entry["Source"] for entry in entries if "Source" in entry] or None
        return keys

    iam_actions.request_tag_context = read_context_with_sources


def _refuse_single_valued_operators_on_lists() -> None:
    """Makes a condition without `ForAllValues` or `ForAnyValue` fail on a key that has a list of values.

    IAM does not define what such a condition does. The emulator would compare the list's text.
    """
    evaluate = iam_evaluator._evaluate_single_condition

    def evaluate_lists_by_set_operators(operator: str, actual: Any, expected: list[str]) -> bool:
        is_set_operator = operator.lower().startswith(("forallvalues:", "foranyvalue:")) or operator.lower() == "null"
        if isinstance(actual, list) and not is_set_operator:
            return False
        result: bool = evaluate(operator, actual, expected)
        return result

    iam_evaluator._evaluate_single_condition = evaluate_lists_by_set_operators


def apply() -> None:
    """Makes the emulator check permissions under AWS's names of actions and conditions."""
    _check_batches_as_single_messages()
    _add_event_sources()
    _refuse_single_valued_operators_on_lists()
