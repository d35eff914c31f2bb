"""From rows to a chunk: rows are validated, and those that are good written to a pack and cut into windows.

Nothing refers to the pack until the chunk is recorded, which is the caller's to do; before that, nothing has happened.
What the rows teach the dataset is recorded with the chunk, in one transaction: a chunk that another one forestalled has
taught nothing.
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
from tidemark.domain.frames.mutations import Op
from tidemark.domain.rows.validation import AcceptedRow, RowValidator
from tidemark.domain.uploads import Upload
from tidemark.domain.windows import Window, WindowPlan, WindowRow, cut
from tidemark.shards.packs import PackWriter
from tidemark.uploads import chunks
from tidemark.uploads.chunks import Chunk

MAX_ATTEMPTS = 8
"""Attempts at the same rows while other requests keep extending the dataset's schema."""

Row = tuple[int, Any]
"""A row's number and its value, any parsed JSON."""


class CheckedRows(NamedTuple):
    """Rows after validation."""

    total: int
    accepted: list[AcceptedRow]
    errors: list[RowError]
    schema_update: SchemaUpdate | None = None
    """What the accepted rows teach the dataset, to be recorded with the chunk."""


class WrittenChunk(NamedTuple):
    """A chunk that is written to a pack, and its windows."""

    chunk: Chunk
    windows: list[Window]


def attempts() -> Iterator[bool]:
    """Yields once per attempt at rows, to be ended by the first that meets no SchemaConflict.

    Each item says whether to read definitions afresh, which all attempts but the first do. Raises Unavailable after
    `MAX_ATTEMPTS`.
    """
    for number in range(MAX_ATTEMPTS):
        yield number > 0
    raise Unavailable("Other requests kept adding metadata fields to the dataset; send this one again.")


def check(
    backend: Backend, dataset: Dataset, rows: Sequence[Row], *, fresh: bool, repeats: bool = False, staged: str = ""
) -> CheckedRows:
    """Validate rows against class map and schema (R1, R3, R4), remembered ones unless they are to be `fresh`.

    `staged` is the upload whose own schema it is, where it has one.
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
    """Writes accepted rows, their windows and the errors to a pack, and returns the chunk that they make.

    `upload` has the counts of the chunk's rows; the number of its windows is set here.
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
