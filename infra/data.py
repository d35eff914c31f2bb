"""What holds users' data: the table of versions, the bucket of payloads, the keys and the memory of small writes.

Nothing here is deleted with the stack, but for the memory of small writes, which forgets by itself.
"""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.review import accept

RESTORED = "restored_table"
"""The context value that has the functions use another table, such as one that was put back in time."""

RECOVERY_DAYS = 35
"""The days to which the tables can be put back, DynamoDB's most. A replaced or deleted object is kept as long, so that
a table put back to any of them finds the packs it points at."""

UPLOADED_DAYS = 30
"""How long a file that was put for an upload is kept, read or not: its rows are in packs within hours."""

REJECTED_DAYS = 90
"""How long a dropped file that could not be taken is kept, for its producer to look at."""

DOWNLOAD_DAYS = 1
"""How long a file that was written to be fetched is kept: its URL is good for an hour, and it can be written again."""

STRING = dynamodb.AttributeType.STRING


def _attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=STRING)


def _expiry(name: str, prefix: str, days: int) -> s3.LifecycleRule:
    """Objects under `prefix` go after some days; what they were can be put back for as long as anything deleted."""
    return s3.LifecycleRule(id=name, prefix=prefix, expiration=Duration.days(days))


class Data(Construct):
    """Tables and bucket, encrypted at rest with keys that AWS owns."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        table = self._retained_table("Table")
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
                    # Nobody wants one back: of two rules for what is no longer current, the shorter holds.
                    noncurrent_version_expiration=Duration.days(DOWNLOAD_DAYS),
                ),
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._tell_of_objects()
        accept(
            self.bucket,
            "S1",
            reason="Only the functions read packs, for requests that the API's access log holds; another log of each "
            "read would cost more than the reads. CloudTrail records them where an account wants that.",
        )

    def _in_use(self, table: dynamodb.Table) -> dynamodb.ITable:
        """The stack's own table, or the one that the context value `RESTORED` names, which was put back in time.

        The stack keeps its own beside that one, untouched: leaving the value out leads back to it.
        """
        restored = self.node.try_get_context(RESTORED)
        return dynamodb.Table.from_table_name(self, "Restored", restored) if restored else table

    def _tell_of_objects(self) -> None:
        """Have S3 put an event on the account's bus for each object; `infra.drop_folder` picks from these.

        The CDK's own setting would make a function of its own to do what CloudFormation does as well.
        """
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 - the CDK types a child as any construct
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )

    def _retained_table(self, name: str) -> dynamodb.Table:
        """A PK/SK table that survives its stack and can be put back to any second of the last 35 days."""
        return dynamodb.Table(
            self,
            name,
            partition_key=_attribute("PK"),
            sort_key=_attribute("SK"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
