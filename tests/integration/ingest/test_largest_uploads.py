"""Large files have few enough parts for a response to hold their URLs, and parts of a size that S3 accepts."""

import pytest

from functions.api.http.resolver import MAX_RESPONSE_BYTES
from tests.simulation.world import World
from tests.support.uploads import DATASET, PROJECT
from tidemark.aws import multipart
from tidemark.aws.multipart import Multipart
from tidemark.domain.limits import MAX_FILE_BYTES, MAX_SINGLE_PUT_BYTES, MAX_UPLOAD_FILES, MAX_UPLOAD_PARTS
from tidemark.domain.upload_files import NewFile, part_bytes
from tidemark.ingest import file_uploads

GIB = 1024**3


def sizes_of_parts(*sizes: int) -> list[int]:
    """Returns the number of parts of files of these sizes."""
    wanted = [NewFile(name=str(number), bytes=size) for number, size in enumerate(sizes)]
    least = part_bytes(wanted)
    return [len(Multipart(id="", size=size, part_bytes=least).sizes) for size in sizes]


def test_a_file_has_few_enough_parts_to_be_handled() -> None:
    assert sizes_of_parts(MAX_SINGLE_PUT_BYTES + 1) == [2]
    assert sizes_of_parts(MAX_FILE_BYTES) == [80]
    assert sizes_of_parts(*[GIB] * 20) == [16] * 20


@pytest.mark.parametrize("size", [MAX_FILE_BYTES, MAX_FILE_BYTES - 1, GIB, MAX_SINGLE_PUT_BYTES + 1])
def test_the_parts_of_very_many_files_are_larger_and_not_more(size: int) -> None:
    assert sum(sizes_of_parts(*[size] * MAX_UPLOAD_FILES)) <= MAX_UPLOAD_PARTS


def test_the_largest_upload_fits_an_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_part = multipart.sign_part
    # A function signs with a session token, which makes each URL longer.
    monkeypatch.setattr(
        multipart, "sign_part", lambda *given: (sign_part(*given)[0] + "x" * 2500, {"Content-Length": "531502202"})
    )
    wanted = [NewFile(name=f"{number:0512d}", bytes=MAX_FILE_BYTES) for number in range(MAX_UPLOAD_FILES)]
    receipt = file_uploads.create(
        world.process(), project=PROJECT, dataset=DATASET, files=wanted, actor="ann", request=None
    )
    assert len(receipt.model_dump_json()) < MAX_RESPONSE_BYTES
