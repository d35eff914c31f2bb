"""Reads and writes the S3 objects of checkpoints: manifests, statistics and exports.

An S3 key is derived from what the object holds, so that a repeated step overwrites the same object.
"""

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, TypeVar

from pydantic import BaseModel

from tidemark.aws import bucket
from tidemark.aws.backend import Backend
from tidemark.checkpoints.model import CheckpointWork, Manifest, WrittenFiles
from tidemark.domain.exports import ExportFormat
from tidemark.domain.statistics import Statistics

M = TypeVar("M", bound=BaseModel)

JSON_TYPE = "application/json"
PARQUET_TYPE = ExportFormat.PARQUET.media_type
MAX_SPOOLED_BYTES = 32 * 1024 * 1024
"""Most bytes of a temporary file in memory. A larger file is on the function's disk until it is uploaded."""


def write_manifest(backend: Backend, work: CheckpointWork, manifest: Manifest, statistics: Statistics) -> None:
    """Writes a checkpoint's manifest and statistics."""
    write_model(backend, _manifest_key(work.uid, work.checkpoint), manifest)
    write_model(backend, _statistics_key(work.uid, work.checkpoint), statistics)


def manifest(backend: Backend, work: CheckpointWork) -> Manifest:
    """Reads a checkpoint's manifest. The manifest must be ready."""
    return read_model(backend, _manifest_key(work.uid, work.checkpoint), Manifest)


def statistics(backend: Backend, uid: str, checkpoint: str) -> Statistics:
    """Reads a checkpoint's statistics. The manifest must be ready."""
    return read_model(backend, _statistics_key(uid, checkpoint), Statistics)


def write_file_list(backend: Backend, work: CheckpointWork, form: ExportFormat, files: WrittenFiles) -> None:
    """Writes the list of an export's files."""
    write_model(backend, _file_list_key(work.uid, work.checkpoint, form), files)


def file_list(backend: Backend, uid: str, checkpoint: str, form: ExportFormat) -> WrittenFiles:
    """Reads the list of an export's files. The export must be ready."""
    return read_model(backend, _file_list_key(uid, checkpoint, form), WrittenFiles)


def delete_all(backend: Backend, uid: str, has_time: Callable[[], bool]) -> bool:
    """Deletes the S3 objects of all checkpoints and exports of a dataset, while `has_time` returns True.

    Returns whether all are deleted. Raises NotDeleted.
    """
    return all(bucket.delete_under(backend, f"{kind}/{uid}/", has_time) for kind in ("checkpoints", "exports"))


def spooled_file() -> SpooledTemporaryFile[bytes]:
    """Returns an empty temporary file, which is in memory up to `MAX_SPOOLED_BYTES`."""
    return SpooledTemporaryFile(MAX_SPOOLED_BYTES)


def write_file(backend: Backend, key: str, body: IO[bytes], media_type: str) -> None:
    """Writes a complete file to an S3 key. Browsers save a download under the last segment of the key."""
    body.seek(0)
    bucket.put(backend, key, body, media_type=media_type, file_name=key.rsplit("/", 1)[1])


def write_model(backend: Backend, key: str, model: BaseModel) -> None:
    """Writes a model to an S3 key, as JSON."""
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=model.model_dump_json().encode(), ContentType=JSON_TYPE)


def read_model(backend: Backend, key: str, model: type[M]) -> M:
    """Reads a model that `write_model` wrote to an S3 key."""
    return model.model_validate_json(bucket.read(backend, key))


def page_name(shard: int, page: int) -> str:
    """Returns the name of a page. Sorted as text, page names are in order of shard, then of page number."""
    return f"{shard:02d}-{page:06d}"


def manifest_page_key(work: CheckpointWork, shard: int, page: int) -> str:
    """Returns the S3 key of a page of a manifest, which lists the page's frames."""
    return f"{_folder(work.uid, work.checkpoint)}/pages/{page_name(shard, page)}.parquet"


def summary_key(work: CheckpointWork, shard: int, page: int) -> str:
    """Returns the S3 key of a page's summary."""
    return f"{_folder(work.uid, work.checkpoint)}/pages/{page_name(shard, page)}.json"


def export_key(uid: str, checkpoint: str, form: ExportFormat, name: str) -> str:
    """Returns the S3 key of the export file with a name."""
    return f"exports/{uid}/{checkpoint}/{form}/{name}"


def _folder(uid: str, checkpoint: str) -> str:
    return f"checkpoints/{uid}/{checkpoint}"


def _manifest_key(uid: str, checkpoint: str) -> str:
    return f"{_folder(uid, checkpoint)}/manifest.json"


def _statistics_key(uid: str, checkpoint: str) -> str:
    return f"{_folder(uid, checkpoint)}/statistics.json"


def _file_list_key(uid: str, checkpoint: str, form: ExportFormat) -> str:
    return export_key(uid, checkpoint, form, "files.json")
