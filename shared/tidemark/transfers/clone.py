"""Clones: new datasets that start with the frames of another dataset's version and share their payloads (R32, R33)."""

from pydantic import TypeAdapter, ValidationError

from tidemark.aws.backend import Backend
from tidemark.catalog import clone_references, dataset_records, project_records, schema_records
from tidemark.domain.datasets import Clone, ClonedFrom, Dataset, Mode, Origin
from tidemark.domain.errors import Conflict, InvalidRequest, NotFound, listed
from tidemark.domain.ids import DatasetName
from tidemark.domain.transfers import Transfer
from tidemark.domain.uploads import Source, Upload, upload_id_of
from tidemark.domain.versions import Version
from tidemark.transfers import workflow
from tidemark.uploads import chunked_uploads
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.versions.resolve import resolve

MUTABLE_PREFIX = "MUTABLE_"
"""Prefix of the name that a BATCH dataset's mutable clone has by default (R32)."""
NAME: TypeAdapter[str] = TypeAdapter(DatasetName)
MAX_LISTED_CLASSES = 10
"""Most missing classes that an error message names."""


def clone(
    backend: Backend,
    *,
    project: str,
    dataset: str,
    version: str,
    into: str | None,
    name: str | None,
    description: str,
    actor: str,
    request: str | None,
) -> tuple[Dataset, Upload]:
    """Clones a version: creates a STREAMING dataset and starts filling it with the version's frames.

    Returns the new dataset and the upload that fills it. The new dataset is created in the project `into`, by default
    the source dataset's project. Only the clone of a BATCH dataset has a default `name`: `MUTABLE_<source name>`.
    `request` identifies a request with an idempotency key: its repeat returns the same dataset and upload. Raises
    NotFound, InvalidRequest (the version or the name) and Conflict (`nothing_to_clone`, `class_map_does_not_fit`,
    `dataset_exists`, `too_many_clones`).
    """
    source = dataset_records.get(backend, project, dataset)
    at = _cloned_version(backend, source, version)
    target = Dataset(
        project=_clone_project(backend, source, into),
        name=_clone_name(source, name),
        uid=dataset_records.new_uid(),
        description=description,
        mode=Mode.STREAMING,
        shards=source.shards,
        created_at=backend.clock(),
        created_by=actor,
    )
    upload_id = upload_id_of("clone", target.uid)
    origin = Origin(project=source.project, dataset=source.name, version=at.number)
    target = target.model_copy(update={"cloned_from": ClonedFrom(**origin.model_dump(), upload=upload_id)})
    record = workflow.new_upload(
        target,
        Transfer(source=source.uid, heads=at.heads),
        upload_id=upload_id,
        source=Source.CLONE,
        origin=origin,
        actor=actor,
        at=target.created_at,
    )
    created = _create(backend, source, target, record, request)
    stored = chunked_uploads.find(backend, created.uid, upload_id_of("clone", created.uid))
    if stored is None:
        raise LookupError(f"clone {created.uid} was created without its upload")
    workflow.start(backend, stored)
    return created, stored.upload


def _cloned_version(backend: Backend, source: Dataset, version: str) -> Version:
    at = resolve(backend, source, version, named_by="/version")
    if at.number == 0:
        raise Conflict(
            f"Nothing had settled in dataset {source.name!r} by then, so there is nothing to clone.",
            code="nothing_to_clone",
            pointer="/version",
        )
    return at


def _clone_name(source: Dataset, name: str | None) -> str:
    if name is not None:
        return name
    if source.mode is not Mode.BATCH:
        raise InvalidRequest("A clone of a STREAMING dataset needs a name.", fault="missing_field", pointer="/name")
    try:
        return NAME.validate_python(f"{MUTABLE_PREFIX}{source.name}")
    except ValidationError:
        raise InvalidRequest(
            f"{MUTABLE_PREFIX}{source.name} is too long for a name; give the clone another one.",
            fault="missing_field",
            pointer="/name",
        ) from None


def _clone_project(backend: Backend, source: Dataset, into: str | None) -> str:
    """Returns the clone's project. Raises NotFound, and Conflict if its class map lacks classes of the source (R1)."""
    if into in (None, source.project):
        return source.project
    try:
        target_classes, _ = project_records.class_map(backend, into, fresh=True)
    except NotFound as error:
        error.pointer = "/project"
        raise
    source_classes, _ = project_records.class_map(backend, source.project, fresh=True)
    missing = [entry.name for entry in source_classes.classes if entry.name not in target_classes.names]
    if missing:
        raise Conflict(
            f"The class map of project {into!r} lacks classes of project {source.project!r}, which labels of the clone "
            f"may have: {listed(missing, MAX_LISTED_CLASSES)}. Append them to it first.",
            code="class_map_does_not_fit",
            pointer="/project",
        )
    return into


def _create(backend: Backend, source: Dataset, target: Dataset, record: ChunkedUpload, request: str | None) -> Dataset:
    """Stores the clone, the clone's upload, and the references between clone and source, in one transaction."""
    schema, _ = schema_records.schema(backend, source.uid, fresh=True)
    others = [*clone_references.record_clone(backend, source.uid, target.uid), chunked_uploads.new(backend, record)]
    if source.mode is Mode.BATCH:
        pointer = Clone(project=target.project, dataset=target.name, uid=target.uid, upload=record.upload.id)
        others.append(dataset_records.point_to_clone(backend, source.uid, pointer))
    created = dataset_records.create(backend, target, request, schema=schema, others=others)
    if created is None:
        dataset_records.get(
            backend, source.project, source.name
        )  # raises NotFound if the source is being purged by now
        raise Conflict(
            f"Project {target.project!r} already has a dataset {target.name!r}.",
            code="dataset_exists",
            pointer="/name",
        )
    return created
