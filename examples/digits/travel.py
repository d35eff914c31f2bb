"""Compares two checkpoints, rolls the dataset back, and clones it."""

import time
from collections import Counter

from examples.digits.client import Api, Json
from examples.digits.ledger import KINDS, differences, totals
from examples.digits.reading import read_frames
from examples.digits.story import Story, print_detail, print_line
from examples.digits.waiting import wait_for


def compare_checkpoints(story: Story, before: str, after: str) -> None:
    """Prints how the dataset differs between two checkpoints, in total and by class."""
    began = time.monotonic()
    summary = diff_totals(story.api, story.path, before, after)
    took = time.monotonic() - began
    counted = totals(story.expected_at(before), story.expected_at(after))
    verdict = story.check("Diff", "totals", summary, counted)
    labels = ", ".join(f"{summary['labels'][kind]:,} {kind}" for kind in KINDS if summary["labels"][kind])
    frames = sum(summary["frames"].values())
    print_line(story.console, "Diff", f"{frames:>5,} frames differ, {before} to {after}", verdict, f"{took:.1f} s")
    grown = [f"{name}: {count['added'] - count['removed']:+}" for name, count in sorted(summary["classes"].items())]
    print_detail(story.console, f"labels: {labels}; by class {', '.join(grown)}")


def diff_totals(api: Api, dataset: str, before: str, after: str) -> Json:
    """Returns the totals of a diff. Each response counts only the frames that there was time for, so they are added."""
    frames, labels = Counter(dict.fromkeys(KINDS, 0)), Counter(dict.fromkeys(KINDS, 0))
    classes: dict[str, Counter[str]] = {}
    cursor: str | None = None
    while True:
        page = api.get(f"{dataset}/diff/summary", **{"from": before, "to": after, "cursor": cursor})
        frames.update(page["frames"])
        labels.update(page["labels"])
        for name, count in page["classes"].items():
            classes.setdefault(name, Counter()).update(count)
        cursor = page["cursor"]
        if cursor is None:
            by_class = {name: dict(count) for name, count in classes.items()}
            return {"frames": dict(frames), "labels": dict(labels), "classes": by_class}


def roll_back(story: Story, version: str, message: str) -> None:
    """Rolls the dataset back to a version, given by its number or a checkpoint, and enters that in the ledger."""
    began = time.monotonic()
    number = story.number(version)
    restored = totals(story.ledger.now, story.ledger.versions[number].frames)["frames"]
    receipt = story.api.post(f"{story.path}/rollbacks", {"version": version, "message": message})
    upload = wait_for(story.api, f"{story.path}/uploads/{receipt['id']}")
    took = time.monotonic() - began
    story.version_of[upload["id"]] = upload["version"]
    story.ledger.rolled_back(upload["version"], to=number)
    story.check("Roll back", "status", upload["status"], "SETTLED")
    story.check("Roll back", "frames restored", upload["applied"], sum(restored.values()))
    where = f"version {version}" if version == str(number) else version
    print_line(
        story.console,
        "Roll back",
        f"{upload['applied']:>5,} frames as in {where} again",
        f"{upload['status']}, version {upload['version']}",
        f"settled {took:.1f} s, {upload['applied'] / took:,.0f} frames/s",
    )


def clone(story: Story, checkpoint: str) -> None:
    """Clones a checkpoint into a new dataset, reads it back, and compares it."""
    began = time.monotonic()
    name = f"{story.dataset}-{checkpoint}"
    made = story.api.post(f"{story.path}/clones", {"version": checkpoint, "name": name})
    path = f"/projects/{made['dataset']['project']}/datasets/{made['dataset']['name']}"
    upload = wait_for(story.api, f"{path}/uploads/{made['upload']['id']}")
    settled = time.monotonic()
    frames = list(read_frames(story.api, path, upload["version"]))
    expected = story.ledger.versions[story.number(checkpoint)]
    verdict = story.record("Clone", differences(expected, frames))
    print_line(
        story.console,
        "Clone",
        f"{len(frames):>5,} frames, as {name}",
        f"{verdict}, version {upload['version']}",
        f"settled {settled - began:.1f} s, read {time.monotonic() - settled:.1f} s",
    )
