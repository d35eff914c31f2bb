"""Records what the real functions send to AWS in the simulated world: requests, and the units that writes cost."""

from collections.abc import Callable, Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from tests.bench.metering import INDEXES, writes_of
from tests.bench.units import Item, write_units
from tests.capacity.requests import Request
from tests.simulation.aws import item_at
from tests.simulation.invocation import Invocation
from tests.simulation.resources import REGION
from tests.simulation.world import World, result_of

Place = tuple[str, str, str]


class Recorder:
    """Records the requests in a world."""

    def __init__(self, world: World) -> None:
        self.requests: list[Request] = []
        """The requests of the invocation that runs, or that ran last."""
        self._perform = world.perform
        world.on_request = lambda call: self.requests.append(Request(call))
        world.perform = self._measured  # type: ignore[method-assign]  # measured around the real one

    def of(self, invocation: Invocation) -> list[Request]:
        """Runs an invocation to its end and returns its requests. Fails if it raised."""
        self.requests.clear()
        result_of(invocation.run())
        return list(self.requests)

    def _measured(self, operation: str, body: dict[str, Any], send: Callable[[], AWSResponse]) -> AWSResponse:
        places = [] if operation in {"GetItem", "Query", "BatchGetItem"} else list(_places(body))
        before = [_stored(place) for place in places]
        response = self._perform(operation, body, send)
        if places:
            states = list(zip(before, map(_stored, places), strict=True))
            transactional = operation == "TransactWriteItems"
            self.requests[-1] = self.requests[-1]._replace(
                units=sum(write_units(*state, transactional=transactional) for state in states),
                index_units=sum(index.write_units(*state) for index in INDEXES for state in states),
            )
        return response


def _places(body: dict[str, Any]) -> Iterator[Place]:
    for write in writes_of(body):
        key = write.get("Key") or write["Item"]
        yield write["TableName"], key["PK"]["S"], key["SK"]["S"]


def _stored(place: Place) -> Item | None:
    item = item_at(dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION], *place)
    if item is None:
        return None
    return {name: _json(value) for name, value in item.attrs.items()}


def _json(value: Any) -> Any:
    """Returns a value of moto's in DynamoDB's JSON."""
    if value.type == "L":
        return {"L": [_json(element) for element in value.value]}
    if value.type == "M":
        return {"M": {name: _json(element) for name, element in value.value.items()}}
    return {value.type: value.value}
