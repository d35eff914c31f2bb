"""Two invocations at once: the first pauses at each of its AWS calls in turn, another overtakes it, the first resumes.

This covers every way in which one overtaking can happen, even a late invocation whose message was redelivered.
"""

from collections.abc import Callable
from unittest.mock import patch

import pytest

from tests.reliability.faults import invariants, model
from tests.reliability.faults.model import DatasetModel
from tests.reliability.faults.operations import FIRST, SECOND, THIRD
from tests.reliability.faults.oracle import Row
from tests.simulation.invocation import Invocation
from tests.simulation.world import World, new_world, result_of
from tidemark.domain.limits import MAX_WINDOW_FRAMES
from tidemark.shards.apply import StaleDelivery
from tidemark.uploads import tallies

Scenario = Callable[[World, DatasetModel], tuple[Invocation, Callable[[], None]]]
"""Starts the invocation that is overtaken. Returns it and a function that overtakes it."""


def _group(dataset: DatasetModel) -> str:
    return f"{dataset.uid}#0"


def _same_window_twice(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    model.start_submit(world, dataset, SECOND, "second").run()
    message = world.first_window(_group(dataset))
    return world.redeliver(message), lambda: result_of(world.redeliver(message).run())


def _window_that_was_given_up_for_the_next(
    world: World, dataset: DatasetModel
) -> tuple[Invocation, Callable[[], None]]:
    model.start_submit(world, dataset, SECOND, "second").run()
    model.start_submit(world, dataset, THIRD, "third").run()
    message = world.first_window(_group(dataset))
    late = world.redeliver(message)

    def overtake() -> None:
        world.bury(message)
        result_of(world.start_apply(_group(dataset)).run())

    return late, overtake


def _window_and_its_giving_up(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    model.start_submit(world, dataset, SECOND, "second").run()
    message = world.first_window(_group(dataset))
    late = world.redeliver(message)

    def overtake() -> None:
        world.bury(message)
        result_of(world.start_give_up(message).run())

    return late, overtake


def _giving_up_and_its_window(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    model.start_submit(world, dataset, SECOND, "second").run()
    message = world.first_window(_group(dataset))
    world.bury(message)
    return world.start_give_up(message), lambda: result_of(world.redeliver(message).run())


def _same_submission_twice(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    first = model.start_submit(world, dataset, SECOND, "second")
    return first, lambda: result_of(model.start_submit(world, dataset, SECOND, "second").run())


def _same_publication_twice(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    _settle(world, dataset, SECOND, "second")
    messages = list(world.settled.waiting[dataset.uid])
    return world.republish(messages), lambda: result_of(world.republish(messages).run())


def _two_publications(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    _settle(world, dataset, SECOND, "second")
    _settle(world, dataset, THIRD, "third")
    first, second = world.settled.waiting[dataset.uid]
    return world.republish([first]), lambda: result_of(world.republish([second]).run())


def _two_windows_of_an_upload(world: World, dataset: DatasetModel) -> tuple[Invocation, Callable[[], None]]:
    rows: list[Row] = [{"op": "DELETE", "frame_id": f"nowhere-{number}"} for number in range(MAX_WINDOW_FRAMES + 1)]
    with patch.object(tallies, "MAX_TALLIED", 0):  # as of a chunk of so many windows that each reports by itself
        model.start_submit(world, dataset, rows, "second").run()
    for _ in range(2):
        result_of(world.start_apply(_group(dataset)).run())
    first, second = world.settled.waiting[dataset.uid]
    return world.republish([first]), lambda: result_of(world.republish([second]).run())


SCENARIOS: list[Scenario] = [
    _same_window_twice,
    _window_that_was_given_up_for_the_next,
    _window_and_its_giving_up,
    _giving_up_and_its_window,
    _same_submission_twice,
    _same_publication_twice,
    _two_publications,
    _two_windows_of_an_upload,
]


def _settle(world: World, dataset: DatasetModel, rows: list[Row], key: str) -> None:
    model.start_submit(world, dataset, rows, key).run()
    result_of(world.start_apply(_group(dataset)).run())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__.strip("_"))
def test_an_invocation_that_is_overtaken_changes_nothing_that_it_should_not(scenario: Scenario) -> None:
    position, finished = 0, False
    while not finished:
        with new_world() as world:
            dataset = model.create_dataset(world, "ours", "train", 1)
            model.start_submit(world, dataset, FIRST, "first").run()
            world.drain()
            overtaken, overtake = scenario(world, dataset)
            for _ in range(position):
                overtaken.step()
            finished = overtaken.finished
            overtake()
            invariants.check(world, dataset)
            assert overtaken.run().error is None or isinstance(overtaken.error, StaleDelivery)
            world.drain()
            invariants.check(world, dataset)
            invariants.check_all_settled(world, dataset)
        position += 1
    assert position > 1, "the invocation makes no calls, so nothing overtakes it"
