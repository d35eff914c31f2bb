"""Types and OpenAPI descriptions of the URL, query and header parameters and the body fields that many routes share."""

import re
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tidemark.domain.ids import CheckpointName, DatasetName, FrameId, LabelId, ProjectName
from tidemark.domain.limits import DEFAULT_PAGE_ITEMS, MAX_DESCRIPTION_CHARACTERS, MAX_ID_CHARACTERS, MAX_PAGE_ITEMS
from tidemark.domain.pages import Archived

ProjectPath = Annotated[ProjectName, Path(description="Name of the project.")]
DatasetPath = Annotated[DatasetName, Path(description="Name of the dataset.")]
FramePath = Annotated[FrameId, Path(description="Id of the frame, percent-encoded.")]
LabelPath = Annotated[LabelId, Path(description="Id of the label, percent-encoded.")]
UploadPath = Annotated[str, Path(max_length=64, description="Id of the upload, from its receipt.")]
CheckpointPath = Annotated[CheckpointName, Path(description="Name of the checkpoint.")]

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_ITEMS, description="Maximum number of items on the page.")]
DEFAULT_LIMIT = DEFAULT_PAGE_ITEMS
Cursor = Annotated[str | None, Query(min_length=1, description="`cursor` of the previous page; none for the first.")]
ArchivedFilter = Annotated[
    Archived,
    Query(description="Items to list. `false`: items that are not archived; `true`: archived items; `all`: both."),
]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS, strict=True, description="Free text.")]

MAX_VERSION_CHARACTERS = MAX_ID_CHARACTERS
"""Most characters of a reference to a version. A checkpoint's name is the longest kind of reference."""
LATEST = "LATEST"
VersionRef = Annotated[str, Field(min_length=1, max_length=MAX_VERSION_CHARACTERS, strict=True)]
"""A reference to a version: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`."""
VersionPath = Annotated[
    str,
    Path(
        max_length=MAX_VERSION_CHARACTERS,
        description="Version to read: its number, the name of a checkpoint, an ISO 8601 time, or `LATEST`.",
    ),
]
VersionQuery = Annotated[
    VersionRef,
    Query(
        description="Version to read: its number, the name of a checkpoint, an ISO 8601 time with a time zone (the "
        "version that was current then; encode `+` as `%2B`), or `LATEST`. The response holds the number of the "
        "version that was read."
    ),
]

IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(r"[ -~]{1,128}")


def _check_key(key: str | None) -> str | None:
    if key is not None and not _KEY.fullmatch(key):
        raise PydanticCustomError(
            "invalid_idempotency_key", "An Idempotency-Key must have 1 to 128 printable ASCII characters."
        )
    return key


IdempotencyKey = Annotated[
    Annotated[str, Field(json_schema_extra={"pattern": f"^{_KEY.pattern}$"})] | None,
    AfterValidator(_check_key),
    Header(
        alias=IDEMPOTENCY_KEY,
        description="Makes the request safe to repeat. A repeat with the same key and body returns the first response "
        "and changes nothing; the same key with another body is an error (422). 1 to 128 printable ASCII characters. "
        "Idempotency keys of different API keys are independent.",
    ),
]
