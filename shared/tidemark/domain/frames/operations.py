"""The operations on a frame (R16-R18)."""

from enum import StrEnum


class Op(StrEnum):
    """The operation of a mutation on its frame."""

    ADD = "ADD"
    MODIFY = "MODIFY"
    DELETE = "DELETE"
