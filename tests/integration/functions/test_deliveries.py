"""What becomes of a message whose work failed: it waits for a transient error to pass, or is given up or set aside."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from functions.apply import handler as apply
from functions.intake import handler as intake
from functions.publish import handler as publish
from tests.integration.functions.conftest import Context
from tests.integration.functions.test_batches import send, status
from tests.simulation.invocation import Invocation, Perform
from tests.simulation.queues import MAX_RECEIVES, Message, Queue
from tests.simulation.world import World
from tidemark.aws import deliveries
from tidemark.aws.table import Contended
from tidemark.domain.uploads import UploadStatus
from tidemark.domain.windows import Window
from tidemark.ingest import file_reader
from tidemark.recovery import delivered, resume
from tidemark.shards import log
from tidemark.shards.packs import PackCorrupt

MANY = 500
"""More receives than a message has in any outage of hours."""


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def deliver(world: World, function: ModuleType, queue: Queue, group: str, *, receives: int | None = None) -> Message:
    """Receives the first message of a group and calls the function with it. Returns the message."""
    ((message, *_), _) = queue.receive(group, 1, world.now)
    if receives is not None:
        message.receives = receives
    record = {
        "messageId": message.deduplication_id,
        "receiptHandle": message.handle,
        "body": message.body,
        "eventSource": "aws:sqs",
        "attributes": {
            "MessageGroupId": message.group,
            "SequenceNumber": str(message.token.sequence),
            "SentTimestamp": str(message.token.sent_at),
            "ApproximateReceiveCount": str(message.receives),
        },
    }
    answer = function.handler({"Records": [record]}, Context())
    if not answer["batchItemFailures"]:
        queue.delete(message)
    return message


def fail_to_apply(world: World, error: Exception, deliveries: int) -> None:
    """Delivers the first window until it is decided, at most so many times, each of which fails with `error`."""
    (group,) = world.windows.groups()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivered, "apply_window", failing(error))
        for _ in range(deliveries):
            if not world.windows.waiting[group]:
                return
            message = deliver(world, apply, world.windows, group)
            world.now = max(world.now, message.hidden_until)


def settle(world: World) -> None:
    for uid in world.settled.groups():
        deliver(world, publish, world.settled, uid)


def test_a_window_that_is_throttled_for_hours_is_applied_in_the_end(world: World) -> None:
    upload = send(world, "a")
    fail_to_apply(world, Contended(), deliveries=60)
    (group,) = world.windows.groups()
    deliver(world, apply, world.windows, group)
    settle(world)
    assert status(world, upload) is UploadStatus.SETTLED


def test_a_throttled_window_comes_back_early_and_at_random_times(world: World) -> None:
    for _ in range(5):
        send(world, "a")
    (group,) = world.windows.groups()
    waits = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delivered, "apply_window", failing(Contended()))
        for _ in range(5):
            message = deliver(world, apply, world.windows, group)
            waits.add((message.hidden_until - world.now).total_seconds())
            world.windows.delete(message)
    assert max(waits) < world.windows.visibility.total_seconds() / 2
    assert len(waits) > 1


def test_a_window_waits_longer_the_longer_an_outage_lasts_but_at_most_ten_minutes() -> None:
    waits = [deliveries.wait_seconds(deliveries.WINDOWS_PACE, receives) for receives in (1, 100, 999)]
    assert waits == sorted(waits)
    assert waits[-1] <= 600


def test_postponing_lasts_as_long_as_an_upload_may_be_pending() -> None:
    for pace in (deliveries.WINDOWS_PACE, deliveries.SETTLED_PACE, deliveries.FILES_PACE):
        total = sum(deliveries.wait_seconds(pace, receives) for receives in range(1, MAX_RECEIVES))
        assert timedelta(days=3) < timedelta(seconds=total) < resume.PENDING_TIMEOUT


def test_a_window_that_fails_for_a_reason_of_its_own_is_given_up_and_its_shard_goes_on(world: World) -> None:
    failed, later = send(world, "a"), send(world, "a")
    fail_to_apply(world, PackCorrupt(), deliveries=delivered.UNCOUNTED_DELIVERIES + delivered.MAX_ATTEMPTS)
    settle(world)
    assert status(world, failed) is UploadStatus.PENDING
    fail_to_apply(world, PackCorrupt(), deliveries=1)
    (group,) = world.windows.groups()
    deliver(world, apply, world.windows, group)
    settle(world)
    settle(world)
    assert (status(world, failed), status(world, later)) == (UploadStatus.FAILED, UploadStatus.SETTLED)


def test_an_attempt_whose_process_dies_counts_as_an_attempt(world: World) -> None:
    failed = send(world, "a")
    (group,) = world.windows.groups()
    for _ in range(delivered.UNCOUNTED_DELIVERIES + delivered.MAX_ATTEMPTS):
        world.start_apply(group).run_to("dynamodb.TransactWriteItems").crash(after=False)
    world.start_apply(group).run()
    settle(world)
    assert status(world, failed) is UploadStatus.FAILED


class LostResponses:
    """The table works, but the responses to its updates get lost."""

    def meet(self, call: str, request: AWSPreparedRequest, perform: Perform) -> AWSResponse:
        response = perform(request)
        if call == "dynamodb.UpdateItem":
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return response


def test_an_attempt_that_is_counted_again_because_a_response_was_lost_counts_once(world: World) -> None:
    upload = send(world, "a")
    (group,) = world.windows.groups()
    message = world.first_window(group)
    message.receives = delivered.UNCOUNTED_DELIVERIES
    for _ in range(delivered.MAX_ATTEMPTS // 2):
        message.receives += 1
        settle_window = partial(
            delivered.settle,
            world.process(),
            Window.model_validate_json(message.body),
            message.token,
            receives=message.receives,
        )
        lost = Invocation("lost", settle_window, trouble=LostResponses()).run()
        assert lost.calls.count("dynamodb.UpdateItem") > 1
    world.start_apply(group).run()
    settle(world)
    assert status(world, upload) is UploadStatus.SETTLED


def test_deliveries_that_reach_no_function_do_not_count_as_attempts(world: World) -> None:
    upload = send(world, "a")
    (group,) = world.windows.groups()
    deliver(world, apply, world.windows, group, receives=MANY)
    settle(world)
    assert status(world, upload) is UploadStatus.SETTLED


def test_transient_errors_between_others_are_not_counted(world: World) -> None:
    upload = send(world, "a")
    for _ in range(delivered.MAX_ATTEMPTS):
        fail_to_apply(world, PackCorrupt(), deliveries=1)
        fail_to_apply(world, Contended(), deliveries=3)
    (group,) = world.windows.groups()
    deliver(world, apply, world.windows, group)
    settle(world)
    assert status(world, upload) is UploadStatus.SETTLED


def test_a_settled_window_is_published_however_long_the_table_was_throttled(world: World) -> None:
    upload = send(world, "a")
    (group,) = world.windows.groups()
    deliver(world, apply, world.windows, group)
    (uid,) = world.settled.groups()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "shard_heads", failing(Contended()))
        message = deliver(world, publish, world.settled, uid, receives=MANY)
    assert (world.settled_dead, world.settled.groups()) == ([], [uid])
    world.now = message.hidden_until
    settle(world)
    assert status(world, upload) is UploadStatus.SETTLED


@pytest.mark.parametrize(("receives", "set_aside"), [(publish.MAX_RECEIVES - 1, False), (publish.MAX_RECEIVES, True)])
def test_a_settled_window_that_cannot_be_published_is_set_aside_after_a_quarter_of_an_hour(
    world: World, receives: int, set_aside: bool
) -> None:
    send(world, "a")
    (group,) = world.windows.groups()
    deliver(world, apply, world.windows, group)
    (uid,) = world.settled.groups()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "shard_heads", failing(KeyError("a bug")))
        message = deliver(world, publish, world.settled, uid, receives=receives)
    dead = [(dead.group, dead.body) for dead in world.settled_dead]
    assert dead == ([(uid, message.body)] if set_aside else [])
    assert (world.settled.groups() == []) is set_aside


@pytest.mark.parametrize(
    ("receives", "set_aside"), [(apply.MAX_UNREADABLE_RECEIVES - 1, False), (apply.MAX_UNREADABLE_RECEIVES, True)]
)
def test_a_message_that_is_no_window_is_set_aside_after_a_quarter_of_an_hour(
    world: World, receives: int, set_aside: bool
) -> None:
    world.windows.send(Message("shard", "poison", "not a window"), world.now)
    deliver(world, apply, world.windows, "shard", receives=receives)
    assert [dead.body for dead in world.dead] == (["not a window"] if set_aside else [])
    assert (world.windows.groups() == []) is set_aside


@pytest.mark.parametrize(
    ("error", "receives", "set_aside"),
    [
        (Contended(), MANY, False),
        (KeyError("a bug"), intake.MAX_RECEIVES - 1, False),
        (KeyError("a bug"), intake.MAX_RECEIVES, True),
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside_unless_the_error_is_transient(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, receives: int, set_aside: bool
) -> None:
    monkeypatch.setattr(intake, "backend", world.process())
    monkeypatch.setattr(file_reader, "read_file", failing(error))
    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": '{"kind":"read","uid":"d1","upload":"u1","file":0}',
        "eventSource": "aws:sqs",
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }
    answer = intake.handler({"Records": [record]}, Context())
    assert bool(answer["batchItemFailures"]) is not set_aside
    assert [dead.body for dead in world.files_dead] == ([record["body"]] if set_aside else [])
