"""The state machines: long work on all shards of a dataset, done by calling one function again and again.

All have the one shape that `tidemark.domain.workflows` describes, so that what is true of one is true of all: what is
tried again, how long it may take, and that a failure for good is told to the function before the execution ends.
"""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.function import Function
from infra.functions import Functions
from infra.review import accept

SHARDS_AT_ONCE = 16
"""Shards of one execution that are worked on at once: all of a dataset that is made without saying how many."""

LONGEST = Duration.hours(12)
"""How long an execution goes on. What takes longer is told to its function as a failure, and can be started again."""

STOPPED_AFTER = LONGEST.plus(Duration.hours(1))
"""When Step Functions ends an execution by itself, without a word to the function: should not even that have ended."""

CALL = Duration.minutes(15)
"""How long one call is waited for. Lambda ends it long before; this is for an answer that is lost."""

AGAIN: dict[str, Any] = {
    "ErrorEquals": ["States.ALL"],
    "IntervalSeconds": 2,
    "BackoffRate": 2.5,
    "MaxDelaySeconds": 300,
    "MaxAttempts": 8,
    "JitterStrategy": "FULL",
}
"""What fails is tried again whatever it was, as in the queues: a table that does not answer is far more frequent than
work that cannot be done. The delays grow from seconds to five minutes and come to a quarter of an hour at most; each is
cut at random, so that shards that were throttled together do not come back together."""


class ShardWorkflow(Construct):
    """A state machine that has `function` do `{"step": "shard"}` for each shard, then `{"step": "finish"}`.

    Its input is `{"work": …, "shards": [0, 1, …]}`. Each step is called until it answers `{"done": true}`. Where one
    fails for good, or the work takes too long, `{"step": "fail"}` is called with the reason, and the execution fails
    with the same. At that moment calls for other shards may still run, for as long as their function's time.

    Step Functions keeps to two limits. *256 KB* are passed at most: `work` goes to every call, progress is on record,
    and nothing is collected from the shards, so `work` alone counts. *25,000 events* make an execution's history; one
    more ends it without a word. A call makes 7, and 3 for each time that it is tried again. In 12 hours 16 shards at
    once come to 2,880 calls of four minutes, 20,000 events: so a call that answers that it is not done has to have
    worked for about four minutes, not for one page.
    """

    def __init__(self, scope: Construct, name: str, *, function: Function, started_by: Sequence[Function]) -> None:
        super().__init__(scope, name)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]))
        accept(
            role,
            "IAM5[Resource::*]",
            reason="The delivery of logs and X-Ray's actions know no resource to be limited to.",
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition())),
            definition_substitutions={"Function": function.function_arn},
            role=role,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=logs.LogGroup(
                    self, "Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
                ),
                # Which step of which execution failed. What it worked on has names of users in it; the function logs
                # why it failed, and Step Functions itself keeps each execution's input and errors for 90 days.
                level=sfn.LogLevel.ERROR,
                include_execution_data=False,
            ),
        )
        accept(
            self.machine,
            "SF1",
            reason="All events of an execution are kept for 90 days by Step Functions; a log would repeat that.",
        )
        for starter in started_by:
            starter.add_environment(f"TIDEMARK_WORKFLOW_{name.upper()}", self.machine.state_machine_arn)
            starter.allow(["states:StartExecution"], [self.machine.state_machine_arn])


class Workflows(Construct):
    """All state machines, and which function starts each of them."""

    def __init__(self, scope: Construct, name: str, *, functions: Functions) -> None:
        super().__init__(scope, name)
        self.transfer = ShardWorkflow(
            self, "Transfer", function=functions.transfer, started_by=[functions.api, functions.intake]
        )
        self.purge = ShardWorkflow(self, "Purge", function=functions.purge, started_by=[functions.api])
        self.checkpoint = ShardWorkflow(self, "Checkpoint", function=functions.checkpoint, started_by=[functions.api])
        self.all = [self.transfer, self.purge, self.checkpoint]


def definition() -> dict[str, Any]:
    """The state machine in Amazon States Language; `${Function}` stands for the function's ARN."""
    return {
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": STOPPED_AFTER.to_seconds(),
        "StartAt": "Shards",
        "States": {
            "Shards": {
                "Type": "Map",
                "Items": "{% $states.input.shards %}",
                "ItemSelector": {"shard": "{% $states.context.Map.Item.Value %}"},
                "MaxConcurrency": SHARDS_AT_ONCE,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Shard",
                    "States": {
                        "Shard": _call("shard", shard="{% $states.input.shard %}")
                        | {
                            "Output": {
                                "shard": "{% $states.input.shard %}",
                                "done": "{% $states.result.Payload.done %}",
                            },
                            "Next": "ShardDone?",
                        },
                        "ShardDone?": _done(then="ShardDone", late="ShardLate", otherwise="Shard"),
                        "ShardDone": {"Type": "Succeed", "Output": {}},
                        "ShardLate": {"Type": "Fail", **TOOK_TOO_LONG},
                    },
                },
                "Output": {},
                "Catch": [_CAUGHT],
                "Next": "Finish",
            },
            "Finish": _call("finish")
            | {"Output": {"done": "{% $states.result.Payload.done %}"}, "Catch": [_CAUGHT], "Next": "FinishDone?"},
            "FinishDone?": _done(then="Done", late="FinishLate", otherwise="Finish"),
            "Done": {"Type": "Succeed"},
            "FinishLate": {"Type": "Pass", "Output": {"failure": TOOK_TOO_LONG}, "Next": "Fail"},
            "Fail": _call("fail", failure="{% $states.input.failure %}")
            | {"Output": "{% $states.input %}", "Next": "Failed"},
            "Failed": {
                "Type": "Fail",
                "Error": "{% $states.input.failure.Error %}",
                "Cause": "{% $states.input.failure.Cause %}",
            },
        },
    }


TOOK_TOO_LONG = {
    "Error": "TookTooLong",
    "Cause": f"The work was not done after {LONGEST.to_hours():.0f} hours.",
}
"""What is recorded of work that was ended for its duration."""

_CAUGHT = {
    "ErrorEquals": ["States.ALL"],
    "Output": {"failure": "{% $merge([{'Cause': ''}, $states.errorOutput]) %}"},
    "Next": "Fail",
}
"""Not every error has a cause, which the `Fail` state needs."""


def _call(step: str, **more: str) -> dict[str, Any]:
    """A state that calls the function for a step of the execution's work."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {
            "FunctionName": "${Function}",
            "Payload": {"step": step, "work": "{% $states.context.Execution.Input.work %}", **more},
        },
        "TimeoutSeconds": CALL.to_seconds(),
        "Retry": [AGAIN],
    }


def _done(*, then: str, late: str, otherwise: str) -> dict[str, Any]:
    """A state that looks at what a call has answered, and whether there is time for another."""
    since = "$millis() - $toMillis($states.context.Execution.StartTime)"
    return {
        "Type": "Choice",
        "Choices": [
            {"Condition": "{% $states.input.done %}", "Next": then},
            {"Condition": f"{{% {since} > {LONGEST.to_milliseconds():.0f} %}}", "Next": late},
        ],
        "Default": otherwise,
    }
