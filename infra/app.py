"""The CDK application, which the CDK's command line runs as `python -m infra.app`."""

import json
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App

from infra import STACK, capacity, oidc_settings
from infra.bundle import ROOT, Bundles, Target, build
from infra.review import review
from infra.stack import Tidemark


def synthesise(outdir: Path, bundles: Bundles, context: Mapping[str, object]) -> None:
    """Writes a cloud assembly that deploys `bundles` to `outdir`. `context` is added to the context of cdk.json.

    Raises ValueError for invalid context values.
    """
    # The CDK's command line passes the flags of cdk.json by itself; here nothing else does.
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    _synthesise(App(outdir=str(outdir), context={**flags, **context}), bundles)


def _synthesise(app: App, bundles: Bundles) -> None:
    review(app)
    look_up = app.node.try_get_context
    Tidemark(
        app,
        STACK,
        bundles=bundles,
        oidc=oidc_settings.from_context(look_up),
        capacity=capacity.from_context(look_up),
    )
    app.synth()


def main() -> None:
    """Builds the bundles for AWS, and synthesises to the folder that the CDK's command line sets in the environment."""
    app = App()
    has_issuer = oidc_settings.from_context(app.node.try_get_context) is not None
    _synthesise(app, build(Target.AWS, ROOT / "build" / "bundles", oidc=has_issuer))


if __name__ == "__main__":
    main()
