"""Messages that say the same and are delivered together."""

from tests.reliability.faults import invariants, model
from tests.reliability.faults.operations import FIRST
from tests.simulation.deployment import new_deployment
from tests.simulation.world import result_of


def test_an_outcome_that_is_reported_twice_is_published_once() -> None:
    with new_deployment() as world:
        dataset = model.create_dataset(world, "ours", "train", 4)
        model.start_submit(world, dataset, FIRST, "first").run()
        windows = [world.first_window(group) for group in world.windows.groups()]
        assert len(windows) > 1
        for window in windows:
            result_of(world.redeliver(window).run())
        world.let_five_minutes_pass()
        result_of(world.redeliver(windows[-1]).run())
        messages = list(world.settled.waiting[dataset.uid])
        assert len({message.body for message in messages}) < len(messages)
        result_of(world.republish(messages).run())
        world.drain()
        invariants.check(world, dataset)
        invariants.check_all_settled(world, dataset)
        assert model.latest(world, dataset) == 1
