"""The API as the scenario uses it, whatever is behind: the functions in this process, or a deployed stack."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol
from urllib.parse import quote

Json = dict[str, Any]


class Door(Protocol):
    """Takes requests. Paths are below the API's base, percent-encoded, with their query. Raises if one is refused."""

    def post(self, path: str, document: Json) -> Json:
        """The answer to a POST of JSON."""
        ...

    def get(self, path: str) -> Json:
        """The answer to a GET."""
        ...

    def settle(self, upload: str) -> None:
        """Return when the upload at that path has settled."""
        ...


class Dataset:
    """A dataset of the benchmark."""

    def __init__(self, door: Door, project: str, classes: Sequence[str]) -> None:
        self._door = door
        door.post("projects", {"name": project, "classes": [{"name": name} for name in classes]})
        door.post(f"projects/{project}/datasets", {"name": "train"})
        self._base = f"projects/{project}/datasets/train"

    def send(self, *rows: Json) -> str:
        """Submit rows; answers the path of their upload."""
        receipt = self._door.post(f"{self._base}/mutations", {"mutations": rows})
        if receipt["rejected"]:
            raise AssertionError(receipt["errors"])
        return f"{self._base}/uploads/{receipt['upload']}"

    def upload(self, *rows: Json) -> None:
        """Submit rows and wait until they have settled."""
        self._door.settle(self.send(*rows))

    def settle(self, upload: str) -> None:
        """Wait until an upload has settled."""
        self._door.settle(upload)

    def latest(self) -> int:
        """The number of the latest version."""
        number: int = self._door.get(self._base)["latest"]
        return number

    def frame(self, frame_id: str, version: int | str) -> Json:
        """A frame as of a version."""
        return self._door.get(f"{self._base}/frames/{quote(frame_id)}?version={version}")

    def frames(self, version: int | str, limit: int) -> list[Json]:
        """The first page of frames of a version."""
        items: list[Json] = self._door.get(f"{self._base}/frames?version={version}&limit={limit}")["items"]
        return items

    def history(self, frame_id: str, limit: int) -> Iterator[Json]:
        """The newest changes of a frame."""
        yield from self._door.get(f"{self._base}/frames/{quote(frame_id)}/history?limit={limit}")["items"]
