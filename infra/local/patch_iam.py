"""Patches the emulator's permission checks where they name actions and conditions differently from AWS.

Roles are then enforced exactly as they are written in the template.
"""

import json
from typing import Any

from ministack.core import iam_actions


def _check_batches_as_single_messages() -> None:
    """Makes the emulator check message batches as `sqs:SendMessage`; AWS has no action `sqs:SendMessageBatch`."""
    extract_action = iam_actions.extract_iam_action

    def extract_without_batch(service: str, *request: Any) -> str | None:
        action: str | None = extract_action(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = extract_without_batch


def _add_event_sources() -> None:
    """Adds the condition key `events:source` to PutEvents. It holds the source of the events if all have the same."""
    read_context = iam_actions.request_tag_context

    def read_context_with_source(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        keys: dict[str, Any] = read_context(service, action, body, parameters)
        if action == "events:PutEvents":
            sources = {entry.get("Source") for entry in json.loads(body).get("Entries", [])}
            keys["events:source"] = sources.pop() if len(sources) == 1 else None
        return keys

    iam_actions.request_tag_context = read_context_with_source


def apply() -> None:
    """Makes the emulator check permissions under AWS's names of actions and conditions."""
    _check_batches_as_single_messages()
    _add_event_sources()
