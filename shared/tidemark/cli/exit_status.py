"""The exit statuses of `tidemark`."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of a command. If Ctrl-C ends the command, the status is 130, as shells expect."""

    DONE = 0
    """The command did everything."""
    PARTIAL = 1
    """The command did part of its work: some rows had no effect, some requested frames do not exist, or a job in the
    service failed."""
    USAGE = 2
    """The arguments are wrong, or the settings are missing or unusable."""
    REFUSED = 3
    """The API refused the request, did not respond, or responded in an unknown form."""
