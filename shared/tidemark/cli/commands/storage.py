"""`tidemark storage`: reports the storage that a dataset uses."""

from collections.abc import Iterator
from typing import NamedTuple

from tidemark.cli.arguments import DatasetArgument, JsonOption, connect
from tidemark.cli.output import Column, print_json, print_lines
from tidemark.client.api import Api
from tidemark.client.models import parse
from tidemark.client.refs import DatasetRef
from tidemark.domain.storage import Objects, StorageReport


class Line(NamedTuple):
    """A line of the report: the number and size of what `subject` names."""

    subject: str
    number: int | None
    bytes: int | None


LINES: list[Column[Line]] = [
    Column("OF", lambda line: line.subject),
    Column("COUNT", lambda line: line.number),
    Column("BYTES", lambda line: line.bytes),
]
IN_S3 = ("packs", "checkpoints", "exports")


def storage(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Report the storage that a dataset takes: its versions, its frames now and in all versions, its objects in S3."""
    with connect() as api:
        report = _report(api, dataset)
    if as_json:
        print_json(report.model_dump(exclude={"cursor"}))
    else:
        print_lines(list(_lines(report)), LINES)


def _report(api: Api, dataset: DatasetRef) -> StorageReport:
    """Returns the complete report. Adds up the counts of S3 objects, which may be spread over several responses."""
    parts = [parse(StorageReport, part) for part in api.parts(*dataset.path, "storage")]
    return parts[-1].model_copy(update={kind: _sum([getattr(part, kind) for part in parts]) for kind in IN_S3})


def _sum(parts: list[Objects]) -> Objects:
    return Objects(objects=sum(part.objects for part in parts), bytes=sum(part.bytes for part in parts))


def _lines(report: StorageReport) -> Iterator[Line]:
    yield Line("versions", report.versions, None)
    yield Line("frame versions", report.frame_versions, report.payload_bytes)
    yield Line("live frames", None, report.live_bytes)
    for kind in IN_S3:
        stored: Objects = getattr(report, kind)
        yield Line(f"{kind} in S3", stored.objects, stored.bytes)
