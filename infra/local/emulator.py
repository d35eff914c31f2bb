"""The emulator's process: `python -m infra.local.emulator HOME PORT`. Settings first, then adaptations, then it serves.

Its settings are environment variables that it reads when imported, so they are set here before that import.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

ADAPTED_VERSION = "1.5.33"
"""The emulator's version whose internals `execution`, `gateway`, `objects`, `permissions` and `queries`
adapt."""

REGION = "us-east-1"


def settings(home: Path, port: int) -> dict[str, str]:
    """The emulator's environment: this machine only, roles enforced, state kept under `home`."""
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
        # A step that fails for good has been tried for a quarter of an hour; here it is decided in seconds.
        "SFN_WAIT_SCALE": "0.02",
        "LOG_LEVEL": "WARNING",
    }


def main(home: Path, port: int) -> None:
    """Serve on `port` until SIGTERM, which saves the state under `home`."""
    if (found := version("ministack")) != ADAPTED_VERSION:
        raise SystemExit(f"infra.local adapts ministack {ADAPTED_VERSION}, but {found} is installed")
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    os.environ.update(settings(home, port))

    from ministack import app  # noqa: PLC0415 - it reads its settings when it is imported

    from infra.local import execution, gateway, objects, permissions, queries  # noqa: PLC0415 - they import it

    execution.adapt(home, f"http://127.0.0.1:{port}")
    gateway.adapt()
    objects.adapt()
    permissions.adapt()
    queries.adapt()
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
