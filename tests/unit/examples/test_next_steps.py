"""The commands that the demo prints at its end can be pasted: address and key are exported before they are used."""

import io

import boto3
import pytest
from rich.console import Console

from examples.digits.deployment import Deployment
from examples.digits.next_steps import print_next_steps


def _printed(*, local: bool) -> list[str]:
    s3 = boto3.client("s3", region_name="us-east-1")
    deployment = Deployment("https://stack:4601/api/v2", "tdm.me.secret", "assets", s3, local)
    written = io.StringIO()
    print_next_steps(deployment, "/projects/digits/datasets/scans", "scan-0005", 3, Console(file=written))
    return written.getvalue().splitlines()


@pytest.mark.parametrize("local", [True, False])
def test_the_address_is_exported_once_and_used_by_name(local: bool) -> None:
    naming = [line for line in _printed(local=local) if "stack:4601" in line]
    assert naming == ["export TIDEMARK_API=https://stack:4601/api/v2"]
    calls = [line for line in _printed(local=local) if "curl" in line]
    assert len(calls) == 8
    assert all('"$TIDEMARK_API/' in line for line in calls)


def test_the_secret_is_not_printed_and_only_a_local_stack_has_it_in_a_file() -> None:
    exports = {local: [line for line in _printed(local=local) if line.startswith("export")] for local in (True, False)}
    assert exports[True][1:] == ["export TIDEMARK_KEY=$(cat build/local/admin.key)"]
    assert exports[False][1:] == []
    assert not any("secret" in line for line in _printed(local=True))


def test_the_frame_is_read_before_and_after_it_was_relabelled() -> None:
    assert [f"scan-0005?version={number}" in "".join(_printed(local=True)) for number in (2, 3)] == [True, True]
