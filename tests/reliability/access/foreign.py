"""What must not be in the dealings of a caller with what is another project's."""

from collections.abc import Iterator
from typing import Any

from tests.reliability.access.deployment import MARK, OTHER, Call, Deployment
from tests.reliability.access.operations import Request
from tests.simulation.gateway import Answer

PLACES = frozenset({"ExclusiveStartKey", "StartAfter", ":low", ":high", ":prefix"})
"""Where a list begins and ends within its partition or its prefix, which are what decides whose items are read."""


def violations(deployment: Deployment, request: Request, answer: Answer) -> Iterator[str]:
    """Where the last request has read or told what is the second project's, or failed by its own fault."""
    what = f"{request.method} {request.path[:300]}"
    if answer.status >= 500:
        yield f"{what}: answered {answer.status}"
    told = answer.text
    for sent in _sent(deployment):
        told = told.replace(sent, "")  # a refusal says what it refuses
    if MARK in told:
        yield f"{what}: told {answer.text[:300]}"
    for call in deployment.data_calls:
        if reaches(deployment, call):
            yield f"{what}: called {call.operation} with {call.text[:300]}"


def reaches(deployment: Deployment, call: Call) -> bool:
    """Whether a call names an item, a partition or an object of the second project."""
    uid = deployment.uids[OTHER]
    addressed = Call(call.operation, _without_places(call.parameters)).text
    return any(name in addressed for name in (f"D#{uid}", f'"P#{OTHER}"', f'"{OTHER}"', f"/{uid}/", f"assets/{OTHER}/"))


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(each) for name, each in value.items() if name not in PLACES}
    return [_without_places(each) for each in value] if isinstance(value, list) else value


def _sent(deployment: Deployment) -> list[str]:
    """The ids of the second project, longest first."""
    return sorted(deployment.other.values(), key=len, reverse=True)


def tried(deployment: Deployment, request: Request, caller: str = "admin") -> tuple[Answer, list[str]]:
    """Send a request of the first project's; its answer, and what must not be."""
    answer: Any = deployment.send(request, deployment.tokens[caller])
    return answer, list(violations(deployment, request, answer))
