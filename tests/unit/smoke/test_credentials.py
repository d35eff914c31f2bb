"""The smoke test uses the operator's own credentials and region, as `make deploy` does."""

import os
import subprocess
import sys
from pathlib import Path

SHOW = """
import boto3
import infra.smoke.__main__

session = boto3.Session()
print(session.region_name, session.get_credentials().access_key)
"""


def test_the_profile_in_the_operators_files_is_used(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion = us-west-2\n")
    (tmp_path / "credentials").write_text("[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = secret\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_PROFILE": "prod",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", SHOW]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert shown.stdout.split() == ["us-west-2", "AKIAPROD"]
