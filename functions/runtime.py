"""Lambda's runtime. When a function loads there, it logs the versions of what the runtime brings."""

import os
import platform

import boto3
import botocore
from aws_lambda_powertools import Logger

IN_LAMBDA = "LAMBDA_TASK_ROOT" in os.environ
"""Whether this process is an execution environment of Lambda, or of the local stack, which sets the same variables."""

if IN_LAMBDA:
    # The runtime's versions change without a deployment.
    versions = {"python": platform.python_version(), "boto3": boto3.__version__, "botocore": botocore.__version__}
    Logger().info("function loaded", extra=versions)
