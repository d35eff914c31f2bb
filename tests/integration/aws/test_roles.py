"""The simulation denies what a function's reviewed role does not permit, also in a part of a transaction."""

import pytest
from botocore.exceptions import ClientError

from tests.simulation.roles import acting_as
from tests.simulation.world import World
from tidemark.aws import table, writes
from tidemark.aws.keys import Key

KEY = Key("D#u", "META")


def test_a_request_that_a_role_does_not_permit_is_denied(world: World) -> None:
    backend = world.process()
    update = writes.update(backend, KEY, "SET latest = :latest", {"latest": 1})
    with acting_as("Checkpoint"), pytest.raises(ClientError, match="Checkpoint may not call UpdateItem"):
        table.write(backend, update)
    with acting_as("Publish"):
        table.write(backend, update)


def test_a_transaction_needs_the_permission_of_each_write(world: World) -> None:
    backend = world.process()
    requests = [writes.put(backend, KEY, {}), writes.delete(backend, KEY._replace(sk="MUTABLE"))]
    with acting_as("Api"), pytest.raises(ClientError, match="Api may not call DeleteItem"):
        table.transact(backend, requests)
    with acting_as("Purge"):
        table.transact(backend, requests)
