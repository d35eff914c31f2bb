"""API keys, the format in which clients send them, and grants: who may do what in which projects."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tidemark.domain.ids import ProjectName

MAX_KEY_PROJECTS = 100
"""Most projects that one API key, or one role of an OIDC token, can list. The list travels with every request."""
SECRET_BYTES = 32
"""Length of an API key's secret, in bytes. A secret of 256 random bits can safely be stored as a plain hash."""

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Name of an API key. A name is never used twice, not even after the key is revoked."""

OIDC_CALLER = "oidc:"
"""Prefix of the name of a caller who signed in with an OIDC token. No API key's name contains a colon."""
SUBJECT = "[!-~]{1,255}"
"""Pattern of an OIDC token's `sub` claim: the ASCII characters that the standard allows, without spaces."""
CallerName = Annotated[str, StringConstraints(pattern=rf"^(?:[A-Za-z0-9_-]{{1,64}}|{OIDC_CALLER}{SUBJECT})$")]
"""Name of a caller: the name of an API key, or `oidc:` and the subject of an OIDC token. A caller's name never changes.
"""

_TOKEN = re.compile(r"tdm\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})", re.ASCII)


class Role(StrEnum):
    """What a caller may do. Each role includes the roles before it."""

    READ = "read"
    """The caller may read everything in its projects."""
    WRITE = "write"
    """The caller may also submit mutations."""
    ADMIN = "admin"
    """The caller may also create projects and datasets, and change class maps."""

    def includes(self, other: "Role") -> bool:
        """Returns whether this role permits everything that `other` permits."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(BaseModel):
    """A role, and the projects in which it applies."""

    model_config = ConfigDict(frozen=True)

    role: Role
    projects: tuple[ProjectName, ...] | None = Field(max_length=MAX_KEY_PROJECTS)
    """Names of the projects in which the role applies; None for all projects, including future ones."""

    def covers(self, project: str) -> bool:
        """Returns whether the role applies to `project`, whether or not that project exists."""
        return self.projects is None or project in self.projects


class Grant(Scope):
    """What a valid API key or OIDC token permits: the caller's name, recorded as the actor, and a role with its
    projects. An OIDC token may grant several roles, each in its own projects."""

    name: CallerName
    others: tuple[Scope, ...] = Field((), max_length=len(Role) - 1)
    """Further roles of an OIDC token, each in its own projects."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All roles of the grant, each with its projects."""
        return (Scope(role=self.role, projects=self.projects), *self.others)

    @property
    def highest(self) -> Role:
        """The highest role held in any project, used for requests that concern no project."""
        return max((scope.role for scope in self.scopes), key=list(Role).index)

    @property
    def is_of_token(self) -> bool:
        """Whether the grant comes from an OIDC token rather than an API key."""
        return self.name.startswith(OIDC_CALLER)

    def role_in(self, project: str) -> Role | None:
        """Returns the highest role held in `project`, whether or not that project exists; None if there is none."""
        roles = [scope.role for scope in self.scopes if scope.covers(project)]
        return max(roles, key=list(Role).index, default=None)

    def projects_with(self, role: Role) -> frozenset[str] | None:
        """Returns the projects in which `role` or a higher role is held; None for all projects."""
        project_lists = [scope.projects for scope in self.scopes if scope.role.includes(role)]
        if any(projects is None for projects in project_lists):
            return None
        return frozenset(project for projects in project_lists for project in projects or ())


class ApiKey(Scope):
    """An API key as it is stored, without its secret. The secret is shown once and never stored."""

    name: KeyName
    digest: str
    """SHA-256 of the secret, in hexadecimal."""
    created_at: datetime
    revoked_at: datetime | None = None


class Token(NamedTuple):
    """The text that a client sends as its API key: `tdm.{name}.{secret}`."""

    name: str
    secret: str

    def __str__(self) -> str:
        return f"tdm.{self.name}.{self.secret}"


def parse_token(text: str) -> Token | None:
    """Parses the text that a client sends as its API key. Returns None if the text has another format."""
    match = _TOKEN.fullmatch(text)
    return Token(*match.groups()) if match else None
