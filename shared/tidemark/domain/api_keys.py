"""Grants: who may do what in which projects; API keys, and the shape of the token that proves one."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tidemark.domain.ids import ProjectName

MAX_KEY_PROJECTS = 100
"""Projects that one key can list, or a token for one role; the list travels with every request."""
SECRET_BYTES = 32
"""Random bytes of a secret: 256 bits, so that its plain hash can be kept."""

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Names a key for ever; a name is not used twice, also not after the key was revoked."""

OIDC_CALLER = "oidc:"
"""What the name of a caller begins with who came by a token; no key's name has a colon."""
SUBJECT = "[!-~]{1,255}"
"""What a token's `sub` may be, as a pattern: what the standard allows of ASCII, but for blanks."""
CallerName = Annotated[str, StringConstraints(pattern=rf"^(?:[A-Za-z0-9_-]{{1,64}}|{OIDC_CALLER}{SUBJECT})$")]
"""Names whoever sends requests: a key by its name, and a person by the subject of the token, both for ever."""

_TOKEN = re.compile(r"tdm\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})", re.ASCII)


class Role(StrEnum):
    """What a key may do. Each role includes the ones before it."""

    READ = "read"
    """Read everything in its projects."""
    WRITE = "write"
    """Also submit mutations."""
    ADMIN = "admin"
    """Also create projects and datasets, and change class maps."""

    def includes(self, other: "Role") -> bool:
        """Whether this role may do all that `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(BaseModel):
    """A role, and the projects in which it is held."""

    model_config = ConfigDict(frozen=True)

    role: Role
    projects: tuple[ProjectName, ...] | None = Field(max_length=MAX_KEY_PROJECTS)
    """The projects it is good for; None for all, also those to come."""

    def covers(self, project: str) -> bool:
        """Whether the role is held in `project`, be there such a project or not."""
        return self.projects is None or project in self.projects


class Grant(Scope):
    """What a good key or token allows: the name of its holder (the actor of what is done with it), and a role with its
    projects. A token may give several roles, each in projects of its own."""

    name: CallerName
    others: tuple[Scope, ...] = Field((), max_length=len(Role) - 1)
    """The further roles of a token."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All roles, each with its projects."""
        return (Scope(role=self.role, projects=self.projects), *self.others)

    @property
    def highest(self) -> Role:
        """The highest role that is held anywhere: the one for what belongs to no project."""
        return max((scope.role for scope in self.scopes), key=list(Role).index)

    @property
    def is_of_token(self) -> bool:
        """Whether a token allows it, and not a key."""
        return self.name.startswith(OIDC_CALLER)

    def role_in(self, project: str) -> Role | None:
        """The highest role that is held in `project`, be there such a project or not; None where there is none."""
        held = [scope.role for scope in self.scopes if scope.covers(project)]
        return max(held, key=list(Role).index, default=None)

    def projects_with(self, role: Role) -> frozenset[str] | None:
        """The projects in which a role is held that includes `role`; None for all."""
        fitting = [scope.projects for scope in self.scopes if scope.role.includes(role)]
        if any(projects is None for projects in fitting):
            return None
        return frozenset(project for projects in fitting for project in projects or ())


class ApiKey(Scope):
    """A key as it is kept: without its secret, which is shown once and never stored."""

    name: KeyName
    digest: str
    """SHA-256 of the secret, in hex."""
    created_at: datetime
    revoked_at: datetime | None = None


class Token(NamedTuple):
    """What the holder of a key sends: `tdm.{name}.{secret}`."""

    name: str
    secret: str

    def __str__(self) -> str:
        return f"tdm.{self.name}.{self.secret}"


def parse_token(text: str) -> Token | None:
    """The parts of a token, or None for a text that cannot be one."""
    match = _TOKEN.fullmatch(text)
    return Token(*match.groups()) if match else None
