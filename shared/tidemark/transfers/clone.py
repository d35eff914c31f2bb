"""Clones: datasets that begin with the frames of a version of another one, whose payloads they share (R32, R33)."""

from pydantic import TypeAdapter, ValidationError

from tidemark.aws.backend import Backend
from tidemark.catalog import clone_references, dataset_records, project_records, schema_records
from tidemark.domain.datasets import Clone, ClonedFrom, Dataset, Mode, Origin
from tidemark.domain.errors import Conflict, InvalidRequest, NotFound
from tidemark.domain.ids import DatasetName
from tidemark.domain.transfers import Transfer
from tidemark.domain.uploads import Source, Upload, UploadStatus, upload_id_of
from tidemark.domain.versions import Version
from tidemark.transfers import workflow
from tidemark.uploads import chunked_uploads
from tidemark.uploads.chunked_uploads import ChunkedUpload
from tidemark.versions.resolve import resolve

MUTABLE = "MUTABLE_"
"""What the name of a clone begins with that may change, where that of a BATCH dataset follows (R32)."""
NAME: TypeAdapter[str] = TypeAdapter(DatasetName)
MAX_CLASSES_NAMED = 10


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
    """Begin a STREAMING dataset with the frames of a version; answers it and the upload that fills it.

    It is made in the project `into`, or in that of its source; a clone of a BATCH dataset is named `MUTABLE_<name>`
    unless it is given a name. A repeat of the same `request` gets what it made the first time. Raises what `resolve`
    raises, NotFound, InvalidRequest (the name) and Conflict (`nothing_to_clone`, `class_map_does_not_fit`,
    `dataset_exists`, `too_many_clones`).
    """
    source = dataset_records.get(backend, project, dataset)
    at = _version(backend, source, version)
    target = Dataset(
        project=_project(backend, source, into),
        name=_name(source, name),
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
    record = _record(target, origin, Transfer(source=source.uid, heads=at.heads))
    created = _create(backend, source, target, record, request)
    kept = chunked_uploads.find(backend, created.uid, upload_id_of("clone", created.uid))
    if kept is None:
        raise LookupError(f"the clone {created.uid} was made without its upload")
    workflow.start(backend, kept)
    return created, kept.upload


def _version(backend: Backend, source: Dataset, version: str) -> Version:
    at = resolve(backend, source, version, named_by="/version")
    if at.number == 0:
        raise Conflict(
            f"Nothing had settled in dataset {source.name!r} by then, so there is nothing to clone.",
            code="nothing_to_clone",
            pointer="/version",
        )
    return at


def _name(source: Dataset, name: str | None) -> str:
    if name is not None:
        return name
    if source.mode is not Mode.BATCH:
        raise InvalidRequest("A clone of a STREAMING dataset needs a name.", fault="missing_field", pointer="/name")
    try:
        return NAME.validate_python(f"{MUTABLE}{source.name}")
    except ValidationError:
        raise InvalidRequest(
            f"{MUTABLE}{source.name} is too long for a name; give the clone another one.",
            fault="missing_field",
            pointer="/name",
        ) from None


def _project(backend: Backend, source: Dataset, into: str | None) -> str:
    """The project of a clone, whose class map has to have all classes of its source's (R1)."""
    if into in (None, source.project):
        return source.project
    try:
        theirs, _ = project_records.class_map(backend, into, fresh=True)
    except NotFound as refusal:
        refusal.pointer = "/project"
        raise
    ours, _ = project_records.class_map(backend, source.project, fresh=True)
    missing = [entry.name for entry in ours.classes if entry.name not in theirs.names]
    if missing:
        more = f" and {len(missing) - MAX_CLASSES_NAMED} more" if len(missing) > MAX_CLASSES_NAMED else ""
        raise Conflict(
            f"The class map of project {into!r} lacks classes of project {source.project!r}, which labels of the clone "
            f"may have: {', '.join(missing[:MAX_CLASSES_NAMED])}{more}. Append them to it first.",
            code="class_map_does_not_fit",
            pointer="/project",
        )
    return into


def _record(target: Dataset, origin: Origin, transfer: Transfer) -> ChunkedUpload:
    upload = Upload(
        id=upload_id_of("clone", target.uid),
        project=target.project,
        dataset=target.name,
        mode=target.mode,
        status=UploadStatus.PENDING,
        actor=target.created_by,
        source=Source.CLONE,
        origin=origin,
        accepted_at=target.created_at,
        pending_since=target.created_at,
        shards=target.shards,
    )
    return ChunkedUpload(uid=target.uid, upload=upload, transfer=transfer)


def _create(backend: Backend, source: Dataset, target: Dataset, record: ChunkedUpload, request: str | None) -> Dataset:
    """Make a dataset, its upload, and what points from one to the other, all or nothing."""
    schema, _ = schema_records.schema(backend, source.uid, fresh=True)
    others = [*clone_references.record_clone(backend, source.uid, target.uid), chunked_uploads.new(backend, record)]
    if source.mode is Mode.BATCH:
        pointer = Clone(project=target.project, dataset=target.name, uid=target.uid, upload=record.upload.id)
        others.append(dataset_records.point_to_clone(backend, source.uid, pointer))
    created = dataset_records.create(backend, target, request, schema=schema, others=others)
    if created is None:
        dataset_records.get(backend, source.project, source.name)  # raises NotFound where it is being purged since
        raise Conflict(
            f"There is a dataset {target.name!r} in project {target.project!r} already.",
            code="dataset_exists",
            pointer="/name",
        )
    return created
