"""Tests an API against its own description with schemathesis: valid and invalid requests, and whether the responses
are as described."""

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
"""Checks of each response. That all valid data is accepted is not among them, since no schema can say which cursors
the API returned, or which name confirms a purge."""
ARCHIVING = ("archiveDataset", "unarchiveDataset", "purgeDataset")


@dataclass(frozen=True)
class Named:
    """Names that exist in a deployment, so that requests get further than an unknown name."""

    project: str = ""
    dataset: str = ""
    spare: str = ""
    """A dataset that may be archived. No other requests use it."""
    frame: str = ""
    label: str = ""
    upload: str = ""
    checkpoint: str = ""


ANYTHING = Named()
"""No names: those in paths are invented."""


@dataclass
class Driven:
    """The result of a run."""

    requests: Counter[str] = field(default_factory=Counter)
    """Number of requests, by the operation's method and path."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Number of responses, by class: 2xx, 4xx, 5xx."""
    failures: list[str] = field(default_factory=list)
    """Responses that differ from the description, each once, with a request that reproduces it."""

    @property
    def total(self) -> int:
        """Number of all requests."""
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
    """Returns the configuration of a run against an origin, with an API key, for the `named` resources.

    `examples` is the number of requests per operation in each generating phase. The run ends after `seconds`.
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
            "with-security-parameters": False,  # the gateway refuses a request with a second key
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
    """Sends the requests that schemathesis generates from a description, and records the results.

    `app` is a WSGI application that receives them instead of the origin.
    """
    schema = openapi.from_dict(document, config=how)
    schema.app = app
    driven = Driven()
    failures: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(driven, event.recorder)
            failures = _failures(event.recorder) | failures
        elif isinstance(event, events.NonFatalError):
            failures[event.label] = f"{event.label}: {event.value!r}"
        elif isinstance(event, events.FatalError):
            raise event.exception
    driven.failures = list(failures.values())
    return driven


def only(document: Json, paths: Collection[str]) -> Json:
    """Returns a description with only these paths, which are given without `/api/v2`."""
    return document | {"paths": {f"{BASE_PATH}{path}": document["paths"][f"{BASE_PATH}{path}"] for path in paths}}


def _count(driven: Driven, recorder: Any) -> None:
    for case_id, interaction in recorder.interactions.items():
        driven.requests[recorder.cases[case_id].value.operation.label] += 1
        if interaction.response is not None:
            driven.statuses[f"{interaction.response.status_code // 100}xx"] += 1


def _failures(recorder: Any) -> dict[str, str]:
    """Returns the failures by operation and kind, so that each is reported once."""
    failures = {}
    for case_id, checks in recorder.checks.items():
        operation = recorder.cases[case_id].value.operation.label
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                what = " ".join(f"{operation}: {failure.title}: {failure.message}".split())
                failures[what] = f"{what}: {check.failure_info.code_sample}"
    return failures


def _parameters(named: Named) -> Mapping[str, str]:
    parts = ("project", "dataset", "frame", "label", "upload", "checkpoint")
    return {f"path.{part}": getattr(named, part) for part in parts if getattr(named, part)}


def _frames_by_id() -> Json:
    """`GET …/frames/batch-get` reads the frame of that id, so `Allow` lists more methods than the description can."""
    return {"include-operation-id": "batchGetFrames", "checks": {"allow_header_conformance": {"enabled": False}}}
