"""Functions import large packages only where they need them.

pyarrow is larger than everything else together, and only the checkpoint function needs it. Only the authorizer needs
PyJWT, which a deployment without an issuer does not even have.
"""

import os
import subprocess
import sys

import pytest

HANDLERS = ["api", "authorizer", "intake", "apply", "publish", "dead_letter", "transfer", "purge"]


def _loads(function: str, package: str) -> bool:
    program = f"import sys; import functions.{function}.handler; sys.exit({package!r} in sys.modules)"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_METRICS_NAMESPACE": "Tidemark",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "TIDEMARK_TABLE": "table",
        "TIDEMARK_KEYS_TABLE": "keys",
    }
    process = subprocess.run(  # noqa: S603 - the program is above
        [sys.executable, "-W", "ignore", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert not process.stderr, process.stderr
    return bool(process.returncode)


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_that_writes_no_parquet_does_not_load_pyarrow(function: str) -> None:
    assert not _loads(function, "pyarrow")


def test_the_checkpoint_function_loads_it() -> None:
    assert _loads("checkpoint", "pyarrow")


def test_the_api_does_not_load_the_models_of_openapi_before_its_description_is_read() -> None:
    assert not _loads("api", "aws_lambda_powertools.event_handler.openapi.models")


def test_the_authorizer_does_not_load_pyjwt_before_it_is_needed() -> None:
    assert not _loads("authorizer", "jwt")
