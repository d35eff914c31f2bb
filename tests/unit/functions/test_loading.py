"""What a function does when Lambda loads it, before its first call."""

import json
import os
import subprocess
import sys

import boto3
import botocore
import pytest

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "LAMBDA_TASK_ROOT": "/var/task",
    "POWERTOOLS_METRICS_NAMESPACE": "Tidemark",
    "POWERTOOLS_TRACE_DISABLED": "1",
    "TIDEMARK_IDEMPOTENCY_TABLE": "idempotency",
    "TIDEMARK_KEYS_TABLE": "keys",
    "TIDEMARK_TABLE": "table",
}

FUNCTIONS = ["api", "authorizer", "intake", "apply", "publish", "dead_letter", "transfer", "checkpoint", "purge"]


def _output(program: str) -> list[str]:
    """Returns the lines that a program prints in a process of its own, with Lambda's environment variables."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **VARIABLES}
    command = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603 - our own program


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_logs_the_versions_of_the_sdk_once(function: str) -> None:
    (line,) = _output(f"import functions.{function}.handler")
    logged = json.loads(line)
    assert logged["message"] == "function loaded"
    assert (logged["boto3"], logged["botocore"]) == (boto3.__version__, botocore.__version__)


@pytest.mark.parametrize(
    ("function", "made"),
    [("authorizer", "handler._table"), ("api", "deployment.backend"), ("api", "throttle.throttle")],
)
def test_the_clients_that_every_request_needs_exist_before_the_first(function: str, made: str) -> None:
    module = f"functions.{function}.handler"
    *_, count = _output(
        f"from {module.rpartition('.')[0]} import handler\n{IMPORTS}\nprint({made}.cache_info().currsize)"
    )
    assert count == "1"


IMPORTS = "from functions.api.http import deployment, throttle"
