"""Requests in the caller's own project with ids of another project, in every place that accepts an id."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.reliability.access.deployment import MARK, OTHER, Deployment
from tests.reliability.access.operations import Operation, Request, operation, operations

IDS = ("dataset", "frame", "label", "upload", "checkpoint")
"""Path parameters that name something in a project."""
VERSIONS = {"version": f"{MARK}-golden-0", "from": f"{MARK}-golden-0", "to": f"{MARK}-golden-1"}
"""Query parameters that name a version, with checkpoints of the other project."""


class Foreign(NamedTuple):
    """A request with an id of another project."""

    name: str
    request: Request
    finds_nothing: bool = True
    """Whether the request must be refused. A list may instead return no items."""


def foreign_requests(deployment: Deployment) -> Iterator[Foreign]:
    """Yields all requests."""
    for each in operations():
        if "project" in each.parameters:
            yield from _in_path(deployment, each)
            yield from _in_query(deployment, each)
    yield from _in_body(deployment)


def _in_path(deployment: Deployment, each: Operation) -> Iterator[Foreign]:
    for parameter in each.parameters:
        if parameter in IDS:
            named = deployment.own | {parameter: deployment.other[parameter]}
            # The history of a label that the frame never had is empty, not an error.
            yield Foreign(f"{each.name}: {parameter}", each.request(named), finds_nothing=parameter != "label")
    if "version" in each.parameters:
        yield Foreign(f"{each.name}: version", each.request(deployment.own | {"version": VERSIONS["version"]}))


def _in_query(deployment: Deployment, each: Operation) -> Iterator[Foreign]:
    for parameter in VERSIONS.keys() & each.queries:
        others = {"from": "1", "to": "2"} if "from" in each.queries else {}
        query = "&".join(f"{name}={value}" for name, value in (others | {parameter: VERSIONS[parameter]}).items())
        yield Foreign(f"{each.name}: ?{parameter}", each.request(deployment.own, query))


def _in_body(deployment: Deployment) -> Iterator[Foreign]:
    own, other = deployment.own, deployment.other
    version = VERSIONS["version"]
    yield Foreign("rollBack: version", operation("rollBack").request(own, version=version))
    yield Foreign("cloneDataset: version", operation("cloneDataset").request(own, name="copy", version=version))
    yield Foreign("createCheckpoint: version", operation("createCheckpoint").request(own, name="mine", version=version))
    yield Foreign("purgeDataset: name", operation("purgeDataset").request(own, name=other["dataset"]))
    frames = operation("batchGetFrames")
    yield Foreign("batchGetFrames: version", frames.request(own, frame_ids=["plain-0"], version=version))
    yield Foreign(
        "batchGetFrames: frame_ids",
        frames.request(own, frame_ids=[other["frame"]], version="1"),
        finds_nothing=False,
    )
    for url in _urls(deployment):
        yield Foreign(f"readAssets: {url}", operation("readAssets").request(own, urls=[url]))
    names = [
        f"../{OTHER}/x.png",
        f"..%2f{OTHER}%2fx.png",
        f"/{OTHER}/x.png",
        f"\uff0e\uff0e\uff0f{OTHER}",
        "\u2024\u2024",
    ]
    for name in names:
        asset = {"name": name, "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "bytes": 1}
        yield Foreign(f"announceAssets: {name}", operation("announceAssets").request(own, assets=[asset]))


def _urls(deployment: Deployment) -> Iterator[str]:
    """Yields stored URLs of the other project's asset, as they are and disguised as URLs of the caller's project."""
    theirs = deployment.other["asset"]
    folder, _, path = theirs.partition(f"/assets/{OTHER}/")
    ours = f"{folder}/assets/{deployment.own['project']}"
    yield theirs
    yield f"{ours}/../{OTHER}/{path}"
    yield f"{ours}/..%2f{OTHER}%2f{path}"
    yield f"{ours}/%2e%2e/{OTHER}/{path}"
    yield f"{ours}/%252e%252e/{OTHER}/{path}"
    yield f"{ours}//../{OTHER}/{path}"
    yield f"{ours}/..\\{OTHER}\\{path}"
    yield f"{ours}/\uff0e\uff0e/{OTHER}/{path}"
    yield f"{ours}/./../{OTHER}/{path}"
    yield f"{ours}\u2215..\u2215{OTHER}/{path}"
    yield f"{folder}/assets/{OTHER}%2f..%2f{deployment.own['project']}/{path}"
    yield theirs.replace("s3://", "S3://")
    yield f"{folder}/packs/{deployment.uids[OTHER]}/x"
    yield f"{folder}/exports/{deployment.uids[OTHER]}/x"
