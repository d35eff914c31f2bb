"""What the bill shows: the CDK application, and the same template on one machine (`infra.local`)."""

STACK = "Tidemark"
"""The CloudFormation stack's name."""
