"""The command `tidemark-keys`: arguments and output."""

import json
import os
import uuid

import boto3
import pytest

from tidemark.access.api_keys import authenticate
from tidemark.access.command import main
from tidemark.access.key_records import KeysTable


def test_create_prints_the_token_once(keys_table: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "trainer", "--role", "write", "--project", "street", "--table", keys_table.name]) == 0
    grant = authenticate(keys_table, capsys.readouterr().out.strip())
    assert grant is not None
    assert (grant.name, grant.role, grant.projects) == ("trainer", "write", ("street",))


def test_json_is_for_scripts(keys_table: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "root", "--role", "admin", "--all-projects", "--table", keys_table.name, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["projects"] is None
    assert authenticate(keys_table, made["token"]) is not None


def test_list_shows_no_secret_and_no_hash(keys_table: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    main(["create", "root", "--role", "admin", "--all-projects", "--table", keys_table.name, "--json"])
    made = json.loads(capsys.readouterr().out)
    assert main(["list", "--table", keys_table.name, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [key.keys() for key in listed] == [made.keys() - {"token"}]


def test_list_tells_which_keys_are_revoked(keys_table: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("gone", "here"):
        main(["create", name, "--role", "read", "--project", "a", "--project", "b", "--table", keys_table.name])
    main(["revoke", "gone", "--table", keys_table.name])
    capsys.readouterr()
    main(["list", "--table", keys_table.name])
    gone, here = capsys.readouterr().out.splitlines()
    assert "revoked" in gone
    assert here.endswith("active")


def test_a_refusal_is_a_sentence_and_a_status(keys_table: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["revoke", "ghost", "--table", keys_table.name]) == 1
    assert capsys.readouterr().err == "tidemark-keys: There is no key named 'ghost'.\n"


def test_a_bad_project_name_is_named(keys_table: KeysTable, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "k", "--role", "read", "--project", "a/b", "--table", keys_table.name]) == 1
    assert "'/'" in capsys.readouterr().err


def test_the_table_comes_from_the_environment(keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEMARK_KEYS_TABLE", keys_table.name)
    assert main(["list"]) == 0


def test_the_table_comes_from_the_stack(keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEMARK_KEYS_TABLE", raising=False)
    stack = f"stack-{uuid.uuid4()}"
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"KeysTableName": {"Value": keys_table.name}},
    }
    boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(template))
    assert main(["list", "--stack", stack]) == 0


def test_the_region_is_that_of_the_deployment(keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", keys_table.dynamodb.meta.region_name)
    assert main(["list", "--table", keys_table.name]) == 0


def test_aws_region_goes_before_aws_default_region(keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-2")
    monkeypatch.setenv("AWS_REGION", keys_table.dynamodb.meta.region_name)
    assert main(["list", "--table", keys_table.name]) == 0


def test_a_missing_region_names_the_variable(
    keys_table: KeysTable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    assert main(["list", "--table", keys_table.name]) == 1
    assert capsys.readouterr().err == (
        "tidemark-keys: No AWS region is set; set AWS_REGION to the region of the stack.\n"
    )


@pytest.mark.usefixtures("keys_table")
def test_a_missing_stack_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--stack", "Nowhere"]) == 1
    assert "Nowhere" in capsys.readouterr().err


def test_a_key_needs_its_projects_said(keys_table: KeysTable) -> None:
    with pytest.raises(SystemExit):
        main(["create", "k", "--role", "read", "--table", keys_table.name])
