"""Windows: the rows of an upload that one shard applies in one transaction.

Rows are cut into windows by the shard of their frame, in order, at most `MAX_WINDOW_FRAMES` to a window and at most
`MAX_WINDOW_BYTES` of message, so that a window always fits one DynamoDB transaction and one SQS message.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tidemark.domain.frames.operations import Op
from tidemark.domain.ids import shard_of
from tidemark.domain.limits import MAX_WINDOW_BYTES, MAX_WINDOW_FRAMES

ROW_OVERHEAD_BYTES = 220
"""Upper bound of what a row takes in a message beside its frame id and its classes."""


WIRE = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)
"""Messages keep the field names that they have on the queues; functions of two releases run side by side."""


class FencingToken(NamedTuple):
    """When a window's message was sent, as its queue counts: both numbers only grow within a shard's message group.

    A queue that is made anew may count from the start again, and clocks may step back, but never both for one message.
    """

    sequence: int = 0
    sent_at: int = 0
    """Milliseconds since 1970."""

    def is_before(self, other: "FencingToken") -> bool:
        """Whether this message was sent before the other, beyond doubt."""
        return self.sequence < other.sequence and self.sent_at <= other.sent_at


FIRST_TOKEN = FencingToken()
"""Before all messages: what a shard starts from."""


class WindowRow(NamedTuple):
    """One accepted mutation: what it does to which frame, and where its payload lies."""

    row: int
    op: Op
    frame_id: str
    offset: int
    length: int
    digest: str
    labels: int
    classes: dict[str, int]
    pack: str = ""
    """The pack that holds its payload, where that is not the upload's own."""


class Restore(BaseModel):
    """What a window restores that is known only when it is its turn: what was changed since, and differs."""

    model_config = ConfigDict(frozen=True)

    to: int
    """The commit of its shard after which frames were as they are to be."""
    since: int
    """The commit from which on changes are looked for."""
    row: int = 0
    """The number of the first row that is found."""


class WindowPlan(BaseModel):
    """The part of a window that the upload's index keeps: its shard, its number in the upload and its rows."""

    model_config = ConfigDict(frozen=True)

    number: int
    shard: int
    rows: list[WindowRow]
    restore: Restore | None = None

    def has_rows_from(self, first: int) -> bool:
        """Whether it may have rows from number `first` on."""
        return self.restore is not None or self.rows[-1].row >= first


class Window(BaseModel):
    """A window as it travels to its shard: a plan, and what all windows of its upload share.

    Fields that it does not know are passed over, here and in `WindowSettled`: while a release is deployed, functions of two
    releases run side by side.
    """

    model_config = WIRE

    dataset: str
    """The dataset's uid."""
    upload: str
    chunk: str = Field("", alias="part")
    """The chunk of the upload that it was cut from; empty for an upload that has but one."""
    pack: str
    actor: str
    accepted_at: datetime
    plan: WindowPlan
    again: bool = False
    """Whether it is sent once more, long after others may have overtaken it: its rows give way to later ones."""
    until: str = ""
    """Of a roll back's windows but the last of its shard, the id of that one: once it is decided, this one comes too
    late and gives way as well."""
    attempt: int = 0
    """How often its upload was retried after it was given up. Each attempt is decided for itself."""

    @property
    def id(self) -> str:
        """Names the window, in this attempt, for ever; applying it a second time is recognised by it."""
        return window_id(self.upload, self.chunk, self.plan.number, self.attempt)


class WindowSettled(BaseModel):
    """What became of a window: how many of its rows were applied, dropped (R17, R18) and failed (R21)."""

    model_config = WIRE

    dataset: str
    upload: str
    chunk: str = Field("", alias="part")
    window: int
    attempt: int = 0
    applied: int
    dropped: int
    failed: int
    found: int = 0
    """Rows that it came to by itself, at its turn, and that nobody has counted before."""
    given_up: bool = False
    """Whether it was never applied, so that it may be tried once more."""

    @property
    def id(self) -> str:
        """The window's."""
        return window_id(self.upload, self.chunk, self.window, self.attempt)


def window_id(upload: str, chunk: str, number: int, attempt: int = 0) -> str:
    """The id of a window by its place in its upload and its attempt."""
    return "-".join(filter(None, (upload, chunk, str(number), f"r{attempt}" if attempt else "")))


class CheckUpload(BaseModel):
    """An upload may be complete, and no window is left to say so."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["upload"] = "upload"
    dataset: str
    upload: str
    since: str
    """What has happened, such as that a file was read: tells this from other news of the upload."""

    @property
    def id(self) -> str:
        """The news'."""
        return f"{self.upload}-{self.since}"


PublishMessage = WindowSettled | CheckUpload
PUBLISH_MESSAGE: TypeAdapter[PublishMessage] = TypeAdapter(PublishMessage)
"""What publish is told."""


class _Row(Protocol):
    @property
    def frame_id(self) -> str: ...
    @property
    def classes(self) -> dict[str, int]: ...


R = TypeVar("R", bound=_Row)


def cut(rows: Iterable[R], shards: int) -> list[tuple[int, list[R]]]:
    """Cut accepted rows into windows, each a shard and its rows within the limits, of distinct frames.

    The order of the windows of one shard is the order of their rows.
    """
    windows: list[tuple[int, list[R]]] = []
    filling: dict[int, _Filling[R]] = {}
    for row in rows:
        shard = shard_of(row.frame_id, shards)
        window = filling.get(shard)
        if window is None or not window.takes(row):
            window = filling[shard] = _Filling()
            windows.append((shard, window.rows))
        window.add(row)
    return windows


class _Filling(Generic[R]):
    """A window that rows are being added to."""

    def __init__(self) -> None:
        self.rows: list[R] = []
        self._frames: set[str] = set()
        self._bytes = 0

    def takes(self, row: R) -> bool:
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
    """Upper bound of the bytes that a row takes in its window's message."""
    classes = sum(len(name.encode()) * 2 + 12 for name in row.classes)
    return ROW_OVERHEAD_BYTES + len(row.frame_id.encode()) * 2 + classes


SOURCE_DIGITS, CHUNK_DIGITS = 4, 8


def chunk_name(source: int, number: int) -> str:
    """The name of a chunk: that of the file, or the shard, of which it is made, and its number among those."""
    return f"{source:0{SOURCE_DIGITS}d}-{number:0{CHUNK_DIGITS}d}"


def chunk_source(name: str) -> int:
    """The number of the file, or of the shard, that a chunk was made of."""
    return int(name[:SOURCE_DIGITS])
