"""The meter on moto: what it counts for the product's requests."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.bench.metering import Meter
from tests.bench.observer import observer
from tests.simulation.resources import REGION, create_table

TABLE = "table"


def _key(sk: str) -> dict[str, Any]:
    return {"PK": {"S": "D#1"}, "SK": {"S": sk}}


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield Meter(observer())


@pytest.fixture
def dynamodb(meter: Meter) -> Iterator[Any]:
    session = boto3.Session(region_name=REGION)
    client = session.client("dynamodb")
    create_table(client, TABLE)
    meter.attach(session)
    yield session.client("dynamodb")
    client.delete_table(TableName=TABLE)


def test_a_put_counts_its_own_unit_and_those_of_the_indexes(meter: Meter, dynamodb: Any) -> None:
    pending = {"unsettled": {"S": "1"}, "unsettled_order": {"S": "1#P#t"}}
    upload = {**_key("U#1"), "dataset": {"S": "1"}, "accepted_at": {"S": "t"}, **pending}
    dynamodb.put_item(TableName=TABLE, Item=upload)
    assert meter.take().write_units == 1 + 2
    dynamodb.put_item(TableName=TABLE, Item={name: value for name, value in upload.items() if name not in pending})
    assert meter.take().write_units == 1 + 1


def test_a_refused_request_is_not_metered(dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item=_key("a"))
    with pytest.raises(AssertionError, match="PutItem was refused"):
        dynamodb.put_item(TableName=TABLE, Item=_key("a"), ConditionExpression="attribute_not_exists(PK)")


def test_a_transaction_counts_twice(meter: Meter, dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item={**_key("META"), "latest": {"N": "0"}})
    meter.take()
    update = {
        "TableName": TABLE,
        "Key": _key("META"),
        "UpdateExpression": "SET latest = :n",
        "ExpressionAttributeValues": {":n": {"N": "1"}},
    }
    put = {"TableName": TABLE, "Item": {**_key("V#1"), "x": {"S": "y" * 1500}}}
    dynamodb.transact_write_items(TransactItems=[{"Update": update}, {"Put": put}])
    assert meter.take().write_units == 2 * 1 + 2 * 2


def test_reads_count_by_their_sizes(meter: Meter, dynamodb: Any) -> None:
    for sk in "ab":
        dynamodb.put_item(TableName=TABLE, Item={**_key(sk), "x": {"S": "y" * 5000}})
    meter.take()
    dynamodb.get_item(TableName=TABLE, Key=_key("a"), ConsistentRead=True)
    assert meter.take().read_units == 2
    dynamodb.batch_get_item(
        RequestItems={TABLE: {"Keys": [_key("a"), _key("b"), _key("none")], "ConsistentRead": True}}
    )
    assert meter.take().read_units == 2 + 2 + 1
    dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="PK = :pk",
        ExpressionAttributeValues={":pk": {"S": "D#1"}},
        ConsistentRead=True,
    )
    assert meter.take().read_units == 3


def test_what_is_stored_counts_with_its_overhead(meter: Meter, dynamodb: Any) -> None:
    dynamodb.put_item(TableName=TABLE, Item=_key("a"))
    assert meter.take().table_bytes == (2 + 3) + (2 + 1) + 100


def test_messages_are_charged_by_their_bytes(meter: Meter) -> None:
    meter.deliver(65 * 1024)
    tally = meter.take()
    assert tally.sqs_charged == 2 + 1
    assert tally.requests == _count("sqs.ReceiveMessage") + _count("sqs.DeleteMessageBatch")


@pytest.mark.parametrize(("detail", "charged"), [(100, 2), (64 * 1024, 2 * 2)])
def test_events_are_charged_one_by_one_by_their_bytes(meter: Meter, detail: int, charged: int) -> None:
    session = boto3.Session(region_name=REGION)
    meter.attach(session)
    client: Any = session.client("events")
    entry = {"Source": "tidemark", "DetailType": "version published", "Detail": json.dumps({"x": "y" * (detail - 9)})}
    client.put_events(Entries=[entry, entry])
    tally = meter.take()
    assert (tally.events, tally.requests) == (charged, _count("events.PutEvents"))


def test_totals_that_are_added_to_count_without_the_indexes(meter: Meter, dynamodb: Any) -> None:
    upload = {**_key("U#1"), "dataset": {"S": "1"}, "project": {"S": "p"}, "accepted_at": {"S": "t"}}
    dynamodb.put_item(TableName=TABLE, Item=upload)
    meter.take()
    update = {
        "TableName": TABLE,
        "Key": _key("U#1"),
        "UpdateExpression": "ADD windows :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    dynamodb.transact_write_items(TransactItems=[{"Update": update}, {"Put": {"TableName": TABLE, "Item": _key("P")}}])
    assert meter.take().write_units == 2 + 2


def _count(call: str) -> Counter[str]:
    return Counter([call])
