"""Drives an API by its own description (schemathesis): requests as it allows them and as it does not, and whether the
answers are what it says."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemathesis import openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from functions.api.http.router import BASE_PATH

Json = dict[str, Any]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
)
"""What each answer is held to. That all data is taken which the description allows is not among it: no schema can say
which cursors were given out, or which name confirms a purge."""
ARCHIVING = ("archiveDataset", "unarchiveDataset", "purgeDataset")


@dataclass(frozen=True)
class Named:
    """What there is in a deployment, so that requests come further than to the refusal of an unknown name."""

    project: str = ""
    dataset: str = ""
    spare: str = ""
    """A dataset to be archived: nothing else is asked of it."""
    frame: str = ""
    label: str = ""
    upload: str = ""
    checkpoint: str = ""


ANYTHING = Named()
"""Nothing is named: what a path names is made up."""


@dataclass
class Driven:
    """What came of it."""

    requests: Counter[str] = field(default_factory=Counter)
    """By method and path of the operation."""
    statuses: Counter[str] = field(default_factory=Counter)
    """By class: 2xx, 4xx, 5xx."""
    failures: list[str] = field(default_factory=list)
    """Answers that are not as described, each once, with a request that gets them."""

    @property
    def total(self) -> int:
        """All requests."""
        return self.requests.total()


def config(
    named: Named,
    *,
    origin: str,
    key: str,
    phases: tuple[str, ...],
    examples: int,
    seed: int = 1,
    seconds: int | None = None,
    checks: tuple[str, ...] = CHECKS,
) -> SchemathesisConfig:
    """How to drive it: at an origin under an API key, asking for what is `named`, as far as that goes.

    `examples` are tried of each operation in a phase that draws them; `seconds` end the whole of it.
    """
    document: Json = {
        "seed": seed,
        "base-url": origin,
        "headers": {"x-api-key": key},
        "continue-on-failure": True,
        "checks": {"enabled": False} | {name: {"enabled": True} for name in checks},
        "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")},
        "generation": {
            "max-examples": examples,
            "no-shrink": True,
            "database": "none",
            "with-security-parameters": False,  # a second key, for which the gateway would refuse the request
        },
        "parameters": _parameters(named),
        "operations": [_frames_by_id()],
    }
    if seconds is not None:
        document["max-time"] = seconds
    if named.spare:
        spare = {"path.dataset": named.spare}
        document["operations"] += [{"include-operation-id": name, "parameters": spare} for name in ARCHIVING]
    return SchemathesisConfig.from_dict(document)


def drive(document: Json, how: SchemathesisConfig, app: object = None) -> Driven:
    """Send what schemathesis makes of a description, and record what comes of it.

    `app` is a WSGI application to send it to, instead of the origin.
    """
    schema = openapi.from_dict(document, config=how)
    schema.app = app
    driven = Driven()
    found: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(driven, event.recorder)
            found = _failures(event.recorder) | found
        elif isinstance(event, events.NonFatalError):
            found[event.label] = f"{event.label}: {event.value!r}"
        elif isinstance(event, events.FatalError):
            raise event.exception
    driven.failures = list(found.values())
    return driven


def only(document: Json, paths: Collection[str]) -> Json:
    """A description of some paths alone; they are given without `/api/v2` before them."""
    return document | {"paths": {f"{BASE_PATH}{path}": document["paths"][f"{BASE_PATH}{path}"] for path in paths}}


def _count(driven: Driven, recorder: Any) -> None:
    for case_id, interaction in recorder.interactions.items():
        driven.requests[recorder.cases[case_id].value.operation.label] += 1
        if interaction.response is not None:
            driven.statuses[f"{interaction.response.status_code // 100}xx"] += 1


def _failures(recorder: Any) -> dict[str, str]:
    """What is not as described, by operation and kind, so that each is told once."""
    found = {}
    for case_id, checks in recorder.checks.items():
        operation = recorder.cases[case_id].value.operation.label
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                what = " ".join(f"{operation}: {failure.title}: {failure.message}".split())
                found[what] = f"{what}: {check.failure_info.code_sample}"
    return found


def _parameters(named: Named) -> Mapping[str, str]:
    parts = ("project", "dataset", "frame", "label", "upload", "checkpoint")
    return {f"path.{part}": getattr(named, part) for part in parts if getattr(named, part)}


def _frames_by_id() -> Json:
    """`GET …/frames/batch-get` reads the frame of that id, so that `Allow` names more than the description can."""
    return {"include-operation-id": "batchGetFrames", "checks": {"allow_header_conformance": {"enabled": False}}}
