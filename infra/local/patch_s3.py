"""Patches the emulator's S3 where it ignores object versions: in its events, and in reads of a byte range."""

import json
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from ministack.services import eventbridge, s3

Response = tuple[int, dict[str, str], bytes]

_version: ContextVar[str | None] = ContextVar("version", default=None)
"""Version id of the S3 object whose event the current thread is sending; None if the bucket keeps no versions."""


def _add_versions_to_events() -> None:
    """Adds the version id of a new S3 object to the object's event, if the bucket keeps versions."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
        _version.set(version_id)
        fire(*args, version_id=version_id, **kwargs)

    def dispatch_with_version(event: dict[str, Any], *args: Any) -> None:
        version = _version.get()
        if event.get("Source") == "aws.s3" and version:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *args)

    s3._fire_s3_event, eventbridge._dispatch_event = fire_with_version, dispatch_with_version


def _read_ranges_of_versions() -> None:
    """Makes the emulator return only the requested `Range` of a given object version, not the whole object."""
    read = s3._get_object

    def read_range(bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> Response:
        byte_range = headers.get("range")
        if not byte_range or "versionId" not in (query or {}):
            response: Response = read(bucket, key, headers, query)
            return response
        # A range is returned without a checksum, which would be the whole object's.
        plain = {name: value for name, value in headers.items() if name != "x-amz-checksum-mode"}
        status, response_headers, body = read(bucket, key, plain, query)
        if status != HTTPStatus.OK:
            return status, response_headers, body
        bounds = s3._parse_range(byte_range, len(body))
        if bounds is None:
            refusal = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
            return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, refusal, s3._xml_body(s3._range_error_xml(bucket, key))
        first, last = bounds
        part = {"Content-Length": str(last + 1 - first), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return HTTPStatus.PARTIAL_CONTENT, {**response_headers, **part}, body[first : last + 1]

    s3._get_object = read_range


def apply() -> None:
    """Makes the emulator's S3 treat object versions as AWS does."""
    _add_versions_to_events()
    _read_ranges_of_versions()
