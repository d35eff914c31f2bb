"""Checkpoints: names for versions, with what people keep about them (R12, R13), and the state of their manifests
(R15)."""

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
"""What a checkpoint's makers keep with it: the run that it was made for, the ticket that asked for it."""


class CheckpointRef(NamedTuple):
    """What a checkpoint's name stands for. It never changes."""

    version: int
    sort_key: str
    """Where the checkpoint stands among those of its dataset."""


class Checkpoint(Artifact):
    """A version under a name (R12). Its name and its version never change; it is archived, and never deleted (R13).

    It reads from the moment that it exists; its status is that of its manifest, which its statistics and its exports
    come from (R15).
    """

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    """Number of the version that it names, for good."""
    frames: int
    """Live frames in that version."""
    labels: int
    """Live labels in that version."""
    description: str
    metadata: dict[str, Scalar]
    created_at: datetime
    created_by: str
    archived_at: datetime | None = None
    """Since when it is archived, which it is if this is given: not listed unless asked for. It reads as before."""
    archived_by: str | None = None

    def archived(self, at: datetime, by: str) -> "Checkpoint":
        """The checkpoint, archived; as it is if it is archived already."""
        return self if self.archived_at else self.model_copy(update={"archived_at": at, "archived_by": by})

    def unarchived(self) -> "Checkpoint":
        """The checkpoint, listed again."""
        return self.model_copy(update={"archived_at": None, "archived_by": None})


class CheckpointPatch(BaseModel):
    """A change of a checkpoint: a JSON merge patch (RFC 7396) of what may change of one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"description": "Second round", "metadata": {"run": 42, "owner": None}}]},
    )

    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS, strict=True)] | None = Field(
        None, description="Replaces it; null empties it."
    )
    metadata: Annotated[dict[Name, CheckpointValue | None], Field(max_length=MAX_CHECKPOINT_METADATA_FIELDS)] | None = (
        Field(
            None,
            description="Given fields are set, those that are null are removed, others stay; null instead of an object "
            "removes all.",
        )
    )

    def apply(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint, changed. Raises TooLarge where its metadata would outgrow its limits."""
        description, metadata = checkpoint.description, checkpoint.metadata
        if "description" in self.model_fields_set:
            description = self.description or ""
        if "metadata" in self.model_fields_set:
            merged = {} if self.metadata is None else {**metadata, **self.metadata}
            metadata = {name: value for name, value in merged.items() if value is not None}
            check_size(metadata)
        return checkpoint.model_copy(update={"description": description, "metadata": metadata})


def check_size(metadata: dict[str, Scalar]) -> None:
    """Raise TooLarge for metadata above its limits."""
    if len(metadata) > MAX_CHECKPOINT_METADATA_FIELDS:
        raise TooLarge(
            f"The metadata would have {len(metadata)} fields; that of a checkpoint has at most "
            f"{MAX_CHECKPOINT_METADATA_FIELDS}.",
            pointer="/metadata",
        )
    size = len(canonical_json(metadata))
    if size > MAX_CHECKPOINT_METADATA_BYTES:
        raise TooLarge(
            f"The metadata has {size:,} bytes in JSON; that of a checkpoint has at most "
            f"{MAX_CHECKPOINT_METADATA_BYTES:,}.",
            pointer="/metadata",
        )
