"""The demo finds the deployment in the environment, in the region given there."""

from pathlib import Path

import boto3
import pytest

from examples.digits import deployment
from examples.digits.deployment import Deployment, find_deployment


def test_the_region_is_that_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"API": "https://stack/api/v2/", "BUCKET": "assets", "KEY": "tdm.me.secret"}.items():
        monkeypatch.setenv(f"TIDEMARK_{name}", value)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    found = find_deployment()
    assert (found.api, found.bucket, found.local) == ("https://stack/api/v2", "assets", False)
    assert found.s3.meta.region_name == "eu-west-1"


def test_the_address_of_the_stack_on_this_machine_is_enough_to_find_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = Deployment("", "", "", boto3.client("s3"), local=True)
    (tmp_path / "server.json").write_text('{"pid": 1, "port": 4601}')
    monkeypatch.setattr(deployment, "LOCAL", tmp_path)
    monkeypatch.setattr(deployment, "_on_this_machine", lambda: here)
    monkeypatch.setenv("TIDEMARK_API", "http://127.0.0.1:4601/api/v2")
    assert find_deployment() is here


@pytest.mark.parametrize("started", [True, False])
def test_another_address_needs_its_bucket_and_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: bool
) -> None:
    if started:
        (tmp_path / "server.json").write_text('{"pid": 1, "port": 4601}')
    monkeypatch.setattr(deployment, "LOCAL", tmp_path)
    monkeypatch.setenv("TIDEMARK_API", "http://127.0.0.1:4602/api/v2")
    with pytest.raises(SystemExit, match="set TIDEMARK_BUCKET and TIDEMARK_KEY too"):
        find_deployment()
