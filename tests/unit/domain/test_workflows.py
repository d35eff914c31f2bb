"""The one-line summary of a workflow's failure."""

import pytest

from tidemark.domain.workflows import MAX_SUMMARY_CHARACTERS, Failure


@pytest.mark.parametrize(
    ("cause", "summary"),
    [
        ("", "PackCorrupt"),
        ('{"errorMessage": "no such\\n digest", "stackTrace": ["a"]}', "PackCorrupt: no such digest"),
        ('{"errorMessage": ""}', "PackCorrupt"),
        ("[1]", "PackCorrupt: [1]"),
        ("late by an hour", "PackCorrupt: late by an hour"),
    ],
)
def test_a_failure_is_told_by_its_name_and_what_was_said(cause: str, summary: str) -> None:
    assert Failure(error="PackCorrupt", cause=cause).summary == summary


def test_no_more_is_told_than_a_person_reads() -> None:
    assert len(Failure(error="E", cause="x" * 100_000).summary) == MAX_SUMMARY_CHARACTERS + 1
