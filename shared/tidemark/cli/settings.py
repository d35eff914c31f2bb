"""Settings of the command line, the API's address and the API key: from the environment, else from the user's file."""

import json
import os
import tempfile
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import typer

API, KEY = "TIDEMARK_API", "TIDEMARK_KEY"


class Unusable(Exception):
    """Raised when settings are missing, unreadable or unsafe to use."""


class Settings(NamedTuple):
    """The API's address and an API key. `repr` does not show the key."""

    api: str
    """Address of the API, without a slash at the end."""
    key: str
    """Token of the API key."""
    api_from: str
    """Where the address comes from: the name of an environment variable, or the path of the settings file."""
    key_from: str
    """Where the key comes from: the name of an environment variable, or the path of the settings file."""

    def __repr__(self) -> str:
        return f"Settings(api={self.api!r})"

    @property
    def key_name(self) -> str:
        """Name of the API key, which is not secret; empty if the token is malformed."""
        parts = self.key.split(".")
        return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004 - tdm, name, secret


def path() -> Path:
    """Returns the path of the settings file, in the platform's folder for settings."""
    return Path(typer.get_app_dir("tidemark")) / "config.json"


def load() -> Settings:
    """Returns the settings in effect. Raises Unusable if there is no address, no key for the address, or the address is
    unsafe.

    A saved key belongs to the address that was saved with it. The key is never sent to another address, even if the
    environment sets one.
    """
    saved = _saved()
    saved_api, saved_key = saved.get("api", ""), saved.get("key", "")
    given_api, given_key = os.environ.get(API, ""), os.environ.get(KEY, "")
    api = checked_address(given_api or saved_api) if given_api or saved_api else ""
    if not api:
        raise Unusable(f"No API is set. Save one with `tidemark config --api ADDRESS`, or set {API} and {KEY}.")
    key = given_key or (saved_key if api == saved_api else "")
    if not key:
        raise Unusable(f"There is no key for {api}. Save one with `tidemark config --api {api}`, or set {KEY}.")
    return Settings(api, key, API if given_api else str(path()), KEY if given_key else str(path()))


def save(api: str, key: str) -> Path:
    """Saves an address and its key to the settings file, replacing the old ones. Only the user can read the file.

    Returns the path of the file.
    """
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp creates the file with mode 0600, so nobody else can read the key at any time.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    with os.fdopen(handle, "w") as content:
        json.dump({"api": api, "key": key}, content)
    Path(name).replace(file)
    return file


def saved_address() -> str:
    """Returns the saved address; empty if none is saved."""
    return _saved().get("api", "")


def checked_address(address: str) -> str:
    """Returns an address without slashes at its end. Raises Unusable if the address is not a URL, or is one that a key
    must not be sent to: only https, and this machine, are safe."""
    try:
        parts = urlsplit(address)
        httpx2.URL(address)
    except (ValueError, httpx2.InvalidURL) as error:
        raise Unusable(f"{address!r} is not the address of an API: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unusable(f"{address!r} is not the address of an API, which begins with https://")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise Unusable(f"A key is sent only over https, or to this machine; {address} is neither.")
    return address.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _saved() -> dict[str, str]:
    try:
        saved = json.loads(path().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Unusable(f"The settings in {path()} cannot be read: {error}") from None
    if not isinstance(saved, dict):
        raise Unusable(f"The settings in {path()} are not those of tidemark; remove the file and save them again.")
    return {name: value for name, value in saved.items() if isinstance(value, str)}
