"""The CDK application. `python -m infra.app` is what the CDK's command line runs; `synthesise` writes it elsewhere."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App

from infra import STACK
from infra.bundle import ROOT, Bundles, Target, build
from infra.oidc_settings import from_context
from infra.review import review
from infra.stack import Tidemark


def synthesise(outdir: Path, bundles: Bundles, context: Mapping[str, object]) -> None:
    """Write the cloud assembly for a deployment of `bundles` to `outdir`, with context values beside those of cdk.json.

    Raises ValueError for values that make no sense.
    """
    # The command line passes what cdk.json says; without it the flags have to be handed on.
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    _synthesise(App(outdir=str(outdir), context={**flags, **context}), bundles)


def _synthesise(app: App, bundles: Bundles) -> None:
    review(app)
    Tidemark(app, STACK, bundles=bundles, oidc=from_context(app.node.try_get_context))
    app.synth()


def main() -> None:
    """Synthesise for AWS, as the command line asks: it says in the environment where to."""
    app = App()
    has_issuer = from_context(app.node.try_get_context) is not None
    _synthesise(app, build(Target.AWS, ROOT / "build" / "bundles", oidc=has_issuer))


if __name__ == "__main__":
    main()
