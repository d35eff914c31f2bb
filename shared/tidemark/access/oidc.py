"""People who sign in elsewhere: what the token of an OpenID Connect issuer allows its bearer.

A claim of the token holds values such as `tidemark:write:street` or `tidemark:read:*`: a role, and the project that it
is held in, or all of them. Other values of the claim are other services' and give nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tidemark.domain.api_keys import MAX_KEY_PROJECTS, OIDC_CALLER, SUBJECT, Grant, Role, Scope
from tidemark.domain.ids import ProjectName

OURS, EVERYWHERE = "tidemark", "*"
MAX_TOKEN_CHARACTERS = 10_240
"""Characters of a token: what a gateway takes of headers."""

_PROJECT: TypeAdapter[str] = TypeAdapter(ProjectName)
_SEGMENT = "[A-Za-z0-9_-]+"
_SIGNED = re.compile(rf"{_SEGMENT}\.{_SEGMENT}\.{_SEGMENT}")


class Issuer(BaseModel):
    """Whose tokens are good, and which claim of theirs tells what they allow."""

    model_config = ConfigDict(frozen=True)

    url: str
    """As it stands in a token's `iss`."""
    audience: str
    claim: str


class TokenRefused(Exception):
    """A token that is not good, or allows nothing here. `reason` is for the operator's log; the bearer is not told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_signed_token(text: str) -> bool:
    """Whether a text has the shape of a signed JSON Web Token; no API key's token has."""
    return len(text) <= MAX_TOKEN_CHARACTERS and _SIGNED.fullmatch(text) is not None


def grant_of(claims: Mapping[str, Any], claim: str) -> Grant:
    """What the claims of a good token allow, by the values of one of them: a list of texts, or one text with spaces.

    A role is held in the projects of its own values and in no others. The bearer is known by `sub`. Raises TokenRefused
    for a token that allows nothing, or too many projects to travel with a request.
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
    """The roles that values give, each with its projects."""
    texts = values.split() if isinstance(values, str) else values if isinstance(values, list) else []
    held = [pair for pair in map(_read, texts) if pair]
    for role in Role:
        projects = tuple(dict.fromkeys(project for other, project in held if other is role))
        if EVERYWHERE in projects:
            yield Scope(role=role, projects=None)
        elif len(projects) > MAX_KEY_PROJECTS:
            raise TokenRefused("too_many_projects")
        elif projects:
            yield Scope(role=role, projects=projects)


def _read(value: object) -> tuple[Role, str] | None:
    """The role and the project of a value; None for one that gives nothing."""
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) != 3 or parts[0] != OURS or parts[1] not in set(Role):  # noqa: PLR2004 - as in the module's words
        return None
    try:
        return Role(parts[1]), parts[2] if parts[2] == EVERYWHERE else _PROJECT.validate_python(parts[2])
    except ValidationError:
        return None
