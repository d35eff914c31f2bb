"""Uploads that come in files: their record, their files, and the totals that their parts add up in.

Many invocations work on one upload at a time: intake reads its files side by side, publish settles its parts. None of
them replaces the upload's record; each adds to its totals, in the transaction that records what is added, so that
nothing is added twice. Only publish finishes an upload: its messages of one dataset come one after another.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidemark.domain.row_files import START, Cursor
from tidemark.domain.uploads import FileStatus, Upload, UploadFile, UploadStatus
from tidemark.store import catalog, parts, table, uploads
from tidemark.store.backend import Backend
from tidemark.store.catalog import SchemaGrowth
from tidemark.store.objects import Object
from tidemark.store.parts import Part
from tidemark.store.table import Item, Key, dataset_pk

FILE_DIGITS, PART_DIGITS = 4, 8


@dataclass(frozen=True, kw_only=True)
class FileUpload:
    """An upload that comes in files, as it stands."""

    uid: str
    upload: Upload
    parts: int = 0
    parts_settled: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every file is read and every window decided, and nobody has said so yet."""
        read = self.upload.files_read == self.upload.files
        return self.upload.status is UploadStatus.PENDING and read and self.parts_settled == self.parts


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file of an upload, and how far it was read."""

    uid: str
    upload: str
    number: int
    source: Object
    """The object that holds it."""
    file: UploadFile
    cursor: Cursor = START
    """Where reading goes on."""
    parts: int = 0
    """Parts that were made of it."""
    told: int = 0
    """Errors of its rows that were kept; there is a limit to them."""
    revision: int = 1

    @property
    def is_read(self) -> bool:
        """Whether there is no more to be read of it."""
        return self.file.status is FileStatus.READ

    def at(self, source: Object) -> "StoredFile":
        """The file in the state in which its object is."""
        return replace(self, source=source)

    def part_name(self, number: int) -> str:
        """The name of a part of it."""
        return f"{self.number:0{FILE_DIGITS}d}-{number:0{PART_DIGITS}d}"


def file_of(part_name: str) -> int:
    """The number of the file that a part was made of."""
    return int(part_name[:FILE_DIGITS])


def create(backend: Backend, upload: FileUpload, files: Sequence[StoredFile]) -> bool:
    """Write a new upload and its files; False if the upload exists already."""
    writes: list[Any] = [
        {"Put": _put(backend, _upload_item(upload)) | {"ConditionExpression": "attribute_not_exists(PK)"}}
    ]
    writes += [{"Put": _put(backend, _file_item(file))} for file in files]
    try:
        table.transact(backend, writes)
    except table.TransactionRefused:
        return False
    return True


def find(backend: Backend, uid: str, upload_id: str) -> FileUpload | None:
    """An upload that comes in files, read consistently, or None."""
    item = table.get(backend, uploads.key(uid, upload_id))
    return _upload(uid, item) if item and "parts" in item else None


def find_file(backend: Backend, uid: str, upload_id: str, number: int) -> StoredFile | None:
    """A file of an upload, read consistently, or None."""
    item = table.get(backend, _file_key(uid, upload_id, number))
    return _file(uid, item) if item else None


def files(backend: Backend, uid: str, upload_id: str) -> list[StoredFile]:
    """All files of an upload, in their order."""
    prefix = f"I#{upload_id}#"
    items, _ = table.query(backend, dataset_pk(uid), prefix, f"{prefix}~")
    return [_file(uid, item) for item in items]


def start(backend: Backend, upload: FileUpload, files: Sequence[StoredFile]) -> bool:
    """Let a waiting upload begin, with its files as they are now; False if it has begun already."""
    begun = replace(upload, upload=upload.upload.model_copy(update={"status": UploadStatus.PENDING}))
    waiting = {
        "ConditionExpression": "begins_with(unsettled_order, :waiting)",
        "ExpressionAttributeValues": {":waiting": {"S": uploads.unsettled_order(upload.uid, UploadStatus.WAITING)}},
    }
    writes: list[Any] = [{"Put": _put(backend, _upload_item(begun)) | waiting}]
    writes += [{"Put": _put(backend, _file_item(file))} for file in files]
    try:
        table.transact(backend, writes)
    except table.TransactionRefused:
        return False
    return True


def advance(
    backend: Backend, before: StoredFile, after: StoredFile, part: Part | None, growth: SchemaGrowth | None = None
) -> None:
    """Record that a file was read further, the part that was made of it, and what its rows teach the dataset.

    Raises TransactionRefused where another invocation has read on from `before`, else SchemaMoved.
    """
    writes: list[Any] = [
        {
            "Put": _put(backend, _file_item(replace(after, revision=before.revision + 1)))
            | {
                "ConditionExpression": "revision = :seen",
                "ExpressionAttributeValues": {":seen": {"N": str(before.revision)}},
            }
        }
    ]
    added: dict[str, int] = {}
    if part is not None:
        item = {"TableName": backend.table, "Item": parts.new_item(part)}
        writes.append({"Put": item | {"ConditionExpression": "attribute_not_exists(PK)"}})
        counts = part.upload
        added = {"rows": counts.rows, "rejected": counts.rejected, "labels": counts.labels, "windows": counts.windows}
        added |= {"parts": 1, "parts_settled": 0 if counts.windows else 1}
    if after.is_read:
        added["files_read"] = 1
    if added:
        deletes = part is not None and part.deletes
        writes.append({"Update": _adding(backend, before.uid, before.upload, added, deletes=deletes)})
    catalog.teach(backend, before.uid, writes, growth)


def settle_part(backend: Backend, part: Part) -> None:
    """Record that all windows of a part are decided. Raises TransactionRefused when the part has changed meanwhile."""
    counts = part.upload
    added = {
        "applied": counts.applied,
        "dropped": counts.dropped,
        "failed": counts.failed,
        "windows_settled": counts.windows_settled,
        "parts_settled": 1,
    }
    update = _adding(backend, part.uid, part.upload.id, added, deletes=False)
    table.transact(backend, [{"Put": parts.replacement(backend, part)}, {"Update": update}])


def finish(backend: Backend, settled: FileUpload) -> Any:
    """The write that finishes an upload, on condition that nobody has."""
    at = settled.upload.settled_at
    if at is None:
        raise ValueError(f"upload {settled.upload.id} has not settled")
    return _put(backend, _upload_item(settled) | {"settled_at": {"S": at.isoformat()}}) | {
        "ConditionExpression": "attribute_not_exists(settled_at)"
    }


def _adding(backend: Backend, uid: str, upload_id: str, added: dict[str, int], *, deletes: bool) -> Any:
    values = {f":{name}": {"N": str(number)} for name, number in added.items()}
    expression = "ADD " + ", ".join(f"#{name} :{name}" for name in added)
    if deletes:
        expression += " SET deletes = :true"
        values[":true"] = {"BOOL": True}  # type: ignore[dict-item]
    return {
        "TableName": backend.table,
        "Key": uploads.key(uid, upload_id).attributes(),
        "UpdateExpression": expression,
        "ConditionExpression": "attribute_exists(PK)",
        "ExpressionAttributeNames": {f"#{name}": name for name in added},
        "ExpressionAttributeValues": values,
    }


def _put(backend: Backend, item: dict[str, Any]) -> dict[str, Any]:
    return {"TableName": backend.table, "Item": item}


def _upload_item(record: FileUpload) -> dict[str, Any]:
    upload = record.upload
    totals = {name: getattr(upload, name) for name in uploads.TOTALS}
    attributes = uploads.indexed(record.uid, upload, deletes=False) | totals
    attributes |= {"upload": upload.model_dump_json(), "parts": record.parts, "parts_settled": record.parts_settled}
    return table.put(uploads.key(record.uid, upload.id), attributes)


def _upload(uid: str, item: Item) -> FileUpload:
    return FileUpload(
        uid=uid, upload=uploads.read(item), parts=int(item["parts"]), parts_settled=int(item["parts_settled"])
    )


def _file_key(uid: str, upload_id: str, number: int) -> Key:
    return Key(dataset_pk(uid), f"I#{upload_id}#{number:0{FILE_DIGITS}d}")


def _file_item(file: StoredFile) -> dict[str, Any]:
    return table.put(
        _file_key(file.uid, file.upload, file.number),
        {
            "file": file.file.model_dump_json(),
            "source": json.dumps([file.source.key, file.source.version]),
            "cursor": json.dumps(file.cursor),
            "parts": file.parts,
            "told": file.told,
            "revision": file.revision,
        },
    )


def _file(uid: str, item: Item) -> StoredFile:
    _, upload_id, number = item["SK"].split("#")
    return StoredFile(
        uid=uid,
        upload=upload_id,
        number=int(number),
        source=_object(item["source"]),
        cursor=Cursor(*json.loads(item["cursor"])),
        file=UploadFile.model_validate_json(item["file"]),
        parts=int(item["parts"]),
        told=int(item["told"]),
        revision=int(item["revision"]),
    )


def _object(text: str) -> Object:
    key, version = json.loads(text)
    return Object(key=key, version=version)
