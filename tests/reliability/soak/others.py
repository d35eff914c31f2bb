"""The other actors: a curator of checkpoints, exports and clones, a key that floods, and intruders."""

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
from tests.support.deployed.client import path
from tests.support.deployed.inside import table_of_counts
from tidemark.access.throttling import MAX_KEY_REQUESTS, WINDOW_SECONDS
from tidemark.domain.api_keys import Role

REFUSED = "429 to the flooding key"
READY_TIMEOUT = 180.0
"""Seconds in which a manifest, an export or a clone must be ready."""


class Curator:
    """Freezes versions, exports them and clones them."""

    def __init__(self, stage: Stage, memory: Memory, random: Random) -> None:
        self._stage = stage
        self._memory = memory
        self._random = random
        self._tally = stage.tally
        self._me = stage.actor(Role.ADMIN, *stage.projects)
        self._made = 0

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Freezes versions from time to time until the soak ends."""
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
        """Exports a checkpoint and checks that its frames are those of the version."""
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
        """Clones a version and checks that the clone has its frames."""
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
        give_up = time.monotonic() + READY_TIMEOUT
        while (state := self._me.read("poll", where))["status"] == during and time.monotonic() < give_up:
            time.sleep(0.5)
        if state["status"] != after:
            self._tally.violate("lost", f"{where} is not {after}: {state}")
            raise Unexpected(where)


class Flood:
    """A key over its request limit. It must be refused, and no other key.

    One machine cannot send a thousand requests in ten seconds beside the other work, so this writes the shared count
    that such a flood would have reached.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tally = stage.tally
        self._name, token = stage.key(Role.READ, stage.projects[0])
        self._me = stage.holder(token)
        self._table = table_of_counts(stage.backend)

    def begin(self) -> None:
        """Floods until the key is refused, before the others start, since a busy machine may be too slow for that.

        Another key of the project must still be accepted.
        """
        until = time.monotonic() + 3 * WINDOW_SECONDS
        while time.monotonic() < until and not self._tally.counts[REFUSED]:
            self._spend()
            self._ask()
        self._stage.admin.read("other", self._stage.shared[0].at("versions"), limit=1)

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Floods and rests in turns until the soak ends."""
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
        self._tally.count("requests by the flooding key")
        if answer.status_code == 429:
            self._tally.count(REFUSED)
            if answer.json()["code"] != "too_many_requests" or not 0 < int(answer.headers["retry-after"]) <= 14:
                self._tally.violate("unexpected response", f"{answer.headers} {answer.text}")
        elif not answer.is_success and answer.status_code < FAULT:
            self._tally.violate("unexpected response", f"flood: {answer.status_code} {answer.text}")


class Intruder:
    """Callers with keys that are revoked, invented, missing or valid for another project."""

    def __init__(self, stage: Stage, random: Random) -> None:
        self._stage = stage
        self._random = random
        self._tally = stage.tally
        own, other = stage.projects
        self._foreign = stage.actor(Role.ADMIN, other)
        self._targets = [place for place in stage.places if place.project == own]
        self._others = [
            (stage.revoked(own), 403),
            (stage.holder("tdm.nobody." + "x" * 43), 403),
            (stage.holder(None), 401),
            (self._foreign, 403),
        ]

    def work(self, goes_on: Callable[[], bool]) -> None:
        """Tries every operation until the soak ends."""
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
        self._tally.count("requests by intruders")
        if answer.is_success:
            self._tally.violate("foreign data", f"{method} {where}: {answer.status_code} {answer.text[:200]}")
        elif answer.status_code != due and answer.status_code < FAULT:
            self._tally.violate("unexpected response", f"{method} {where}: {answer.status_code} instead of {due}")

    def _cursor(self) -> None:
        """Checks that a cursor of one dataset does not work for another."""
        own_place = next(place for place in self._stage.places if place.project == self._stage.projects[1])
        page = self._foreign.once("refused", "GET", own_place.at("frames"), params={"limit": 1}).json()
        self._tally.count("requests by intruders")
        if page.get("cursor"):
            parameters = {"cursor": page["cursor"]}
            answer = self._foreign.once("refused", "GET", self._stage.alone.at("frames"), params=parameters)
            self._tally.count("requests by intruders")
            if answer.is_success:
                self._tally.violate("foreign data", f"a cursor of {own_place.at()} opened {self._stage.alone.at()}")
