"""Calls the deployed stack through its HTTPS API, to time operations that `process` measures in detail."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
import httpx2

from infra.local.stack import LocalStack
from tests.bench.door import Json
from tests.support.deployed.client import SECONDS, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


UNDER_WAY = ("PENDING", "WRITING")
PATIENCE = 600.0
"""Seconds to wait for an operation, which may have ten thousand frames."""


class Deployed:
    """The API of a stack, called with an API key. A `Door`."""

    def __init__(self, stack: LocalStack, key: str) -> None:
        self._http = httpx2.Client(base_url=stack.api, headers={"x-api-key": key}, timeout=SECONDS)
        self._s3: S3Client = boto3.client(
            "s3",
            endpoint_url=stack.server.endpoint,
            region_name=stack.aws["AWS_REGION"],
            aws_access_key_id=stack.aws["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=stack.aws["AWS_SECRET_ACCESS_KEY"],
        )
        self._bucket = stack.outputs["BucketName"]

    def post(self, path: str, document: Json) -> Json:
        """Sends a POST of JSON and returns the response."""
        return self._answer(self._http.post(path, json=document))

    def get(self, path: str) -> Json:
        """Sends a GET and returns the response."""
        return self._answer(self._http.get(path))

    def put(self, url: str, headers: Mapping[str, str], content: bytes) -> None:
        """Uploads a file to a signed URL."""
        httpx2.put(url, headers=headers, content=content, timeout=SECONDS).raise_for_status()

    def settle(self, path: str) -> None:
        """Polls a path until its upload or artifact is finished."""
        wait_until(lambda: self.get(path)["status"] not in UNDER_WAY, f"{path} to finish", PATIENCE)

    def drop(self, dataset: str, key: str, content: bytes) -> None:
        """Drops a file and polls its dataset until it has a new version."""
        before = self.get(dataset)["latest"]
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        wait_until(lambda: self.get(dataset)["latest"] > before, f"{key} to settle")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()
        self._s3.close()

    @staticmethod
    def _answer(response: httpx2.Response) -> Json:
        if response.is_error:
            raise AssertionError(f"{response.request.method} {response.request.url}: {response.text}")
        document: Json = response.json()
        return document
