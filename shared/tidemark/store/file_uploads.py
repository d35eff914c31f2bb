"""Uploads that come in files: their record, their files, and the totals that their parts add up in.

Many invocations work on one upload at a time: intake reads its files side by side, publish settles its parts. None of
them replaces the upload's record; each adds to its totals, in the transaction that records what is added, so that
nothing is added twice. Only publish finishes an upload: its messages of one dataset come one after another.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from tidemark.domain.datasets import Mode
from tidemark.domain.row_files import START, Cursor
from tidemark.domain.uploads import FileStatus, Upload, UploadFile, UploadStatus
from tidemark.store import catalog, parts, table, uploads
from tidemark.store.backend import Backend
from tidemark.store.catalog import SchemaGrowth
from tidemark.store.multipart import Multipart
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
    retrying: bool = False
    """Whether windows of it that were given up are being sent again."""
    released: bool = False
    """Of an upload of a BATCH dataset, whether it fills the dataset: nothing of it is sent before."""
    refused: str | None = None
    """Of an upload of a BATCH dataset, why nothing of it is taken."""

    @property
    def is_read(self) -> bool:
        """Whether every file is read."""
        return self.upload.files_read == self.upload.files

    @property
    def is_decided(self) -> bool:
        """Whether its windows may be sent, or never will be."""
        return self.upload.mode is not Mode.BATCH or self.released or self.refused is not None

    @property
    def may_send(self) -> bool:
        """Whether its windows may be sent."""
        return self.is_decided and self.refused is None

    @property
    def is_complete(self) -> bool:
        """Whether every file is read and every window decided, and nobody has said so yet."""
        if self.upload.status is not UploadStatus.PENDING or self.retrying or not self.is_decided:
            return False
        return self.is_read and (self.refused is not None or self.parts_settled == self.parts)


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file of an upload, and how far it was read."""

    uid: str
    upload: str
    number: int
    source: Object
    """The object that holds it."""
    file: UploadFile
    multipart: Multipart | None = None
    """How it is put, if in parts."""
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
    now = backend.clock()
    changes = {"status": UploadStatus.PENDING, "accepted_at": now, "pending_since": now}
    begun = replace(upload, upload=upload.upload.model_copy(update=changes))
    writes: list[Any] = [{"Put": _put(backend, _upload_item(begun)) | _waiting(upload.uid)}]
    writes += [{"Put": _put(backend, _file_item(file))} for file in files]
    try:
        table.transact(backend, writes)
    except table.TransactionRefused:
        return False
    return True


