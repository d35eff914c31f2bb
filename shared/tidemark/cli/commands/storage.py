"""`tidemark storage`: what storage a dataset takes."""

from collections.abc import Iterator

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.output import Column, View, print_json, show_list
from tidemark.client.api import Api
from tidemark.client.models import Json, Measured, Storage, StoredObjects
from tidemark.client.refs import DatasetRef

MEASURED = View[Measured](
    Measured,
    [
        Column("OF", lambda line: line.of),
        Column("COUNT", lambda line: line.count),
        Column("BYTES", lambda line: line.bytes),
    ],
)
IN_S3 = ("packs", "checkpoints", "exports")


def storage(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Tell what storage a dataset takes: its versions, what its frames hold now and held ever, and what lies in S3."""
    with connect() as api:
        found = _whole(api, dataset)
    if as_json:
        print_json(found.model_dump(exclude={"cursor"}))
        return
    lines = list(_lines(found))
    show_list(lambda _: iter(lines), MEASURED, limit=len(lines), as_json=False, none="")


def _whole(api: Api, dataset: DatasetRef) -> Storage:
    """The report of as many answers as it takes to count all objects."""
    parts = [Storage.model_validate(api.get(*dataset.path, "storage"))]
    while parts[-1].cursor is not None:
        parts.append(Storage.model_validate(api.get(*dataset.path, "storage", cursor=parts[-1].cursor)))
    return parts[-1].model_copy(update={kind: _sum([getattr(part, kind) for part in parts]) for kind in IN_S3})


def _sum(parts: list[StoredObjects]) -> StoredObjects:
    return StoredObjects(objects=sum(part.objects for part in parts), bytes=sum(part.bytes for part in parts))


def _lines(found: Storage) -> Iterator[Json]:
    yield {"of": "versions", "count": found.versions, "bytes": None}
    yield {"of": "frame versions", "count": found.frame_versions, "bytes": found.payload_bytes}
    yield {"of": "live frames", "count": None, "bytes": found.live_bytes}
    for kind, stored in (("packs", found.packs), ("checkpoints", found.checkpoints), ("exports", found.exports)):
        yield {"of": f"{kind} in S3", "count": stored.objects, "bytes": stored.bytes}
