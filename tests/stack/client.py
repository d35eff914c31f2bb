"""How a test talks to the deployed stack: a caller with an API key, a dataset of its own, and waiting with an end."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2

from infra.local.stack import LocalStack

Json = dict[str, Any]

CLASSES = ("car", "person", "tram")
SECONDS = 90.0
"""How long a test waits for what should take a second: a machine that is busy with something else is no defect."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""Seconds between two looks at what is waited for; longer ones as time passes, since every look is work too."""


def wait_until(met: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Return as soon as `met`. Fails the test, naming `what` it waited for, when `seconds` are over."""
    give_up = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not met():
        assert time.monotonic() < give_up, f"waited {seconds:.0f} s for {what}"
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE)


def path(*parts: str) -> str:
    """The parts of a path as a URL carries them, every id percent-encoded."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Caller:
    """Requests under one API key; None sends no key."""

    def __init__(self, stack: LocalStack, key: str | None) -> None:
        self.key = key
        self.http = httpx2.Client(base_url=stack.api, headers={"x-api-key": key} if key else {}, timeout=SECONDS)

    def read(self, where: str, **parameters: Any) -> Any:
        """What a GET that must succeed answers."""
        answer = self.http.get(where, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, where: str, **parameters: Any) -> Iterator[Json]:
        """The pages of a list, from the first to the last."""
        page = self.read(where, **parameters)
        yield page
        while page["cursor"]:
            page = self.read(where, **parameters, cursor=page["cursor"])
            yield page

    def items(self, where: str, **parameters: Any) -> list[Json]:
        """All items of a list."""
        return [item for page in self.pages(where, **parameters) for item in page["items"]]

    def create(self, where: str, body: Json) -> Json:
        """What a POST that must create answers."""
        answer = self.http.post(where, json=body)
        assert answer.status_code == 201, answer.text
        created: Json = answer.json()
        return created

    def new_dataset(self, *, shards: int = 4, mode: str = "STREAMING") -> "Dataset":
        """An empty dataset in a project of its own, with the classes of this module."""
        project = f"project-{uuid.uuid4().hex[:12]}"
        self.create("/projects", {"name": project, "classes": [{"name": name} for name in CLASSES]})
        self.create(path("projects", project, "datasets"), {"name": "train", "shards": shards, "mode": mode})
        return Dataset(self, project, "train")


class Dataset:
    """One dataset, as one caller sees it."""

    def __init__(self, caller: Caller, project: str, name: str) -> None:
        self.caller = caller
        self.project = project
        self.name = name

    def seen_by(self, caller: Caller) -> "Dataset":
        """The same dataset under another key."""
        return Dataset(caller, self.project, self.name)

    def at(self, *parts: str) -> str:
        """The path of the dataset, or of something in it."""
        return path("projects", self.project, "datasets", self.name, *parts)

    def read(self, *parts: str, **parameters: Any) -> Any:
        """What a GET in the dataset that must succeed answers."""
        return self.caller.read(self.at(*parts), **parameters)

    def items(self, *parts: str, **parameters: Any) -> list[Json]:
        """All items of a list of the dataset."""
        return self.caller.items(self.at(*parts), **parameters)

    def post_mutations(self, body: bytes, **headers: str) -> httpx2.Response:
        """The answer to a body sent as mutations, whatever it is."""
        return self.caller.http.post(
            self.at("mutations"), content=body, headers={"content-type": "application/json", **headers}
        )

    def submit(self, *rows: Any, key: str | None = None) -> httpx2.Response:
        """The answer to rows sent as mutations; NaN and infinity travel as Python writes them."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.post_mutations(json.dumps({"mutations": rows}).encode(), **headers)

    def send(self, *rows: Any, key: str | None = None) -> str:
        """Send rows of which some at least must be accepted; answers the upload's id."""
        answer = self.submit(*rows, key=key)
        assert answer.status_code == 202, answer.text
        upload: str = answer.json()["upload"]
        return upload

    def settled(self, upload: str) -> Json:
        """The upload's record, as soon as it has settled."""
        record: Json = {}

        def is_settled() -> bool:
            record.update(self.read("uploads", upload))
            return bool(record["status"] != "PENDING")

        wait_until(is_settled, f"upload {upload} to settle")
        return record

    def upload(self, *rows: Any) -> Json:
        """Send rows and wait until they have settled."""
        return self.settled(self.send(*rows))

    def frames(self, version: int | str = "LATEST", *, limit: int = 1000) -> dict[str, Json]:
        """All frames of a version by their ids, read page by page."""
        frames = [item["frame"] for item in self.items("frames", version=version, limit=limit)]
        by_id = {frame["frame_id"]: frame for frame in frames}
        assert len(by_id) == len(frames), "a frame was listed twice"
        return by_id

    def history(self, frame_id: str) -> list[Json]:
        """The changes of a frame, oldest first."""
        return self.items("frames", frame_id, "history", limit=1000)[::-1]
