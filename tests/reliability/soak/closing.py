"""The last account of a soak: what the datasets hold is what their senders have sent, all of it, and once."""

from collections import Counter
from itertools import islice

from tests.reliability.soak.actor import Actor
from tests.reliability.soak.ledger import Json, seen
from tests.reliability.soak.senders import Sender
from tests.reliability.soak.stage import Place, Stage

HISTORIES = 4
"""Frames of each sender whose whole history is counted."""


def close(stage: Stage, senders: list[Sender]) -> None:
    """Hold every dataset against the ledgers of its senders."""
    for place in stage.places:
        there = [sender for sender in senders if sender.place == place]
        _uploads(stage, place, there)
        _frames(stage, place, there)
    for sender in senders:
        if sender.has_exact_history:
            _histories(stage.admin, sender)


def _uploads(stage: Stage, place: Place, senders: list[Sender]) -> None:
    """Every upload that was accepted is there, has settled, and is in one version; versions are numbered from 1 on."""
    me, tally = stage.admin, stage.tally
    found = {upload["id"]: upload for upload in me.items("other", place.at("uploads"), limit=1000)}
    sent: dict[str, Json] = {upload: record for sender in senders for upload, record in sender.uploads.items()}
    for upload in sent.keys() ^ found.keys():
        tally.violate("lost" if upload in sent else "doubled", f"upload {upload} of {place.at()}")
    versions = list(me.items("other", place.at("versions"), limit=1000))
    tally.count("versions published", len(versions))
    numbers = [version["number"] for version in versions]
    if numbers != list(range(len(numbers), 0, -1)):
        tally.violate("versions", f"{place.at()} has versions {numbers}")
    held = Counter((upload["id"], version["number"]) for version in versions for upload in version["uploads"])
    named = Counter((upload, record["version"]) for upload, record in sent.items() if record["version"])
    for upload, version in named - held:
        tally.violate("lost", f"upload {upload} is not in version {version} of {place.at()}")
    for upload, version in held - named:
        tally.violate("doubled", f"upload {upload} is in version {version} of {place.at()}")


def _frames(stage: Stage, place: Place, senders: list[Sender]) -> None:
    tally = stage.tally
    listed = [item["frame"] for item in stage.admin.items("read a page", place.at("frames"), limit=1000)]
    found = {frame["frame_id"]: seen(frame) for frame in listed}
    wanted = {frame_id: frame for sender in senders for frame_id, frame in sender.ledger.frames.items()}
    tally.count("frames verified", len(found))
    for frame_id in sorted(found.keys() | wanted.keys()):
        if found.get(frame_id) != wanted.get(frame_id):
            kind = "doubled" if frame_id not in wanted else "lost"
            what = f"{found.get(frame_id)}, not {wanted.get(frame_id)}"
            tally.violate(kind, f"{place.at()} at its end: {frame_id} is {what}")


def _histories(me: Actor, sender: Sender) -> None:
    """A frame has changed as often as rows of it took effect."""
    for frame_id, changes in islice(sender.ledger.changes.most_common(), HISTORIES):
        told = list(me.items("other", sender.place.at("frames", frame_id, "history"), limit=1000))
        me.tally.count("histories counted")
        if len(told) != changes:
            kind = "lost" if len(told) < changes else "doubled"
            me.tally.violate(kind, f"{frame_id} has {len(told)} changes in its history, and {changes} rows took effect")
