"""Runs the emulator of AWS: `python -m infra.local.emulator HOME PORT` configures, patches and serves it.

The emulator reads its environment variables when it is imported, so they are set before the import.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

PATCHED_VERSION = "1.5.33"
"""The required version of the emulator. The modules `patch_*` change this version's internals."""

REGION = "us-east-1"


def settings(home: Path, port: int) -> dict[str, str]:
    """Returns the emulator's environment variables.

    The emulator is reachable from this machine only, enforces IAM roles, and stores its state under `home`.
    """
    return {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "objects"),
        "TMPDIR": str(home / "tmp"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # On AWS a failing step is retried for up to a quarter of an hour before it fails for good; here for seconds.
        "SFN_WAIT_SCALE": "0.02",
        "LOG_LEVEL": "WARNING",
    }


def main(home: Path, port: int) -> None:
    """Runs the emulator on `port` until SIGTERM, then saves its state under `home`."""
    if (installed := version("ministack")) != PATCHED_VERSION:
        raise SystemExit(f"infra.local needs ministack {PATCHED_VERSION}, but {installed} is installed")
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    os.environ.update(settings(home, port))

    from ministack import app  # noqa: PLC0415 - it reads its environment when it is imported

    from infra.local import (  # noqa: PLC0415 - they import ministack
        patch_api_gateway,
        patch_dynamodb,
        patch_iam,
        patch_lambda,
        patch_s3,
    )

    patch_lambda.apply(home, f"http://127.0.0.1:{port}")
    patch_api_gateway.apply()
    patch_s3.apply()
    patch_iam.apply()
    patch_dynamodb.apply()
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
