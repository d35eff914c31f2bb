"""Where the emulator checks permissions by other names than AWS, brought in line: roles are enforced as written."""

import json
from typing import Any

from ministack.core import iam_actions


def _check_batches_as_single_messages() -> None:
    """`sqs:SendMessage` allows a batch too; AWS knows no action `sqs:SendMessageBatch`."""
    name_action = iam_actions.extract_iam_action

    def named(service: str, *request: Any) -> str | None:
        action: str | None = name_action(service, *request)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = named


def _tell_event_sources() -> None:
    """A condition on `events:source` sees the source that the events put together share."""
    read_context = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        keys: dict[str, Any] = read_context(service, action, body, parameters)
        if action == "events:PutEvents":
            sources = {entry.get("Source") for entry in json.loads(body).get("Entries", [])}
            keys["events:source"] = sources.pop() if len(sources) == 1 else None
        return keys

    iam_actions.request_tag_context = context


def adapt() -> None:
    """Have the emulator check permissions by AWS's names."""
    _check_batches_as_single_messages()
    _tell_event_sources()
