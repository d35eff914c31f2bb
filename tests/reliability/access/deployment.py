"""A deployment with two projects: the real authorizer in front of the real API, on moto.

Everything in the second project has `secret` in its name or its text. Every AWS call is recorded.
"""

import base64
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

from botocore.client import BaseClient

from functions.api import handler
from functions.api.http import deployment, idempotency, throttle
from functions.authorizer import handler as authorizer
from functions.authorizer.handler import NOBODY
from tests.reliability.access.operations import Request
from tests.simulation.gateway import Answer, Client, Context
from tests.simulation.resources import REGION
from tests.simulation.world import World, new_world
from tidemark.access.api_keys import create_key, revoke_key
from tidemark.access.key_records import KeysTable
from tidemark.aws.backend import Backend
from tidemark.domain.api_keys import Role
from tidemark.domain.upload_files import DroppedObject
from tidemark.ingest.drop_folder import start_upload

OWN, OTHER, MISSING = "own", "secret", "ghost"
DATASET, OTHER_DATASET = "train", "secret-train"
MARK = "secret"
FORBIDDEN = 403
DESCRIPTION = "/openapi.json"
"""The one path for which the gateway does not call the authorizer."""


class Call(NamedTuple):
    """A recorded AWS call."""

    operation: str
    parameters: dict[str, Any]

    @property
    def text(self) -> str:
        """The call's parameters as text."""
        return json.dumps(self.parameters, default=str)


@dataclass
class Deployment:
    """A deployment with two projects and keys of every kind."""

    world: World
    keys: KeysTable
    calls: list[Call] = field(default_factory=list)
    tokens: dict[str, str | None] = field(default_factory=dict)
    """Keys of the first project, by role, and `revoked`, `garbage` and `none`, which is no key at all."""
    own: dict[str, str] = field(default_factory=dict)
    """Ids in the first project, by parameter name."""
    other: dict[str, str] = field(default_factory=dict)
    """Ids in the second project, by parameter name."""
    uids: dict[str, str] = field(default_factory=dict)
    """The uid of the first dataset of each project."""

    def send(self, request: Request, token: str | None) -> Answer:
        """Sends a request through authorizer and API and returns the response. Afterwards `calls` has its AWS calls."""
        self.calls.clear()
        headers = dict(request.headers) | ({"authorization": f"Bearer {token}"} if token else {})
        event = Client(None).event(request.method, request.path, request.body, headers)
        open_to_all = request.path == DESCRIPTION
        judged = NOBODY if open_to_all else authorizer.handler(event, Context())
        if not judged["isAuthorized"]:
            return Answer(FORBIDDEN, {}, '{"message":"Forbidden"}')
        event["requestContext"]["authorizer"] = {"lambda": judged["context"]}
        answer = handler.handler(event, Context())
        text = base64.b64decode(answer["body"]).decode() if answer["isBase64Encoded"] else answer["body"]
        return Answer(answer["statusCode"], dict(answer.get("headers", {})), text)

    def reject(self, key: str) -> None:
        """Drops a file for an unknown dataset, so that it is listed as rejected."""
        backend = self.world.process()
        backend.s3.put_object(Bucket=backend.bucket, Key=key, Body=b"{}")
        start_upload(backend, DroppedObject(key=key, version=None, bytes=2))

    @staticmethod
    def position(cursor: str) -> list[Any]:
        """Decodes a cursor: the scope of its list, then the position."""
        parts: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return parts

    @property
    def data_calls(self) -> list[Call]:
        """The last request's AWS calls, except those to the table of keys."""
        return [call for call in self.calls if call.parameters.get("TableName") != self.keys.name]


@contextmanager
def deployed() -> Iterator[Deployment]:
    """Yields a deployment with both projects filled."""
    with ExitStack() as stack:
        world = stack.enter_context(new_world())
        backend = world.process()
        names = {"PK": "HASH", "SK": "RANGE"}
        keys = _table(backend, "keys", names)
        memory = _table(backend, "idempotency", {"id": "HASH"})
        made = Deployment(world, KeysTable(backend.dynamodb, keys))
        environment = {"TIDEMARK_IDEMPOTENCY_TABLE": memory, "TIDEMARK_KEYS_TABLE": keys, "AWS_DEFAULT_REGION": REGION}
        stack.enter_context(patch.dict(os.environ, environment))
        stack.enter_context(patch.object(Backend, "from_environment", lambda: backend))
        caches = (
            deployment.backend,
            throttle.throttle,
            idempotency._idempotent_write,
            idempotency._config,
            authorizer._table,
        )
        for remembered in caches:
            remembered.cache_clear()
            stack.callback(remembered.cache_clear)
        authorizer._decisions.clear()
        stack.enter_context(_recorded(made.calls))
        _fill(made)
        yield made


