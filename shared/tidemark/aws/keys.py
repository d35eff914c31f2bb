"""Primary keys of the table's items, and the conversion of items to and from DynamoDB's format.

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
| tally of a chunk, count of what is in flight | `D#{uid}` | `O#{upload}#{chunk}`, `IN_FLIGHT` |
| progress of a workflow in a shard | `D#{uid}` | `T#{work}#{shard}` |
| pack that outlives the dataset | `D#{uid}` | `K#{pack}` |
| clone of the dataset, sources of a clone | `D#{uid}` | `R#{clone uid}`, `SOURCES` |
| shard head | `D#{uid}#{shard}` | `HEAD` |
| commit | `D#{uid}#{shard}` | `C#{n}` |
| window marker, attempts at a window | `D#{uid}#{shard}` | `W#{window}`, `A#{window}` |
| frame version | `D#{uid}#{shard}` | `F#{frame_id}#{n}` |

Numbers in sort keys are zero-padded, so that sort keys sort as the numbers do. Ids cannot contain `#` (R5).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

Item = dict[str, Any]
"""An item of the table: values in Python types, by attribute name."""

NUMBER_DIGITS = 12
"""Number of digits of a zero-padded number in a sort key."""

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class Key(NamedTuple):
    """The primary key of an item: its partition key and its sort key."""

    pk: str
    sk: str

    def attributes(self) -> dict[str, Any]:
        """Returns the primary key in DynamoDB's format."""
        return {"PK": {"S": self.pk}, "SK": {"S": self.sk}}


def padded(number: int) -> str:
    """Returns a number zero-padded to `NUMBER_DIGITS`, as in sort keys."""
    return f"{number:0{NUMBER_DIGITS}d}"


def project_pk(project: str) -> str:
    """Returns the partition key of a project's definitions."""
    return f"P#{project}"


def dataset_pk(uid: str) -> str:
    """Returns the partition key of a dataset's state, versions and uploads."""
    return f"D#{uid}"


def shard_pk(uid: str, shard: int) -> str:
    """Returns the partition key of a shard's log."""
    return f"D#{uid}#{shard}"


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Converts an item to DynamoDB's format. Leaves out attributes that are None."""
    return {name: _to_dynamodb(value) for name, value in item.items() if value is not None}


def unmarshal(attributes: Mapping[str, Any]) -> Item:
    """Converts an item from DynamoDB's format to Python types."""
    return {name: _from_dynamodb(value) for name, value in attributes.items()}
