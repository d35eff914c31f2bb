"""Where the emulator's S3 forgets versions of objects: in what it tells EventBridge, and in reads of a part of one."""

import json
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from ministack.services import eventbridge, s3

Response = tuple[int, dict[str, str], bytes]

_version: ContextVar[str | None] = ContextVar("version", default=None)
"""The version of the object that S3 is telling of, in the thread that does so."""


def _tell_versions() -> None:
    """An event says which version of an object was put, if the bucket keeps versions."""
    tell, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def telling(*arguments: Any, version_id: str | None = None, **named: Any) -> None:
        _version.set(version_id)
        tell(*arguments, version_id=version_id, **named)

    def dispatched(event: dict[str, Any], *rest: Any) -> None:
        version = _version.get()
        if event.get("Source") == "aws.s3" and version:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *rest)

    s3._fire_s3_event, eventbridge._dispatch_event = telling, dispatched


def _read_ranges_of_versions() -> None:
    """`Range` holds for a version that is named as for the latest one; the emulator answers with the whole of it."""
    read = s3._get_object

    def ranged(bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> Response:
        wanted = headers.get("range")
        if not wanted or "versionId" not in (query or {}):
            whole: Response = read(bucket, key, headers, query)
            return whole
        # A part of an object carries no checksum: that would be of the whole.
        plain = {name: value for name, value in headers.items() if name != "x-amz-checksum-mode"}
        status, answered, body = read(bucket, key, plain, query)
        if status != HTTPStatus.OK:
            return status, answered, body
        found = s3._parse_range(wanted, len(body))
        if found is None:
            refusal = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
            return HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, refusal, s3._xml_body(s3._range_error_xml(bucket, key))
        first, last = found
        part = {"Content-Length": str(last + 1 - first), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return HTTPStatus.PARTIAL_CONTENT, {**answered, **part}, body[first : last + 1]

    s3._get_object = ranged


def adapt() -> None:
    """Bring the emulator's S3 in line with AWS where versions matter."""
    _tell_versions()
    _read_ranges_of_versions()
