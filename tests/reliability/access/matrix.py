"""The matrix of every operation, caller and project. An outcome that differs from the rules is a violation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.reliability.access.deployment import MISSING, OTHER, OWN, Deployment
from tests.reliability.access.operations import Operation, operations
from tests.reliability.access.rules import PROJECT_IN_BODY, PUBLIC, RULES
from tests.simulation.gateway import Answer
from tidemark.domain.api_keys import Role

UNAUTHORIZED, FORBIDDEN = 401, 403
ALL, EMPTY = "admin of all projects", "admin of no project"
CALLERS = ("none", "garbage", "revoked", *Role, EMPTY, ALL)
"""No key; a key that was never issued; a revoked one; one per role for the first project; two more admins."""
NOWHERE = "-"
"""The project of an operation that belongs to no project."""


@dataclass(frozen=True)
class Cell:
    """One request of the matrix."""

    operation: Operation
    caller: str
    project: str
    in_body: bool = False
    """Whether the body names the project, while the path names the caller's own."""

    def __str__(self) -> str:
        return f"{self.operation.name} as {self.caller} in {self.project}{' by its body' if self.in_body else ''}"

    @property
    def must(self) -> int | None:
        """The required status; None if any status but a refusal is right."""
        least = RULES[self.operation.name]
        if least is PUBLIC:
            return None
        if self.caller == "none":
            return UNAUTHORIZED
        if self.caller in {"garbage", "revoked"} or not self._is_covered:
            return FORBIDDEN
        return FORBIDDEN if self.caller in set(Role) and not Role(self.caller).includes(least) else None

    @property
    def _is_covered(self) -> bool:
        """Whether the caller's key covers the named project, if any."""
        return self.project == NOWHERE or self.caller == ALL or (self.project == OWN and self.caller != EMPTY)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request."""

    cell: Cell
    answer: Answer
    data_calls: tuple[str, ...]

    @property
    def violations(self) -> Iterator[str]:
        """Yields the violations."""
        status, must = self.answer.status, self.cell.must
        if must is None and status in {UNAUTHORIZED, FORBIDDEN}:
            yield f"{self.cell}: refused with {status}, though it is allowed"
        if must is not None and status != must:
            yield f"{self.cell}: returned {status} instead of {must}"
        if must is not None and self.data_calls:
            yield f"{self.cell}: refused, but called {', '.join(self.data_calls)}"
        if must is None and status >= 500:
            yield f"{self.cell}: returned {status}"


def cells() -> Iterator[Cell]:
    """Yields the whole matrix, except the one request that would create the missing project."""
    for operation in operations():
        in_path, in_body = "project" in operation.parameters, operation.name in PROJECT_IN_BODY
        for caller in CALLERS:
            for project in (OWN, OTHER, MISSING) if in_path else (NOWHERE,) * (not in_body):
                yield Cell(operation, caller, project)
            for project in (OWN, OTHER) if caller == ALL else (OWN, OTHER, MISSING):
                if in_body:
                    yield Cell(operation, caller, project, in_body=True)


def attempt(deployment: Deployment, cell: Cell) -> Outcome:
    """Sends the request of a cell: a valid one, for something that exists in the named project."""
    names = deployment.other if cell.project == OTHER and not cell.in_body else deployment.own
    path = names | ({} if cell.in_body or cell.project == NOWHERE else {"project": cell.project})
    body: dict[str, Any] = {PROJECT_IN_BODY[cell.operation.name]: cell.project} if cell.in_body else {}
    answer = deployment.send(cell.operation.request(path, **body), deployment.tokens[cell.caller])
    return Outcome(cell, answer, tuple(call.operation for call in deployment.data_calls))


def differences(outcomes: list[Outcome]) -> Iterator[str]:
    """Yields a line where responses show whether another project exists."""
    seen: dict[tuple[str, str, bool], Outcome] = {}
    for outcome in outcomes:
        cell = outcome.cell
        if cell.project not in {OTHER, MISSING} or cell.must is None:
            continue
        other = seen.setdefault((cell.operation.name, cell.caller, cell.in_body), outcome)
        if other.answer != outcome.answer:
            yield f"{cell}: response differs from that in {other.cell.project}"
