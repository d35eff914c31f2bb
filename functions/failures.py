"""Logs why work failed, for the functions that a queue or a state machine calls."""

from aws_lambda_powertools import Logger

from tidemark.aws.transient import is_transient


def log_failure(logger: Logger, text: str, error: Exception) -> None:
    """Logs the exception that is being handled: as a warning if it is transient, otherwise as an error."""
    if is_transient(error):
        logger.warning(text, exc_info=error)
    else:
        logger.error(text, exc_info=error)
