"""Finds resources in a template by their type and by the name that the CDK's construct path gives them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]

PRODUCERS = ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:role/labelling"]
"""A value of `drop_producers`: who may upload files to the drop folder."""
ISSUER = {"oidc_issuer": "https://issuer.example.com/people", "oidc_audience": "tidemark"}
"""Context values of a deployment with an OpenID Connect issuer."""


@dataclass(frozen=True)
class Template:
    document: Mapping[str, Any]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Returns the resources of an AWS type, such as `SQS::Queue`, by logical id."""
        resources: dict[str, Resource] = self.document["Resources"]
        return {name: resource for name, resource in resources.items() if resource["Type"] == f"AWS::{kind}"}

    def one(self, kind: str, name: str) -> tuple[str, Resource]:
        """Returns logical id and resource of the only resource of a type whose logical id is `name` and a hash."""
        (match,) = [(logical, each) for logical, each in self.of_type(kind).items() if without_hash(logical) == name]
        return match

    def properties(self, kind: str, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.one(kind, name)[1]["Properties"]
        return properties

    def definition(self, machine: str) -> dict[str, Any]:
        """Returns the definition of a state machine, such as `Transfer`."""
        text = as_text(self.properties("StepFunctions::StateMachine", f"Workflows{machine}Machine")["DefinitionString"])
        definition: dict[str, Any] = json.loads(text)
        return definition

    def statements(self, role: str) -> Iterator[dict[str, Any]]:
        """Yields the statements of a role's policies."""
        for policy in self.of_type("IAM::Policy").values():
            if policy["Properties"]["Roles"] == [{"Ref": role}]:
                yield from policy["Properties"]["PolicyDocument"]["Statement"]


def without_hash(logical_id: str) -> str:
    """Removes the eight characters of its path's hash with which the CDK ends a logical id."""
    return logical_id[:-8]


def as_list(value: Any) -> list[Any]:
    """Returns a list; CloudFormation may write a list of one item as the item."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """Returns a value with its joins joined, and logical ids, without their hashes, in place of references."""
    if isinstance(value, str):
        return value
    if "Fn::GetAtt" in value:
        return without_hash(value["Fn::GetAtt"][0])
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(as_text(part) for part in parts)
    referred = str(value["Ref"])
    return referred if referred.startswith("AWS::") else without_hash(referred)
