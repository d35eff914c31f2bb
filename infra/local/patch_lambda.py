"""Patches the emulator's Lambda: an execution environment is a bare Python process, kept warm, with one call at a time.

Unpatched, a function sees the emulator's packages and the host's environment, every call waits 50 ms for logs, and all
errors are called `Runtime.HandlerError`. With this patch a function sees its bundle and layers, boto3 and its own
variables. FIFO queues are consumed in parallel, as on AWS.
"""

import hashlib
import io
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from infra.local import function_runtime

MAX_PAYLOAD = 6 * 1024 * 1024
"""Most bytes of JSON that AWS accepts as the request or the response of a synchronous call."""

ENVIRONMENTS_PER_FUNCTION = 2 * (os.cpu_count() or 1)
"""Most calls of one function that run in parallel; further calls wait. AWS would start more execution environments
instead, but here each takes a second of CPU to start, and all share this machine's cores."""

INIT_SECONDS = 30
TOO_LARGE = "RequestEntityTooLargeException"

_unpacking = threading.Lock()
_slots: dict[str, threading.Semaphore] = {}


class CodeStore:
    """Unpacks the bundles and layers of functions, and composes the functions' environment variables."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.code = home / "code"
        self.sdk = home / "sdk"
        self.endpoint = endpoint

    def unpack(self, bundle: bytes) -> Path:
        """Returns the folder of the unpacked `bundle`, which all functions with the same bundle share."""
        folder = self.code / hashlib.sha256(bundle).hexdigest()[:16]
        with _unpacking:
            if not folder.exists():
                partial = folder.with_suffix(f".{uuid.uuid4().hex}")
                with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
                    archive.extractall(partial)
                partial.rename(folder)
        return folder

    def layers(self, config: dict[str, Any]) -> list[Path]:
        """Returns the folders in a function's layers that Lambda adds to Python's path."""
        return [self.unpack(lambda_svc._resolve_layer_zip(layer)) / "python" for layer in config.get("Layers", [])]

    def environment(self, config: dict[str, Any], code: Path) -> dict[str, str]:
        """Returns a function's environment variables: those that Lambda sets, its own, and only PATH of the host's."""
        region = lambda_runtime._account_region_from_function_config(config)[1]
        name = config["FunctionName"]
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(str(path) for path in (code, *self.layers(config), self.sdk)),
            "PYTHONUNBUFFERED": "1",
            "LAMBDA_TASK_ROOT": str(code),
            "_HANDLER": config["Handler"],
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": config.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "AWS_ENDPOINT_URL": self.endpoint,
            **lambda_runtime.execution_credentials(config),
            **(config.get("Environment") or {}).get("Variables", {}),
        }


class ExecutionEnvironment(lambda_runtime.Worker):  # type: ignore[misc]  # the emulator is untyped
    """A process that serves one function, one call at a time. The emulator's pool leases, keeps and ends the
    process."""

    code_store: CodeStore

    def _start(self) -> dict[str, Any]:
        """Starts the process, and returns `{"ready": true}`, or `{"error": …}` if its initialisation failed."""
        code = self.code_store.unpack(self.code_zip)
        ours, theirs = socket.socketpair()
        with theirs:
            self._proc = subprocess.Popen(
                [sys.executable, "-S", "-P", function_runtime.__file__, str(theirs.fileno())],
                cwd=code,
                env=self.code_store.environment(self.config, code),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        self._channel, self._replies = ours, ours.makefile("rb")
        self._log: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read_log, args=(self._proc, self._log), daemon=True).start()
        return self._receive(INIT_SECONDS)

    def _read_log(self, process: "subprocess.Popen[str]", log: "queue.SimpleQueue[str | None]") -> None:
        """Moves the process's output to `log`, line by line until the end. The process would block on a full pipe."""
        for line in process.stdout or ():
            log.put(line.rstrip("\n"))
        log.put(None)

    def _receive(self, seconds: float) -> dict[str, Any]:
        self._channel.settimeout(seconds)
        line = self._replies.readline()
        if not line:
            raise EOFError
        message: dict[str, Any] = json.loads(line)
        return message

    def _collect_log(self, request_id: str, *, until_exit: bool = False) -> str:
        """Returns what the handler printed since the last call, and prints it to the emulator's own output."""
        end = None if until_exit else function_runtime.END_OF_LOG.format(request_id)
        lines = [line for line in iter(self._log.get, end) if line is not None]
        folder = self.config["Handler"].split(".")[1]
        for line in lines:
            print(f"[{folder}] {line}", flush=True)
        return "\n".join(lines)

    def invoke(
        self, event: object, request_id: str, *, trace_id: str | None = None, invoked_function_arn: str | None = None
    ) -> dict[str, Any]:
        """Calls the function, whose process is started if necessary.

        Returns a dictionary with `status` and `log`. If `status` is "ok", it also has `result`; if it is "error",
        `error_payload`.
        """
        timeout = self.config.get("Timeout", 3)
        with self._lock:
            try:
                started = {} if self._proc is not None and self._proc.poll() is None else self._start()
                if "error" in started:
                    return self._broken(request_id, started["error"])
                request = {
                    "id": request_id,
                    "arn": invoked_function_arn or self.config["FunctionArn"],
                    "deadline": time.time() + timeout,
                    "trace": trace_id,
                    "event": event,
                }
                self._channel.sendall(json.dumps(request).encode() + b"\n")
                reply = self._receive(timeout)
            except TimeoutError:
                message = f"{request_id} Task timed out after {timeout:.2f} seconds"
                return self._broken(request_id, {"errorType": "Sandbox.Timedout", "errorMessage": message})
            except (EOFError, OSError):
                message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
                return self._broken(request_id, {"errorType": "Runtime.ExitError", "errorMessage": message})
            log = self._collect_log(request_id)
        if "error" in reply:
            return {"status": "error", "error_payload": reply["error"], "log": log}
        return {"status": "ok", "result": reply["result"], "log": log}

    def _broken(self, request_id: str, error: dict[str, Any]) -> dict[str, Any]:
        """Ends the process, as AWS ends a failed environment, and returns the call's outcome with the error."""
        if self._proc is not None:
            self._proc.kill()
        log = self._collect_log(request_id, until_exit=True)
        self.kill()
        return {"status": "error", "error_payload": error, "log": log}


