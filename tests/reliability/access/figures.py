"""The figures of access in `docs/reliability.md`: `python -m tests.reliability access`, some two minutes."""

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

os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")  # thousands of refusals are what is wanted here

from functions.authorizer import handler as authorizer
from tests.reliability.access.deployment import Deployment, deployed
from tests.reliability.access.foreign import tried
from tests.reliability.access.forging import FORGERIES, forged
from tests.reliability.access.ids import foreign_requests
from tests.reliability.access.issuer import AUDIENCE, serving
from tests.reliability.access.lists import OF_ALL_PROJECTS, SHAPES, given_out, request, scope
from tests.reliability.access.matrix import ALL, CALLERS, Outcome, attempt, cells, differences
from tests.reliability.access.operations import Request, operations
from tests.reliability.report import Findings, Table

SEED = 5
CHANGED = 3_000
"""Cursors that are changed or made up."""
OK = 200
AGAIN = "see it by `python -m tests.reliability access`"


@dataclass
class Tried:
    """What was tried in one way."""

    what: str
    requests: int = 0
    refused: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def row(self) -> tuple[str | int, ...]:
        """Its line of the table."""
        return self.what, self.requests, self.refused, len(self.violations)

    def count(self, status: int, violations: list[str]) -> None:
        """One request more."""
        self.requests += 1
        self.refused += status != OK
        self.violations += violations


def find() -> Findings:
    """Try everything, and tell what was refused and what should have been."""
    began = time.monotonic()
    with redirect_stdout(io.StringIO()):  # the functions' metrics
        with deployed() as deployment:
            all_tried = [_matrix(deployment)]
        with deployed() as deployment:
            all_tried += [_ids(deployment), *_cursors(deployment), _tokens(deployment)]
    note = (
        f"{len(operations())} operations, {len(CALLERS)} callers; cursors by seed {SEED}; "
        f"{time.monotonic() - began:.0f} s. A request of the first line that was refused made no call to AWS but the "
        "one for its key."
    )
    columns = ("tried", "requests", "refused", "violations")
    table = Table(name="access", columns=columns, rows=[each.row for each in all_tried], note=note)
    return Findings(tables=[table], violations=[f"{one}; {AGAIN}" for each in all_tried for one in each.violations])


def _matrix(deployment: Deployment) -> Tried:
    made = Tried("every operation, by every caller, in its own project, in another and in one that is not there")
    outcomes: list[Outcome] = []
    for cell in cells():
        outcome = attempt(deployment, cell)
        outcomes.append(outcome)
        made.requests += 1
        made.refused += cell.must is not None and outcome.answer.status == cell.must
        made.violations += outcome.violations
    made.violations += differences(outcomes)
    return made


def _ids(deployment: Deployment) -> Tried:
    made = Tried("ids, versions and URLs of another project, in every place that takes one")
    for foreign in foreign_requests(deployment):
        answer, violations = tried(deployment, foreign.request)
        if foreign.finds_nothing and answer.status == OK:
            violations.append(f"{foreign.name}: answered {answer.status}")
        made.count(answer.status, violations)
    return made


def _cursors(deployment: Deployment) -> Iterator[Tried]:
    own = dict(given_out(deployment, deployment.own, ALL))
    foreign = dict(given_out(deployment, deployment.other, ALL))
    carried = Tried("cursors of another list, dataset or project")
    for name in sorted(SHAPES.keys() - OF_ALL_PROJECTS):
        for cursor in [*(own[other] for other in own if other != name), *foreign.values()]:
            sent = request(name, deployment.own, cursor)
            answer, violations = tried(deployment, sent)
            if answer.status == OK:
                violations.append(f"{sent.path}: answered {answer.status}")
            carried.count(answer.status, violations)
    yield carried
    changed = Tried("cursors of which bits were changed, or which were made up; the others showed the caller's own")
    chance = random.Random(SEED)
    for _ in range(CHANGED):
        answer, violations = tried(deployment, _made_up(deployment, [*own.values(), *foreign.values()], chance))
        changed.count(answer.status, violations)
    yield changed


def _made_up(deployment: Deployment, cursors: list[str], chance: random.Random) -> Request:
    """A request with a cursor that nobody has given out."""
    name = chance.choice(sorted(SHAPES))
    if chance.random() < 0.5:
        raw = bytearray(base64.urlsafe_b64decode(chance.choice(cursors) + "=="))
        for _ in range(chance.randint(1, 3)):
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    else:
        texts = [*deployment.other.values(), *deployment.uids.values(), "", "~", "\0", "#", "F#", "é" * 60]
        numbers = [0, 1, 2, 3, -1, 2**40, 2**70]
        position = [chance.choice(texts if kind == "s" else numbers) for kind in SHAPES[name].position]
        raw = bytearray(json.dumps([scope(deployment, name, deployment.own), *position]).encode())
    return request(name, deployment.own, base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="))


def _tokens(deployment: Deployment) -> Tried:
    made = Tried("tokens that an issuer has not signed, or not so")
    with ExitStack() as stack:
        issuer = stack.enter_context(serving())
        names = {"ISSUER": issuer.url, "AUDIENCE": AUDIENCE, "CLAIM": "groups"}
        stack.enter_context(patch.dict(os.environ, {f"TIDEMARK_OIDC_{name}": text for name, text in names.items()}))
        authorizer._verifier.cache_clear()
        stack.callback(authorizer._verifier.cache_clear)
        listing = Request("GET", "/projects", None, {})
        good = deployment.send(listing, issuer.token("tidemark:read:*"))
        if good.status != OK:
            made.violations.append(f"a good token: answered {good.status}")
        for how in FORGERIES:
            answer = deployment.send(listing, forged(issuer, how))
            made.count(answer.status, [f"{how}: answered {answer.status}"] if answer.status == OK else [])
    return made