def _table(backend: Backend, kind: str, names: dict[str, Any]) -> str:
    name = f"{kind}-{uuid.uuid4()}"
    backend.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": attribute, "KeyType": kind} for attribute, kind in names.items()],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in names],
    )
    return name


@contextmanager
def _recorded(calls: list[Call]) -> Iterator[None]:
    make: Callable[..., Any] = vars(BaseClient)["_make_api_call"]

    def made(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        calls.append(Call(operation, parameters))
        return make(client, operation, parameters)

    with patch.object(BaseClient, "_make_api_call", made):
        yield


def _fill(made: Deployment) -> None:
    root = Client()
    for project, dataset, word in ((OWN, DATASET, "plain"), (OTHER, OTHER_DATASET, MARK)):
        classes = [{"name": f"{word}-class"}]
        _created(root.post("/projects", {"name": project, "description": word, "classes": classes}))
        for name in (dataset, f"{dataset}-2"):
            _created(root.post(f"/projects/{project}/datasets", {"name": name, "shards": 2, "description": word}))
        ids = _filled(made, root, project, dataset, word)
        (made.own if project == OWN else made.other).update(ids)
        made.uids[project] = root.get(f"/projects/{project}/datasets/{dataset}").json()["uid"]
    for role in Role:
        made.tokens[role] = str(create_key(made.keys, name=f"own-{role}", role=role, projects=[OWN])[1])
    made.tokens["revoked"] = str(create_key(made.keys, name="revoked", role=Role.ADMIN, projects=[OWN])[1])
    revoke_key(made.keys, "revoked")
    for name, projects in (("admin of all projects", None), ("admin of no project", [])):
        made.tokens[name] = str(
            create_key(made.keys, name=name.replace(" ", "-"), role=Role.ADMIN, projects=projects)[1]
        )
    made.tokens["garbage"] = f"tdm.own-admin.{'x' * 43}"
    made.tokens["none"] = None


def _filled(made: Deployment, root: Client, project: str, dataset: str, word: str) -> dict[str, str]:
    """Creates frames, labels, versions, checkpoints, uploads with errors and an asset. Returns their ids."""
    where = f"/projects/{project}/datasets/{dataset}"
    uploads = []
    for turn in range(2):
        rows = [_row(f"{word}-{number}", f"{word}-label", f"{word}-class", turn) for number in range(4)]
        bad = [{"op": "ADD", "frame": {"frame_id": f"{word}-bad-{number}", "labels": 7}} for number in range(2)]
        uploads.append(_created(root.post(f"{where}/mutations", {"mutations": rows + bad}), 202)["upload"])
        made.world.drain()
        _created(root.post(f"{where}/checkpoints", {"name": f"{word}-golden-{turn}", "description": word}))
    asset = {"name": f"{word}.png", "sha256": base64.b64encode(bytes(32)).decode(), "bytes": 1}
    url = root.post(f"/projects/{project}/assets", {"assets": [asset]}).json()["assets"][0]["url"]
    backend = made.world.process()
    backend.s3.put_object(Bucket=backend.bucket, Key=url.removeprefix(f"s3://{backend.bucket}/"), Body=b"x")
    return {
        "project": project,
        "dataset": dataset,
        "frame": f"{word}-0",
        "label": f"{word}-label",
        "version": "1",
        "upload": uploads[0],
        "checkpoint": f"{word}-golden-0",
        "format": "coco",
        "asset": url,
    }


def _row(frame_id: str, label: str, name: str, turn: int) -> dict[str, Any]:
    labels = [{"id": label, "type": "CLASSIFICATION_2D", "class": name, "attributes": {"turn": turn}}]
    return {"op": "ADD", "frame": {"frame_id": frame_id, "metadata": {"turn": turn}, "labels": labels}}


def _created(answer: Answer, status: int = 201) -> Any:
    if answer.status != status:
        raise AssertionError(f"{answer.status}: {answer.text}")
    return answer.json()
