"""OpenID Connect tokens: what a token from the deployment's issuer permits its bearer.

One of the token's claims holds values such as `tidemark:write:street` or `tidemark:read:*`. Each consists of a role and
the project that the role applies to, or `*` for all projects. Other values of the claim belong to other services and
are ignored.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tidemark.domain.api_keys import MAX_KEY_PROJECTS, OIDC_CALLER, SUBJECT, Grant, Role, Scope
from tidemark.domain.ids import ProjectName

VALUE_PREFIX, ALL_PROJECTS = "tidemark", "*"
MAX_TOKEN_CHARACTERS = 10_240
"""Most characters of a token: API Gateway's limit for the headers of a request."""

_PROJECT: TypeAdapter[str] = TypeAdapter(ProjectName)
_SEGMENT = "[A-Za-z0-9_-]+"
_SIGNED = re.compile(rf"{_SEGMENT}\.{_SEGMENT}\.{_SEGMENT}")


class Issuer(BaseModel):
    """The OpenID Connect issuer whose tokens a deployment accepts."""

    model_config = ConfigDict(frozen=True)

    url: str
    """URL of the issuer, equal to the `iss` claim of its tokens."""
    audience: str
    """Audience that a token's `aud` claim must contain."""
    claim: str
    """Name of the claim that holds a token's roles."""


class TokenRefused(Exception):
    """Raised when a token is invalid or permits nothing here. `reason` is logged for the operator, and not sent to the
    bearer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_signed_token(text: str) -> bool:
    """Returns whether a text has the form of a signed JSON Web Token. Tokens of API keys never do."""
    return len(text) <= MAX_TOKEN_CHARACTERS and _SIGNED.fullmatch(text) is not None


def grant_of(claims: Mapping[str, Any], claim: str) -> Grant:
    """Returns the grant for the claims of a valid token.

    `claim` is the name of the claim that holds roles, as a list or as a text with spaces between the roles.
    Each role applies only to the projects listed with it. The caller's name is derived from `sub`. Raises TokenRefused
    if the token permits nothing, has an invalid `sub`, or lists more than `MAX_KEY_PROJECTS` projects for a role.
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not re.fullmatch(SUBJECT, subject):
        raise TokenRefused("bad_subject")
    scopes = tuple(_scopes(claims.get(claim)))
    if not scopes:
        raise TokenRefused("no_role")
    first, *others = scopes
    name = f"{OIDC_CALLER}{subject}"
    return Grant(name=name, role=first.role, projects=first.projects, others=tuple(others))


def _scopes(values: object) -> Iterator[Scope]:
    """Yields a scope for each role in the claim's values. Raises TokenRefused if a role has too many projects."""
    texts = values.split() if isinstance(values, str) else values if isinstance(values, list) else []
    roles = [pair for pair in map(_parse, texts) if pair]
    for role in Role:
        projects = tuple(dict.fromkeys(project for other, project in roles if other is role))
        if ALL_PROJECTS in projects:
            yield Scope(role=role, projects=None)
        elif len(projects) > MAX_KEY_PROJECTS:
            raise TokenRefused("too_many_projects")
        elif projects:
            yield Scope(role=role, projects=projects)


def _parse(value: object) -> tuple[Role, str] | None:
    """Parses a value of the claim. Returns its role, and its project or `*`; None for a value that grants nothing."""
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) != 3 or parts[0] != VALUE_PREFIX or parts[1] not in set(Role):  # noqa: PLR2004 - see the module's docstring
        return None
    try:
        return Role(parts[1]), parts[2] if parts[2] == ALL_PROJECTS else _PROJECT.validate_python(parts[2])
    except ValidationError:
        return None
