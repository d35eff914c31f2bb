"""The HTTP client of tests of the deployed stack: callers with an API key, their datasets, and polling."""

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
"""How long a test waits for what should take a second, in case the machine is busy with something else."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""Seconds between two polls, which grow since every poll is work too."""


def wait_until(met: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Polls until `met` returns True. After `seconds` it fails the test with the name `what` of what it waited for."""
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE
    while not met():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE)


def path(*parts: str) -> str:
    """Joins the parts of a URL path, each percent-encoded."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


class Caller:
    """Sends requests with one API key, or without a key for None."""

    def __init__(self, stack: LocalStack, key: str | None) -> None:
        self.key = key
        self.http = httpx2.Client(base_url=stack.api, headers={"x-api-key": key} if key else {}, timeout=SECONDS)

    def read(self, where: str, **parameters: Any) -> Any:
        """Returns the JSON of a GET, which must succeed."""
        answer = self.http.get(where, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, where: str, **parameters: Any) -> Iterator[Json]:
        """Yields all pages of a list."""
        page = self.read(where, **parameters)
        yield page
        while page["cursor"]:
            page = self.read(where, **parameters, cursor=page["cursor"])
            yield page

    def items(self, where: str, **parameters: Any) -> list[Json]:
        """Returns all items of a list."""
        return [item for page in self.pages(where, **parameters) for item in page["items"]]

    def create(self, where: str, body: Json) -> Json:
        """Returns the JSON of a POST, which must return 201."""
        answer = self.http.post(where, json=body)
        assert answer.status_code == 201, answer.text
        created: Json = answer.json()
        return created

    def new_dataset(self, *, shards: int = 4, mode: str = "STREAMING") -> "Dataset":
        """Creates an empty dataset in a new project with the classes of this module."""
        project = f"project-{uuid.uuid4().hex[:12]}"
        self.create("/projects", {"name": project, "classes": [{"name": name} for name in CLASSES]})
        self.create(path("projects", project, "datasets"), {"name": "train", "shards": shards, "mode": mode})
        return Dataset(self, project, "train")


class Dataset:
    """A dataset as one caller sees it."""

    def __init__(self, caller: Caller, project: str, name: str) -> None:
        self.caller = caller
        self.project = project
        self.name = name

    def seen_by(self, caller: Caller) -> "Dataset":
        """Returns the same dataset as another caller sees it."""
        return Dataset(caller, self.project, self.name)

    def at(self, *parts: str) -> str:
        """Returns the path of the dataset, or of a resource in it."""
        return path("projects", self.project, "datasets", self.name, *parts)

    def read(self, *parts: str, **parameters: Any) -> Any:
        """Returns the JSON of a GET in the dataset, which must succeed."""
        return self.caller.read(self.at(*parts), **parameters)

    def items(self, *parts: str, **parameters: Any) -> list[Json]:
        """Returns all items of a list in the dataset."""
        return self.caller.items(self.at(*parts), **parameters)

    def post_mutations(self, body: bytes, **headers: str) -> httpx2.Response:
        """Sends a body as mutations and returns the response."""
        return self.caller.http.post(
            self.at("mutations"), content=body, headers={"content-type": "application/json", **headers}
        )

    def submit(self, *rows: Any, key: str | None = None) -> httpx2.Response:
        """Sends rows as mutations and returns the response. NaN and infinity are sent as Python writes them."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.post_mutations(json.dumps({"mutations": rows}).encode(), **headers)

    def send(self, *rows: Any, key: str | None = None) -> str:
        """Sends rows, of which at least one must be accepted, and returns the upload's id."""
        answer = self.submit(*rows, key=key)
        assert answer.status_code == 202, answer.text
        upload: str = answer.json()["upload"]
        return upload

    def settled(self, upload: str) -> Json:
        """Waits until an upload has settled and returns its record."""
        record: Json = {}

        def is_settled() -> bool:
            record.update(self.read("uploads", upload))
            return bool(record["status"] != "PENDING")

        wait_until(is_settled, f"upload {upload} to settle")
        return record

    def upload(self, *rows: Any) -> Json:
        """Sends rows, waits until their upload has settled and returns its record."""
        return self.settled(self.send(*rows))

    def frames(self, version: int | str = "LATEST", *, limit: int = 1000) -> dict[str, Json]:
        """Returns all frames of a version by id, read page by page."""
        frames = [item["frame"] for item in self.items("frames", version=version, limit=limit)]
        by_id = {frame["frame_id"]: frame for frame in frames}
        assert len(by_id) == len(frames), "a frame was listed twice"
        return by_id

    def history(self, frame_id: str) -> list[Json]:
        """Returns the changes of a frame, oldest first."""
        return self.items("frames", frame_id, "history", limit=1000)[::-1]
