"""Datasets: creating, listing and describing them."""

from tidemark.aws.backend import Backend
from tidemark.catalog import dataset_records, project_records, schema_records
from tidemark.domain.datasets import Activity, Clone, Dataset, DatasetDetails, Mode
from tidemark.domain.errors import Conflict
from tidemark.domain.frames.schema import Schema
from tidemark.domain.pages import Archived, Page, decode_cursor, encode_cursor
from tidemark.uploads import records as upload_records
from tidemark.versions.resolve import latest_version


def create_dataset(
    backend: Backend,
    *,
    project: str,
    name: str,
    description: str,
    shards: int,
    actor: str,
    mode: Mode = Mode.STREAMING,
    request: str | None = None,
) -> Dataset:
    """Create an empty dataset, at version 0. A repeat of the same `request` gets what it made the first time.

    Raises NotFound (project) and Conflict (name taken).
    """
    project_records.get(backend, project)
    dataset = Dataset(
        project=project,
        name=name,
        uid=dataset_records.new_uid(),
        description=description,
        mode=mode,
        shards=shards,
        created_at=backend.clock(),
        created_by=actor,
    )
    created = dataset_records.create(backend, dataset, request)
    if created is None:
        raise Conflict(
            f"There is a dataset {name!r} in project {project!r} already.",
            code="dataset_exists",
            pointer="/name",
        )
    return created


def get_dataset(backend: Backend, project: str, name: str) -> DatasetDetails:
    """A dataset with its latest version, its counts, what is going on in it (R18) and its schema. Raises NotFound.

    One that is being purged has nothing any more, and says how far that is.
    """
    dataset = dataset_records.definition(backend, project, name).dataset
    if dataset.purge is not None:
        idle = Activity(pending_uploads=0, deleting=False)
        return DatasetDetails(
            **dataset.model_dump(),
            latest=0,
            filled_by=None,
            frames=0,
            labels=0,
            activity=idle,
            metadata_schema=Schema(),
        )
    version = latest_version(backend, dataset)
    schema, _ = schema_records.schema(backend, dataset.uid, fresh=True)
    deleting = upload_records.pending(backend, dataset.uid)
    return DatasetDetails(
        **dataset.model_dump(),
        latest=version.number,
        filled_by=dataset_records.state(backend, dataset.uid).filled_by if dataset.mode is Mode.BATCH else None,
        frames=version.frames,
        labels=version.labels,
        activity=Activity(pending_uploads=len(deleting), deleting=any(deleting)),
        metadata_schema=schema,
        mutable_clone=_mutable_clone(backend, dataset),
    )


def _mutable_clone(backend: Backend, dataset: Dataset) -> Clone | None:
    """The clone of a BATCH dataset that may change, unless it was purged (R32)."""
    clone = dataset_records.mutable_clone(backend, dataset.uid) if dataset.mode is Mode.BATCH else None
    return clone if clone and dataset_records.find_state(backend, clone.uid) else None


def list_datasets(
    backend: Backend, *, project: str, archived: Archived, limit: int, cursor: str | None
) -> Page[Dataset]:
    """The datasets of a project that are wanted, in order of their names.

    No more than `limit` are looked at for a page, so that one on which few are wanted may be short, or empty: the list
    goes on as long as there is a cursor. Raises NotFound.
    """
    scope = f"datasets:{project}:{archived}"
    after = str(decode_cursor(scope, cursor, str)[0]) if cursor else ""
    project_records.get(backend, project)
    found = dataset_records.list_all(backend, project, after, limit)
    return Page(
        items=[dataset for dataset in found if archived.takes(dataset.archived_at)],
        cursor=encode_cursor(scope, found[-1].name) if len(found) == limit else None,
    )
