"""The final check of a soak: every dataset contains exactly what its senders sent, once."""

from collections import Counter
from itertools import islice

from tests.reliability.soak.actor import Actor
from tests.reliability.soak.ledger import Json, seen
from tests.reliability.soak.senders import Sender
from tests.reliability.soak.stage import Place, Stage

HISTORIES = 4
"""Number of frames per sender whose whole history is counted."""


def close(stage: Stage, senders: list[Sender]) -> None:
    """Checks every dataset against the ledgers of its senders."""
    for place in stage.places:
        senders_here = [sender for sender in senders if sender.place == place]
        _uploads(stage, place, senders_here)
        _frames(stage, place, senders_here)
    for sender in senders:
        if sender.has_exact_history:
            _histories(stage.admin, sender)


def _uploads(stage: Stage, place: Place, senders: list[Sender]) -> None:
    """Checks that every accepted upload has settled into exactly one version, and that versions count from 1."""
    me, tally = stage.admin, stage.tally
    listed = {upload["id"]: upload for upload in me.items("other", place.at("uploads"), limit=1000)}
    sent: dict[str, Json] = {upload: record for sender in senders for upload, record in sender.uploads.items()}
    for upload in sent.keys() ^ listed.keys():
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
    frames = [item["frame"] for item in stage.admin.items("read a page", place.at("frames"), limit=1000)]
    listed = {frame["frame_id"]: seen(frame) for frame in frames}
    wanted = {frame_id: frame for sender in senders for frame_id, frame in sender.ledger.frames.items()}
    tally.count("frames verified", len(listed))
    for frame_id in sorted(listed.keys() | wanted.keys()):
        if listed.get(frame_id) != wanted.get(frame_id):
            kind = "doubled" if frame_id not in wanted else "lost"
            what = f"{listed.get(frame_id)}, not {wanted.get(frame_id)}"
            tally.violate(kind, f"{place.at()} at its end: {frame_id} is {what}")


def _histories(me: Actor, sender: Sender) -> None:
    """Checks that a frame has as many changes in its history as rows took effect on it."""
    for frame_id, changes in islice(sender.ledger.changes.most_common(), HISTORIES):
        changes_listed = list(me.items("other", sender.place.at("frames", frame_id, "history"), limit=1000))
        me.tally.count("histories counted")
        if len(changes_listed) != changes:
            kind = "lost" if len(changes_listed) < changes else "doubled"
            me.tally.violate(
                kind, f"{frame_id} has {len(changes_listed)} changes in its history, and {changes} rows took effect"
            )
