"""Responses are parsed by the domain's models, and may have more fields than these."""

from typing import Any

import pytest

from tidemark.client.models import ExportFile, UnexpectedResponse, parse
from tidemark.domain.uploads import Receipt, RowOutcome, UploadStatus

ERROR: dict[str, Any] = {
    "row": 1,
    "frame_id": None,
    "code": "unknown_class",
    "pointer": "/frame",
    "message": "There is no such class.",
    "outcome": "rejected",
    "file": None,
}


def test_fields_of_a_newer_api_are_ignored_even_where_requests_must_not_have_them() -> None:
    error = parse(RowOutcome, ERROR | {"severity": "high"})
    assert (error.code, error.outcome) == ("unknown_class", "rejected")


def test_fields_of_a_newer_api_are_ignored_in_nested_models() -> None:
    nested = {key: value for key, value in ERROR.items() if key not in ("outcome", "file")} | {"severity": "high"}
    receipt = parse(Receipt, {"upload": "u", "accepted": 0, "rejected": 1, "errors": [nested], "more": {}})
    assert receipt.errors[0].code == "unknown_class"


def test_a_response_that_does_not_fit_names_its_fields() -> None:
    with pytest.raises(UnexpectedResponse, match="too old") as raised:
        parse(Receipt, {"upload": UploadStatus.PENDING, "accepted": "many", "errors": []})
    assert "accepted: " in str(raised.value)
    assert "rejected: Field required" in str(raised.value)
    assert "many" not in str(raised.value)


@pytest.mark.parametrize("name", ["../evil", "a/b", "/etc/evil", "..", "", "a\n"])
def test_a_file_of_an_export_has_a_name_that_leads_to_no_other_folder(name: str) -> None:
    file = {"name": name, "rows": 1, "bytes": 1, "get": {"url": "https://s3", "expires_at": "2026-01-01T00:00:00Z"}}
    with pytest.raises(UnexpectedResponse):
        parse(ExportFile, file)
