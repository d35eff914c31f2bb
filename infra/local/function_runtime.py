"""Runs inside an execution environment: loads a function's handler and serves its invocations.

It runs in a bare interpreter that sees the deployment bundle and boto3 only, so it imports nothing but the standard
library. Requests and replies are lines of JSON on a socket, whose file descriptor is the first argument. The handler's
output goes to standard output, followed after each invocation by the line `END_OF_LOG` with the request's id.
"""

import importlib
import json
import os
import select
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

END_OF_LOG = "\x1eEND {}"


class Context:
    """The `context` argument of a handler, with the same attributes as on AWS."""

    client_context = None
    identity = None

    def __init__(self, request_id: str, arn: str, deadline: float) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until the function times out, never negative."""
        return max(0, int((self._deadline - time.time()) * 1000))


def error_report(error: BaseException) -> dict[str, object]:
    """Returns the JSON object with which Lambda reports an exception."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def load_handler(name: str) -> Callable[[Any, Context], Any]:
    """Imports `package.module.function` and returns the function."""
    module, _, function = name.rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), function)
    return handler


def invoke(handler: Callable[[Any, Context], Any], request: dict[str, Any]) -> bytes:
    """Calls the handler, and returns its result or exception as a line of JSON."""
    if request["trace"]:
        os.environ["_X_AMZN_TRACE_ID"] = request["trace"]
    context = Context(request["id"], request["arn"], request["deadline"])
    try:
        return json.dumps({"result": handler(request["event"], context)}).encode() + b"\n"
    except Exception as error:  # noqa: BLE001 - a runtime reports every exception
        traceback.print_exc()
        return json.dumps({"error": error_report(error)}).encode() + b"\n"


def exit_with(channel: socket.socket) -> None:
    """Ends this process, even in the middle of a call, as soon as the emulator closes its end of the channel."""
    hangup = select.poll()
    hangup.register(channel, 0)
    hangup.poll()
    os._exit(1)


def serve(channel: socket.socket) -> None:
    """Serves invocations until the emulator closes its end of the channel or dies."""
    threading.Thread(target=exit_with, args=(channel,), daemon=True).start()
    with channel.makefile("rb") as requests:
        try:
            handler = load_handler(os.environ["_HANDLER"])
        except BaseException as error:  # noqa: BLE001 - an import may even call exit
            traceback.print_exc()
            channel.sendall(json.dumps({"error": error_report(error)}).encode() + b"\n")
            sys.exit(1)
        channel.sendall(b'{"ready": true}\n')
        for line in requests:
            request = json.loads(line)
            reply = invoke(handler, request)
            sys.stdout.flush()
            print(END_OF_LOG.format(request["id"]), flush=True)
            channel.sendall(reply)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
