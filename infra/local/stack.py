"""Starts Tidemark on this machine, for `python -m infra.local`, tests and benchmarks."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra import STACK
from infra.bundle import Target, build
from infra.local import server
from infra.local.assembly import NO_CONTEXT, assembly, placeholders
from infra.local.deploy import CREDENTIALS, deploy, zipped
from infra.local.emulator import REGION
from infra.local.server import ROOT, Server


@dataclass(frozen=True)
class LocalStack:
    """A stack that is deployed and running on this machine."""

    server: Server
    home: Path
    outputs: dict[str, str]
    """The stack's outputs by name, such as the names of the tables and the bucket, and the URLs of the queues."""

    @property
    def api(self) -> str:
        """The API's base URL, without a trailing slash."""
        return f"{self.server.endpoint}/api/v2"

    @property
    def aws(self) -> dict[str, str]:
        """Environment variables that point any AWS SDK to this stack."""
        region = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        return {**CREDENTIALS, **region, "AWS_ENDPOINT_URL": self.server.endpoint}

    def make_key(self, role: str, projects: Sequence[str] | None = None) -> str:
        """Creates an API key for `projects`, or for all if None, and returns its token. `role` is read, write or
        admin."""
        scope = ["--all-projects"] if projects is None else [f"--project={project}" for project in projects]
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        process = subprocess.run(
            [sys.executable, "-m", "tidemark.access.command", "create", name, "--json", "--role", role, *scope],
            env={
                **os.environ,
                **self.aws,
                "PYTHONPATH": str(ROOT / "shared"),
                "TIDEMARK_KEYS_TABLE": self.outputs["KeysTableName"],
            },
            check=True,
            capture_output=True,
            text=True,
        )
        token: str = json.loads(process.stdout)["token"]
        return token

    def stop(self) -> None:
        """Stops the emulator, which saves its state."""
        server.stop(self.home)


def up(home: Path, port: int | None = None, context: Mapping[str, object] = NO_CONTEXT) -> LocalStack:
    """Starts the emulator of `home` unless it is running, and deploys the current sources with CDK context values.

    Raises NotStarted if the emulator cannot be started as asked, and CalledProcessError or DeploymentFailed if the
    sources cannot be deployed.
    """
    was_running = server.running(home) is not None
    running = server.start(home, port)
    try:
        template = assembly(context)
        with tempfile.TemporaryDirectory() as folder:
            built = build(Target.LOCAL, Path(folder), oidc="oidc" in placeholders(template))
            bundles = {name: zipped(bundle) for name, bundle in asdict(built).items() if bundle}
        return LocalStack(running, home, deploy(running.endpoint, STACK, template, bundles))
    except BaseException:
        if not was_running:
            server.stop(home)
        raise
