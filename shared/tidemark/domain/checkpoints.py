"""Checkpoints: named versions with a description and metadata (R12, R13), and the status of their manifests (R15)."""

from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from tidemark.domain.canonical import canonical_json
from tidemark.domain.errors import TooLarge
from tidemark.domain.frames.fields import Name, Scalar, check_scalar
from tidemark.domain.limits import (
    MAX_CHECKPOINT_METADATA_BYTES,
    MAX_CHECKPOINT_METADATA_FIELDS,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_STRING_CHARACTERS,
)
from tidemark.domain.workflows import Artifact

_VALUE_SCHEMA = {
    "anyOf": [{"type": "string", "maxLength": MAX_STRING_CHARACTERS}, {"type": "number"}, {"type": "boolean"}],
}
CheckpointValue = Annotated[Scalar, PlainValidator(check_scalar), WithJsonSchema(_VALUE_SCHEMA)]
"""A value of a checkpoint's metadata: text, a number, or true or false."""
CheckpointMetadata = Annotated[dict[Name, CheckpointValue], Field(max_length=MAX_CHECKPOINT_METADATA_FIELDS)]
"""Metadata that users attach to a checkpoint, such as a training run or a ticket number."""


class CheckpointRef(NamedTuple):
    """The version that a checkpoint names, and the checkpoint's sort key. Neither ever changes."""

    version: int
    sort_key: str
    """Sort key that orders the checkpoints of a dataset."""


class Checkpoint(Artifact):
    """A named version of a dataset (R12). The name and the version never change. A checkpoint can be archived but not
    deleted (R13).

    A checkpoint can be read as soon as it exists. Its status is that of its manifest, from which statistics and exports
    are made (R15).
    """

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    """Number of the version that the checkpoint names."""
    frames: int
    """Number of live frames in that version."""
    labels: int
    """Number of live labels in that version."""
    description: str
    metadata: dict[str, Scalar]
    created_at: datetime
    created_by: str
    archived_at: datetime | None = None
    """When the checkpoint was archived; None if it is not archived. An archived checkpoint is hidden from lists by
    default, but can still be read."""
    archived_by: str | None = None

    def archived(self, at: datetime, by: str) -> "Checkpoint":
        """Returns the checkpoint, archived at time `at` by the caller `by`. A checkpoint that is already archived is
        returned unchanged."""
        return self if self.archived_at else self.model_copy(update={"archived_at": at, "archived_by": by})

    def unarchived(self) -> "Checkpoint":
        """Returns the checkpoint, no longer archived."""
        return self.model_copy(update={"archived_at": None, "archived_by": None})


class CheckpointPatch(BaseModel):
    """A change to a checkpoint's description and metadata: a JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"description": "Second round", "metadata": {"run": 42, "owner": None}}]},
    )

    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS, strict=True)] | None = Field(
        None, description="Replaces the description; null clears it."
    )
    metadata: Annotated[dict[Name, CheckpointValue | None], Field(max_length=MAX_CHECKPOINT_METADATA_FIELDS)] | None = (
        Field(
            None,
            description="Sets the given fields, removes the fields whose value is null and keeps all others. Null in "
            "place of the object removes every field.",
        )
    )

    def apply(self, checkpoint: Checkpoint) -> Checkpoint:
        """Returns the changed checkpoint. Raises TooLarge if the metadata would exceed its limits."""
        description, metadata = checkpoint.description, checkpoint.metadata
        if "description" in self.model_fields_set:
            description = self.description or ""
        if "metadata" in self.model_fields_set:
            merged = {} if self.metadata is None else {**metadata, **self.metadata}
            metadata = {name: value for name, value in merged.items() if value is not None}
            check_size(metadata)
        return checkpoint.model_copy(update={"description": description, "metadata": metadata})


def check_size(metadata: dict[str, Scalar]) -> None:
    """Raises TooLarge if a checkpoint's metadata has too many fields or too many bytes of JSON."""
    if len(metadata) > MAX_CHECKPOINT_METADATA_FIELDS:
        raise TooLarge(
            f"The metadata would have {len(metadata)} fields; a checkpoint's metadata can have at most "
            f"{MAX_CHECKPOINT_METADATA_FIELDS}.",
            pointer="/metadata",
        )
    size = len(canonical_json(metadata))
    if size > MAX_CHECKPOINT_METADATA_BYTES:
        raise TooLarge(
            f"The metadata takes {size:,} bytes as JSON; a checkpoint's metadata can take at most "
            f"{MAX_CHECKPOINT_METADATA_BYTES:,}.",
            pointer="/metadata",
        )
