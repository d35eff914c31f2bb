"""A template that tests ask for resources by type and by what the CDK's construct path calls them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]

PRODUCERS = ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:role/labelling"]
"""Whom a deployment lets put files into the drop folder, by the context value `drop_producers`."""
ISSUER = {"oidc_issuer": "https://issuer.example.com/people", "oidc_audience": "tidemark"}
"""The context values of a deployment with an OpenID Connect issuer."""


@dataclass(frozen=True)
class Template:
    document: Mapping[str, Any]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Resources of an AWS type, such as `SQS::Queue`, by logical id."""
        resources: dict[str, Resource] = self.document["Resources"]
        return {name: each for name, each in resources.items() if each["Type"] == f"AWS::{kind}"}

    def one(self, kind: str, name: str) -> tuple[str, Resource]:
        """Logical id and resource of the only one of a type whose logical id is `name` and a hash."""
        (found,) = [(logical, each) for logical, each in self.of_type(kind).items() if without_hash(logical) == name]
        return found

    def properties(self, kind: str, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.one(kind, name)[1]["Properties"]
        return properties

    def statements(self, role: str) -> Iterator[dict[str, Any]]:
        """What the policies of a role allow."""
        for policy in self.of_type("IAM::Policy").values():
            if policy["Properties"]["Roles"] == [{"Ref": role}]:
                yield from policy["Properties"]["PolicyDocument"]["Statement"]


def without_hash(logical_id: str) -> str:
    """The CDK ends a logical id with eight characters of its path's hash."""
    return logical_id[:-8]


def as_list(value: Any) -> list[Any]:
    """CloudFormation writes a list of one as the one."""
    return value if isinstance(value, list) else [value]
