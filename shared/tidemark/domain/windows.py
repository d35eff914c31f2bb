"""Windows: groups of an upload's rows that a shard applies in one transaction, and the messages that carry them.

Rows are grouped into windows by their frame's shard, in order. A window has at most `MAX_WINDOW_FRAMES` rows and its
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
"""Upper bound of the bytes that a row takes in a window's message, without the row's frame id and classes."""
MESSAGE_CONFIG = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)
"""Pydantic configuration of queue messages. Their JSON keeps its field names, because functions of two releases run
side by side during a deployment."""


class FencingToken(NamedTuple):
    """The position of a window's message in its queue. From message to message in a shard's message group, both numbers
    only grow.

    A queue that is created anew may restart its sequence numbers, and clocks may step back, but not both for the same
    message.
    """

    sequence: int = 0
    """Sequence number that SQS gave the message."""
    sent_at: int = 0
    """Time at which the message was sent, in milliseconds since 1970."""

    def is_before(self, other: "FencingToken") -> bool:
        """Returns whether this token's message was certainly sent before the message of `other`."""
        return self.sequence < other.sequence and self.sent_at <= other.sent_at


FIRST_TOKEN = FencingToken()
"""Token that is before the tokens of all messages. Each shard starts with this token."""


class WindowRow(NamedTuple):
    """An accepted mutation in a window: its operation, its frame, and the location of its payload in a pack."""

    row: int
    op: Op
    frame_id: str
    offset: int
    length: int
    digest: str
    labels: int
    classes: dict[str, int]
    pack: str = ""
    """Name of the pack that holds the payload; empty if that is the window's own pack."""


class Restore(BaseModel):
    """The frames that a window of a roll back restores. They are known only when the window is applied: all frames of
    the shard that have changed after commit `since` and differ from their state at commit `to`."""

    model_config = ConfigDict(frozen=True)

    to: int
    """Number of the shard's commit whose state is restored."""
    since: int
    """Number of the shard's commit after which changes are undone."""
    row: int = 0
    """Row number of the first frame that the window restores."""


class WindowPlan(BaseModel):
    """The content of a window: its number, its shard and its rows. It is stored in the index of the window's chunk."""

    model_config = ConfigDict(frozen=True)

    number: int
    shard: int
    rows: list[WindowRow]
    restore: Restore | None = None

    def has_rows_from(self, first: int) -> bool:
        """Returns whether the window may have rows numbered `first` or higher. A window that restores frames always
        may."""
        return self.restore is not None or self.rows[-1].row >= first


class Window(BaseModel):
    """A window's message on its queue: the window's plan, and what all windows of the upload share.

    Unknown fields are ignored in `Window` and `WindowSettled`, because functions of two releases run side by side
    during a deployment.
    """

    model_config = MESSAGE_CONFIG

    dataset: str
    """Uid of the dataset."""
    upload: str
    chunk: str = Field("", alias="part")
    """Name of the window's chunk; empty if the upload has a single chunk."""
    pack: str
    actor: str
    accepted_at: datetime
    plan: WindowPlan
    again: bool = False
    """Whether the window is sent again, so that later uploads may have been applied before it. Its rows then give way
    to later changes."""
    until: str = ""
    """For a window of a roll back, the id of the last window in the same shard; empty for that last window itself. Once
    the last window is decided, this window comes too late, and its rows give way to later changes too."""
    attempt: int = 0
    """Number of times that the window was given up and its upload retried. Each attempt is decided separately."""
    siblings: int = 0
    """Number of windows in the chunk, this one included, whose outcomes are reported to publish together. If it is 0,
    this window's outcome is reported by itself."""

    @property
    def id(self) -> str:
        """Permanent id of this attempt at the window. By this id, a shard detects that it has already applied the
        window."""
        return window_id(self.upload, self.chunk, self.plan.number, self.attempt)


class WindowSettled(BaseModel):
    """The outcome of a window: how many of its rows were applied, dropped (R17, R18) and failed (R21)."""

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
    """Number of rows that the window generated when it was applied. The upload's row count does not include them yet.
    """
    given_up: bool = False
    """Whether the window was given up without being applied, so that the upload can be retried."""

    @property
    def id(self) -> str:
        """Id of the attempt that this is the outcome of; equals `Window.id`."""
        return window_id(self.upload, self.chunk, self.window, self.attempt)


def window_id(upload: str, chunk: str, number: int, attempt: int = 0) -> str:
    """Returns the id of an attempt at a window. The first attempt has the number 0."""
    return "-".join(filter(None, (upload, chunk, str(number), f"r{attempt}" if attempt else "")))


class ChunkSettled(BaseModel):
    """Reports that all windows of a chunk have an outcome. The chunk's tally holds the outcomes."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["chunk"] = "chunk"
    dataset: str
    upload: str
    chunk: str

    @property
    def id(self) -> str:
        """Id of the message: the same for the same chunk."""
        return "-".join(filter(None, (self.upload, self.chunk, "all")))


class CheckUpload(BaseModel):
    """Asks the publish function to check whether an upload is complete, because no outcome of a window may be left to
    trigger that check."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["upload"] = "upload"
    dataset: str
    upload: str
    since: str
    """The event that requires the check, such as `file-3` after file 3 was read. It distinguishes this message from
    others about the same upload."""

    @property
    def id(self) -> str:
        """Id of the message: the same for the same upload and event."""
        return f"{self.upload}-{self.since}"


PublishMessage = WindowSettled | ChunkSettled | CheckUpload
PUBLISH_MESSAGE: TypeAdapter[PublishMessage] = TypeAdapter(PublishMessage)
"""Parses the messages of the publish queue."""


class _Row(Protocol):
    @property
    def frame_id(self) -> str: ...
    @property
    def classes(self) -> dict[str, int]: ...


R = TypeVar("R", bound=_Row)


def cut(rows: Iterable[R], shards: int) -> list[tuple[int, list[R]]]:
    """Groups accepted rows into windows. Returns the shard and the rows of each window. The rows of a window have
    distinct frames and stay within `MAX_WINDOW_FRAMES` and `MAX_WINDOW_BYTES`.

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
    """Returns an upper bound of the bytes that a row takes in its window's message."""
    classes = sum(len(name.encode()) * 2 + 12 for name in row.classes)
    return ROW_OVERHEAD_BYTES + len(row.frame_id.encode()) * 2 + classes


SOURCE_DIGITS, CHUNK_DIGITS = 4, 8


def chunk_name(source: int, number: int) -> str:
    """Returns the name of a chunk. `source` is the number of the file or shard that the chunk's rows come from, and
    `number` is the chunk's number within that file or shard."""
    return f"{source:0{SOURCE_DIGITS}d}-{number:0{CHUNK_DIGITS}d}"


def chunk_source(name: str) -> int:
    """Returns the number of the file or shard that a chunk's rows come from, given the chunk's name."""
    return int(name[:SOURCE_DIGITS])
