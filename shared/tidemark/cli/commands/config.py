"""`tidemark config`: which API, and which key."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tidemark.cli import settings
from tidemark.cli.arguments import JsonOption
from tidemark.cli.output import home_path, print_json, say, tell
from tidemark.client.api import Api

STDIN = "-"


def config(
    api: Annotated[
        str | None, typer.Option("--api", metavar="ADDRESS", help="Keep this address of an API.", show_default=False)
    ] = None,
    key_file: Annotated[
        str | None,
        typer.Option("--key-file", metavar="FILE|-", help="Keep the key in this file.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the address of an API and a key for it, or show what is kept.

    The key is asked for, or read from a file or from stdin: arguments are for everybody on a machine to see. Both are
    tried by a request before they are kept. Where TIDEMARK_API and TIDEMARK_KEY are set, they win.
    """
    if api is None and key_file is None:
        _show(as_json=as_json)
        return
    address = settings.checked_address(api or settings.kept_address())
    key = _key(address, key_file)
    _check(address, key)
    file = settings.keep(address, key)
    if as_json:
        print_json({"api": address, "kept_in": str(file)})
    else:
        say(f"The API takes the key. Address and key are kept in {home_path(file)}.")
    for name in (settings.API, settings.KEY):
        if name in os.environ:
            tell(f"{name} is set in the environment, and wins over what is kept.")


def _show(*, as_json: bool) -> None:
    found = settings.load()
    _check(found.api, found.key)
    if as_json:
        print_json(
            {"api": found.api, "api_from": found.api_from, "key_name": found.key_name, "key_from": found.key_from}
        )
        return
    say(f"API  {found.api}  from {home_path(found.api_from)}")
    say(f"Key  {found.key_name}  from {home_path(found.key_from)}; the API takes it")


def _key(address: str, key_file: str | None) -> str:
    if key_file is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter("give the file that holds the key, or - for stdin", param_hint="--key-file")
        return str(typer.prompt(f"Key for {address}", hide_input=True, err=True)).strip()
    if key_file == STDIN:
        return sys.stdin.readline().strip()
    try:
        return Path(key_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"cannot be read: {error}", param_hint="--key-file") from None


def _check(address: str, key: str) -> None:
    if not (key.isascii() and key.isprintable() and key):
        raise settings.Unusable("That is no key: a key is one line such as tdm.name.secret.")
    with Api(address, key) as api:
        api.get("projects", limit=1)
