"""Users' data is encrypted, accessible over TLS only, recoverable, and kept when the stack is deleted."""

import json
from typing import Any

import pytest

from tests.infra.template import Template

KEPT_TABLES = ["DataTable", "DataKeys"]


@pytest.mark.parametrize("table", [*KEPT_TABLES, "DataIdempotency"])
def test_every_table_can_be_put_back_in_time(template: Template, table: str) -> None:
    recovery = template.properties("DynamoDB::Table", table)["PointInTimeRecoverySpecification"]
    assert recovery["PointInTimeRecoveryEnabled"] is True


@pytest.mark.parametrize("table", KEPT_TABLES)
def test_deleting_the_stack_deletes_no_table_with_users_data(template: Template, table: str) -> None:
    resource = template.one("DynamoDB::Table", table)[1]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize("table", KEPT_TABLES)
def test_a_first_deployment_that_fails_can_delete_its_tables(template: Template, table: str) -> None:
    """DynamoDB refuses to delete a protected table. `make deploy` protects the tables once the stack is complete."""
    assert "DeletionProtectionEnabled" not in template.properties("DynamoDB::Table", table)


def test_tables_are_paid_by_request(template: Template) -> None:
    modes = {table["Properties"]["BillingMode"] for table in template.of_type("DynamoDB::Table").values()}
    assert modes == {"PAY_PER_REQUEST"}


def test_the_table_has_the_indexes_that_the_store_queries(template: Template) -> None:
    indexes = template.properties("DynamoDB::Table", "DataTable")["GlobalSecondaryIndexes"]
    shapes = {
        index["IndexName"]: ([key["AttributeName"] for key in index["KeySchema"]], index["Projection"])
        for index in indexes
    }
    assert shapes == {
        "unsettled": (
            ["unsettled", "unsettled_order"],
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["deletes", "rows_in_flight", "windows_in_flight"]},
        ),
        "uploads": (["dataset", "accepted_at"], {"ProjectionType": "KEYS_ONLY"}),
        "project_uploads": (["project", "accepted_at"], {"ProjectionType": "KEYS_ONLY"}),
    }


def test_the_memory_of_small_writes_forgets_by_itself(template: Template) -> None:
    properties = template.properties("DynamoDB::Table", "DataIdempotency")
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}


def test_deleting_the_stack_does_not_delete_the_bucket(template: Template) -> None:
    bucket = template.one("S3::Bucket", "DataBucket")[1]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_nothing_in_the_bucket_can_be_made_public(template: Template) -> None:
    blocked = template.properties("S3::Bucket", "DataBucket")["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert len(blocked) == 4


def test_the_bucket_is_encrypted(template: Template) -> None:
    (rule,) = template.properties("S3::Bucket", "DataBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_bucket_refuses_requests_without_tls(template: Template) -> None:
    statements = template.properties("S3::BucketPolicy", "DataBucketPolicy")["PolicyDocument"]["Statement"]
    refused = [each for each in statements if each["Effect"] == "Deny" and each["Action"] == "s3:*"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in refused]


def _rules(template: Template) -> dict[str, dict[str, Any]]:
    """Returns the bucket's lifecycle rules by prefix; the rule for all objects has an empty one."""
    rules = template.properties("S3::Bucket", "DataBucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    return {rule.get("Prefix", ""): rule for rule in rules}


def test_unfinished_multipart_uploads_are_ended(template: Template) -> None:
    assert _rules(template)[""]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_files_that_were_read_rejected_or_written_to_be_fetched_expire_and_nothing_else(template: Template) -> None:
    expiring = {prefix: rule.get("ExpirationInDays") for prefix, rule in _rules(template).items()}
    assert expiring == {"": None, "uploads/": 30, "rejected/": 90, "downloads/": 1}


def test_nothing_is_kept_of_a_file_that_was_written_to_be_fetched(template: Template) -> None:
    assert _rules(template)["downloads/"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_what_is_left_of_deleted_objects_goes_with_their_last_version(template: Template) -> None:
    assert _rules(template)[""]["ExpiredObjectDeleteMarker"] is True


def test_the_bucket_tells_of_new_objects_and_needs_no_function_for_it(template: Template) -> None:
    bucket = template.properties("S3::Bucket", "DataBucket")
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert not [each for each in template.document["Resources"].values() if each["Type"].startswith("Custom::")]


def test_replaced_objects_are_kept_as_long_as_the_table_can_be_put_back(template: Template) -> None:
    bucket = template.properties("S3::Bucket", "DataBucket")
    recovery = template.properties("DynamoDB::Table", "DataTable")["PointInTimeRecoverySpecification"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert _rules(template)[""]["NoncurrentVersionExpiration"]["NoncurrentDays"] == recovery["RecoveryPeriodInDays"]


def test_a_table_that_was_put_back_takes_the_place_of_the_stacks_own_which_stays(
    template_of_a_table_put_back: Template,
) -> None:
    template = template_of_a_table_put_back
    used = {
        function["Properties"]["Environment"]["Variables"].get("TIDEMARK_TABLE")
        for function in template.of_type("Lambda::Function").values()
    }
    own, kept = template.one("DynamoDB::Table", "DataTable")
    assert used == {"put-back", None}  # the authorizer has the keys alone
    assert kept["DeletionPolicy"] == "RetainExceptOnCreate"
    assert own not in json.dumps([*template.of_type("IAM::Policy").values()])
