"""Detects whether a request reached another project."""

from collections.abc import Iterator
from typing import Any

from tests.reliability.access.deployment import MARK, OTHER, Call, Deployment
from tests.reliability.access.operations import Request
from tests.simulation.gateway import Answer

PLACES = frozenset({"ExclusiveStartKey", "StartAfter", ":low", ":high", ":prefix"})
"""Parameters that set where a list starts within its partition or prefix. Those decide whose items are read."""


def violations(deployment: Deployment, request: Request, answer: Answer) -> Iterator[str]:
    """Yields a line if the last request read or returned anything of the second project, or failed with a 5xx."""
    what = f"{request.method} {request.path[:300]}"
    if answer.status >= 500:
        yield f"{what}: returned {answer.status}"
    text = answer.text
    for sent in _sent(deployment):
        text = text.replace(sent, "")  # a refusal quotes what the request sent
    if MARK in text:
        yield f"{what}: returned {answer.text[:300]}"
    for call in deployment.data_calls:
        if reaches(deployment, call):
            yield f"{what}: called {call.operation} with {call.text[:300]}"


def reaches(deployment: Deployment, call: Call) -> bool:
    """Whether an AWS call names an item, a partition or an object of the second project."""
    uid = deployment.uids[OTHER]
    addressed = Call(call.operation, _without_places(call.parameters)).text
    return any(name in addressed for name in (f"D#{uid}", f'"P#{OTHER}"', f'"{OTHER}"', f"/{uid}/", f"assets/{OTHER}/"))


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(each) for name, each in value.items() if name not in PLACES}
    return [_without_places(each) for each in value] if isinstance(value, list) else value


def _sent(deployment: Deployment) -> list[str]:
    """Returns the ids of the second project, longest first."""
    return sorted(deployment.other.values(), key=len, reverse=True)


def tried(deployment: Deployment, request: Request, caller: str = "admin") -> tuple[Answer, list[str]]:
    """Sends a request as a caller of the first project. Returns the response and the violations."""
    answer: Any = deployment.send(request, deployment.tokens[caller])
    return answer, list(violations(deployment, request, answer))
