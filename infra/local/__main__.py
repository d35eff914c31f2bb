"""Runs and stops the local stack: `python -m infra.local up|down`, as `make up` and `make down` call it."""

import argparse
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus

from infra.local import server
from infra.local.server import LAST_PORT, ROOT, NotStarted
from infra.local.stack import LocalStack, up

HOME = ROOT / "build" / "local"
KEY_FILE = HOME / "admin.key"
LOG = HOME / "emulator.log"


def _accepted(api: str, key: str) -> bool:
    request = urllib.request.Request(f"{api}/projects?limit=1", headers={"x-api-key": key})
    try:
        with urllib.request.urlopen(request, timeout=30):
            return True
    except urllib.error.HTTPError as refusal:
        if refusal.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return False
        raise SystemExit(f"The API responded with {refusal.code}; {LOG.relative_to(ROOT)} says why.") from refusal


def _admin_key(stack: LocalStack) -> str:
    """Returns an admin API key: that of an earlier `up` if still valid, or a new one. Only the user can read its
    file."""
    if KEY_FILE.exists() and _accepted(stack.api, key := KEY_FILE.read_text().strip()):
        return key
    key = stack.make_key("admin")
    KEY_FILE.unlink(missing_ok=True)
    with os.fdopen(os.open(KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    return key


def _up(port: int | None, context: Mapping[str, object]) -> None:
    started = time.monotonic()
    try:
        stack = up(HOME, port, context)
    except NotStarted as error:
        raise SystemExit(str(error)) from None
    key = _admin_key(stack)
    print(f"Tidemark is running on this machine ({time.monotonic() - started:.1f} s).")
    print(f"  API       {stack.api}")
    print(f"  API key   {key}")
    print(f"            (admin, all projects; stored in {KEY_FILE.relative_to(ROOT)})")
    print(f"  AWS       {stack.server.endpoint} (any access key; region {stack.aws['AWS_DEFAULT_REGION']})")
    print(f"  Log       {LOG.relative_to(ROOT)}")
    print("`make down` stops it and keeps its data for the next `make up`.")


def _down() -> None:
    print("Stopped; its data is kept for the next `make up`." if server.stop(HOME) else "Tidemark was not running.")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to {LAST_PORT}, such as 4601; got {text!r}")


def _context_value(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if name and is_given:
        return name, value
    raise argparse.ArgumentTypeError(f"a context value has the form NAME=VALUE; got {text!r}")


def main() -> None:
    """Runs the command that the process's arguments name. Exits with an error message if it fails."""
    parser = argparse.ArgumentParser(prog="python -m infra.local")
    commands = parser.add_subparsers(dest="command", required=True)
    up_command = commands.add_parser("up", help="start the stack on this machine, or update it if it is running")
    up_command.add_argument("--port", type=_port, help="default: the last port used, or the first free one from 4566")
    up_command.add_argument(
        "-c",
        "--context",
        type=_context_value,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a CDK context value, as on the CDK's command line; may be repeated",
    )
    commands.add_parser("down", help="stop the stack and keep its data")
    options = parser.parse_args()
    if options.command == "up":
        _up(options.port, dict(options.context))
    else:
        _down()


if __name__ == "__main__":
    main()
