"""The drop folder, while the functions run in this process.

Meanwhile the bucket sends no events, since the deployed functions would otherwise process the dropped files.
"""

import json
from typing import TYPE_CHECKING, Any, Self

import boto3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Folder:
    """Stores files in a bucket without metering, for the account and region of the environment."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._s3: S3Client = boto3.Session().client("s3")

    def __enter__(self) -> Self:
        self._s3.put_bucket_notification_configuration(Bucket=self._bucket, NotificationConfiguration={})
        return self

    def __exit__(self, *_: Any) -> None:
        configuration: Any = {"EventBridgeConfiguration": {}}
        self._s3.put_bucket_notification_configuration(Bucket=self._bucket, NotificationConfiguration=configuration)
        self._s3.close()

    def put(self, key: str, content: bytes) -> str:
        """Stores a file. Returns the message that EventBridge would send to the file queue."""
        version = self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)["VersionId"]
        return json.dumps(
            {
                "version": "0",
                "id": version,
                "detail-type": "Object Created",
                "source": "aws.s3",
                "account": "123456789012",
                "time": "2026-03-01T12:00:00Z",
                "region": "us-east-1",
                "resources": [f"arn:aws:s3:::{self._bucket}"],
                "detail": {
                    "version": "0",
                    "bucket": {"name": self._bucket},
                    "object": {"key": key, "size": len(content), "version-id": version},
                    "reason": "PutObject",
                },
            }
        )
