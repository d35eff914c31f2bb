"""Deploys the template to the emulator: uploads template and bundles, then creates or updates the stack.

The CDK's command line would need Node, its bootstrap stack and several seconds more.
"""

import hashlib
import io
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.assembly import placeholders
from infra.local.emulator import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

ACCOUNT = "000000000000"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""AWS credentials of the emulator's root user, as environment variables."""

DEPLOY_SECONDS = 120
BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""Name of the SSM parameter by which a template checks that its account is bootstrapped for the CDK."""


class DeploymentFailed(Exception):
    """Raised when the stack cannot be deployed; the message names the resources that failed, and why."""


def _client(service: Any, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


def zipped(folder: Path) -> bytes:
    """Returns a zip archive of the files in `folder`, uncompressed, since the archive is unpacked at once."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(file.relative_to(folder)))
            entry.external_attr = file.stat().st_mode << 16
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def _exists(s3: "S3Client", bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True


def _upload(s3: "S3Client", bucket: str, content: bytes, suffix: str) -> str:
    """Uploads `content` unless the bucket has it, and returns the S3 key: the content's hash, followed by `suffix`."""
    key = hashlib.sha256(content).hexdigest() + suffix
    if not _exists(s3, bucket, key):
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def _submit(cloudformation: "CloudFormationClient", stack: str, template_url: str) -> None:
    """Starts to create or update the stack; does nothing if the stack is up to date."""
    arguments: dict[str, Any] = {
        "StackName": stack,
        "TemplateURL": template_url,
        "Capabilities": ["CAPABILITY_IAM"],
    }
    try:
        cloudformation.describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        cloudformation.create_stack(**arguments)
        return
    try:
        cloudformation.update_stack(**arguments)
    except ClientError as error:
        if "No updates" not in str(error):
            raise


def _wait(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    """Waits until the stack is deployed, and returns its outputs. Raises DeploymentFailed."""
    deadline = time.monotonic() + DEPLOY_SECONDS
    while True:
        (state,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if not state["StackStatus"].endswith("IN_PROGRESS"):
            break
        if time.monotonic() > deadline:
            raise DeploymentFailed(f"{stack} is still {state['StackStatus']} after {DEPLOY_SECONDS} s")
        time.sleep(0.1)
    if state["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
            for event in events
            if event["ResourceStatus"].endswith("FAILED")
        ]
        raise DeploymentFailed("\n".join([f"{stack} is {state['StackStatus']}", *reasons]))
    return {output["OutputKey"]: output["OutputValue"] for output in state.get("Outputs", [])}


def deploy(endpoint: str, stack: str, assembly: Path, bundles: Mapping[str, bytes]) -> dict[str, str]:
    """Deploys the template in the folder `assembly`, and returns the stack's outputs.

    `bundles` holds zip archives, keyed by their fields in `Bundles`. Raises DeploymentFailed.
    """
    s3: S3Client = _client("s3", endpoint)
    cloudformation: CloudFormationClient = _client("cloudformation", endpoint)
    _client("ssm", endpoint).put_parameter(Name=BOOTSTRAP_VERSION, Value="30", Type="String", Overwrite=True)
    bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
    s3.create_bucket(Bucket=bucket)
    template = (assembly / f"{stack}.template.json").read_text()
    for name, placeholder in placeholders(assembly).items():
        template = template.replace(f"{placeholder}.zip", _upload(s3, bucket, bundles[name], ".zip"))
    key = _upload(s3, bucket, template.encode(), ".json")
    _submit(cloudformation, stack, f"{endpoint}/{bucket}/{key}")
    return _wait(cloudformation, stack)