def advance(
    backend: Backend,
    before: StoredFile,
    after: StoredFile,
    part: Part | None,
    growth: SchemaGrowth | None = None,
    draft: str = "",
) -> None:
    """Record that a file was read further, the part that was made of it, and what its rows teach the dataset, or the
    upload named `draft`.

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
    catalog.teach(backend, before.uid, writes, growth, draft)


def release(backend: Backend, upload: FileUpload, learned: SchemaGrowth | None) -> FileUpload:
    """Let an upload fill its BATCH dataset, which learns what it taught. Raises TransactionRefused where another upload
    does, or where it was decided before."""
    decided = _deciding(backend, upload, "released", {"BOOL": True})
    writes: list[Any] = [{"Update": catalog.fill(backend, upload.uid, upload.upload.id)}, {"Update": decided}]
    catalog.teach(backend, upload.uid, writes, learned)
    return replace(upload, released=True)


def refuse(backend: Backend, upload: FileUpload, reason: str) -> FileUpload:
    """Take nothing of an upload of a BATCH dataset. Raises TransactionRefused where it was decided before."""
    table.transact(backend, [{"Update": _deciding(backend, upload, "refused", {"S": reason})}])
    return replace(upload, refused=reason)


def expire(backend: Backend, waiting: FileUpload, reason: str) -> None:
    """Let an upload fail that was never completed; nothing happens where it begins at this moment."""
    changes = {"status": UploadStatus.FAILED, "reason": reason, "settled_at": backend.clock()}
    failed = replace(waiting, upload=waiting.upload.model_copy(update=changes))
    with suppress(table.TransactionRefused):
        table.put_if(backend, _put(backend, _upload_item(failed)) | _waiting(waiting.uid))


def _deciding(backend: Backend, upload: FileUpload, verdict: str, value: Any) -> Any:
    return {
        "TableName": backend.table,
        "Key": uploads.key(upload.uid, upload.upload.id).attributes(),
        "UpdateExpression": "SET #verdict = :value",
        "ConditionExpression": "attribute_not_exists(released) AND attribute_not_exists(refused)",
        "ExpressionAttributeNames": {"#verdict": verdict},
        "ExpressionAttributeValues": {":value": value},
    }


def _waiting(uid: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "begins_with(unsettled_order, :waiting)",
        "ExpressionAttributeValues": {":waiting": {"S": uploads.unsettled_order(uid, UploadStatus.WAITING)}},
    }


def settle_part(backend: Backend, part: Part) -> None:
    """Record that all windows of a part are decided. Raises TransactionRefused when the part has changed meanwhile."""
    update = _adding(
        backend, part.uid, part.upload.id, part.counts.since(part.counted) | {"parts_settled": 1}, deletes=False
    )
    counted = replace(part, counted=part.counts)
    table.transact(backend, [{"Put": parts.replacement(backend, counted)}, {"Update": update}])


def finish(backend: Backend, settled: FileUpload) -> Any:
    """The write that finishes an upload, on condition that nobody has, since its last retry."""
    return _put(backend, _upload_item(settled)) | {
        "ConditionExpression": "attribute_not_exists(settled_at) AND retries = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(settled.upload.retries)}},
    }


def begin_retry(backend: Backend, settled: FileUpload, begun: FileUpload) -> None:
    """Let an upload that has settled begin anew. Raises TransactionRefused if it has begun already."""
    condition = {
        "ConditionExpression": "attribute_exists(settled_at) AND retries = :seen",
        "ExpressionAttributeValues": {":seen": {"N": str(settled.upload.retries)}},
    }
    table.put_if(backend, _put(backend, _upload_item(begun)) | condition)


def reopen_part(backend: Backend, upload: FileUpload, before: Part, after: Part) -> None:
    """Record that windows of a part that has settled are to be decided once more.

    Raises TransactionRefused when the part has changed meanwhile, or the retry is over.
    """
    added = after.counts.since(before.counts) | {"parts_settled": -1}
    update = _adding(backend, after.uid, after.upload.id, added, deletes=after.deletes)
    update["ConditionExpression"] = RETRYING
    update["ExpressionAttributeValues"] |= _this_retry(upload)
    counted = replace(after, counted=after.counts)
    table.transact(backend, [{"Put": parts.replacement(backend, counted)}, {"Update": update}])


def end_retry(backend: Backend, upload: FileUpload) -> None:
    """Record that all that is to be sent again has been; nothing happens where it is on record."""
    with suppress(backend.dynamodb.exceptions.ConditionalCheckFailedException):
        backend.dynamodb.update_item(
            TableName=backend.table,
            Key=uploads.key(upload.uid, upload.upload.id).attributes(),
            UpdateExpression="REMOVE retrying",
            ConditionExpression=RETRYING,
            ExpressionAttributeValues=_this_retry(upload),
        )


RETRYING = "attribute_exists(retrying) AND retries = :retry"


def _this_retry(upload: FileUpload) -> dict[str, Any]:
    return {":retry": {"N": str(upload.upload.retries)}}


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
    attributes |= {
        "upload": upload.model_dump_json(),
        "parts": record.parts,
        "parts_settled": record.parts_settled,
        "retrying": record.retrying or None,
        "released": record.released or None,
        "refused": record.refused,
        "settled_at": upload.settled_at.isoformat() if upload.settled_at else None,
    }
    return table.put(uploads.key(record.uid, upload.id), attributes)


def _upload(uid: str, item: Item) -> FileUpload:
    return FileUpload(
        uid=uid,
        upload=uploads.read(item),
        parts=int(item["parts"]),
        parts_settled=int(item["parts_settled"]),
        retrying=bool(item.get("retrying")),
        released=bool(item.get("released")),
        refused=item.get("refused"),
    )


def _file_key(uid: str, upload_id: str, number: int) -> Key:
    return Key(dataset_pk(uid), f"I#{upload_id}#{number:0{FILE_DIGITS}d}")


def _file_item(file: StoredFile) -> dict[str, Any]:
    attributes = {
        "file": file.file.model_dump_json(),
        "source": json.dumps([file.source.key, file.source.version]),
        "cursor": json.dumps(file.cursor),
        "parts": file.parts,
        "told": file.told,
        "revision": file.revision,
    }
    if file.multipart is not None:
        attributes["multipart"] = json.dumps(asdict(file.multipart))
    return table.put(_file_key(file.uid, file.upload, file.number), attributes)


def _file(uid: str, item: Item) -> StoredFile:
    _, upload_id, number = item["SK"].split("#")
    return StoredFile(
        uid=uid,
        upload=upload_id,
        number=int(number),
        source=_object(item["source"]),
        multipart=Multipart(**json.loads(item["multipart"])) if "multipart" in item else None,
        cursor=Cursor(*json.loads(item["cursor"])),
        file=UploadFile.model_validate_json(item["file"]),
        parts=int(item["parts"]),
        told=int(item["told"]),
        revision=int(item["revision"]),
    )


def _object(text: str) -> Object:
    key, version = json.loads(text)
    return Object(key=key, version=version)
