"""Readers: read versions again and again, in every way, and check that they never change."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

from tests.reliability.soak.actor import Actor, Unexpected
from tests.reliability.soak.ledger import Json
from tests.reliability.soak.stage import Place, Stage
from tidemark.domain.api_keys import Role

KEPT = 25
"""Number of versions per dataset that readers remember."""
OLD_ENOUGH = timedelta(seconds=75)
"""Time after which a version may be read by its creation time."""

Seen = dict[str, str]
"""Digests of a version's frames, by frame id."""


def digest(frame: Json) -> str:
    """Returns a digest of the whole frame."""
    return hashlib.sha256(json.dumps(frame, sort_keys=True).encode()).hexdigest()


class Memory:
    """The versions that all readers together have seen."""

    def __init__(self, random: Random) -> None:
        self._versions: dict[Place, dict[int, Seen]] = {}
        self.names: dict[Place, dict[str, int]] = {}
        """Versions by checkpoint."""
        self._random = random
        self._lock = threading.Lock()

    def known(self, place: Place) -> int | None:
        """Returns a version of a dataset that was read before; None if there is none."""
        with self._lock:
            return self._random.choice([*self._versions[place]]) if self._versions.get(place) else None

    def first_seen(self, place: Place, version: int, seen: Seen) -> Seen:
        """Returns what was first seen of a version. Stores `seen` if this is the first read."""
        with self._lock:
            versions = self._versions.setdefault(place, {})
            if version not in versions and len(versions) >= KEPT:
                del versions[self._random.choice([*versions])]
            return versions.setdefault(version, seen)

    def find(self, place: Place, version: int) -> Seen | None:
        """Returns what was first seen of a version; None if it is not remembered."""
        with self._lock:
            return self._versions.get(place, {}).get(version)


class Reader:
    """A reader of all datasets of the soak."""

    def __init__(self, stage: Stage, memory: Memory, random: Random) -> None:
        self._stage = stage
        self._memory = memory
        self._random = random
        self._tally = stage.tally
        self._me = stage.actor(Role.READ, *stage.projects)

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Reads until the soak ends."""
        ways = {self._latest: 4, self._again: 5, self._frame: 6, self._by_time: 2, self._by_name: 2, self._list: 1}
        while goes_on():
            (choice,) = self._random.choices([*ways], [*ways.values()])
            with suppress(Unexpected):
                choice(self._random.choice(self._stage.places))

    def _latest(self, place: Place) -> None:
        read_whole(self._me, self._memory, place, "LATEST", limit=self._random.choice([100, 400, 1000]))

    def _again(self, place: Place) -> None:
        version = self._memory.known(place)
        if version is not None:
            read_whole(self._me, self._memory, place, str(version), limit=self._random.choice([100, 400, 1000]))

    def _frame(self, place: Place) -> None:
        version = self._memory.known(place)
        seen = self._memory.find(place, version) if version is not None else None
        if not seen:
            return
        frame_id = self._random.choice([*seen])
        answer = self._me.read("read", place.at("frames", frame_id), version=str(version))
        self._tally.count("frames verified")
        if digest(answer["frame"]) != seen[frame_id]:
            self._tally.violate("snapshot", f"{place.at()} version {version}: {frame_id} has changed")

    def _by_time(self, place: Place) -> None:
        version = self._memory.known(place)
        if not version:
            return
        at = self._me.read("read", place.at("versions", str(version)))["created_at"]
        if datetime.now().astimezone() - datetime.fromisoformat(at) > OLD_ENOUGH:
            read_whole(self._me, self._memory, place, at, limit=1000, expected=version)
            self._tally.count("versions read by time")

    def _by_name(self, place: Place) -> None:
        names = self._memory.names.get(place)
        if names:
            name = self._random.choice([*names])
            read_whole(self._me, self._memory, place, name, limit=1000, expected=names[name])
            self._tally.count("versions read by checkpoint")

    def _list(self, place: Place) -> None:
        """Checks that the newest versions are numbered without a gap."""
        newest = self._me.read("read", place.at("versions"), limit=100)["items"]
        numbers = [version["number"] for version in newest]
        if numbers and numbers != list(range(numbers[0], numbers[0] - len(numbers), -1)):
            self._tally.violate("versions", f"{place.at()} has versions {numbers}")


def read_whole(
    me: Actor, memory: Memory, place: Place, named: str, *, limit: int, expected: int | None = None
) -> tuple[int, Seen]:
    """Reads a version page by page. Checks it against its counts and against earlier reads."""
    cursor: dict[str, str] = {}
    pages: list[Json] = []
    while True:
        page = me.read("read a page", place.at("frames"), version=named, limit=limit, **cursor)
        pages.append(page)
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    frames = [item["frame"] for page in pages for item in page["items"]]
    version = pages[0]["version"]
    _hold(me, memory, place, version, frames, f"{place.at()} version {version}, read as {named}")
    if {page["version"] for page in pages} != {version if expected is None else expected}:
        me.tally.violate("snapshot", f"{place.at()} read as {named} is version {version}, not {expected}")
    return version, {frame["frame_id"]: digest(frame) for frame in frames}


def _hold(me: Actor, memory: Memory, place: Place, version: int, frames: list[Json], what: str) -> None:
    seen = {frame["frame_id"]: digest(frame) for frame in frames}
    me.tally.count("frames verified", len(frames))
    me.tally.count("versions read in full")
    foreign = _foreign(place, seen)
    if foreign:
        me.tally.violate("foreign data", f"{what}: {foreign[:3]} belong to another dataset")
    if len(seen) != len(frames):
        me.tally.violate("doubled", f"{what}: {len(frames) - len(seen)} frames are listed twice")
    record = me.read("read", place.at("versions", str(version)))
    counted = (len(frames), sum(len(frame.get("labels", [])) for frame in frames))
    if counted != (record["frames"], record["labels"]):
        me.tally.violate("counts", f"{what}: {counted} frames and labels, and the version says {record}")
    first = memory.first_seen(place, version, seen)
    if first != seen:
        wrong = sorted(i for i in first.keys() | seen.keys() if first.get(i) != seen.get(i))
        me.tally.violate("snapshot", f"{what}: {wrong[:3]} differ from the first read")


def _foreign(place: Place, ids: Iterable[str]) -> list[str]:
    return [frame_id for frame_id in ids if not frame_id.startswith(place.prefix)]
