"""Prices, by examples computed by hand."""

from collections import Counter

import pytest

from tests.bench.cpu import Cpu
from tests.bench.metering import Tally
from tests.bench.prices import dollars
from tests.bench.process import Usage


def test_what_is_counted_is_charged_by_the_piece() -> None:
    requests = Counter({"s3.PutObject": 2, "s3.GetObject": 3})
    tally = Tally(requests, write_units=10, read_units=4, sqs_charged=6, events=5)
    costs = dollars({"api": Usage(calls=1, tally=tally, log_bytes=1000)})
    assert costs["DynamoDB"] == pytest.approx(10 * 0.625e-6 + 4 * 0.125e-6)
    assert costs["S3"] == pytest.approx(2 * 5e-6 + 3 * 0.4e-6)
    assert costs["SQS"] == pytest.approx(6 * 0.5e-6)
    assert costs["EventBridge"] == pytest.approx((5 + 2) * 1e-6)
    assert costs["logs"] == pytest.approx(1000 * 0.5e-9)


def test_what_s3_does_is_charged_as_a_put_or_as_a_get() -> None:
    tally = Tally(Counter({"s3.PutObjectTagging": 2, "s3.HeadObject": 3}))
    assert dollars({"intake": Usage(calls=1, tally=tally)})["S3"] == pytest.approx(2 * 5e-6 + 3 * 0.4e-6)


def test_what_no_function_asks_for_is_charged_without_lambda() -> None:
    costs = dollars({"outside": Usage(tally=Tally(Counter({"s3.PutObject": 1})))})
    assert costs["S3"] == pytest.approx(5e-6)
    assert costs["Lambda"] == costs["API Gateway"] == 0


@pytest.mark.parametrize(("carried", "charged"), [(100, 1), (512 * 1024, 1), (512 * 1024 + 1, 2)])
def test_the_gateway_charges_what_it_carries_in_chunks(carried: int, charged: int) -> None:
    assert dollars({"api": Usage(calls=1, carried_bytes=carried)})["API Gateway"] == pytest.approx(charged * 1e-6)


def test_a_function_computes_at_its_share_of_a_core_and_waits_for_its_requests() -> None:
    usage = Usage(calls=1, tally=Tally(Counter({"dynamodb.Query": 17})), cpu=Cpu(ours=30, sdk=10))
    computing, waiting = 0.040 * 1769 / 1024, 2 * 0.010
    assert dollars({"api": usage})["Lambda"] == pytest.approx(0.2e-6 + (computing + waiting) * 0.0000133334)
