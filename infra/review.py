"""The security review: cdk-nag's AwsSolutions rules, and the findings that are accepted, each with its reason."""

from aws_cdk import Acknowledgment, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

PACK = "AwsSolutions"


def review(app: IConstruct) -> None:
    """Have synthesis of `app` fail on any finding that was not accepted."""
    Validations.of(app).add_plugins(AwsSolutionsChecks())


def accept(construct: IConstruct, finding: str, *, reason: str) -> None:
    """Accept a finding, such as `S1` or `IAM5[Resource::*]`, on a construct and what it consists of."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PACK}::{PACK}-{finding}", reason=reason))
