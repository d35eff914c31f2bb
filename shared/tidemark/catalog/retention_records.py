"""The end of datasets in the table: definitions are replaced, what is purged is fenced off, names become free."""

from collections.abc import Callable
from typing import Any

from tidemark.aws import table
from tidemark.aws.backend import Backend
from tidemark.aws.table import Contended, Key, dataset_pk
from tidemark.catalog import catalog
from tidemark.catalog.catalog import DatasetState, Definition, dataset_key
from tidemark.domain.datasets import Dataset

NAMES = {"#definition": "definition"}
"""A word that DynamoDB has reserved."""


def redefine(backend: Backend, project_name: str, name: str, edit: Callable[[Dataset], Dataset]) -> Dataset:
    """Replace a dataset's definition by what `edit` makes of it, and answer that.

    `edit` is called again where somebody else has changed it meanwhile. One that stays as it is is not written. Raises
    NotFound, Unavailable, and what `edit` raises.
    """
    return table.contention(backend)(_try_redefine, backend, project_name, name, edit)


def _try_redefine(backend: Backend, project_name: str, name: str, edit: Callable[[Dataset], Dataset]) -> Dataset:
    before = catalog.definition(backend, project_name, name)
    after = edit(before.dataset)
    if after != before.dataset:
        try:
            table.write_one(backend, backend.dynamodb.update_item, **_redefinition(backend, before, after))
        except backend.dynamodb.exceptions.ConditionalCheckFailedException:
            raise Contended from None
    backend.memory.datasets.pop((project_name, name), None)
    return after


def forget(backend: Backend, before: Definition) -> bool:
    """Delete a dataset's definition, so that its name is free again; False where it is not as it was."""
    try:
        table.write_one(
            backend,
            backend.dynamodb.delete_item,
            TableName=backend.table,
            Key=dataset_key(before.dataset.project, before.dataset.name).attributes(),
            ConditionExpression="#definition = :before",
            ExpressionAttributeNames=NAMES,
            ExpressionAttributeValues={":before": {"S": before.text}},
        )
    except backend.dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def begin_purge(backend: Backend, before: Definition, after: Dataset, seen: DatasetState) -> None:
    """Replace the definition of a dataset by one that is being purged, and let nothing work on it from now on.

    Raises TransactionRefused where the definition has changed, or a clone was begun since the state was `seen`.
    """
    fence: Any = {
        "TableName": backend.table,
        "Key": Key(dataset_pk(after.uid), "META").attributes(),
        "UpdateExpression": "SET purged = :clones",
        "ConditionExpression": "attribute_exists(PK) AND (attribute_not_exists(clones) OR clones = :clones)",
        "ExpressionAttributeValues": {":clones": {"N": str(seen.clones)}},
    }
    table.transact(backend, [{"Update": _redefinition(backend, before, after)}, {"Update": fence}])
    backend.memory.datasets.pop((after.project, after.name), None)


def _redefinition(backend: Backend, before: Definition, after: Dataset) -> Any:
    """The write that replaces a dataset's definition, on condition that it is still as it was."""
    return {
        "TableName": backend.table,
        "Key": dataset_key(after.project, after.name).attributes(),
        "UpdateExpression": "SET #definition = :after",
        "ConditionExpression": "#definition = :before",
        "ExpressionAttributeNames": NAMES,
        "ExpressionAttributeValues": {":before": {"S": before.text}, ":after": {"S": after.model_dump_json()}},
    }
