"""Prints the summary of a push, as text for people or as JSON for scripts."""

from tidemark.cli.output import count, print_json, print_line, printable
from tidemark.cli.push.report import Report, ReportedError
from tidemark.client.refs import DatasetRef

COUNTS = ("applied", "dropped", "failed", "rejected", "unsent")
KNOWN_ON_ARRIVAL = ("rejected", "unsent")
"""Names of the counts that are known before the uploads settle."""


def print_summary_json(dataset: DatasetRef, report: Report, *, settled: bool) -> None:
    """Prints the summary as one JSON object. `settled` is whether the command waited until all uploads settled."""
    counts = {name: getattr(report, name) for name in COUNTS if settled or name in KNOWN_ON_ARRIVAL}
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


def print_summary(dataset: DatasetRef, source: str, report: Report, *, settled: bool, seconds: float) -> None:
    """Prints the summary as text, with the first errors. `settled` is whether the command waited until all uploads
    settled; `seconds` is how long the push took."""
    print_line(f"{source} to {dataset}: {_amount(report, settled)}, {_state(report, settled)}, {seconds:.1f} s")
    if report.repeated:
        print_line(
            f"  {count(report.repeated, 'upload')} from an earlier push; nothing is sent twice. "
            f"To send the same {'files' if report.files else 'rows'} anew, name the push with --run."
        )
    counts = ((name, getattr(report, name)) for name in COUNTS)
    shown = [f"{name} {number:,}" for name, number in counts if number or (settled and name == "applied")]
    if shown:
        print_line(f"  {'  '.join(shown)}")
    if not settled:
        for upload in report.uploads:
            print_line(f"  {upload}")
    for upload, reason in report.reasons.items():
        print_line(f"  upload {upload} failed: {reason}")
    for error in sorted(report.errors, key=lambda error: error.place):
        _print_error(error)
    if report.unlisted:
        print_line(f"  {count(report.unlisted, 'more row')} without effect; --errors FILE writes all errors to a file.")


def _print_error(error: ReportedError) -> None:
    frame = f"  {error.frame_id}" if error.frame_id else ""
    at = f" at {error.pointer}" if error.pointer else ""
    print_line(f"  {error.place}{frame}  {error.outcome}: {error.reason}{at}")
    print_line(f"    {printable(error.message)}")


def _amount(report: Report, settled: bool) -> str:
    """Returns how much was sent, as text. Rows in files are counted only once the uploads have settled."""
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
