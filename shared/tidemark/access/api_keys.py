"""API keys: making them, revoking them, and telling whose a token is."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from tidemark.access import key_records as store
from tidemark.access.key_records import KeysTable
from tidemark.domain.api_keys import SECRET_BYTES, ApiKey, Grant, Role, Token, parse_token
from tidemark.domain.errors import Conflict, NotFound

NO_DIGEST = "0" * 64
"""Stands for the digest of a key that is not there."""


def create_key(table: KeysTable, *, name: str, role: Role, projects: Sequence[str] | None) -> tuple[ApiKey, Token]:
    """Make a key for `projects` (None: all, also those to come) and the token that proves it.

    The token is in this answer and nowhere else. Raises Conflict for a name used before, also by a revoked key,
    and pydantic's ValidationError for a name or a project that cannot be one.
    """
    token = Token(name, secrets.token_urlsafe(SECRET_BYTES))
    key = ApiKey(
        name=name,
        role=role,
        projects=None if projects is None else tuple(dict.fromkeys(projects)),
        digest=_digest(token.secret),
        created_at=datetime.now(UTC),
    )
    if not store.add(table, key):
        raise Conflict(f"There is, or was, a key named {name!r}; names of keys are not used again.", pointer="name")
    return key, token


def authenticate(table: KeysTable, text: str) -> Grant | None:
    """What the token `text` allows; None where it is not that of a key, or its key is revoked. At most one read.

    A token of the right shape takes the same way whether its key is there, revoked, or not: a read, a digest and a
    comparison of constant time.
    """
    token = parse_token(text)
    if token is None:
        return None
    key = store.find(table, token.name)
    is_proved = hmac.compare_digest(key.digest if key else NO_DIGEST, _digest(token.secret))
    if key is None or not is_proved or key.revoked_at is not None:
        return None
    return Grant(name=key.name, role=key.role, projects=key.projects)


def revoke_key(table: KeysTable, name: str) -> ApiKey:
    """Revoke a key for good. Functions that remember it let it through for at most a minute more.

    Revoking it again changes nothing. Raises NotFound.
    """
    key = store.revoke(table, name, datetime.now(UTC))
    if key is None:
        raise NotFound(f"There is no key named {name!r}.", pointer="name")
    return key


def list_keys(table: KeysTable) -> list[ApiKey]:
    """All keys by name, revoked ones included."""
    return store.every(table)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
