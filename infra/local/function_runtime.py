"""The inside of an execution environment: loads one function's handler and answers its invocations.

Runs in a bare interpreter that sees the deployment bundle and boto3 only, so it imports the standard library alone.
Requests and answers are lines of JSON on the socket whose descriptor is the first argument. What the handler prints
goes to standard output, and a line holding the request id in `END_OF_LOG` closes each invocation's part of it.
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
    """The `context` argument of a handler, as far as Lambda's own carries it."""

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
        """Milliseconds until the function times out, never negative."""
        return max(0, int((self._deadline - time.time()) * 1000))


def error_of(error: BaseException) -> dict[str, object]:
    """An exception in the shape in which Lambda reports it."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


def load_handler(name: str) -> Callable[[Any, Context], Any]:
    """The function that `package.module.function` names."""
    module, _, function = name.rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), function)
    return handler


def answer(handler: Callable[[Any, Context], Any], request: dict[str, Any]) -> bytes:
    """One invocation: the handler's result, or its error, as a line."""
    if request["trace"]:
        os.environ["_X_AMZN_TRACE_ID"] = request["trace"]
    context = Context(request["id"], request["arn"], request["deadline"])
    try:
        return json.dumps({"result": handler(request["event"], context)}).encode() + b"\n"
    except Exception as error:  # noqa: BLE001 - a runtime reports whatever a handler raises
        traceback.print_exc()
        return json.dumps({"error": error_of(error)}).encode() + b"\n"


def end_with(channel: socket.socket) -> None:
    """End this process, whatever its handler is doing, when the emulator's end of the channel is gone."""
    gone = select.poll()
    gone.register(channel, 0)
    gone.poll()
    os._exit(1)


def serve(channel: socket.socket) -> None:
    """Answer invocations until the emulator closes its end, which it also does by dying."""
    threading.Thread(target=end_with, args=(channel,), daemon=True).start()
    with channel.makefile("rb") as requests:
        try:
            handler = load_handler(os.environ["_HANDLER"])
        except BaseException as error:  # noqa: BLE001 - a module may even exit while it is imported
            traceback.print_exc()
            channel.sendall(json.dumps({"error": error_of(error)}).encode() + b"\n")
            sys.exit(1)
        channel.sendall(b'{"ready": true}\n')
        for line in requests:
            request = json.loads(line)
            reply = answer(handler, request)
            sys.stdout.flush()
            print(END_OF_LOG.format(request["id"]), flush=True)
            channel.sendall(reply)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
