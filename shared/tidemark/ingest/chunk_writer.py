"""Turns rows into a chunk: validates rows, writes the accepted rows to a pack and cuts them into windows.

The caller stores the chunk and the rows' schema update in one transaction. Until then nothing refers to the pack, so a
chunk that is never stored has no effect and adds no fields to the dataset.
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
"""Most times that the same rows are validated and written while other requests keep extending the dataset's schema."""

Row = tuple[int, Any]
"""A row's number, and its value as parsed JSON."""


class CheckedRows(NamedTuple):
    """The result of validating rows."""

    total: int
    """Number of rows, rejected rows included."""
    accepted: list[AcceptedRow]
    errors: list[RowError]
    schema_update: SchemaUpdate | None = None
    """The schema as the accepted rows extend it, to be stored with the chunk; None if they add no field."""


class WrittenChunk(NamedTuple):
    """A chunk whose pack is written, but which is not stored yet, and the chunk's windows."""

    chunk: Chunk
    windows: list[Window]


def attempts() -> Iterator[bool]:
    """Yields, for each attempt at storing rows, whether to read definitions afresh: False at first, then True.

    The caller stops iterating after an attempt without a SchemaConflict. Raises Unavailable after `MAX_ATTEMPTS`.
    """
    for number in range(MAX_ATTEMPTS):
        yield number > 0
    raise Unavailable("Other requests kept adding metadata fields to the dataset. Send this request again.")


def check(
    backend: Backend, dataset: Dataset, rows: Sequence[Row], *, fresh: bool, repeats: bool = False, staged: str = ""
) -> CheckedRows:
    """Validates rows against the project's class map and the dataset's schema (R1, R3, R4).

    `staged` names an upload whose staged schema is used instead of the dataset's. With `repeats`, several rows may have
    the same frame id. Unless `fresh` is set, the class map and the schema may come from this process's memory. If a row
    then has an unknown class, both are read afresh and the rows are validated again.
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
    """Writes accepted rows, window plans and errors to a pack. Returns the chunk, not stored yet, and its windows.

    `upload` carries the chunk's row counts. This function sets the number of windows.
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
