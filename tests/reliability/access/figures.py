"""Measures access for `docs/reliability.md`: `python -m tests.reliability access`, about two minutes."""

import base64
import io
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from unittest.mock import patch

os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")  # thousands of refusals are expected here

from functions.authorizer import handler as authorizer
from tests.reliability.access.deployment import Deployment, deployed
from tests.reliability.access.foreign import tried
from tests.reliability.access.forging import FORGERIES, forged
from tests.reliability.access.ids import foreign_requests
from tests.reliability.access.issuer import AUDIENCE, serving
from tests.reliability.access.lists import CURSORS, OF_ALL_PROJECTS, issued, request, scope
from tests.reliability.access.matrix import ALL, CALLERS, Outcome, attempt, cells, differences
from tests.reliability.access.operations import Request, operations
from tests.reliability.report import Findings, Table

SEED = 5
FORGED_CURSORS = 3_000
"""Number of altered or invented cursors."""
OK = 200
AGAIN = "reproduce with `python -m tests.reliability access`"


@dataclass
class Tried:
    """Counts of one kind of attempt."""

    what: str
    requests: int = 0
    refused: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def row(self) -> tuple[str | int, ...]:
        """Its row of the table."""
        return self.what, self.requests, self.refused, len(self.violations)

    def count(self, status: int, violations: list[str]) -> None:
        """Counts a request."""
        self.requests += 1
        self.refused += status != OK
        self.violations += violations


def find() -> Findings:
    """Tries everything. A violation is a request that should have been refused, or that reached another project."""
    began = time.monotonic()
    with redirect_stdout(io.StringIO()):  # the functions' metrics
        with deployed() as deployment:
            all_tried = [_matrix(deployment)]
        with deployed() as deployment:
            all_tried += [_ids(deployment), *_cursors(deployment), _tokens(deployment)]
    note = (
        f"{len(operations())} operations, {len(CALLERS)} callers; cursors by seed {SEED}; "
        f"{time.monotonic() - began:.0f} s. A refused request of the first line made no AWS call except the one for "
        "its key."
    )
    columns = ("tried", "requests", "refused", "violations")
    table = Table(name="access", columns=columns, rows=[each.row for each in all_tried], note=note)
    return Findings(tables=[table], violations=[f"{line}; {AGAIN}" for each in all_tried for line in each.violations])


def _matrix(deployment: Deployment) -> Tried:
    tried_here = Tried("every operation, by every caller, in its own project, another project and a missing one")
    outcomes: list[Outcome] = []
    for cell in cells():
        outcome = attempt(deployment, cell)
        outcomes.append(outcome)
        tried_here.requests += 1
        tried_here.refused += cell.must is not None and outcome.answer.status == cell.must
        tried_here.violations += outcome.violations
    tried_here.violations += differences(outcomes)
    return tried_here


def _ids(deployment: Deployment) -> Tried:
    tried_here = Tried("ids, versions and URLs of another project, in every place that accepts one")
    for foreign in foreign_requests(deployment):
        answer, violations = tried(deployment, foreign.request)
        if foreign.finds_nothing and answer.status == OK:
            violations.append(f"{foreign.name}: returned {answer.status}")
        tried_here.count(answer.status, violations)
    return tried_here


def _cursors(deployment: Deployment) -> Iterator[Tried]:
    own = dict(issued(deployment, deployment.own, ALL))
    foreign = dict(issued(deployment, deployment.other, ALL))
    moved = Tried("cursors of another list, dataset or project")
    for name in sorted(CURSORS.keys() - OF_ALL_PROJECTS):
        for cursor in [*(own[other] for other in own if other != name), *foreign.values()]:
            sent = request(name, deployment.own, cursor)
            answer, violations = tried(deployment, sent)
            if answer.status == OK:
                violations.append(f"{sent.path}: returned {answer.status}")
            moved.count(answer.status, violations)
    yield moved
    forged_cursors = Tried("altered or invented cursors; those accepted showed only the caller's own items")
    chance = random.Random(SEED)
    for _ in range(FORGED_CURSORS):
        answer, violations = tried(deployment, _made_up(deployment, [*own.values(), *foreign.values()], chance))
        forged_cursors.count(answer.status, violations)
    yield forged_cursors


def _made_up(deployment: Deployment, cursors: list[str], chance: random.Random) -> Request:
    """Returns a request with a cursor that the API never issued."""
    name = chance.choice(sorted(CURSORS))
    if chance.random() < 0.5:
        raw = bytearray(base64.urlsafe_b64decode(chance.choice(cursors) + "=="))
        for _ in range(chance.randint(1, 3)):
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    else:
        texts = [*deployment.other.values(), *deployment.uids.values(), "", "~", "\0", "#", "F#", "é" * 60]
        numbers = [0, 1, 2, 3, -1, 2**40, 2**70]
        position = [chance.choice(texts if kind == "s" else numbers) for kind in CURSORS[name].position]
        raw = bytearray(json.dumps([scope(deployment, name, deployment.own), *position]).encode())
    return request(name, deployment.own, base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="))


def _tokens(deployment: Deployment) -> Tried:
    tried_here = Tried("forged tokens")
    with ExitStack() as stack:
        issuer = stack.enter_context(serving())
        names = {"ISSUER": issuer.url, "AUDIENCE": AUDIENCE, "CLAIM": "groups"}
        stack.enter_context(patch.dict(os.environ, {f"TIDEMARK_OIDC_{name}": text for name, text in names.items()}))
        authorizer._verifier.cache_clear()
        stack.callback(authorizer._verifier.cache_clear)
        listing = Request("GET", "/projects", None, {})
        good = deployment.send(listing, issuer.token("tidemark:read:*"))
        if good.status != OK:
            tried_here.violations.append(f"a valid token: returned {good.status}")
        for how in FORGERIES:
            answer = deployment.send(listing, forged(issuer, how))
            tried_here.count(answer.status, [f"{how}: returned {answer.status}"] if answer.status == OK else [])
    return tried_here
