"""Sets up a deployed stack for a soak: projects, datasets and keys."""

import uuid
from contextlib import ExitStack
from dataclasses import dataclass

from infra.local.stack import LocalStack
from tests.reliability.soak.actor import Actor
from tests.reliability.soak.tally import Tally
from tests.support.deployed.client import CLASSES, path
from tests.support.deployed.inside import backend_of
from tidemark.access.api_keys import create_key, revoke_key
from tidemark.access.key_records import KeysTable
from tidemark.aws.backend import Backend
from tidemark.domain.api_keys import Role


@dataclass(frozen=True)
class Place:
    """A dataset of the soak."""

    project: str
    name: str

    def at(self, *parts: str) -> str:
        """Returns the path of the dataset, or of something in it."""
        return path("projects", self.project, "datasets", self.name, *parts)

    @property
    def prefix(self) -> str:
        """The prefix of this dataset's frame ids, unlike that of any other dataset."""
        return f"{self.project}:{self.name}:"


SHARED = ("one", "two")
"""The datasets per project that several senders write to."""
ALONE = "rolled"
"""A dataset with one sender, which therefore knows what a roll back must restore."""


class Stage:
    """Two projects with datasets, and the actors with keys."""

    def __init__(self, stack: LocalStack, tally: Tally) -> None:
        self.stack = stack
        self.tally = tally
        self._connections = ExitStack()
        self.backend: Backend = backend_of(stack)
        self._keys = KeysTable(self.backend.dynamodb, stack.outputs["KeysTableName"])
        mark = uuid.uuid4().hex[:6]
        self.projects = (f"soak-{mark}-a", f"soak-{mark}-b")
        self.shared = [
            Place(self.projects[0], SHARED[0]),
            Place(self.projects[0], SHARED[1]),
            Place(self.projects[1], SHARED[0]),
        ]
        self.alone = Place(self.projects[1], ALONE)
        self.admin = self.actor(Role.ADMIN, *self.projects)
        for project in self.projects:
            classes = [{"name": name} for name in CLASSES]
            self.admin.ask("other", "POST", "/projects", json={"name": project, "classes": classes}, expected=(201,))
        for place, shards in zip(self.places, (4, 2, 3, 2), strict=True):
            body = {"name": place.name, "shards": shards}
            where = path("projects", place.project, "datasets")
            self.admin.ask("other", "POST", where, json=body, expected=(201,))

    @property
    def places(self) -> list[Place]:
        """Returns all datasets of the soak."""
        return [*self.shared, self.alone]

    def key(self, role: Role, *projects: str) -> tuple[str, str]:
        """Creates a key for some projects. Returns its name and token."""
        name = f"soak-{uuid.uuid4().hex[:8]}"
        _, token = create_key(self._keys, name=name, role=role, projects=projects)
        return name, str(token)

    def close(self) -> None:
        """Closes the connections of all actors."""
        self._connections.close()
        for client in (self.backend.dynamodb, self.backend.s3):
            client.close()

    def holder(self, token: str | None) -> Actor:
        """Returns an actor with this key, or without a key."""
        actor = Actor(self.stack, self.tally, token)
        self._connections.enter_context(actor.http)
        return actor

    def actor(self, role: Role, *projects: str) -> Actor:
        """Returns an actor with a new key for some projects."""
        return self.holder(self.key(role, *projects)[1])

    def revoked(self, project: str) -> Actor:
        """Returns an actor with a revoked key for a project."""
        name, token = self.key(Role.ADMIN, project)
        revoke_key(self._keys, name)
        return self.holder(token)

    def drop(self, place: Place, name: str, content: bytes) -> str:
        """Drops a file, as a principal with write access to the bucket does. Returns its key."""
        key = f"drop/{place.project}/{place.name}/{name}"
        self.backend.s3.put_object(Bucket=self.backend.bucket, Key=key, Body=content)
        return key