def _size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))


def _call(function: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
    """Calls a function as soon as one of its slots is free. Enforces AWS's payload limits."""
    if _size(event) > MAX_PAYLOAD:
        message = f"Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation"
        return {"body": {"errorType": TOO_LARGE, "errorMessage": message}, "error": True}
    slot = _slots.setdefault(function["config"]["FunctionName"], threading.Semaphore(ENVIRONMENTS_PER_FUNCTION))
    with slot:
        result: dict[str, Any] = lambda_svc._execute_function_provided_warm(function, event, request_id)
    if not result.get("error") and _size(result.get("body")) > MAX_PAYLOAD:
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD} bytes)."
        return {"body": {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}, "error": True}
    return result


def _sqs_concurrency(mapping: dict[str, Any], *_: object) -> int:
    """Returns how many batches of a FIFO queue are processed in parallel.

    Messages still keep their order: while a message is processed, SQS delivers no other message of its group.
    """
    limit: int = mapping.get("ScalingConfig", {}).get("MaximumConcurrency", ENVIRONMENTS_PER_FUNCTION)
    return min(limit, ENVIRONMENTS_PER_FUNCTION)


def apply(home: Path, endpoint: str) -> None:
    """Makes the emulator run functions as this module describes, with their files under `home`."""
    ExecutionEnvironment.code_store = CodeStore(home, endpoint)
    shutil.rmtree(ExecutionEnvironment.code_store.code, ignore_errors=True)
    lambda_runtime._worker_class_for = lambda _config: ExecutionEnvironment
    lambda_svc._execute_function_warm = _call
    lambda_svc._sqs_esm_concurrency = _sqs_concurrency
