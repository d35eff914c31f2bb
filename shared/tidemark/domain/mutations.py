"""Mutations: what one row of an upload asks for (R16-R19)."""

from enum import StrEnum


class Op(StrEnum):
    """What a mutation does with its frame."""

    ADD = "ADD"
    MODIFY = "MODIFY"
    DELETE = "DELETE"
