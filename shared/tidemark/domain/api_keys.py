"""API keys: who may do what in which projects, and the shape of the token that proves it."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tidemark.domain.ids import ProjectName

MAX_KEY_PROJECTS = 100
"""Projects that one key can list; the list travels with every request of the key."""
SECRET_BYTES = 32
"""Random bytes of a secret: 256 bits, so that its plain hash can be kept."""

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Names a key for ever; a name is not used twice, also not after the key was revoked."""

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


class Grant(BaseModel):
    """What a good key allows: its name (the actor of what is done with it), its role and its projects."""

    model_config = ConfigDict(frozen=True)

    name: KeyName
    role: Role
    projects: tuple[ProjectName, ...] | None = Field(max_length=MAX_KEY_PROJECTS)
    """The projects it is good for; None for all, also those to come."""

    def covers(self, project: str) -> bool:
        """Whether the key is good for `project`, be there such a project or not."""
        return self.projects is None or project in self.projects


class ApiKey(Grant):
    """A key as it is kept: without its secret, which is shown once and never stored."""

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
