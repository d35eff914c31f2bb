"""The end of a push, told to a person and to a script."""

from tidemark.cli.output import print_json, printable, say
from tidemark.cli.push.report import Report, Told
from tidemark.client.refs import DatasetRef

COUNTS = ("applied", "dropped", "failed", "rejected", "unsent")
ON_ARRIVAL = ("rejected", "unsent")
"""What is known of a push that is not waited for."""


def tell_json(dataset: DatasetRef, report: Report, *, settled: bool) -> None:
    """One document."""
    counts = {name: getattr(report, name) for name in COUNTS if settled or name in ON_ARRIVAL}
    print_json(
        {
            "project": dataset.project,
            "dataset": dataset.name,
            "settled": settled,
            "files": report.files,
            "rows": report.rows,
            **counts,
            "versions": report.versions,
            "uploads": report.uploads,
            "repeated": report.repeated,
            "reasons": report.reasons,
            "errors": [error.document() for error in report.errors],
        }
    )


def tell(dataset: DatasetRef, source: str, report: Report, *, settled: bool, seconds: float) -> None:
    """A few lines, and the first errors."""
    say(f"{source} to {dataset}: {_amount(report, settled)}, {_state(report, settled)}, {seconds:.1f} s")
    if report.repeated:
        say(
            f"  {count(report.repeated, 'upload')} an earlier push had made; nothing is sent twice. "
            f"To send the same {'files' if report.files else 'rows'} anew, name the push with --run."
        )
    counts = ((name, getattr(report, name)) for name in COUNTS)
    told = [f"{name} {count:,}" for name, count in counts if count or (settled and name == "applied")]
    if told:
        say(f"  {'  '.join(told)}")
    if not settled:
        for upload in report.uploads:
            say(f"  {upload}")
    for upload, reason in report.reasons.items():
        say(f"  upload {upload} failed: {reason}")
    for error in sorted(report.errors, key=lambda error: error.place):
        _tell_error(error)
    if report.untold:
        say(f"  {count(report.untold, 'row')} more without effect; --errors FILE writes all errors to a file.")


def _tell_error(error: Told) -> None:
    frame = f"  {error.frame_id}" if error.frame_id else ""
    at = f" at {error.pointer}" if error.pointer else ""
    say(f"  {error.place}{frame}  {error.outcome}: {error.reason}{at}")
    say(f"    {printable(error.message)}")


def _amount(report: Report, settled: bool) -> str:
    """How much was sent. Rows in files are known when they have settled."""
    files = [count(report.files, "file")] if report.files else []
    rows = [] if files and not settled else [f"{report.rows:,} rows"]
    return f"{', '.join([*files, *rows])} in {count(len(report.uploads), 'upload')}"


def _state(report: Report, settled: bool) -> str:
    if not settled:
        return "not waited for"
    if report.versions is None:
        return "no version"
    first, last = report.versions
    return f"version {first}" if first == last else f"versions {first} to {last}"


def count(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
