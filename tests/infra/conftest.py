"""The synthesised template, as CloudFormation gets it, and the report of its review."""

import json
from pathlib import Path

import pytest

from infra import STACK
from infra.local.assembly import assembly
from tests.infra.template import Template


@pytest.fixture(scope="session")
def template_file() -> Path:
    return assembly() / f"{STACK}.template.json"


@pytest.fixture(scope="session")
def template(template_file: Path) -> Template:
    return Template(json.loads(template_file.read_text()))
