"""The exit statuses of the program."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """How a command ended. Ctrl-C makes it 130, as shells expect."""

    DONE = 0
    """Everything was done."""
    PARTIAL = 1
    """Part of it was done: some rows had no effect, some frames that were named do not exist, something failed."""
    USAGE = 2
    """Wrong usage, or no settings to work with."""
    REFUSED = 3
    """The API refused, or could not be reached."""
