"""A missing permission of the operator is named, and the page on operations lists all that the smoke test needs."""

import re

from botocore.exceptions import ClientError

from infra.smoke.deployment import PERMISSIONS, missing_permission
from infra.smoke.steps import STEPS, WIDEST
from tests.docs.pages import ROOT, anchor

PAGE = (ROOT / "docs" / "operations.md").read_text()


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "not authorized"}}, operation)


def test_a_refused_request_names_its_permission() -> None:
    assert missing_permission(refusal("AccessDeniedException", "PutRule")) == "events:PutRule"
    assert missing_permission(refusal("AccessDenied", "CreateQueue")) == "sqs:CreateQueue"


def test_another_error_names_none() -> None:
    assert missing_permission(refusal("ThrottlingException", "PutRule")) is None


def test_the_permissions_are_documented() -> None:
    (section,) = re.findall(r"^## After a deployment: the smoke test$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"\b[a-z0-9]+:[A-Z][A-Za-z]+\b", section)) == set(PERMISSIONS)


def test_each_step_names_a_section_of_the_page() -> None:
    headings = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert {step.section for step in (*STEPS, WIDEST)} | {"deletion", "after-a-deployment-the-smoke-test"} <= headings
