"""Whoever else is there: one who freezes, exports and clones; one who floods; one who has no business there."""

import gzip
import json
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import httpx2

from tests.reliability.soak.actor import FAULT, Actor, Unexpected
from tests.reliability.soak.ledger import Json
from tests.reliability.soak.readers import Memory, digest, read_whole
from tests.reliability.soak.stage import Place, Stage
from tests.stack.client import path
from tests.stack.inside import table_of_counts
from tidemark.access.throttling import WINDOW_SECONDS
from tidemark.domain.api_keys import Role
from tidemark.domain.limits import MAX_KEY_REQUESTS

REFUSED = "429 to the key that floods"
WRITTEN = 180.0
"""Seconds in which a manifest, an export or a clone must be there."""


class Curator:
    """Freezes versions, exports them, and makes a clone."""

    def __init__(self, stage: Stage, memory: Memory, random: Random) -> None:
        self._stage = stage
        self._memory = memory
        self._random = random
        self._tally = stage.tally
        self._me = stage.actor(Role.ADMIN, *stage.projects)
        self._made = 0

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Freeze now and then, until it is over."""
        while goes_on():
            with suppress(Unexpected):
                place = self._random.choice(self._stage.places)
                version, name = self._checkpoint(place)
                if version and self._made % 3 == 1:
                    self._export(place, name, version)
                if version and self._made % 5 == 2:
                    self._clone(place, version)
            time.sleep(1)

    def _checkpoint(self, place: Place) -> tuple[int, str]:
        self._made += 1
        name = f"soak-{self._made}"
        made = self._me.ask("other", "POST", place.at("checkpoints"), expected=(201,), json={"name": name})
        self._memory.names.setdefault(place, {})[name] = made["version"]
        self._tally.count("checkpoints")
        return made["version"], name

    def _export(self, place: Place, name: str, version: int) -> None:
        """The frames of an export are those of the version."""
        self._until_ready(place.at("checkpoints", name))
        where = place.at("checkpoints", name, "exports")
        self._me.ask("other", "POST", where, expected=(202,), json={"format": "jsonl"})
        self._until_ready(f"{where}/jsonl")
        exported: dict[str, str] = {}
        for file in self._me.items("other", f"{where}/jsonl/files"):
            for line in gzip.decompress(httpx2.get(file["get"]["url"], timeout=60).content).splitlines():
                frame = json.loads(line)["frame"]
                exported[frame["frame_id"]] = digest(frame)
        _, seen = read_whole(self._me, self._memory, place, name, limit=1000, expected=version)
        self._tally.count("exports")
        if exported != seen:
            self._tally.violate("snapshot", f"the export of {place.at()} {name} differs from version {version}")

    def _clone(self, place: Place, version: int) -> None:
        """A clone has the frames of the version."""
        body = {"name": f"clone-{self._made}", "version": str(version)}
        begun = self._me.ask("other", "POST", place.at("clones"), expected=(202,), json=body)
        clone = Place(place.project, begun["dataset"]["name"])
        self._until(clone.at("uploads", begun["upload"]["id"]), "PENDING", "SETTLED")
        where = clone.at("frames")
        copied = {item["frame"]["frame_id"]: digest(item["frame"]) for item in self._me.items("read a page", where)}
        _, seen = read_whole(self._me, self._memory, place, str(version), limit=1000)
        self._tally.count("clones")
        if copied != seen:
            self._tally.violate("snapshot", f"the clone of {place.at()} differs from version {version}")

    def _until_ready(self, where: str) -> None:
        self._until(where, "WRITING", "READY")

    def _until(self, where: str, during: str, after: str) -> None:
        give_up = time.monotonic() + WRITTEN
        while (found := self._me.read("poll", where))["status"] == during and time.monotonic() < give_up:
            time.sleep(0.5)
        if found["status"] != after:
            self._tally.violate("lost", f"{where} is not {after}: {found}")
            raise Unexpected(where)


class Flood:
    """One whose key has sent all that it may elsewhere, and who goes on: it is refused, and nobody else.

    This machine has not the power for a thousand requests in ten seconds beside all else, so the count that all
    environments share is put where they would have brought it.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tally = stage.tally
        self._name, token = stage.key(Role.READ, stage.projects[0])
        self._me = stage.holder(token)
        self._table = table_of_counts(stage.backend)

    def begin(self) -> None:
        """Flood while nobody else is at work, until it is refused: in a soak, a busy machine may be too slow for that.

        Meanwhile another key of the project is taken.
        """
        until = time.monotonic() + 3 * WINDOW_SECONDS
        while time.monotonic() < until and not self._tally.counts[REFUSED]:
            self._spend()
            self._ask()
        self._stage.admin.read("other", self._stage.shared[0].at("versions"), limit=1)

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Flood for a while, then rest for a while, until it is over."""
        while goes_on():
            self._spend()
            until = time.monotonic() + WINDOW_SECONDS / 2
            while time.monotonic() < until and goes_on():
                self._ask()
            until += WINDOW_SECONDS
            while time.monotonic() < until and goes_on():
                time.sleep(0.5)

    def _spend(self) -> None:
        now = int(time.time() // WINDOW_SECONDS)
        for window in (now, now + 1):
            item: Json = {
                "id": {"S": f"requests#{self._name}#{window}"},
                "count": {"N": str(MAX_KEY_REQUESTS)},
                "expiration": {"N": str((window + 2) * WINDOW_SECONDS)},
            }
            self._stage.backend.dynamodb.put_item(TableName=self._table, Item=item)

    def _ask(self) -> None:
        answer = self._me.once("flood", "GET", self._stage.shared[0].at("versions"), params={"limit": 1})
        self._tally.count("requests of the key that floods")
        if answer.status_code == 429:
            self._tally.count(REFUSED)
            if answer.json()["code"] != "too_many_requests" or not 0 < int(answer.headers["retry-after"]) <= 14:
                self._tally.violate("unexpected answer", f"{answer.headers} {answer.text}")
        elif not answer.is_success and answer.status_code < FAULT:
            self._tally.violate("unexpected answer", f"flood: {answer.status_code} {answer.text}")


class Intruder:
    """Keys that are revoked, made up, missing, or good for another project."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random
        self._tally = stage.tally
        here, there = stage.projects
        self._foreign = stage.actor(Role.ADMIN, there)
        self._targets = [place for place in stage.places if place.project == here]
        self._others = [
            (stage.revoked(here), 403),
            (stage.holder("tdm.nobody." + "x" * 43), 403),
            (stage.holder(None), 401),
            (self._foreign, 403),
        ]

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Try all doors until it is over."""
        while goes_on():
            someone, due = self._random.choice(self._others)
            self._try(someone, due, self._random.choice(self._targets))
            self._cursor()
            time.sleep(1)

    def _try(self, someone: Actor, due: int, place: Place) -> None:
        body = {"mutations": [{"op": "DELETE", "frame_id": f"{place.prefix}s0:1"}]}
        attempts: list[tuple[str, str, Json]] = [
            ("GET", place.at("frames"), {}),
            ("GET", place.at("uploads"), {}),
            ("GET", place.at("checkpoints"), {}),
            ("GET", path("projects", place.project, "uploads"), {}),
            ("POST", place.at("mutations"), {"json": body}),
            ("POST", place.at("rollbacks"), {"json": {"version": "1"}}),
        ]
        method, where, request = self._random.choice(attempts)
        answer = someone.once("refused", method, where, **request)
        self._tally.count("requests of intruders")
        if answer.is_success:
            self._tally.violate("foreign data", f"{method} {where}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code != due and answer.status_code < FAULT:
            self._tally.violate("unexpected answer", f"{method} {where}: {answer.status_code} rather than {due}")

    def _cursor(self) -> None:
        """A cursor of one dataset opens no other."""
        mine = next(place for place in self._stage.places if place.project == self._stage.projects[1])
        page = self._foreign.once("refused", "GET", mine.at("frames"), params={"limit": 1}).json()
        self._tally.count("requests of intruders")
        if page.get("cursor"):
            parameters = {"cursor": page["cursor"]}
            answer = self._foreign.once("refused", "GET", self._stage.alone.at("frames"), params=parameters)
            self._tally.count("requests of intruders")
            if answer.is_success:
                self._tally.violate("foreign data", f"a cursor of {mine.at()} opened {self._stage.alone.at()}")
