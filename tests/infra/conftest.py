"""The synthesised templates, as CloudFormation receives them."""

import json
from pathlib import Path

import pytest

from infra import STACK
from infra.local.assembly import NO_CONTEXT, assemblies
from tests.infra.template import ISSUER, PRODUCERS, Template


def _template(folder: Path) -> Template:
    return Template(json.loads((folder / f"{STACK}.template.json").read_text()))


@pytest.fixture(scope="session")
def folders() -> list[Path]:
    """Cloud assemblies of a plain deployment, and of ones with producers, with an issuer, with a restored table, and in
    a small account.

    They are synthesised together, since one alone takes as long.
    """
    return assemblies(
        NO_CONTEXT, {"drop_producers": PRODUCERS}, ISSUER, {"restored_table": "put-back"}, {"concurrency": 10}
    )


@pytest.fixture(scope="session")
def template_file(folders: list[Path]) -> Path:
    return folders[0] / f"{STACK}.template.json"


@pytest.fixture(scope="session")
def template(folders: list[Path]) -> Template:
    return _template(folders[0])


@pytest.fixture(scope="session")
def template_with_producers(folders: list[Path]) -> Template:
    return _template(folders[1])


@pytest.fixture(scope="session")
def template_with_issuer(folders: list[Path]) -> Template:
    return _template(folders[2])


@pytest.fixture(scope="session")
def template_of_a_table_put_back(folders: list[Path]) -> Template:
    return _template(folders[3])


@pytest.fixture(scope="session")
def template_of_a_small_account(folders: list[Path]) -> Template:
    return _template(folders[4])
