"""`python -m infra.local up|down`: what `make up` and `make down` run."""

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
        raise SystemExit(f"The API answers {refusal.code}; {LOG.relative_to(ROOT)} says why.") from refusal


def _admin_key(stack: LocalStack) -> str:
    """The key of an earlier `up` if the stack still knows it, else a new one, readable by its owner only."""
    if KEY_FILE.exists() and _accepted(stack.api, key := KEY_FILE.read_text().strip()):
        return key
    key = stack.make_key("admin")
    KEY_FILE.unlink(missing_ok=True)
    with os.fdopen(os.open(KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\n")
    return key


def _up(port: int | None, context: Mapping[str, object]) -> None:
    began = time.monotonic()
    try:
        stack = up(HOME, port, context)
    except NotStarted as reason:
        raise SystemExit(str(reason)) from None
    key = _admin_key(stack)
    print(f"Tidemark runs on this machine ({time.monotonic() - began:.1f} s).")
    print(f"  API       {stack.api}")
    print(f"  API key   {key}")
    print(f"            (admin, all projects; kept in {KEY_FILE.relative_to(ROOT)})")
    print(f"  AWS       {stack.server.endpoint} (any access key; region {stack.aws['AWS_DEFAULT_REGION']})")
    print(f"  Log       {LOG.relative_to(ROOT)}")
    print("`make down` stops it and keeps its data for the next `make up`.")


def _down() -> None:
    print("Stopped; `make up` finds the data again." if server.stop(HOME) else "Nothing was running.")


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to {LAST_PORT}, such as 4601; this is {text!r}")


def _context_value(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if name and is_given:
        return name, value
    raise argparse.ArgumentTypeError(f"a context value is given as NAME=VALUE; this is {text!r}")


def main() -> None:
    """Run one command; its failure is the process's."""
    parser = argparse.ArgumentParser(prog="python -m infra.local")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start the stack on this machine, or bring the running one up to date")
    starting.add_argument("--port", type=_port, help="by default the last one used, or the first free from 4566 on")
    starting.add_argument(
        "-c",
        "--context",
        type=_context_value,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what a deployment may be given, as on the CDK's command line",
    )
    commands.add_parser("down", help="stop it and keep its data")
    options = parser.parse_args()
    if options.command == "up":
        _up(options.port, dict(options.context))
    else:
        _down()


if __name__ == "__main__":
    main()
