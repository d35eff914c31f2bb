"""The API as the scenario uses it, implemented by the functions in this process or by a deployed stack."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

Json = dict[str, Any]


class Door(Protocol):
    """Sends requests. Paths are relative to the API's base, percent-encoded, with a query. Raises if one is refused."""

    def post(self, path: str, document: Json) -> Json:
        """Sends a POST of JSON and returns the response."""
        ...

    def get(self, path: str) -> Json:
        """Sends a GET and returns the response."""
        ...

    def put(self, url: str, headers: Mapping[str, str], content: bytes) -> None:
        """Uploads a file to a signed URL."""
        ...

    def settle(self, path: str) -> None:
        """Waits until the upload or the workflow's artifact at a path is finished."""
        ...

    def drop(self, dataset: str, key: str, content: bytes) -> None:
        """Drops a file and waits until its upload, to the dataset at that path, has settled."""
        ...


class Dataset:
    """A dataset of the benchmark, in a project of its own."""

    def __init__(self, door: Door, project: str) -> None:
        self._door = door
        self._project = project
        self._base = f"projects/{project}/datasets/train"

    def create(self, classes: Sequence[str]) -> None:
        """Creates the dataset and its project."""
        self._door.post("projects", {"name": self._project, "classes": [{"name": name} for name in classes]})
        self._door.post(f"projects/{self._project}/datasets", {"name": "train"})

    def send(self, *rows: Json) -> str:
        """Submits rows and returns the upload's id."""
        receipt = self._door.post(f"{self._base}/mutations", {"mutations": rows})
        if receipt["rejected"]:
            raise AssertionError(receipt["errors"])
        upload: str = receipt["upload"]
        return upload

    def settle(self, upload: str) -> None:
        """Waits until an upload has settled."""
        self._door.settle(f"{self._base}/uploads/{upload}")

    def upload(self, *rows: Json) -> None:
        """Submits rows and waits until they have settled."""
        self.settle(self.send(*rows))

    def upload_file(self, name: str, content: bytes) -> None:
        """Announces a file of mutations, uploads it, completes the upload and waits until it has settled."""
        receipt = self._door.post(f"{self._base}/uploads", {"files": [{"name": name, "bytes": len(content)}]})
        (file,) = receipt["files"]
        self._door.put(file["url"], file["headers"], content)
        self._door.post(f"{self._base}/uploads/{receipt['upload']}/complete", {})
        self.settle(receipt["upload"])

    def drop(self, name: str, content: bytes) -> None:
        """Drops a file of mutations for the dataset and waits until its upload has settled."""
        self._door.drop(self._base, f"drop/{self._project}/train/{name}", content)

    def roll_back(self, version: int) -> None:
        """Rolls the dataset back to a version and waits until that has settled."""
        self.settle(self._door.post(f"{self._base}/rollbacks", {"version": str(version)})["id"])

    def clone(self, name: str, version: int) -> None:
        """Clones a version and waits until the clone has all its frames."""
        begun = self._door.post(f"{self._base}/clones", {"name": name, "version": str(version)})
        self._door.settle(f"projects/{self._project}/datasets/{name}/uploads/{begun['upload']['id']}")

    def checkpoint(self, name: str, version: int) -> None:
        """Creates a checkpoint of a version and waits until its manifest is written."""
        self._door.post(f"{self._base}/checkpoints", {"name": name, "version": str(version)})
        self._door.settle(f"{self._base}/checkpoints/{name}")

    def export(self, checkpoint: str, form: str) -> None:
        """Exports a checkpoint and waits until the export is written."""
        exports = f"{self._base}/checkpoints/{checkpoint}/exports"
        self._door.post(exports, {"format": form})
        self._door.settle(f"{exports}/{form}")

    def latest(self) -> int:
        """Returns the number of the latest version."""
        number: int = self._door.get(self._base)["latest"]
        return number

    def frame(self, frame_id: str, version: int | str) -> Json:
        """Returns a frame as of a version."""
        return self._door.get(f"{self._base}/frames/{quote(frame_id)}?version={version}")

    def frames(self, version: int | str, limit: int) -> list[Json]:
        """Returns the first page of a version's frames."""
        items: list[Json] = self._door.get(f"{self._base}/frames?version={version}&limit={limit}")["items"]
        return items

    def history(self, frame_id: str, limit: int) -> list[Json]:
        """Returns the newest changes of a frame."""
        items: list[Json] = self._door.get(f"{self._base}/frames/{quote(frame_id)}/history?limit={limit}")["items"]
        return items
