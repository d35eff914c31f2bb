"""The client shown in docs/api.md runs as printed, and a second time."""

import os
import re
import subprocess
import sys
from pathlib import Path

from infra.local.stack import LocalStack

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api" / "index.md"
CODE, OUTPUT = (
    re.compile(r"^```python\n(.*?)^```$", re.M | re.S),
    re.compile(r"^```\n(SETTLED 1\n.*?)^```$", re.M | re.S),
)


def test_the_client_does_what_the_page_says(stack: LocalStack) -> None:
    (client,), (shown,) = (pattern.findall(PAGE.read_text()) for pattern in (CODE, OUTPUT))
    environment = {**os.environ, "TIDEMARK_API": stack.api, "TIDEMARK_KEY": stack.make_key("admin")}
    for version in (1, 2):
        process = subprocess.run(  # noqa: S603 - the page is our own
            [sys.executable, "-c", client], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert (process.returncode, process.stderr) == (0, "")
        assert process.stdout == shown.replace("SETTLED 1", f"SETTLED {version}")
