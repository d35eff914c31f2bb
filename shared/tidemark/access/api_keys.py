"""API keys: creating, authenticating, revoking and listing them."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from tidemark.access import key_records
from tidemark.access.key_records import KeysTable
from tidemark.domain.api_keys import SECRET_BYTES, ApiKey, Grant, Role, Token, parse_token
from tidemark.domain.errors import Conflict, NotFound

NO_DIGEST = "0" * 64
"""Digest that a token is compared with if no API key has its name. It matches no secret."""


def create_key(table: KeysTable, *, name: str, role: Role, projects: Sequence[str] | None) -> tuple[ApiKey, Token]:
    """Creates an API key for `projects` (None: all projects, including future ones). Returns the key and its token.

    The token is not stored, so it cannot be read later. Raises Conflict if any key has had the name before, even a
    revoked one, and pydantic's ValidationError for an invalid name or project.
    """
    token = Token(name, secrets.token_urlsafe(SECRET_BYTES))
    key = ApiKey(
        name=name,
        role=role,
        projects=None if projects is None else tuple(dict.fromkeys(projects)),
        digest=_digest(token.secret),
        created_at=datetime.now(UTC),
    )
    if not key_records.create(table, key):
        raise Conflict(f"The name {name!r} has been used for a key before; choose another one.", pointer="name")
    return key, token


def authenticate(table: KeysTable, text: str) -> Grant | None:
    """Returns the grant of an API key's token, or None if the token is invalid or its key is revoked.

    To reveal nothing by its timing, does the same work for every well-formed token, whether its key is valid, revoked
    or unknown: one read, one digest and one constant-time comparison. Reads nothing for a malformed token.
    """
    token = parse_token(text)
    if token is None:
        return None
    key = key_records.find(table, token.name)
    is_valid = hmac.compare_digest(key.digest if key else NO_DIGEST, _digest(token.secret))
    if key is None or not is_valid or key.revoked_at is not None:
        return None
    return Grant(name=key.name, role=key.role, projects=key.projects)


def revoke_key(table: KeysTable, name: str) -> ApiKey:
    """Revokes an API key for good. Functions that have cached the key accept it for at most another minute.

    Revoking a revoked key changes nothing. Raises NotFound.
    """
    key = key_records.revoke(table, name, datetime.now(UTC))
    if key is None:
        raise NotFound(f"There is no key named {name!r}.", pointer="name")
    return key


def list_keys(table: KeysTable) -> list[ApiKey]:
    """Returns all API keys, sorted by name, including revoked ones."""
    return key_records.list_all(table)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
