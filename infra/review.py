"""The security review: checks the template against cdk-nag's AwsSolutions rules, and accepts findings with reasons."""

from aws_cdk import Acknowledgment, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

PACK = "AwsSolutions"


def review(app: IConstruct) -> None:
    """Makes the synthesis of `app` fail if there is a finding that is not accepted."""
    Validations.of(app).add_plugins(AwsSolutionsChecks())


def accept(construct: IConstruct, finding: str, *, reason: str) -> None:
    """Accepts a finding, such as `S1` or `IAM5[Resource::*]`, on a construct and its children."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PACK}::{PACK}-{finding}", reason=reason))
