"""Crashes at every AWS call of an operation, one after another."""

from collections.abc import Callable, Iterator

from tests.faults.invocation import Invocation
from tests.faults.model import DatasetModel
from tests.faults.world import World, new_world


def crashed(
    operation: Callable[[World, DatasetModel], Invocation], begin: Callable[[World], DatasetModel]
) -> Iterator[tuple[World, DatasetModel]]:
    """A world for each call of an operation, in which it crashed there."""
    with new_world() as world:
        whole = operation(world, begin(world)).run()
    assert whole.error is None
    assert whole.calls, "an operation that calls nothing proves nothing"
    for position in range(len(whole.calls) + 1):
        with new_world() as world:
            dataset = begin(world)
            invocation = operation(world, dataset)
            for _ in range(position - 1):
                invocation.step()
            invocation.crash(after=position > 0)
            assert invocation.crashed, f"no crash at call {position} of {whole.calls}"
            yield world, dataset
