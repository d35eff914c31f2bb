"""The demo finds the deployment that the environment names, in the region that it names."""

import pytest

from examples.digits.deployment import find_deployment


def test_the_region_is_that_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"API": "https://stack/api/v2/", "BUCKET": "assets", "KEY": "tdm.me.secret"}.items():
        monkeypatch.setenv(f"TIDEMARK_{name}", value)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    found = find_deployment()
    assert (found.api, found.bucket, found.local) == ("https://stack/api/v2", "assets", False)
    assert found.s3.meta.region_name == "eu-west-1"
