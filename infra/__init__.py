"""The CDK application that deploys Tidemark, and `infra.local`, which deploys it to this machine."""

STACK = "Tidemark"
"""The CloudFormation stack's name."""
