"""Which API the command line talks to, and with which key: from the environment, else from a file of the user's own."""

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
    """The settings are not enough to talk to an API, or not safe."""


class Settings(NamedTuple):
    """An address and a key for it, each with where it is from. The key is never shown."""

    api: str
    key: str
    api_from: str
    key_from: str

    def __repr__(self) -> str:
        return f"Settings(api={self.api!r})"

    @property
    def key_name(self) -> str:
        """The name of the key, which is no secret; empty for what is no key."""
        parts = self.key.split(".")
        return parts[1] if len(parts) == 3 else ""  # noqa: PLR2004 - tdm, name, secret


def path() -> Path:
    """The file that settings are kept in, in the platform's folder for such files."""
    return Path(typer.get_app_dir("tidemark")) / "config.json"


def load() -> Settings:
    """The settings in effect. Raises Unusable if there is no address or no key for it.

    A kept key is for the address that it was kept with: it does not go to another one that the environment names.
    """
    kept = _kept()
    kept_api, kept_key = kept.get("api", ""), kept.get("key", "")
    given_api, given_key = os.environ.get(API, ""), os.environ.get(KEY, "")
    api = checked_address(given_api or kept_api) if given_api or kept_api else ""
    if not api:
        raise Unusable(f"No API is set. `tidemark config --api ADDRESS` keeps one, or set {API} and {KEY}.")
    key = given_key or (kept_key if api == kept_api else "")
    if not key:
        raise Unusable(f"There is no key for {api}. `tidemark config --api {api}` keeps one, or set {KEY}.")
    return Settings(api, key, API if given_api else str(path()), KEY if given_key else str(path()))


def keep(api: str, key: str) -> Path:
    """Keep an address and its key, for the user's eyes only; answers the file. What was kept before is replaced."""
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The file of another name is made with mode 0600 and then takes the place: no one can read it in between.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    with os.fdopen(handle, "w") as written:
        json.dump({"api": api, "key": key}, written)
    Path(name).replace(file)
    return file


def kept_address() -> str:
    """The address that is kept; empty if none is."""
    return _kept().get("api", "")


def checked_address(address: str) -> str:
    """An address without a slash at its end. Raises Unusable for one that a key should not be sent to."""
    try:
        parts = urlsplit(address)
        httpx2.URL(address)
    except (ValueError, httpx2.InvalidURL) as error:
        raise Unusable(f"{address!r} is no address of an API: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unusable(f"{address!r} is no address of an API; it begins with https://")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname):
        raise Unusable(f"A key goes over https only, or to this machine; {address} is neither.")
    return address.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _kept() -> dict[str, str]:
    try:
        kept = json.loads(path().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Unusable(f"The settings in {path()} cannot be read: {error}") from None
    if not isinstance(kept, dict):
        raise Unusable(f"The settings in {path()} are not those of tidemark; remove the file and keep them again.")
    return {name: value for name, value in kept.items() if isinstance(value, str)}
