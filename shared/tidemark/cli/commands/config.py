"""`tidemark config`: saves or shows the API's address and the API key."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tidemark.cli import settings
from tidemark.cli.arguments import JsonOption
from tidemark.cli.output import home_path, print_json, print_line, print_note
from tidemark.client.api import Api

STDIN = "-"


def config(
    api: Annotated[
        str | None, typer.Option("--api", metavar="ADDRESS", help="Save this address of an API.", show_default=False)
    ] = None,
    key_file: Annotated[
        str | None,
        typer.Option("--key-file", metavar="FILE|-", help="Save the key in this file.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Save the address of an API and a key for it, or show what is saved.

    The key is asked for, or read from a file or from stdin: everybody on a machine can see arguments. Both are tried
    with a request before they are saved. TIDEMARK_API and TIDEMARK_KEY in the environment take precedence.
    """
    if api is None and key_file is None:
        _show(as_json=as_json)
        return
    address = settings.checked_address(api or settings.saved_address())
    key = _key(address, key_file)
    _check(address, key)
    file = settings.save(address, key)
    if as_json:
        print_json({"api": address, "kept_in": str(file)})
    else:
        print_line(f"The API accepts the key. Address and key are saved in {home_path(file)}.")
    for name in (settings.API, settings.KEY):
        if name in os.environ:
            print_note(f"{name} is set in the environment, and takes precedence over what is saved.")


def _show(*, as_json: bool) -> None:
    used = settings.load()
    _check(used.api, used.key)
    if as_json:
        print_json({"api": used.api, "api_from": used.api_from, "key_name": used.key_name, "key_from": used.key_from})
        return
    print_line(f"API  {used.api}  from {home_path(used.api_from)}")
    print_line(f"Key  {used.key_name}  from {home_path(used.key_from)}; the API accepts it")


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
        raise settings.Unusable("That is not a key: a key is one line such as tdm.name.secret.")
    with Api(address, key) as api:
        api.get("projects", limit=1)
