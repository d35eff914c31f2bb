"""The tables of docs/api/ are as `make docs` writes them, and leave out no operation and no error code."""

import re
import tomllib
from pathlib import Path

import pytest

from functions.api import handler, openapi
from tests.docs.codes import codes, composed_codes, statuses
from tests.docs.descriptions import descriptions
from tests.docs.pages import PAGES, Tables, filled, markers
from tests.docs.tables import MEANINGS, tables

MEANT = tomllib.loads(MEANINGS.read_text())
UNDOCUMENTED = {"getDescription"}
"""Operations without a table: the introduction names it."""


@pytest.fixture(scope="module")
def kinds() -> Tables:
    return tables()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_up_to_date(page: Path, kinds: Tables) -> None:
    assert filled(page.read_text(), kinds) == page.read_text(), "run `make docs`"


def test_every_operation_is_in_a_table() -> None:
    paths = openapi.describe(handler.app)["paths"]
    operations = {operation["operationId"] for methods in paths.values() for operation in methods.values()}
    listed = {name for kind, *names in markers() if kind == "operations" for name in names}
    assert listed == operations - UNDOCUMENTED


def test_the_codes_of_requests_that_have_a_meaning_are_those_of_the_code() -> None:
    assert MEANT["requests"].keys() == statuses().keys()


def test_the_other_codes_have_a_meaning() -> None:
    assert codes() - statuses().keys() <= MEANT["rows"].keys()


def test_no_code_has_a_meaning_that_is_not_in_the_code() -> None:
    composed = re.compile("|".join(composed_codes()))
    assert {code for code in MEANT["rows"] if code not in codes() and not composed.fullmatch(code)} == set()


def test_statuses_are_those_that_the_api_responds_with() -> None:
    known = statuses()
    assert known["malformed_json"] == {400}
    assert known["too_many_requests"] == {429}
    assert known["dataset_purged"] == {404, 409}
    assert known["unknown_version"] == {404, 422}
    assert known["pack_gone"] == {503}
    assert "merge_refused" not in known


def test_descriptions_are_those_under_fields_and_values_and_of_bases() -> None:
    assert "failed" in descriptions("UploadStatus")["FAILED"]
    assert descriptions("Checkpoint").keys() >= {"version", "attempt"}


def test_optional_and_required_fields_are_told_apart_in_requests(kinds: Tables) -> None:
    table = kinds["body"]("NewDataset")
    assert re.search(r"^\| `name` \* \| text \| up to 128 characters \|", table, re.MULTILINE)
    assert re.search(r"^\| `shards` \| whole number \| from 1 to 64, default `16` \|", table, re.MULTILINE)


def test_what_most_types_share_is_listed_once(kinds: Tables) -> None:
    shared, types = kinds["shared"]("Frame", "sensors"), kinds["types"]("Frame", "sensors")
    assert "| `url` * |" in shared
    assert "not in `TEXT`" in shared
    assert "| `url` * |" not in types
    assert "| `TEXT` |" in types
