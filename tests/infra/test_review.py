"""The template passes cdk-nag's AwsSolutions rules and cfn-lint."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ACCEPTED = {
    "AwsSolutions-S1",
    "AwsSolutions-APIG4",
    "AwsSolutions-SF1",
    "AwsSolutions-IAM5[Resource::*]",
    *(
        f"AwsSolutions-IAM5[Resource::<DataBucketE6B0FAA8.Arn>/{prefix}/*]"
        for prefix in ("packs", "checkpoints", "exports", "uploads", "assets", "downloads", "drop", "rejected")
    ),
}
WRITTEN_BY_THE_CDK = "W3005"
"""Redundant dependencies: the CDK makes a function depend on its role and on the role's policy."""


@pytest.fixture(scope="module")
def report(template_file: Path) -> dict[str, Any]:
    reports = json.loads((template_file.parent / "validation-report.json").read_text())["pluginReports"]
    (report,) = [each for each in reports if each["pluginName"] == "AwsSolutions"]
    assert isinstance(report, dict)
    return report


def test_the_security_review_has_no_open_finding(report: dict[str, Any]) -> None:
    assert report["conclusion"] == "success"
    assert report["violations"] == []


def test_accepted_findings_are_the_known_ones_each_with_a_reason(report: dict[str, Any]) -> None:
    accepted = report["suppressedViolations"]
    assert {finding["ruleName"] for finding in accepted} == ACCEPTED
    assert all(len(finding["reason"]) > 30 for finding in accepted)


def test_cfn_lint_finds_nothing(template_file: Path) -> None:
    command = str(Path(sys.executable).with_name("cfn-lint"))
    lint = [command, "--ignore-checks", WRITTEN_BY_THE_CDK, "--template", str(template_file)]
    process = subprocess.run(lint, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert process.stdout == ""
    assert process.returncode == 0
