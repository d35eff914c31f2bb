"""The whole of Tidemark on this machine, as commands, tests and benchmarks use it."""

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
from infra.local.assembly import NO_CONTEXT, assembly, stand_ins
from infra.local.deploy import CREDENTIALS, deploy, zipped
from infra.local.emulator import REGION
from infra.local.server import ROOT, Server


@dataclass(frozen=True)
class LocalStack:
    """A deployed, running stack."""

    server: Server
    home: Path
    outputs: dict[str, str]
    """What the template tells of itself: names of tables, bucket and queues."""

    @property
    def api(self) -> str:
        """The base address of the API, without a slash at its end."""
        return f"{self.server.endpoint}/api/v2"

    @property
    def aws(self) -> dict[str, str]:
        """Environment variables that lead any AWS SDK to this stack's account."""
        region = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        return {**CREDENTIALS, **region, "AWS_ENDPOINT_URL": self.server.endpoint}

    def make_key(self, role: str, projects: Sequence[str] | None = None) -> str:
        """A new API key's token. `role` is read, write or admin; without `projects` it is for all of them."""
        scope = ["--all-projects"] if projects is None else [f"--project={project}" for project in projects]
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        made = subprocess.run(
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
        token: str = json.loads(made.stdout)["token"]
        return token

    def stop(self) -> None:
        """End the emulator, which saves its state."""
        server.stop(self.home)


def up(home: Path, port: int | None = None, context: Mapping[str, object] = NO_CONTEXT) -> LocalStack:
    """Start the emulator of `home` if it does not run and deploy the sources as they are now to it, with values that a
    deployment may be given.

    Raises NotStarted if it does not start as asked, CalledProcessError or DeploymentFailed if the sources do not
    deploy.
    """
    was_running = server.running(home) is not None
    running = server.start(home, port)
    try:
        template = assembly(context)
        with tempfile.TemporaryDirectory() as folder:
            built = build(Target.LOCAL, Path(folder), oidc="oidc" in stand_ins(template))
            bundles = {name: zipped(bundle) for name, bundle in asdict(built).items() if bundle}
        return LocalStack(running, home, deploy(running.endpoint, STACK, template, bundles))
    except BaseException:
        if not was_running:
            server.stop(home)
        raise
