"""Every operation of the API, read from its description, with a valid request."""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from functions.api import handler
from functions.api.openapi import describe
from tests.simulation.gateway import BASE

JSON = "application/json"
PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Request:
    """A request, with a path relative to the API's base."""

    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    name: str
    method: str
    template: str
    queries: frozenset[str]
    example: Any
    """The example body of the description; None for an operation without a body."""

    @property
    def parameters(self) -> list[str]:
        """The parameters in its path."""
        return PARAMETER.findall(self.template)

    def request(self, named: Mapping[str, str], query: str = "", **changes: Any) -> Request:
        """Returns a valid request. `named` fills the path, `changes` replaces fields of the body."""
        path = PARAMETER.sub(lambda match: quote(named[match[1]], safe=""), self.template)
        body = None
        headers = {}
        if self.example is not None or (changes and self.method != "GET"):
            body = json.dumps({**(self.example or {}), **changes}).encode()
            headers = {"content-type": JSON, "idempotency-key": uuid.uuid4().hex}
        return Request(self.method, f"{path}?{query}" if query else path, body, headers)


@cache
def operations() -> tuple[Operation, ...]:
    """Returns all operations, sorted by name."""
    document = describe(handler.app)
    schemas = document["components"]["schemas"]
    described = [
        Operation(
            name=described["operationId"],
            method=method.upper(),
            template=path.removeprefix(BASE),
            queries=frozenset(each["name"] for each in described.get("parameters", []) if each["in"] == "query"),
            example=_example(described.get("requestBody"), schemas),
        )
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]
    return tuple(sorted(described, key=lambda operation: operation.name))


def operation(name: str) -> Operation:
    """Returns the operation of that name."""
    return next(each for each in operations() if each.name == name)


def _example(body: Any, schemas: Mapping[str, Any]) -> Any:
    if body is None:
        return None
    content = body["content"][JSON]
    if "examples" in content:
        return next(iter(content["examples"].values()))["value"]
    return schemas[content["schema"]["$ref"].rsplit("/", 1)[1]]["examples"][0]
