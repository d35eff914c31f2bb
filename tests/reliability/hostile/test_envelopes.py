"""Bodies that contradict their headers are refused, with the reason."""

import pytest

from functions.api.handler import handler
from tests.reliability.hostile.costs import DATASET
from tests.reliability.hostile.envelopes import ENVELOPES, ROWS
from tests.simulation.gateway import Client, Context

SENT_AS_THEY_ARE = [name for name, envelope in ENVELOPES.items() if envelope.counted]
"""Requests that a gateway would turn into an event. The others are malformed HTTP."""


@pytest.mark.parametrize("name", SENT_AS_THEY_ARE)
def test_a_body_that_is_not_what_it_should_be_is_refused(api: Client, name: str) -> None:
    envelope = ENVELOPES[name]
    headers: dict[str, str] = {}
    for line in envelope.headers:
        header, _, value = line.decode().partition(": ")
        headers[header] = f"{headers[header]},{value}" if header in headers else value  # as HTTP APIs join them
    answer = api.send("POST", f"{DATASET}/mutations", envelope.body, headers)
    assert answer.status in (400, 415), answer.text
    assert answer.json()["code"] in ("malformed_json", "unsupported_content_type", "unsupported_encoding")
    assert api.get(f"{DATASET}/uploads").json()["items"] == []


@pytest.mark.parametrize("body", ["e30", "%%%%", "é", ROWS.decode()])
def test_a_body_in_base64_that_is_none_is_refused(api: Client, body: str) -> None:
    event = api.event("POST", f"{DATASET}/mutations", None, {"content-type": "application/json"})
    answer = handler(event | {"body": body, "isBase64Encoded": True}, Context())
    assert (answer["statusCode"], '"malformed_json"' in answer["body"]) == (400, True)
    assert api.get(f"{DATASET}/uploads").json()["items"] == []
