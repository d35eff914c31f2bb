"""The tables and the bucket: datasets and their payloads, API keys, and the responses stored for idempotent requests.

Deleting the stack deletes none of them but the idempotency table, whose items expire anyway.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.review import accept

RESTORED = "restored_table"
"""Name of the CDK context value that makes the functions use another table, such as a table restored to a past time."""

RECOVERY_DAYS = 35
"""Days back to which the tables can be restored: DynamoDB's maximum. Replaced and deleted S3 objects are kept as long,
so that the packs that a restored table refers to still exist."""

UPLOADED_DAYS = 30
"""Days that an uploaded file is kept, whether or not it was read. Its rows are in packs within hours."""

REJECTED_DAYS = 90
"""Days that a file rejected by the drop folder is kept, for its producer to inspect."""

DOWNLOAD_DAYS = 1
"""Days that a file written for download is kept. Its URL is valid for an hour, and the file can be written again."""

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""What happens to users' data when a resource leaves the stack: it stays. Only if the stack's very first deployment
fails are the empty tables and the empty bucket deleted with it.

The tables' deletion protection is not in the template, because DynamoDB would refuse that deletion and the stack would
end in ROLLBACK_FAILED. `infra.deployment` switches it on after each deployment."""

STRING = dynamodb.AttributeType.STRING


def _attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=STRING)


def _expiry(name: str, prefix: str, days: int) -> s3.LifecycleRule:
    """Returns a rule that deletes objects under `prefix` after `days`. They can be restored for `RECOVERY_DAYS`."""
    return s3.LifecycleRule(id=name, prefix=prefix, expiration=Duration.days(days))


class Data(Construct):
    """The tables and the bucket, encrypted at rest with encryption keys that AWS owns."""

    def __init__(self, scope: Construct, name: str, *, write_units: int | None) -> None:
        super().__init__(scope, name)
        table = self._retained_table("Table", write_units)
        table.add_global_secondary_index(
            index_name="unsettled",
            partition_key=_attribute("unsettled"),
            sort_key=_attribute("unsettled_order"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["deletes", "rows_in_flight", "windows_in_flight"],
        )
        table.add_global_secondary_index(
            index_name="uploads",
            partition_key=_attribute("dataset"),
            sort_key=_attribute("accepted_at"),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        table.add_global_secondary_index(
            index_name="project_uploads",
            partition_key=_attribute("project"),
            sort_key=_attribute("accepted_at"),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        self.table = self._in_use(table)
        self.keys = self._retained_table("Keys")
        self.idempotency = dynamodb.Table(
            self,
            "Idempotency",
            partition_key=_attribute("id"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expiration",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="end-what-was-not-finished-or-not-kept",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(RECOVERY_DAYS),
                    expired_object_delete_marker=True,
                ),
                _expiry("forget-uploaded-files", "uploads/", UPLOADED_DAYS),
                _expiry("forget-rejected-files", "rejected/", REJECTED_DAYS),
                s3.LifecycleRule(
                    id="forget-downloads",
                    prefix="downloads/",
                    expiration=Duration.days(DOWNLOAD_DAYS),
                    # Nobody restores a download. If two rules apply to noncurrent versions, the shorter period counts.
                    noncurrent_version_expiration=Duration.days(DOWNLOAD_DAYS),
                ),
            ],
            removal_policy=KEPT,
        )
        self._send_object_events()
        accept(
            self.bucket,
            "S1",
            reason="Only the functions read packs, for requests that are in the API's access log. A log of every read "
            "would cost more than the reads. An account can record them with CloudTrail.",
        )

    def _in_use(self, table: dynamodb.Table) -> dynamodb.ITable:
        """Returns the stack's own table, or the restored table that the context value `RESTORED` names.

        The stack keeps its own table unchanged. The functions use it again once the context value is removed.
        """
        restored = self.node.try_get_context(RESTORED)
        return dynamodb.Table.from_table_name(self, "Restored", restored) if restored else table

    def _send_object_events(self) -> None:
        """Makes S3 send an event to the account's event bus for each new object; `infra.drop_folder` filters them.

        The CDK's own option would deploy a function for a setting that CloudFormation supports.
        """
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 - the CDK types a child as any construct
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )

    def _retained_table(self, name: str, write_units: int | None = None) -> dynamodb.Table:
        """Creates a table with the keys PK and SK, which outlives the stack.

        The table can be restored to any second of the last `RECOVERY_DAYS`. It is prepared for `write_units` a second,
        which DynamoDB charges once; a table can never be prepared for less again. Its indexes stay as DynamoDB creates
        them, since only uploads have entries there. Its reads do too: more partitions serve more reads anyway, and a
        number here would be refused once the table's own has grown above it.
        """
        return dynamodb.Table(
            self,
            name,
            partition_key=_attribute("PK"),
            sort_key=_attribute("SK"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            warm_throughput=dynamodb.WarmThroughput(write_units_per_second=write_units) if write_units else None,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            removal_policy=KEPT,
        )
