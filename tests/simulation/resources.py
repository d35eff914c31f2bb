"""Creates the table and the bucket in moto, as the stack defines them."""

from typing import Any

REGION = "eu-central-1"


def create_table(dynamodb: Any, name: str) -> None:
    """Creates the main table with its indexes."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("PK", "SK", "unsettled", "unsettled_order", "project", "dataset", "accepted_at")
        ],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            _index("unsettled", "unsettled", "unsettled_order", "deletes", "rows_in_flight", "windows_in_flight"),
            _index("uploads", "dataset", "accepted_at"),
            _index("project_uploads", "project", "accepted_at"),
        ],
    )


def _index(name: str, partition: str, order: str, *carried: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": order, "KeyType": "RANGE"},
        ],
        "Projection": (
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": [*carried]}
            if carried
            else {"ProjectionType": "KEYS_ONLY"}
        ),
    }


def create_bucket(s3: Any, name: str) -> None:
    """Creates the data bucket."""
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
