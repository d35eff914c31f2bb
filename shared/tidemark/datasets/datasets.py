"""Datasets: creating, describing and listing them."""

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
    """Creates an empty dataset, at version 0. A repeat with the same `request` id returns the dataset first created.

    Raises NotFound if the project does not exist, and Conflict if the name is taken.
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
            f"Project {project!r} already has a dataset {name!r}.",
            code="dataset_exists",
            pointer="/name",
        )
    return created


def get_dataset(backend: Backend, project: str, name: str) -> DatasetDetails:
    """Returns a dataset with its latest version, counts, current activity (R18) and metadata schema. Raises NotFound.

    A dataset that is being purged is returned as empty, and its `purge` field reports the progress.
    """
    dataset = dataset_records.definition(backend, project, name).dataset
    if dataset.purge is not None:
        return DatasetDetails(
            **dataset.model_dump(),
            latest=0,
            filled_by=None,
            frames=0,
            labels=0,
            activity=Activity(pending_uploads=0, deleting=False),
            metadata_schema=Schema(),
        )
    version = latest_version(backend, dataset)
    schema, _ = schema_records.schema(backend, dataset.uid, fresh=True)
    pending_deletes = upload_records.pending(backend, dataset.uid)
    return DatasetDetails(
        **dataset.model_dump(),
        latest=version.number,
        filled_by=dataset_records.state(backend, dataset.uid).filled_by if dataset.mode is Mode.BATCH else None,
        frames=version.frames,
        labels=version.labels,
        activity=Activity(pending_uploads=len(pending_deletes), deleting=any(pending_deletes)),
        metadata_schema=schema,
        mutable_clone=_mutable_clone(backend, dataset),
    )


def _mutable_clone(backend: Backend, dataset: Dataset) -> Clone | None:
    """Returns the mutable clone of a BATCH dataset (R32). Returns None if there is none, or it has been purged, and for
    STREAMING datasets."""
    clone = dataset_records.mutable_clone(backend, dataset.uid) if dataset.mode is Mode.BATCH else None
    return clone if clone and dataset_records.find_state(backend, clone.uid) else None


def list_datasets(
    backend: Backend, *, project: str, archived: Archived, limit: int, cursor: str | None
) -> Page[Dataset]:
    """Returns a page of a project's datasets, sorted by name. `archived` selects active datasets, archived or both.

    Examines at most `limit` datasets, so a page may be short or empty although more pages follow. Raises NotFound.
    """
    scope = f"datasets:{project}:{archived}"
    after = str(decode_cursor(scope, cursor, str)[0]) if cursor else ""
    project_records.get(backend, project)
    datasets = dataset_records.list_all(backend, project, after, limit)
    return Page(
        items=[dataset for dataset in datasets if archived.takes(dataset.archived_at)],
        cursor=encode_cursor(scope, datasets[-1].name) if len(datasets) == limit else None,
    )
