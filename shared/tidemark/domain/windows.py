"""Windows: groups of an upload's rows that a shard applies in one transaction, and the messages that carry them.

Rows are cut into windows by the shard of their frame, in order. A window has at most `MAX_WINDOW_FRAMES` rows and its
message at most `MAX_WINDOW_BYTES`, so a window always fits one DynamoDB transaction and one SQS message.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tidemark.domain.frames.operations import Op
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_WINDOW_BYTES, MAX_WINDOW_FRAMES

ROW_OVERHEAD_BYTES = 220
"""Upper bound of a row's bytes in a message, apart from its frame id and its classes."""
MESSAGE_CONFIG = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)
"""Configuration of queue messages. They keep their field names, because functions of two releases run side by side."""


class FencingToken(NamedTuple):
    """The position of a window's message in its queue. Both numbers only grow within a shard's message group.

    A queue that is created anew may restart its sequence, and clocks may step back, but not both for the same message.
    """

    sequence: int = 0
    """SQS sequence number."""
    sent_at: int = 0
    """Time of sending, in milliseconds since 1970."""

    def is_before(self, other: "FencingToken") -> bool:
        """Returns whether this message was certainly sent before the other."""
        return self.sequence < other.sequence and self.sent_at <= other.sent_at


FIRST_TOKEN = FencingToken()
"""Token before all messages, with which a shard starts."""


class WindowRow(NamedTuple):
    """One accepted mutation: its operation, its frame, and the location of its payload in a pack."""

    row: int
    op: Op
    frame_id: str
    offset: int
    length: int
    digest: str
    labels: int
    classes: dict[str, int]
    pack: str = ""
    """The pack that holds the payload; empty for the window's own pack."""


class Restore(BaseModel):
    """The frames a window restores, which are known only when it is applied: those changed since and different now."""

    model_config = ConfigDict(frozen=True)

    to: int
    """The commit of its shard whose state is restored."""
    since: int
    """The commit after which changes are looked for."""
    row: int = 0
    """Row number of the first restored frame."""


class WindowPlan(BaseModel):
    """The content of a window that its upload's index stores: its shard, its number and its rows."""

    model_config = ConfigDict(frozen=True)

    number: int
    shard: int
    rows: list[WindowRow]
    restore: Restore | None = None

    def has_rows_from(self, first: int) -> bool:
        """Returns whether the window may have rows numbered `first` or higher."""
        return self.restore is not None or self.rows[-1].row >= first


class Window(BaseModel):
    """A window's message on the queue of its shard: a plan, and what all windows of the upload share.

    Unknown fields are ignored, here and in `WindowSettled`, because functions of two releases run side by side during a
    deployment.
    """

    model_config = MESSAGE_CONFIG

    dataset: str
    """Uid of the dataset."""
    upload: str
    chunk: str = Field("", alias="part")
    """Name of the window's chunk; empty for an upload with a single chunk."""
    pack: str
    actor: str
    accepted_at: datetime
    plan: WindowPlan
    again: bool = False
    """Whether the window is retried, possibly after later uploads. Its rows then give way to later ones."""
    until: str = ""
    """For the windows of a roll back, the id of the shard's last window; empty for that last one. Once the last is
    decided, this window comes too late and gives way too."""
    attempt: int = 0
    """How often its upload was retried after it was given up. Each attempt is decided separately."""

    @property
    def id(self) -> str:
        """Permanent id of this attempt at the window. It reveals when the window was already applied."""
        return window_id(self.upload, self.chunk, self.plan.number, self.attempt)


class WindowSettled(BaseModel):
    """Outcome of a window: how many of its rows were applied, dropped (R17, R18) and failed (R21)."""

    model_config = MESSAGE_CONFIG

    dataset: str
    upload: str
    chunk: str = Field("", alias="part")
    window: int
    attempt: int = 0
    applied: int
    dropped: int
    failed: int
    found: int = 0
    """Rows that the window generated when it was applied, and that are not yet counted."""
    given_up: bool = False
    """Whether the window was never applied, so that it can be retried."""

    @property
    def id(self) -> str:
        """Id of the window."""
        return window_id(self.upload, self.chunk, self.window, self.attempt)


def window_id(upload: str, chunk: str, number: int, attempt: int = 0) -> str:
    """Returns the id of a window, given its upload, chunk, number and attempt."""
    return "-".join(filter(None, (upload, chunk, str(number), f"r{attempt}" if attempt else "")))


class CheckUpload(BaseModel):
    """Asks publish to check whether an upload is complete when no window is left to report it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["upload"] = "upload"
    dataset: str
    upload: str
    since: str
    """What has happened, such as that a file was read. It distinguishes this message from others about the upload."""

    @property
    def id(self) -> str:
        """Id of the message."""
        return f"{self.upload}-{self.since}"


PublishMessage = WindowSettled | CheckUpload
PUBLISH_MESSAGE: TypeAdapter[PublishMessage] = TypeAdapter(PublishMessage)
"""Parses messages of the publish queue."""


class _Row(Protocol):
    @property
    def frame_id(self) -> str: ...
    @property
    def classes(self) -> dict[str, int]: ...


R = TypeVar("R", bound=_Row)


def cut(rows: Iterable[R], shards: int) -> list[tuple[int, list[R]]]:
    """Cuts accepted rows into windows. Returns the shard and rows of each; a window has distinct frames and stays
    within the limits.

    The windows of a shard keep the order of their rows.
    """
    windows: list[tuple[int, list[R]]] = []
    open_windows: dict[int, _OpenWindow[R]] = {}
    for row in rows:
        shard = shard_of(row.frame_id, shards)
        window = open_windows.get(shard)
        if window is None or not window.has_room_for(row):
            window = open_windows[shard] = _OpenWindow()
            windows.append((shard, window.rows))
        window.add(row)
    return windows


class _OpenWindow(Generic[R]):
    """A window to which rows can still be added."""

    def __init__(self) -> None:
        self.rows: list[R] = []
        self._frames: set[str] = set()
        self._bytes = 0

    def has_room_for(self, row: R) -> bool:
        return (
            len(self.rows) < MAX_WINDOW_FRAMES
            and self._bytes + message_bytes(row) <= MAX_WINDOW_BYTES
            and row.frame_id not in self._frames
        )

    def add(self, row: R) -> None:
        self.rows.append(row)
        self._frames.add(row.frame_id)
        self._bytes += message_bytes(row)


def message_bytes(row: _Row) -> int:
    """Returns an upper bound of a row's bytes in its window's message."""
    classes = sum(len(name.encode()) * 2 + 12 for name in row.classes)
    return ROW_OVERHEAD_BYTES + len(row.frame_id.encode()) * 2 + classes


SOURCE_DIGITS, CHUNK_DIGITS = 4, 8


def chunk_name(source: int, number: int) -> str:
    """Returns the name of a chunk, given the number of its file or shard and its number within that source."""
    return f"{source:0{SOURCE_DIGITS}d}-{number:0{CHUNK_DIGITS}d}"


def chunk_source(name: str) -> int:
    """Returns the number of the file or shard a chunk belongs to."""
    return int(name[:SOURCE_DIGITS])
