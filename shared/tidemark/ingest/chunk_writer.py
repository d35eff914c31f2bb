"""Turns rows into a chunk: validates them, writes the accepted ones to a pack and cuts them into windows.

Nothing refers to the pack until the caller records the chunk; before that, nothing has happened. The schema update of
the rows is recorded with the chunk in one transaction, so a chunk that is not recorded adds no fields to the dataset.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from tidemark.aws.backend import Backend
from tidemark.catalog import project_records, schema_records
from tidemark.catalog.schema_records import SchemaUpdate
from tidemark.domain.canonical import digest
from tidemark.domain.datasets import Dataset, Mode
from tidemark.domain.errors import RowError, Unavailable
from tidemark.domain.frames.operations import Op
from tidemark.domain.rows.validation import AcceptedRow, RowValidator
from tidemark.domain.uploads import Upload
from tidemark.domain.windows import Window, WindowPlan, WindowRow, cut
from tidemark.shards.packs import PackWriter
from tidemark.uploads import chunks
from tidemark.uploads.chunks import Chunk

MAX_ATTEMPTS = 8
"""Most attempts at the same rows while other requests keep adding fields to the dataset's schema."""

Row = tuple[int, Any]
"""A row's number, and its value as parsed JSON."""


class CheckedRows(NamedTuple):
    """The result of validating rows."""

    total: int
    """Number of rows."""
    accepted: list[AcceptedRow]
    errors: list[RowError]
    schema_update: SchemaUpdate | None = None
    """The fields that accepted rows add to the schema, to be recorded with the chunk."""


class WrittenChunk(NamedTuple):
    """A chunk whose pack is written, and its windows."""

    chunk: Chunk
    windows: list[Window]


def attempts() -> Iterator[bool]:
    """Yields once for each attempt at rows. The caller stops at the first attempt without a SchemaConflict.

    The value is whether to read definitions afresh: True for all attempts but the first. Raises Unavailable after
    `MAX_ATTEMPTS`.
    """
    for number in range(MAX_ATTEMPTS):
        yield number > 0
    raise Unavailable("Other requests kept adding metadata fields to the dataset. Send this request again.")


def check(
    backend: Backend, dataset: Dataset, rows: Sequence[Row], *, fresh: bool, repeats: bool = False, staged: str = ""
) -> CheckedRows:
    """Validates rows against the class map and the schema (R1, R3, R4).

    These may be remembered, unless `fresh` is set or a class is unknown. `staged` names the upload whose staged schema
    is used; without it, the dataset's schema is. With `repeats`, rows may repeat a frame id.
    """
    class_map, _revision = project_records.class_map(backend, dataset.project, fresh=fresh)
    schema, revision = schema_records.schema(backend, dataset.uid, staged=staged, fresh=fresh)
    validator = RowValidator(class_map, schema, repeats=repeats, adds_only=dataset.mode is Mode.BATCH)
    checked = _validate(rows, validator)
    if not fresh and any(error.code == "unknown_class" for error in checked.errors):
        return check(backend, dataset, rows, fresh=True, repeats=repeats, staged=staged)
    if validator.schema == schema:
        return checked
    return checked._replace(schema_update=SchemaUpdate(validator.schema, revision))


def write(
    backend: Backend,
    dataset: Dataset,
    checked: CheckedRows,
    upload: Upload,
    *,
    name: str = "",
    body_digest: str = "",
) -> WrittenChunk:
    """Writes accepted rows, the plans of their windows and the errors to a pack. Returns the chunk and its windows.

    `upload` holds the counts of the chunk's rows; the number of windows is set here.
    """
    pack = PackWriter(dataset.uid)
    plans = [
        WindowPlan(number=number, shard=shard, rows=[_window_row(pack, row) for row in rows])
        for number, (shard, rows) in enumerate(cut(checked.accepted, dataset.shards))
    ]
    errors = pack.add(to_json(checked.errors)) if checked.errors else None
    index = pack.add(to_json(plans))
    pack.write(backend)
    chunk = Chunk(
        uid=dataset.uid,
        upload=upload.model_copy(update={"windows": len(plans)}),
        name=name,
        body_digest=body_digest,
        pack=pack.name,
        index=index,
        errors=errors,
        deletes=any(row.op is Op.DELETE for row in checked.accepted),
    )
    return WrittenChunk(chunk, [chunks.window(chunk, plan) for plan in plans])


def _validate(rows: Sequence[Row], validator: RowValidator) -> CheckedRows:
    accepted: list[AcceptedRow] = []
    errors: list[RowError] = []
    for number, value in rows:
        outcome = validator.check(number, value)
        if isinstance(outcome, list):
            errors.extend(outcome)
        else:
            accepted.append(outcome)
    return CheckedRows(len(rows), accepted, errors)


def _window_row(pack: PackWriter, row: AcceptedRow) -> WindowRow:
    offset = length = 0
    if row.op is not Op.DELETE:
        offset, length = pack.add(row.payload)
    return WindowRow(row.row, row.op, row.frame_id, offset, length, digest(row.payload), row.labels, row.classes)
