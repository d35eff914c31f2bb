"""The metadata schema of a dataset: the type of each field and the sources of embeddings, and how it grows (R3, R4).

The first value of a field fixes its type for all versions to come. Whole and real numbers are one type. An empty list
is a list of any type: it fits every list field and fixes none. Metadata of sensors and attributes of labels are free.
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


class Growth(NamedTuple):
    """What a frame adds to a schema: fields seen for the first time, and the first embedding's source."""

    fields: dict[str, FieldType]
    frame_embedding: EmbeddingSource | None
    label_embedding: EmbeddingSource | None


class Schema(BaseModel):
    """What is known of a dataset's metadata. It only grows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[Name, FieldType] = {}
    frame_embedding: EmbeddingSource | None = None
    label_embedding: EmbeddingSource | None = None

    def check(
        self,
        metadata: Mapping[str, MetadataValue],
        embedding: Embedding | None = None,
        label_embeddings: Iterable[tuple[int, Embedding]] = (),
    ) -> Growth | list[Problem]:
        """What a frame with this metadata adds, or what in it contradicts the schema; pointers are into the frame.

        `label_embeddings` are pairs of a label's position in its frame and its embedding.
        """
        problems: list[Problem] = []
        fields = self._new_fields(metadata, problems)
        frame_source = _agreed(self.frame_embedding, embedding, "frames", ("embedding",), problems)
        label_source = self.label_embedding
        for position, given in label_embeddings:
            label_source = _agreed(label_source, given, "labels", ("labels", position, "embedding"), problems)
        return problems or Growth(fields, frame_source, label_source)

    def grow(self, growth: Growth) -> "Schema":
        """This schema with what `check` found new."""
        fields, frame_embedding, label_embedding = growth
        if not fields and frame_embedding is self.frame_embedding and label_embedding is self.label_embedding:
            return self
        return Schema(
            fields={**self.fields, **fields}, frame_embedding=frame_embedding, label_embedding=label_embedding
        )

    def _new_fields(self, metadata: Mapping[str, MetadataValue], problems: list[Problem]) -> dict[str, FieldType]:
        new: dict[str, FieldType] = {}
        for field, value in metadata.items():
            known = self.fields.get(field)
            seen = type_of(value)
            if known is None:
                if seen is not None:
                    new[field] = seen
            elif seen is known or (seen is None and known in _LIST_TYPES):
                continue
            elif len(problems) < MAX_ROW_ERRORS:  # no more are told
                problems.append(
                    Problem(
                        "metadata_type",
                        pointer("metadata", field),
                        f"Metadata field '{field}' is {known} in this dataset; "
                        f"this value is {seen or 'an empty list'}.",
                    )
                )
        if len(self.fields) + len(new) > MAX_SCHEMA_FIELDS:
            problems.append(
                Problem(
                    "too_many_fields",
                    pointer("metadata"),
                    f"A dataset has at most {MAX_SCHEMA_FIELDS} metadata fields; it has {len(self.fields)} "
                    f"and this frame adds {len(new)}.",
                )
            )
        return new


def type_of(value: MetadataValue) -> FieldType | None:
    """The type of a metadata value; None for an empty list, which fits every list type."""
    if isinstance(value, tuple):
        return _LISTS[type(value[0])] if value else None
    return _SCALARS[type(value)]


def _agreed(
    known: EmbeddingSource | None,
    given: Embedding | None,
    whose: str,
    at: tuple[str | int, ...],
    problems: list[Problem],
) -> EmbeddingSource | None:
    """The one source of embeddings, known or just seen; a second source is a problem."""
    if given is None:
        return known
    if known is None:
        return given.source
    if (given.model, given.dimension) != (known.model, known.dimension):
        problems.append(
            Problem(
                "embedding_source",
                pointer(*at),
                f"Embeddings of {whose} in this dataset come from '{known.model}' with {known.dimension} numbers; "
                f"this one comes from '{given.model}' with {given.dimension}.",
            )
        )
    return known
