"""The CDK application that deploys Tidemark, `infra.local`, which deploys it to this machine, and `infra.smoke`, which
tries a deployment."""

STACK = "Tidemark"
"""The CloudFormation stack's name."""
