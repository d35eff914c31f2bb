"""The operations on a frame (R16-R18)."""

from enum import StrEnum


class Op(StrEnum):
    """What a mutation does with its frame."""

    ADD = "ADD"
    MODIFY = "MODIFY"
    DELETE = "DELETE"
