"""Measures cold starts: the CPU time with which a new process loads each function, from a bundle as it is deployed.

A cold start also takes time that this machine cannot measure: Lambda fetches the code and starts an execution
environment.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.bundle import Bundles, Target, build
from infra.local.sdk import link_sdk

RUNS = 5
"""Number of processes for each function. The least CPU time counts: the rest is noise."""
PROGRAM = "import functions.{}.handler, time; print(time.process_time())"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Tidemark",
    "TIDEMARK_BUCKET": "bucket",
    "TIDEMARK_IDEMPOTENCY_TABLE": "idempotency",
    "TIDEMARK_KEYS_TABLE": "keys",
    "TIDEMARK_TABLE": "table",
}
"""Environment variables that functions read while they load. None of them sends a request then."""


def cold_starts() -> dict[str, float]:
    """Returns the seconds of CPU time that each function takes to load, with the clients that it creates."""
    with tempfile.TemporaryDirectory() as folder:
        bundles = build(Target.LOCAL, Path(folder))
        sdk = Path(folder) / "sdk"
        link_sdk(sdk)
        functions = sorted(handler.parent.name for handler in bundles.functions.glob("functions/*/handler.py"))
        return {function: min(_load(function, bundles, sdk) for _ in range(RUNS)) for function in functions}


def _load(function: str, bundles: Bundles, sdk: Path) -> float:
    code = bundles.functions
    path = os.pathsep.join(map(str, (code, bundles.parquet / "python", sdk)))
    lambdas = {"LAMBDA_TASK_ROOT": str(code), "AWS_LAMBDA_FUNCTION_NAME": function, "PYTHONPATH": path}
    # Without site packages and this folder: the process sees what Lambda's does.
    command = [sys.executable, "-S", "-P", "-c", PROGRAM.format(function)]
    environment = {"PATH": os.environ["PATH"], **VARIABLES, **lambdas}
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - the program is above
    return float(loaded.stdout.splitlines()[-1])
