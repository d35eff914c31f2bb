"""What `make deploy` does before and after the CDK: checks the account's quota of Lambda, and protects the tables.

`python -m infra.deployment check|protect ARGS` takes the CDK's options and follows `--context` and `--profile` among
them.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra import STACK
from infra.bundle import ROOT
from infra.capacity import CONCURRENCY, DEFAULT_CONCURRENCY, MIN_CONCURRENCY, Capacity, from_context

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient

QUOTA_CODE = "L-B99A9384"
"""Service Quotas' code of Lambda's concurrent executions."""

TABLES = ("TableName", "KeysTableName")
"""The stack's outputs that name tables with users' data."""


class QuotaTooLow(Exception):
    """Raised when the account allows fewer calls of Lambda at once than planned; the message says what to do."""


def check_quota(client: "LambdaClient", planned: Capacity) -> str:
    """Compares what Lambda allows with what is planned, and returns a line that says so. Raises QuotaTooLow.

    Calls that other functions of the account have reserved are not available to this deployment.
    """
    limit = client.get_account_settings()["AccountLimit"]
    quota, available = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    reserved = f" (the quota is {quota}, other functions have reserved the rest)" if available < quota else ""
    if available >= planned.concurrency:
        return (
            f"Lambda allows {available} calls at once{reserved}; this deployment is planned for {planned.concurrency}."
        )
    ways = [
        f"Lambda allows {available} calls at once in this account and region{reserved}, and this deployment is planned "
        f"for {planned.concurrency}.",
        "Ask AWS for more, wait until it is granted, and deploy again:",
        f"  aws service-quotas request-service-quota-increase --service-code lambda --quota-code {QUOTA_CODE} "
        f"--desired-value {DEFAULT_CONCURRENCY + quota - available}",
    ]
    if available >= MIN_CONCURRENCY:
        ways += [
            "Or deploy for fewer calls. Nothing is lost, but large loads take longer:",
            f'  make deploy ARGS="-c {CONCURRENCY}={available}"',
        ]
    raise QuotaTooLow("\n".join(ways))


def protect(cloudformation: "CloudFormationClient", dynamodb: "DynamoDBClient") -> list[str]:
    """Switches on deletion protection of the tables in use, and returns the names of those that had none.

    The template cannot do it: see `infra.data.KEPT`.
    """
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    tables = [output["OutputValue"] for output in stack.get("Outputs", []) if output["OutputKey"] in TABLES]
    unprotected = [
        name for name in tables if not dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled")
    ]
    for name in unprotected:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    return unprotected


def context(arguments: Sequence[str]) -> Mapping[str, Any]:
    """Returns the context values of cdk.json and of the CDK's options `-c name=value`, which come first."""
    values: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    given = [pair.partition("=") for pair in _parser().parse_known_args(arguments)[0].context]
    return {**values, **{name: value for name, _, value in given}}


QUOTA_UNREAD = "Lambda's quota could not be read"


def _parser() -> argparse.ArgumentParser:
    """Returns a parser of the CDK's options that the steps follow. The CDK's other options are left to the CDK."""
    parser = argparse.ArgumentParser(prog="python -m infra.deployment", allow_abbrev=False, add_help=False)
    parser.add_argument("-c", "--context", action="append", default=[])
    parser.add_argument("--profile")
    return parser


def main(arguments: Sequence[str]) -> None:
    """Runs the step that `arguments` name, with the operator's credentials.

    Exits with a message if the step is unknown, the quota is too low or cannot be read, or a context value is invalid.
    """
    parser = _parser()
    parser.add_argument("step", choices=("check", "protect"))
    options, _ = parser.parse_known_args(arguments)
    try:
        # The context first: a wrong value is the operator's to mend, whatever the credentials.
        capacity = from_context(context(arguments).get)
        # boto3 reads AWS_DEFAULT_REGION only; the CDK prefers AWS_REGION.
        session = boto3.Session(profile_name=options.profile, region_name=os.environ.get("AWS_REGION"))
        if options.step == "protect":
            for name in protect(session.client("cloudformation"), session.client("dynamodb")):
                print(f"Switched on deletion protection of {name}.")
            return
        print(check_quota(session.client("lambda"), capacity))
    except (QuotaTooLow, ValueError) as error:
        sys.exit(str(error))
    except (BotoCoreError, ClientError) as error:
        purpose = "Deletion protection could not be switched on" if options.step == "protect" else QUOTA_UNREAD
        sys.exit(f"{purpose}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
