"""Keys of the table's items, and the conversion of items to and from DynamoDB's format.

| item | PK | SK |
|---|---|---|
| project | `PROJECTS` | `{project}` |
| class map, dataset by name | `P#{project}` | `CLASSMAP`, `DATASET#{name}` |
| dataset state, schema, schema of a BATCH upload | `D#{uid}` | `META`, `SCHEMA`, `SCHEMA#{upload}` |
| mutable clone of a BATCH dataset | `D#{uid}` | `MUTABLE` |
| version | `D#{uid}` | `V#{number}` |
| checkpoint by name, by time | `D#{uid}` | `CP#{name}`, `CT#{created_at}#{name}` |
| schema and class map of a checkpoint's files, export | `D#{uid}` | `CS#{name}`, `CC#{name}`, `E#{name}#{format}` |
| upload, chunk, file | `D#{uid}` | `U#{upload}`, `P#{upload}#{chunk}`, `I#{upload}#{file}` |
| progress of a workflow in a shard | `D#{uid}` | `T#{work}#{shard}` |
| pack that outlives the dataset | `D#{uid}` | `K#{pack}` |
| clone of the dataset, sources of a clone | `D#{uid}` | `R#{clone uid}`, `SOURCES` |
| shard head | `D#{uid}#{shard}` | `HEAD` |
| commit | `D#{uid}#{shard}` | `C#{n}` |
| window marker | `D#{uid}#{shard}` | `W#{window}` |
| frame version | `D#{uid}#{shard}` | `F#{frame_id}#{n}` |

Numbers in keys are zero-padded, so that keys sort as their numbers do. Ids cannot contain `#` (R5).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

Item = dict[str, Any]
"""An item as Python values, by attribute."""

NUMBER_DIGITS = 12
"""Digits of a number in a key."""

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class Key(NamedTuple):
    """The primary key of an item."""

    pk: str
    sk: str

    def attributes(self) -> dict[str, Any]:
        """Returns the key in DynamoDB's format."""
        return {"PK": {"S": self.pk}, "SK": {"S": self.sk}}


def padded(number: int) -> str:
    """Returns a number in the form that keys use."""
    return f"{number:0{NUMBER_DIGITS}d}"


def project_pk(project: str) -> str:
    """Returns the partition of a project's definitions."""
    return f"P#{project}"


def dataset_pk(uid: str) -> str:
    """Returns the partition of a dataset's state, versions and uploads."""
    return f"D#{uid}"


def shard_pk(uid: str, shard: int) -> str:
    """Returns the partition of one shard's log."""
    return f"D#{uid}#{shard}"


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an item in DynamoDB's format, without the attributes that are None."""
    return {name: _to_dynamodb(value) for name, value in item.items() if value is not None}


def unmarshal(attributes: Mapping[str, Any]) -> Item:
    """Returns an item as Python values."""
    return {name: _from_dynamodb(value) for name, value in attributes.items()}
