"""What a soak takes place on: projects, datasets and keys of its own, in a deployed stack."""

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
        """The path of the dataset, or of something in it."""
        return path("projects", self.project, "datasets", self.name, *parts)

    @property
    def prefix(self) -> str:
        """What the ids of all frames of it begin with, and of no other dataset's."""
        return f"{self.project}:{self.name}:"


SHARED = ("one", "two")
"""Of each project, the datasets that several senders change."""
ALONE = "rolled"
"""A dataset with one sender, which can so tell what a roll back must bring about."""


class Stage:
    """Two projects with datasets, and whoever has a key."""

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
        """All datasets of the soak."""
        return [*self.shared, self.alone]

    def key(self, role: Role, *projects: str) -> tuple[str, str]:
        """The name and the token of a new key for some projects."""
        name = f"soak-{uuid.uuid4().hex[:8]}"
        _, token = create_key(self._keys, name=name, role=role, projects=projects)
        return name, str(token)

    def close(self) -> None:
        """End the connections of everybody."""
        self._connections.close()
        for client in (self.backend.dynamodb, self.backend.s3):
            client.close()

    def holder(self, token: str | None) -> Actor:
        """Someone who sends this key, or none."""
        actor = Actor(self.stack, self.tally, token)
        self._connections.enter_context(actor.http)
        return actor

    def actor(self, role: Role, *projects: str) -> Actor:
        """Someone with a new key for some projects."""
        return self.holder(self.key(role, *projects)[1])

    def revoked(self, project: str) -> Actor:
        """Someone whose key was good for a project once."""
        name, token = self.key(Role.ADMIN, project)
        revoke_key(self._keys, name)
        return self.holder(token)

    def drop(self, place: Place, name: str, content: bytes) -> str:
        """Put a file into the drop folder, as who may write to the bucket does; answers its key."""
        key = f"drop/{place.project}/{place.name}/{name}"
        self.backend.s3.put_object(Bucket=self.backend.bucket, Key=key, Body=content)
        return key
