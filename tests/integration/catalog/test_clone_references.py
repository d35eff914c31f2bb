"""Records of which datasets may use each other's packs."""

import pytest

from tests.simulation.world import World
from tests.support.uploads import PROJECT
from tidemark.aws import table
from tidemark.aws.table import ConditionFailed
from tidemark.catalog import clone_references
from tidemark.datasets import datasets
from tidemark.domain.datasets import Dataset
from tidemark.domain.errors import Conflict


def made(world: World, name: str, source: Dataset | None = None) -> Dataset:
    backend = world.process()
    dataset = datasets.create_dataset(backend, project=PROJECT, name=name, description="", shards=1, actor="ann")
    if source is not None:
        table.transact(backend, clone_references.record_clone(backend, source.uid, dataset.uid))
    return dataset


def test_a_dataset_knows_its_clones_and_a_clone_its_source(world: World) -> None:
    source = made(world, "source")
    clones = [made(world, f"clone-{number}", source) for number in range(3)]
    backend = world.process()
    assert clone_references.referrers(backend, source.uid) == sorted(clone.uid for clone in clones)
    assert [clone_references.sources(backend, clone.uid) for clone in clones] == [[source.uid]] * 3
    assert clone_references.sources(backend, source.uid) == clone_references.referrers(backend, clones[0].uid) == []


def test_a_clone_of_a_clone_may_use_the_packs_of_both(world: World) -> None:
    first = made(world, "first")
    second = made(world, "second", first)
    third = made(world, "third", second)
    backend = world.process()
    assert clone_references.sources(backend, third.uid) == [second.uid, first.uid]
    assert clone_references.referrers(backend, first.uid) == sorted([second.uid, third.uid])
    assert clone_references.referrers(backend, second.uid) == [third.uid]


def test_what_is_released_is_referred_to_no_more(world: World) -> None:
    source = made(world, "source")
    first_clone, second_clone = made(world, "one", source), made(world, "other", source)
    backend = world.process()
    for _ in range(2):
        clone_references.release(backend, first_clone.uid, source.uid)
    assert clone_references.referrers(backend, source.uid) == [second_clone.uid]


def test_a_dataset_that_is_gone_is_not_referred_to(world: World) -> None:
    clone = made(world, "clone")
    backend = world.process()
    with pytest.raises(ConditionFailed):
        table.transact(backend, clone_references.record_clone(backend, "0000", clone.uid))


def test_clones_of_clones_come_to_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clone_references, "MAX_SOURCES", 4)
    last = made(world, "d-0")
    for number in range(4):
        last = made(world, f"d-{number + 1}", last)
    with pytest.raises(Conflict, match="4 times"):
        clone_references.record_clone(world.process(), last.uid, "0000")
