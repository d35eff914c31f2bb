"""Stores the status of exports in the table: one record for each checkpoint and format."""

from collections.abc import Callable

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.keys import Key, dataset_pk
from tidemark.domain.exports import Export, ExportFormat


def find(backend: Backend, uid: str, checkpoint: str, form: ExportFormat) -> Export | None:
    """Reads an export's record consistently; None if there is none."""
    item = table.get(backend, _key(uid, checkpoint, form))
    return Export.model_validate_json(item["export"]) if item else None


def find_all(backend: Backend, uid: str, checkpoint: str) -> list[Export]:
    """Returns all exports of a checkpoint, in the order of `ExportFormat`. Makes one request."""
    keys = [_key(uid, checkpoint, form) for form in ExportFormat]
    items = table.get_many(backend, keys)
    return [Export.model_validate_json(items[key]["export"]) for key in keys if key in items]


def edit(
    backend: Backend, uid: str, checkpoint: str, form: ExportFormat, change: Callable[[Export | None], Export]
) -> Export:
    """Replaces an export's record by compare-and-set, and returns the new export.

    `change` receives the current export, or None if there is no record, and returns the new one. It is called again if
    another writer was faster. Raises what `change` raises, and Unavailable.
    """
    return table.edit(backend, _key(uid, checkpoint, form), "export", Export, change)


def edit_existing(
    backend: Backend, uid: str, checkpoint: str, form: ExportFormat, change: Callable[[Export], Export]
) -> Export:
    """Replaces an export's record like `edit`. Raises LookupError if there is no record."""

    def change_existing(before: Export | None) -> Export:
        if before is None:
            raise LookupError(f"checkpoint {checkpoint!r} of {uid} has no record of an export as {form.value}")
        return change(before)

    return edit(backend, uid, checkpoint, form, change_existing)


def _key(uid: str, checkpoint: str, form: ExportFormat) -> Key:
    return Key(dataset_pk(uid), f"E#{checkpoint}#{form}")
