"""The client repeats requests that may succeed later, and the program reports the others."""

import httpx2
import pytest

from tests.integration.cli.conftest import Program, Service, problem
from tidemark.client import retrying


def test_it_waits_as_long_as_the_api_asks(tidemark: Program, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(retrying, "pause", waited.append)
    busy = httpx2.Response(503, headers={"retry-after": "7"}, json={"code": "unavailable"})
    service.faults = [busy, busy]
    assert tidemark("projects").status == 0
    assert len(waited) == 2
    assert min(waited) >= 7


def test_it_waits_longer_from_try_to_try_and_gives_up(
    tidemark: Program, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(retrying, "pause", waited.append)
    service.faults = [httpx2.Response(429, json={"message": "Too Many Requests"})] * 20
    result = tidemark("projects")
    assert (result.status, result.err) == (3, "tidemark: Too Many Requests\n")
    assert waited == sorted(waited)


def test_what_the_first_request_is_asked_to_wait_for_is_waited_out_longer(tidemark: Program, service: Service) -> None:
    full = problem(429, "too_many_rows_in_flight", "The dataset has 500,000 rows on their way.")
    full.headers["retry-after"] = "11"
    service.faults = [full] * 11
    assert tidemark("projects").status == 0


def test_a_dataset_that_stays_full_is_told_in_the_words_of_the_api(tidemark: Program, service: Service) -> None:
    full = problem(429, "too_many_rows_in_flight", "The dataset has 500,000 rows on their way.")
    full.headers["retry-after"] = "11"
    service.faults = [full] * 40
    result = tidemark("projects")
    assert (result.status, result.err) == (3, "tidemark: The dataset has 500,000 rows on their way.\n")


def test_what_an_api_that_answers_does_later_is_waited_out_longer(tidemark: Program, service: Service) -> None:
    service.faults = [None, *[httpx2.ConnectError("gone")] * 11]
    assert tidemark("create", "road/spring", "--classes", "car").status == 0


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422])
def test_a_refusal_is_not_tried_again(tidemark: Program, service: Service, status: int) -> None:
    service.faults = [problem(status, "so_it_is", "It cannot be.")]
    result = tidemark("projects")
    assert (result.status, result.err) == (3, "tidemark: It cannot be.\n")
    assert len(service.requests) == 1


def test_a_fault_of_the_service_names_what_its_logs_know(tidemark: Program, service: Service) -> None:
    service.faults = [problem(500, "internal_error", "Something went wrong.", request_id="r-1")] * 20
    assert tidemark("projects").err.splitlines()[1:] == ["tidemark: In the service's logs it is request r-1."]


def test_a_write_whose_first_request_still_runs_is_sent_again(tidemark: Program, service: Service) -> None:
    service.faults = [problem(409, "idempotency_key_in_use")]
    assert tidemark("create", "road").status == 0
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 1


def test_an_answer_of_another_shape_is_told(tidemark: Program, service: Service) -> None:
    service.faults = [httpx2.Response(200, json={"items": [{"name": 1}], "cursor": None})]
    result = tidemark("projects")
    assert result.status == 3
    assert "is not understood" in result.err


def test_it_says_who_it_is(tidemark: Program, service: Service) -> None:
    tidemark("projects")
    assert service.requests[0].headers["user-agent"].startswith("tidemark/")


def test_the_version_is_shown(tidemark: Program) -> None:
    assert tidemark("--version").out.startswith("tidemark 0.")


def test_help_needs_no_settings(tidemark: Program) -> None:
    assert "push" in tidemark("--help").out
    assert tidemark("push", "--help").status == 0


def test_an_unknown_command_is_wrong_usage(tidemark: Program) -> None:
    assert tidemark("pull").status == 2
