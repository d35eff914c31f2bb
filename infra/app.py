"""The CDK application. `python -m infra.app` is what the CDK's command line runs; `synthesise` writes it elsewhere."""

import json
from pathlib import Path

from aws_cdk import App

from infra import STACK
from infra.bundle import ROOT, Target, build_bundle
from infra.stack import Tidemark


def synthesise(outdir: Path, bundle: Path) -> Path:
    """Write the cloud assembly for functions deployed from `bundle` to `outdir`, and return that."""
    # The command line passes what cdk.json says; without it the flags have to be handed on.
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(outdir=str(outdir), context=flags)
    Tidemark(app, STACK, bundle=bundle)
    app.synth()
    return outdir


def main() -> None:
    """Synthesise for AWS, as the command line asks: it says in the environment where to."""
    app = App()
    Tidemark(app, STACK, bundle=build_bundle(Target.AWS, ROOT / "build" / "bundle"))
    app.synth()


if __name__ == "__main__":
    main()
