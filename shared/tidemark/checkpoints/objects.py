"""What workflows write of checkpoints to S3: manifests, statistics and exports, under names that follow from what they
are, so that a step that is repeated puts the same object again."""

from collections.abc import Callable
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


def page_name(shard: int, page: int) -> str:
    """Of a page of a shard; in the order of names, shards and pages are in theirs."""
    return f"{shard:02d}-{page:06d}"


def manifest_page_key(work: CheckpointWork, shard: int, page: int) -> str:
    """Where the places of a page's frames lie."""
    return f"{_folder(work.uid, work.checkpoint)}/pages/{page_name(shard, page)}.parquet"


def summary_key(work: CheckpointWork, shard: int, page: int) -> str:
    """Where the counts of a page lie."""
    return f"{_folder(work.uid, work.checkpoint)}/pages/{page_name(shard, page)}.json"


def export_key(uid: str, checkpoint: str, form: ExportFormat, name: str) -> str:
    """Where a file of an export lies, by its name."""
    return f"exports/{uid}/{checkpoint}/{form}/{name}"


def put_file(backend: Backend, key: str, body: IO[bytes], media_type: str) -> None:
    """Write a file from its beginning, whatever was there; whoever fetches it saves it under the end of its key."""
    body.seek(0)
    bucket.put(backend, key, body, media_type=media_type, file_name=key.rsplit("/", 1)[1])


def put_model(backend: Backend, key: str, model: BaseModel) -> None:
    """Write a model as JSON."""
    backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=model.model_dump_json().encode(), ContentType=JSON_TYPE)


def read_model(backend: Backend, key: str, shape: type[M]) -> M:
    """A model that was written as JSON."""
    return shape.model_validate_json(bucket.read(backend, key))


def put_manifest(backend: Backend, work: CheckpointWork, manifest: Manifest, statistics: Statistics) -> None:
    """Write what a checkpoint consists of, and what that adds up to."""
    put_model(backend, _manifest_key(work.uid, work.checkpoint), manifest)
    put_model(backend, _statistics_key(work.uid, work.checkpoint), statistics)


def manifest(backend: Backend, work: CheckpointWork) -> Manifest:
    """What a checkpoint consists of whose manifest is ready."""
    return read_model(backend, _manifest_key(work.uid, work.checkpoint), Manifest)


def statistics(backend: Backend, uid: str, checkpoint: str) -> Statistics:
    """The statistics of a checkpoint whose manifest is ready."""
    return read_model(backend, _statistics_key(uid, checkpoint), Statistics)


def write_files(backend: Backend, work: CheckpointWork, form: ExportFormat, files: WrittenFiles) -> None:
    """Write the list of an export's files."""
    put_model(backend, _files_key(work.uid, work.checkpoint, form), files)


def files(backend: Backend, uid: str, checkpoint: str, form: ExportFormat) -> WrittenFiles:
    """The files of an export that is ready."""
    return read_model(backend, _files_key(uid, checkpoint, form), WrittenFiles)


def delete_all(backend: Backend, uid: str, has_time: Callable[[], bool]) -> bool:
    """Delete what was written of all checkpoints of a dataset; tells whether there was time for all. Raises
    NotDeleted."""
    return all(bucket.delete_under(backend, f"{kind}/{uid}/", has_time) for kind in ("checkpoints", "exports"))


def _folder(uid: str, checkpoint: str) -> str:
    return f"checkpoints/{uid}/{checkpoint}"


def _manifest_key(uid: str, checkpoint: str) -> str:
    return f"{_folder(uid, checkpoint)}/manifest.json"


def _statistics_key(uid: str, checkpoint: str) -> str:
    return f"{_folder(uid, checkpoint)}/statistics.json"


def _files_key(uid: str, checkpoint: str, form: ExportFormat) -> str:
    return f"exports/{uid}/{checkpoint}/{form}/files.json"
