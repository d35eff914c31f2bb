"""Listing the uploads of a dataset or a project, by status, mode and source (R29)."""

from collections.abc import Callable

import pytest

from tests.simulation.world import World
from tests.support.pages import items, pages
from tests.support.uploads import DATASET, PROJECT, add, delete, send, upload
from tidemark.datasets import datasets, projects
from tidemark.domain.datasets import Mode
from tidemark.domain.errors import InvalidRequest, NotFound
from tidemark.domain.pages import Page
from tidemark.domain.upload_files import NewFile
from tidemark.domain.uploads import ANY_UPLOAD, Source, Upload, UploadFilter, UploadStatus
from tidemark.ingest import file_uploads
from tidemark.uploads import follow

BAD = add("")
"""A row that is rejected on arrival, so that an upload of it fails at once."""

Read = Callable[[str | None], Page[Upload]]


def of_project(world: World, criteria: UploadFilter = ANY_UPLOAD, *, limit: int = 100, project: str = PROJECT) -> Read:
    backend = world.process()
    return lambda cursor: follow.list_project_uploads(
        backend, project=project, wanted=criteria, limit=limit, cursor=cursor
    )


def of_dataset(world: World, criteria: UploadFilter = ANY_UPLOAD, *, limit: int = 100, dataset: str = DATASET) -> Read:
    backend = world.process()
    return lambda cursor: follow.list_uploads(
        backend, project=PROJECT, dataset=dataset, wanted=criteria, limit=limit, cursor=cursor
    )


def ids(read: Read) -> list[str]:
    return [listed.id for listed in items(read)]


def announce(world: World) -> str:
    """Announces an upload whose files are not uploaded yet."""
    files = [NewFile(name="a")]
    return file_uploads.create(
        world.process(), project=PROJECT, dataset=DATASET, files=files, actor="ann", request=None
    ).upload


def second_dataset(world: World) -> str:
    datasets.create_dataset(world.process(), project=PROJECT, name="val", description="", shards=1, actor="admin")
    return "val"


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_the_uploads_of_all_datasets_of_a_project_are_listed_newest_first_each_once(world: World, limit: int) -> None:
    other = second_dataset(world)
    sent = [send(world, add("f"), dataset=(DATASET, other)[number % 2]).upload for number in range(5)]
    results = pages(of_project(world, limit=limit))
    assert [listed.id for page in results for listed in page] == sent[::-1]
    assert max(map(len, results)) <= limit


def test_an_upload_of_a_project_says_of_which_dataset_it_is(world: World) -> None:
    send(world, add("f1"), dataset=second_dataset(world))
    (results,) = items(of_project(world))
    assert (results.project, results.dataset) == (PROJECT, "val")


def test_a_project_lists_no_uploads_of_another(world: World) -> None:
    projects.create_project(world.process(), name="boats", description="", classes=[], actor="admin")
    send(world, add("f1"))
    assert ids(of_project(world, project="boats")) == []


def test_the_uploads_of_an_unknown_project_are_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="no project 'nowhere'"):
        of_project(world, project="nowhere")(None)


@pytest.mark.parametrize("list_of", [of_dataset, of_project])
def test_uploads_are_found_by_where_they_stand(world: World, list_of: Callable[[World, UploadFilter], Read]) -> None:
    sent = {
        UploadStatus.SETTLED: upload(world, add("f1")).upload,
        UploadStatus.PARTIAL: upload(world, add("f2"), BAD).upload,
        UploadStatus.FAILED: send(world, BAD).upload,
        UploadStatus.WAITING: announce(world),
        UploadStatus.PENDING: send(world, delete("f1")).upload,
    }
    assert {status: ids(list_of(world, UploadFilter(status))) for status in UploadStatus} == {
        status: [name] for status, name in sent.items()
    }


def test_uploads_are_found_by_the_door_that_they_came_through(world: World) -> None:
    request, files = send(world, add("f1")).upload, announce(world)
    results = {source: ids(of_project(world, UploadFilter(source=source))) for source in Source}
    assert results == {source: [] for source in Source} | {Source.REQUEST: [request], Source.FILES: [files]}


def test_uploads_are_found_by_the_mode_of_their_dataset(world: World) -> None:
    sent = send(world, add("f1")).upload
    results = {mode: ids(of_project(world, UploadFilter(mode=mode))) for mode in Mode}
    assert results == {Mode.STREAMING: [sent], Mode.BATCH: []}


def test_an_upload_is_found_where_all_filters_take_it(world: World) -> None:
    send(world, BAD)
    announce(world)
    both = send(world, add("f1")).upload
    assert ids(of_project(world, UploadFilter(UploadStatus.PENDING, Mode.STREAMING, Source.REQUEST))) == [both]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_pages_of_a_filtered_list_hold_all_that_it_takes_each_once(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int, at_once: int
) -> None:
    monkeypatch.setattr(follow, "MIN_FILTERED_PAGE", at_once)
    sent = [send(world, BAD if number % 3 else add("f")).upload for number in range(10)]
    results = pages(of_dataset(world, UploadFilter(UploadStatus.FAILED), limit=limit))
    assert [listed.id for page in results for listed in page] == [name for n, name in enumerate(sent) if n % 3][::-1]
    assert max(map(len, results)) <= limit


def test_a_page_looks_at_no_more_than_its_share_and_the_next_goes_on_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "MAX_UPLOADS_EXAMINED", 2)
    sent = send(world, add("f1")).upload
    for _ in range(5):
        send(world, BAD)
    results = pages(of_project(world, UploadFilter(UploadStatus.PENDING)))
    assert [[listed.id for listed in page] for page in results[:3]] == [[], [], [sent]]


def test_a_cursor_is_only_for_the_list_and_the_filters_that_gave_it(world: World) -> None:
    other = second_dataset(world)
    for dataset in (DATASET, DATASET, other, other):
        send(world, add("f1"), dataset=dataset)
    cursor = of_dataset(world, limit=1)(None).cursor
    pending = UploadFilter(UploadStatus.PENDING)
    for read in (of_project(world), of_dataset(world, dataset=other), of_dataset(world, pending)):
        with pytest.raises(InvalidRequest) as refusal:
            read(cursor)
        assert refusal.value.code == "foreign_cursor"
