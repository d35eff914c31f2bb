"""Records of an upload's files, each with the progress of reading the file."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from tidemark.aws import table, writes
from tidemark.aws.backend import Backend
from tidemark.aws.bucket import Object
from tidemark.aws.keys import Item, Key, dataset_pk
from tidemark.aws.multipart import Multipart
from tidemark.aws.writes import Write
from tidemark.domain.rows.json_lines import START, Cursor
from tidemark.domain.uploads import FileStatus, UploadFile
from tidemark.domain.windows import SOURCE_DIGITS, chunk_name


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file of an upload, and how far it has been read."""

    uid: str
    """The dataset's uid."""
    upload: str
    number: int
    source: Object
    """The S3 object that holds the file."""
    file: UploadFile
    multipart: Multipart | None = None
    """The multipart upload by which the user sends the file; None if the file is not sent in parts."""
    cursor: Cursor = START
    """The position in the file where reading resumes."""
    chunks: int = 0
    """Number of chunks made of the file so far."""
    labels: int = 0
    """Number of labels in the file's accepted rows so far."""
    windows: int = 0
    """Number of windows that the file's chunks have been cut into so far."""
    listed_errors: int = 0
    """Number of stored errors of the file's rows. Errors beyond a limit are only counted."""
    paused_until: datetime | None = None
    """Until when reading is paused. Tasks that arrive earlier do nothing, because a delayed task resumes the file
    later."""
    revision: int = 1

    @property
    def is_read(self) -> bool:
        """Whether the file has been read to its end."""
        return self.file.status is FileStatus.READ

    def with_source(self, source: Object) -> "FileRecord":
        """Returns the file with `source`, the S3 object version that will be read."""
        return replace(self, source=source)

    def chunk_name(self, number: int) -> str:
        """Returns the name of the file's chunk with this number."""
        return chunk_name(self.number, number)


def find(backend: Backend, uid: str, upload_id: str, number: int) -> FileRecord | None:
    """Reads a file of an upload consistently. None if the file does not exist."""
    item = table.get(backend, _file_key(uid, upload_id, number))
    return _file(uid, item) if item else None


def of_upload(backend: Backend, uid: str, upload_id: str) -> list[FileRecord]:
    """Reads all files of an upload consistently, sorted by number."""
    prefix = f"I#{upload_id}#"
    return [_file(uid, item) for item in table.query_all(backend, dataset_pk(uid), prefix, f"{prefix}~")]


def put(backend: Backend, file: FileRecord) -> Write:
    """Returns the write that stores a file's record, replacing any earlier state."""
    return writes.put(backend, _file_key(file.uid, file.upload, file.number), _file_item(file))


def replacement(backend: Backend, before: FileRecord, after: FileRecord) -> Write:
    """Returns the write that replaces a file's record, on condition that the record is still `before`."""
    key = _file_key(after.uid, after.upload, after.number)
    return writes.revised(backend, key, _file_item(after), before.revision)


def update(backend: Backend, before: FileRecord, after: FileRecord) -> None:
    """Replaces a file's record. Raises ConditionFailed if the record is no longer `before`."""
    table.write(backend, replacement(backend, before, after))


def _file_key(uid: str, upload_id: str, number: int) -> Key:
    return Key(dataset_pk(uid), f"I#{upload_id}#{number:0{SOURCE_DIGITS}d}")


def _file_item(file: FileRecord) -> dict[str, Any]:
    attributes = {
        "file": file.file.model_dump_json(),
        "source": json.dumps([file.source.key, file.source.version]),
        "cursor": json.dumps(file.cursor),
        "parts": file.chunks,
        "labels": file.labels,
        "windows": file.windows,
        "told": file.listed_errors,
        "revision": file.revision,
        "waits_until": file.paused_until.isoformat() if file.paused_until else None,
    }
    if file.multipart is not None:
        attributes["multipart"] = json.dumps(asdict(file.multipart))
    return attributes


def _file(uid: str, item: Item) -> FileRecord:
    _, upload_id, number = item["SK"].split("#")
    return FileRecord(
        uid=uid,
        upload=upload_id,
        number=int(number),
        source=_object(item["source"]),
        multipart=Multipart(**json.loads(item["multipart"])) if "multipart" in item else None,
        cursor=Cursor(*json.loads(item["cursor"])),
        file=UploadFile.model_validate_json(item["file"]),
        chunks=int(item["parts"]),
        labels=int(item.get("labels", 0)),
        windows=int(item.get("windows", 0)),
        listed_errors=int(item["told"]),
        revision=int(item["revision"]),
        paused_until=datetime.fromisoformat(item["waits_until"]) if "waits_until" in item else None,
    )


def _object(text: str) -> Object:
    key, version = json.loads(text)
    return Object(key=key, version=version)
