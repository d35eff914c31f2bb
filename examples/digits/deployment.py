"""The deployment that the demo runs against: its API, a key for it, and the bucket for the images."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "build" / "local"
"""Where `make up` saves the port and the key of the stack on this machine."""

STACK = "Tidemark"
API, KEY, BUCKET = "TIDEMARK_API", "TIDEMARK_KEY", "TIDEMARK_BUCKET"
CONNECTIONS = 8
"""Images that are uploaded at the same time."""


@dataclass(frozen=True)
class Deployment:
    """A running Tidemark. `s3` uses the AWS credentials of the user who runs the demo."""

    api: str
    key: str
    bucket: str
    s3: "S3Client"
    local: bool


def find_deployment(api: str | None = None, bucket: str | None = None) -> Deployment:
    """Returns the deployment in the arguments or the environment, else the stack on this machine.

    The stack on this machine is also returned for its address without a bucket, since the commands that the demo prints
    export only the address. The key comes from the environment only: everybody on a machine can see arguments. Raises
    SystemExit, with what to do, if something is missing.
    """
    api = api or os.environ.get(API)
    bucket = bucket or os.environ.get(BUCKET)
    if api is None and bucket:
        raise SystemExit(f"{BUCKET} is given but not {API}; give both, or neither for the stack on this machine.")
    if api is None or (not bucket and _is_on_this_machine(api)):
        return _on_this_machine()
    key = os.environ.get(KEY)
    if not (bucket and key):
        raise SystemExit(f"With {API}, set {BUCKET} and {KEY} too: the stack's BucketName and an admin key.")
    session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)  # boto3 reads only AWS_DEFAULT_REGION
    s3 = session.client("s3", config=Config(max_pool_connections=CONNECTIONS, retries={"mode": "adaptive"}))
    return Deployment(api.rstrip("/"), key, bucket, s3, local=False)


def _local_endpoint() -> str:
    return f"http://127.0.0.1:{json.loads((LOCAL / 'server.json').read_text())['port']}"


def _is_on_this_machine(api: str) -> bool:
    try:
        return api.rstrip("/") == f"{_local_endpoint()}/api/v2"
    except FileNotFoundError:
        return False


def _on_this_machine() -> Deployment:
    try:
        endpoint = _local_endpoint()
        key = (LOCAL / "admin.key").read_text().strip()
    except FileNotFoundError as missing:
        raise SystemExit("No stack has been started here; `make up` starts one.") from missing
    session = boto3.Session("test", "test", region_name="us-east-1")  # the emulator's root user
    try:
        stacks = session.client("cloudformation", endpoint_url=endpoint).describe_stacks(StackName=STACK)["Stacks"]
    except EndpointConnectionError as error:
        raise SystemExit(f"There is no response from {endpoint}; `make up` starts the stack again.") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    config = Config(max_pool_connections=CONNECTIONS, s3={"addressing_style": "path"})
    s3 = session.client("s3", endpoint_url=endpoint, config=config)
    return Deployment(f"{endpoint}/api/v2", key, outputs["BucketName"], s3, local=True)
