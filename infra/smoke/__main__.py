"""`make smoke` runs this: it uses a deployment once with the operator's AWS credentials, and compares what comes back.

Exits with 0 if all is as expected, 1 if something differs or fails, 2 for wrong usage and 130 after Ctrl-C. Whatever
happens, the temporary key is revoked, the temporary rule and queue are deleted, and the datasets are archived. They
are purged too if all is as expected.
"""

import argparse
import secrets
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx2
from botocore.exceptions import BotoCoreError, ClientError

from infra import STACK
from infra.smoke.bus import NoEvent, listening
from infra.smoke.cleaning import archive, datasets_of, purge
from infra.smoke.deployment import Deployment, NotFound, deployment, missing_permission, temporary_key
from infra.smoke.rows import CHANGED, CLASSES
from infra.smoke.steps import STEPS, WIDEST, Load, Step, Subject, clone_of, open_dataset, widest_of
from infra.smoke.waiting import Failed, TimedOut
from tidemark.client.api import Api, Refused, Unreachable
from tidemark.client.models import UnexpectedResponse
from tidemark.client.refs import DatasetRef
from tidemark.domain.limits import DEFAULT_SHARDS, MAX_SHARDS, MAX_UPLOAD_FILES

PROJECT = "smoke-test"
"""The project of all runs. Projects cannot be deleted, so a project for each run would stay for good."""
PAGE = "docs/operations.md"
ROWS = 3_000
MAX_ROWS = 5_000_000
PURGE_SECONDS = 900.0
"""Longest wait for a purge of a small load: two minutes until it may begin, and the rest for a slow one."""
MAX_SHOWN = 20
FAILURES = (
    NoEvent,
    Failed,
    TimedOut,
    Refused,
    Unreachable,
    UnexpectedResponse,
    httpx2.HTTPError,
    BotoCoreError,
    ClientError,
)
INTERRUPTED = 130
"""Exit status of a program that Ctrl-C has ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the smoke test and returns the exit status."""
    options = _parser().parse_args(arguments)
    name = f"smoke-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    try:
        with deployment(options.stack) as found:
            return _smoke(found, name, options)
    except KeyboardInterrupt:
        _print("\nStopped. The datasets are archived; `make smoke ARGS=--purge` deletes them for good.")
        return INTERRUPTED
    except (NotFound, *FAILURES) as failure:
        _print(f"\nStopped: {_reason(failure)}")
        _print(f"If anything temporary is left, its name has {name}: {PAGE}#after-a-deployment-the-smoke-test")
        return 1


def _smoke(found: Deployment, name: str, options: argparse.Namespace) -> int:
    address = (options.api or found.outputs["ApiUrl"]).rstrip("/")
    _print(f"Tidemark at {address}, stack {found.stack}, account {found.account}, {found.region}")
    dataset = DatasetRef(PROJECT, name)
    projects = [PROJECT, widest_of(dataset).project]
    with temporary_key(found.keys, name, projects) as token, Api(address, token) as api:
        if options.purge:
            return _purge(api, datasets_of(api, projects), PURGE_SECONDS)
        load = Load(options.files, options.rows, options.shards)
        made = [dataset, clone_of(dataset), *([widest_of(dataset)] if options.widest else [])]
        try:
            steps = [*STEPS, *([WIDEST] if options.widest else [])]
            wrong = _run(found, api, dataset, load, steps)
        finally:
            archive(api, made)
        if wrong or options.keep:
            _print(f"Archived and not purged: {', '.join(map(str, made))}. `make smoke ARGS=--purge` deletes them.")
            return 1 if wrong else 0
        return _purge(api, made, PURGE_SECONDS + load.seconds)


def _run(found: Deployment, api: Api, dataset: DatasetRef, load: Load, steps: Sequence[Step]) -> bool:
    """Runs the steps on a new dataset and prints a line for each. Returns whether anything differs or fails."""
    began = time.monotonic()
    open_dataset(api, dataset, CLASSES, load.shards)
    _print_step("dataset", began, f"{dataset}, {load.shards} shards, by a temporary admin key of that name")
    began = time.monotonic()
    with listening(found, f"tidemark-{dataset.name}", dataset.project, dataset.name) as events:
        _print_step("bus", began, "a temporary rule forwards its events to a temporary queue")
        subject = Subject(found, api, events, dataset, load)
        wrong: list[Step] = []
        for step in steps:
            began = time.monotonic()
            try:
                seen = step.run(subject)
            except FAILURES as failure:
                _print_step(step.name, began, f"FAILED: {_reason(failure)}")
                wrong.append(step)
                break
            _print_step(step.name, began, seen.summary)
            if seen.differences:
                wrong.append(step)
                for difference in seen.differences[:MAX_SHOWN]:
                    _print(f"    DIFFERS: {difference}")
    for step in wrong:
        _print(f"Not as it should be: {step.name}. What to look at: {PAGE}#{step.section}")
    if not wrong:
        _print("Everything is as it should be.")
    return bool(wrong)


def _purge(api: Api, datasets: Sequence[DatasetRef], seconds: float) -> int:
    """Archives and purges datasets, which takes two minutes and more. Returns the exit status."""
    began = time.monotonic()
    archive(api, datasets)
    failures = purge(api, datasets, seconds)
    if failures:
        _print_step("purge", began, f"FAILED: {'; '.join(failures)}. What to look at: {PAGE}#deletion")
        return 1
    _print_step("purge", began, f"deleted {', '.join(map(str, datasets)) or 'nothing, since nothing was left'}")
    return 0


def _reason(failure: Exception) -> str:
    permission = missing_permission(failure) if isinstance(failure, ClientError) else None
    if permission:
        return f"The AWS credentials lack the permission {permission}. AWS says: {failure}"
    return " ".join(failure.lines) if isinstance(failure, Refused) else str(failure)


def _print_step(name: str, began: float, text: str) -> None:
    _print(f"{name:<10} {time.monotonic() - began:7.1f} s  {text}")


def _print(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.smoke",
        description="Uses a deployment once and compares what comes back. The AWS credentials, profile and region are "
        "those of the usual environment variables.",
    )
    parser.add_argument("--stack", default=STACK, help="the CloudFormation stack (%(default)s)")
    parser.add_argument("--api", help="address of the API (default: the stack's output ApiUrl)")
    parser.add_argument("--files", type=_number(1, MAX_UPLOAD_FILES), default=1, help="files to load (%(default)s)")
    parser.add_argument("--rows", type=_number(CHANGED, MAX_ROWS), default=ROWS, help="rows of each (%(default)s)")
    parser.add_argument("--shards", type=_number(1, MAX_SHARDS), default=DEFAULT_SHARDS, help="(%(default)s)")
    parser.add_argument("--widest", action="store_true", help="also fill a window with as many classes as fit")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--keep", action="store_true", help="archive the datasets, but do not purge them")
    end.add_argument("--purge", action="store_true", help="only purge what earlier runs have left; nothing else runs")
    return parser


def _number(least: int, most: int) -> Callable[[str], int]:
    """Returns the type of an argument that is a whole number in a range."""

    def number(text: str) -> int:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"a number from {least:,} to {most:,}; got {text!r}")

    return number


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleans up as after Ctrl-C
    sys.exit(main())
