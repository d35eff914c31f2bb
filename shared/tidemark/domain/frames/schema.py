"""The metadata schema of a dataset: the type of each field, and the sources of embeddings (R3, R4).

The first value of a field fixes its type for all later versions. Whole and real numbers are one type. An empty list
fits every list field and fixes no type. Sensor metadata and label attributes are not part of the schema.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tidemark.domain.frames.embeddings import Embedding, EmbeddingSource
from tidemark.domain.frames.fields import MetadataValue, Name
from tidemark.domain.limits import MAX_ROW_ERRORS, MAX_SCHEMA_FIELDS
from tidemark.domain.problems import Problem, pointer


class FieldType(StrEnum):
    """Type of a metadata field."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    STRINGS = "string[]"
    NUMBERS = "number[]"
    BOOLEANS = "boolean[]"


_SCALARS = {str: FieldType.STRING, int: FieldType.NUMBER, float: FieldType.NUMBER, bool: FieldType.BOOLEAN}
_LISTS = {str: FieldType.STRINGS, int: FieldType.NUMBERS, float: FieldType.NUMBERS, bool: FieldType.BOOLEANS}
_LIST_TYPES = frozenset(_LISTS.values())


class SchemaAdditions(NamedTuple):
    """What a frame adds to a dataset's schema: its new fields, and the sources of embeddings. A source that the schema
    already has is included unchanged."""

    fields: dict[str, FieldType]
    frame_embedding: EmbeddingSource | None
    label_embedding: EmbeddingSource | None


class Schema(BaseModel):
    """The types of a dataset's metadata fields, and the sources of its embeddings. Fields are only ever added."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[Name, FieldType] = {}
    frame_embedding: EmbeddingSource | None = None
    label_embedding: EmbeddingSource | None = None

    def check(
        self,
        metadata: Mapping[str, MetadataValue],
        embedding: Embedding | None = None,
        label_embeddings: Iterable[tuple[int, Embedding]] = (),
    ) -> SchemaAdditions | list[Problem]:
        """Returns what a frame adds to the schema. If the frame contradicts the schema, returns the problems instead,
        with JSON pointers into the frame.

        `label_embeddings` are pairs of a label's position in its frame and the label's embedding.
        """
        problems: list[Problem] = []
        fields = self._new_fields(metadata, problems)
        frame_source = _checked_source(self.frame_embedding, embedding, "frames", ("embedding",), problems)
        label_source = self.label_embedding
        for position, label_embedding in label_embeddings:
            path = ("labels", position, "embedding")
            label_source = _checked_source(label_source, label_embedding, "labels", path, problems)
        return problems or SchemaAdditions(fields, frame_source, label_source)

    def extended(self, additions: SchemaAdditions) -> "Schema":
        """Returns the schema with the additions that `check` returned. If none is new, returns this same instance."""
        fields, frame_embedding, label_embedding = additions
        if not fields and frame_embedding is self.frame_embedding and label_embedding is self.label_embedding:
            return self
        return Schema(
            fields={**self.fields, **fields}, frame_embedding=frame_embedding, label_embedding=label_embedding
        )

    def _new_fields(self, metadata: Mapping[str, MetadataValue], problems: list[Problem]) -> dict[str, FieldType]:
        new: dict[str, FieldType] = {}
        for field, value in metadata.items():
            known = self.fields.get(field)
            actual = type_of(value)
            if known is None:
                if actual is not None:
                    new[field] = actual
            elif actual is known or (actual is None and known in _LIST_TYPES):
                continue
            elif len(problems) < MAX_ROW_ERRORS:  # no more are reported
                problems.append(
                    Problem(
                        "metadata_type",
                        pointer("metadata", field),
                        f"The metadata field '{field}' has the type {known} in this dataset; "
                        f"this value is {actual or 'an empty list'}.",
                    )
                )
        if len(self.fields) + len(new) > MAX_SCHEMA_FIELDS:
            problems.append(
                Problem(
                    "too_many_fields",
                    pointer("metadata"),
                    f"A dataset can have at most {MAX_SCHEMA_FIELDS:,} metadata fields; this one has "
                    f"{len(self.fields):,}, and this frame adds {len(new)}.",
                )
            )
        return new


def type_of(value: MetadataValue) -> FieldType | None:
    """Returns the type of a metadata value; None for an empty list, which fits every list type."""
    if isinstance(value, tuple):
        return _LISTS[type(value[0])] if value else None
    return _SCALARS[type(value)]


def _checked_source(
    known: EmbeddingSource | None,
    embedding: Embedding | None,
    owners: str,
    path: tuple[str | int, ...],
    problems: list[Problem],
) -> EmbeddingSource | None:
    """Returns the known source of embeddings, or else the source of `embedding`. Adds a problem to `problems` if the
    two differ."""
    if embedding is None:
        return known
    if known is None:
        return embedding.source
    if (embedding.model, embedding.dimension) != (known.model, known.dimension):
        problems.append(
            Problem(
                "embedding_source",
                pointer(*path),
                f"Embeddings of {owners} in this dataset come from '{known.model}' with {known.dimension} dimensions; "
                f"this one comes from '{embedding.model}' with {embedding.dimension}.",
            )
        )
    return known
