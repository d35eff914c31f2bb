"""Before a deployment the account's quota is checked, and after it the tables are protected."""

import json
import re
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from infra import STACK, deployment
from infra.bundle import ROOT
from infra.capacity import Capacity, from_context
from infra.deployment import QuotaTooLow, check_quota, context, protect

REGION = "eu-central-1"


def planned_for(**values: object) -> Capacity:
    return from_context(values.get)


USUAL, SMALL = planned_for(), planned_for(concurrency=10)


def check(planned: Capacity, *, quota: int, unreserved: int | None = None) -> str:
    """Checks `planned` in an account with a quota of Lambda."""
    client = boto3.client("lambda", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        limit = {
            "ConcurrentExecutions": quota,
            "UnreservedConcurrentExecutions": quota if unreserved is None else unreserved,
        }
        stub.add_response("get_account_settings", {"AccountLimit": limit}, {})
        return check_quota(client, planned)


@pytest.mark.parametrize(("planned", "quota"), [(USUAL, 400), (USUAL, 1000), (SMALL, 10), (SMALL, 1000)])
def test_a_quota_that_suffices_is_reported(planned: Capacity, quota: int) -> None:
    plan = f"this deployment is planned for {planned.concurrency}."
    assert check(planned, quota=quota) == f"Lambda allows {quota} calls at once; {plan}"


def test_a_new_account_is_told_both_ways_on() -> None:
    with pytest.raises(QuotaTooLow) as refusal:
        check(USUAL, quota=10)
    assert str(refusal.value).splitlines() == [
        "Lambda allows 10 calls at once in this account and region, and this deployment is planned for 400.",
        "Ask AWS for more, wait until it is granted, and deploy again:",
        "  aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
        "--desired-value 1000",
        "Or deploy for fewer calls. Nothing is lost, but large loads take longer:",
        '  make deploy ARGS="-c concurrency=10"',
    ]


def test_what_other_functions_have_reserved_does_not_count() -> None:
    with pytest.raises(QuotaTooLow, match=r"\(the quota is 1000, other functions have reserved the rest\)") as refusal:
        check(USUAL, quota=1000, unreserved=100)
    assert "--desired-value 1900" in str(refusal.value)
    assert "-c concurrency=100" in str(refusal.value)


def test_an_account_with_less_than_a_deployment_needs_has_one_way_on() -> None:
    with pytest.raises(QuotaTooLow) as refusal:
        check(SMALL, quota=100, unreserved=5)
    assert "concurrency=" not in str(refusal.value)


def test_a_deployment_for_the_suggested_number_passes() -> None:
    assert check(planned_for(concurrency="100"), quota=1000, unreserved=100)


def test_context_values_of_the_command_line_come_before_those_of_the_file() -> None:
    options = ["--require-approval", "never", "-c", "concurrency=50", "--context=warm_write_units=8000", "--verbose"]
    values = context(options)
    assert (values["concurrency"], values["warm_write_units"]) == ("50", "8000")
    assert values["@aws-cdk/core:target-partitions"] == ["aws"]


def test_a_context_value_may_contain_an_equals_sign() -> None:
    assert context(["-c", "oidc_issuer=https://a.example/?x=1"])["oidc_issuer"] == "https://a.example/?x=1"


def test_a_value_that_is_refused_ends_the_deployment_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)
    with pytest.raises(SystemExit, match="concurrency must be a whole number of at least 10; got '3'"):
        deployment.main(["check", "-c", "concurrency=3"])


def test_an_unknown_step_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        deployment.main(["protekt", "--require-approval", "never"])
    assert "invalid choice: 'protekt'" in capsys.readouterr().err


def test_credentials_that_may_not_read_the_quota_end_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> str:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetAccountSettings")

    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(deployment, "check_quota", deny)
    with pytest.raises(SystemExit, match=r"Lambda's quota could not be read: .*AccessDeniedException"):
        deployment.main(["check"])


@pytest.fixture
def tables() -> Iterator[list[str]]:
    """The tables of a stack that was just deployed."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        names = ["Tidemark-Table", "Tidemark-Keys", "Tidemark-Idempotency"]
        for name in names:
            dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        outputs = {"TableName": names[0], "KeysTableName": names[1], "BucketName": "b"}
        template = {
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        cloudformation = boto3.client("cloudformation", region_name=REGION)
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        yield names
        # Moto may be in use around this test, so nothing must stay.
        cloudformation.delete_stack(StackName=STACK)
        for name in names:
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=name)


def _protected(names: list[str]) -> list[str]:
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    tables = [dynamodb.describe_table(TableName=name)["Table"] for name in names]
    return [table["TableName"] for table in tables if table["DeletionProtectionEnabled"]]


def test_make_deploy_checks_before_the_cdk_and_protects_after_it() -> None:
    (recipe,) = re.findall(r"^deploy:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert [line.lstrip("\t@") for line in recipe.splitlines()] == [
        "python -m infra.deployment check $(ARGS)",
        "npx --no-install cdk deploy $(ARGS)",
        "python -m infra.deployment protect $(ARGS)",
    ]


def test_tables_with_users_data_are_protected_after_a_deployment(tables: list[str]) -> None:
    clients = boto3.client("cloudformation", region_name=REGION), boto3.client("dynamodb", region_name=REGION)
    assert protect(*clients) == tables[:2]
    assert _protected(tables) == tables[:2]


def test_tables_that_are_protected_are_left_alone(tables: list[str]) -> None:
    clients = boto3.client("cloudformation", region_name=REGION), boto3.client("dynamodb", region_name=REGION)
    protect(*clients)
    assert protect(*clients) == []
    assert _protected(tables) == tables[:2]


def test_the_step_after_a_deployment_says_what_it_did(
    tables: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", REGION)
    deployment.main(["protect", "--require-approval", "never"])
    assert capsys.readouterr().out.splitlines() == [
        f"Switched on deletion protection of {name}." for name in tables[:2]
    ]
