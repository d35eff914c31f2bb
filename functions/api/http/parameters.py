"""Parameters that many routes share, as the API's description tells them."""

import re
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tidemark.domain.ids import CheckpointName, DatasetName, FrameId, LabelId, ProjectName
from tidemark.domain.limits import DEFAULT_PAGE_ITEMS, MAX_DESCRIPTION_CHARACTERS, MAX_ID_CHARACTERS, MAX_PAGE_ITEMS
from tidemark.domain.pages import Archived

MAX_VERSION_TEXT = MAX_ID_CHARACTERS
"""Characters that name a version; the longest are names of checkpoints."""

ProjectPath = Annotated[ProjectName, Path(description="Name of the project.")]
DatasetPath = Annotated[DatasetName, Path(description="Name of the dataset.")]
FramePath = Annotated[FrameId, Path(description="Id of the frame, percent-encoded.")]
LabelPath = Annotated[LabelId, Path(description="Id of the label, percent-encoded.")]

UploadPath = Annotated[str, Path(max_length=64, description="Id of the upload, from its receipt.")]

CheckpointPath = Annotated[CheckpointName, Path(description="Name of the checkpoint.")]

VersionPath = Annotated[
    str,
    Path(
        max_length=MAX_VERSION_TEXT,
        description="Number of the version, name of a checkpoint, an ISO 8601 time, or `LATEST`.",
    ),
]

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE_ITEMS, description="Items on the page, at most.")]
DEFAULT_LIMIT = DEFAULT_PAGE_ITEMS
Cursor = Annotated[str | None, Query(min_length=1, description="`cursor` of the page before, to get the one after it.")]
VersionRead = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_VERSION_TEXT,
        description="The version to read: its number, the name of a checkpoint, an ISO 8601 time with its zone (the "
        "version current then; `+` is written `%2B`), or `LATEST`. The answer says which number was read.",
    ),
]
LATEST = "LATEST"
ArchivedWanted = Annotated[
    Archived,
    Query(description="`false`: those that are not archived; `true`: those that are; `all`: both."),
]
IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(r"[ -~]{1,128}")


def _printable(key: str | None) -> str | None:
    if key is not None and not _KEY.fullmatch(key):
        raise PydanticCustomError(
            "invalid_idempotency_key", "An Idempotency-Key has 1 to 128 printable ASCII characters."
        )
    return key


IdempotencyKey = Annotated[
    Annotated[str, Field(json_schema_extra={"pattern": f"^{_KEY.pattern}$"})] | None,
    AfterValidator(_printable),
    Header(
        alias=IDEMPOTENCY_KEY,
        description="Makes the request safe to repeat: the same key with the same body gets the same answer and "
        "nothing is done twice; with another body it is refused (422). 1 to 128 printable ASCII characters. Keys "
        "belong to the API key that sent them.",
    ),
]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS, strict=True)]
