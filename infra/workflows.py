"""The Step Functions state machines, which do long work on all shards of a dataset in many calls of one function.

All state machines have the steps that `tidemark.domain.workflows` describes, and the same retries and time limits. If a
step fails for good, the function is called once more to record the failure, before the execution fails.
"""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.functions import Functions
from infra.lambda_function import Function
from infra.review import accept
from infra.vended_logs import VendedLogs

WORK_TIMEOUT = Duration.hours(12)
"""Longest time for an execution's work. After that time the function is called to record the failure. Work that is
started again continues where it stopped."""

EXECUTION_TIMEOUT = WORK_TIMEOUT.plus(Duration.hours(1))
"""Age at which Step Functions ends an execution without calling the function, in case recording a failure hangs."""

CALL_TIMEOUT = Duration.minutes(15)
"""Longest wait for a call's response. Lambda ends the call long before; the limit is for a response that is lost."""

TOOK_TOO_LONG = {
    "Error": "TookTooLong",
    "Cause": f"The work was not done after {WORK_TIMEOUT.to_hours():.0f} hours.",
}
"""The failure that is recorded when an execution exceeds `WORK_TIMEOUT`."""

TOO_LATE = f"$millis() - $toMillis($states.context.Execution.StartTime) > {WORK_TIMEOUT.to_milliseconds():.0f}"

ANY_ERROR = ["States.ALL"]

THROTTLED = ["Lambda.TooManyRequestsException"]
"""The error of a call for which the account had no concurrency left."""

MAX_THROTTLED_CALLS = 100
"""Most retries of a call that is throttled, before the execution fails: almost four hours. They say nothing about the
work, so they do not count as its failures. A retry takes three events of the execution's history."""

MAX_FAILED_CALLS = 8
"""Most retries of a call that fails, before the execution fails: a quarter of an hour at most."""


class ShardWorkflow(Construct):
    """A state machine that calls `function` with `{"step": "shard"}` for each shard, then with `{"step": "finish"}`.

    An execution's input is `{"work": …, "shards": [0, 1, …]}`. Each step is repeated until the function returns
    `{"done": true}`. If a step fails for good, or the work takes too long, the function is called with
    `{"step": "fail"}` and the reason, and the execution fails with the same reason. Calls for other shards may then
    still be running, until their timeout. An execution works on `shards` shards at once.

    Step Functions has two limits. An input has at most *256 KB*. Only `work` counts, since it is passed to every call;
    progress is stored in the table, and nothing is collected from the shards. An execution's history has at most
    *25,000 events*; one more event ends the execution without a call. A call takes 7 events, and 3 more for each retry.
    In 12 hours 16 parallel shards make 2,880 calls of four minutes, which take 20,000 events. A call with work left
    must therefore have worked for about four minutes, not for one page, when it returns.
    """

    def __init__(
        self, scope: Construct, name: str, *, function: Function, started_by: Sequence[Function], shards: int
    ) -> None:
        super().__init__(scope, name)
        self._function = function
        self._shards_at_once = shards
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        accept(
            role,
            "IAM5[Resource::*]",
            reason="The actions that deliver logs and X-Ray's traces cannot be limited to a resource.",
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(self._definition()),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=EXECUTION_TIMEOUT,
            role=role,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=VendedLogs(
                    self, "Logs", service="states", title=name, retention=logs.RetentionDays.ONE_MONTH
                ),
                # Logs which step of which execution failed, without its data, which contains users' names. The function
                # logs why it failed, and Step Functions keeps each execution's input and errors for 90 days.
                level=sfn.LogLevel.ERROR,
                include_execution_data=False,
            ),
        )
        accept(
            self.machine,
            "SF1",
            reason="Step Functions keeps all events of an execution for 90 days; a log would repeat them.",
        )
        for starter in started_by:
            starter.add_environment(f"TIDEMARK_WORKFLOW_{name.upper()}", self.machine.state_machine_arn)
            starter.allow(["states:StartExecution"], [self.machine.state_machine_arn])

    def _definition(self) -> sfn.IChainable:
        fail = self._call("Fail", "{% $states.input %}", failure="{% $states.input.failure %}")
        fail.next(
            sfn.Fail.jsonata(
                self, "Failed", error="{% $states.input.failure.Error %}", cause="{% $states.input.failure.Cause %}"
            )
        )
        shards = sfn.Map.jsonata(
            self,
            "Shards",
            items=sfn.ProvideItems.jsonata("{% $states.input.shards %}"),
            item_selector={"shard": "{% $states.context.Map.Item.Value %}"},
            max_concurrency=self._shards_at_once,
            outputs={},
        )
        shards.item_processor(self._shard())
        finish = self._call("Finish", {"done": "{% $states.result.Payload.done %}"})
        for state in (shards, finish):
            # Not every error has a cause, which the state `Failed` needs.
            failure = "{% $merge([{'Cause': ''}, $states.errorOutput]) %}"
            state.add_catch(fail, errors=ANY_ERROR, outputs={"failure": failure})
        late = sfn.Pass.jsonata(self, "FinishLate", outputs={"failure": TOOK_TOO_LONG})
        late.next(fail)
        self._repeat_until_done(finish, then=sfn.Succeed.jsonata(self, "Done"), late=late)
        return shards.next(finish)

    def _shard(self) -> sfn.IChainable:
        """Returns the first of the states that process a shard."""
        shard = self._call(
            "Shard",
            {"shard": "{% $states.input.shard %}", "done": "{% $states.result.Payload.done %}"},
            shard="{% $states.input.shard %}",
        )
        late = sfn.Fail.jsonata(self, "ShardLate", error=TOOK_TOO_LONG["Error"], cause=TOOK_TOO_LONG["Cause"])
        self._repeat_until_done(shard, then=sfn.Succeed.jsonata(self, "ShardDone", outputs={}), late=late)
        return shard

    def _call(self, name: str, outputs: object, **arguments: str) -> tasks.LambdaInvoke:
        """Returns a state that calls the function for a step of the execution's work.

        The function waits for transient errors by itself (`functions.workflow_step`). A call that fails otherwise is
        retried, since a process may die. The delays grow from seconds to five minutes. Each is shortened at
        random, so that shards that were throttled together do not retry together.
        """
        work = "{% $states.context.Execution.Input.work %}"
        call = tasks.LambdaInvoke.jsonata(
            self,
            name,
            lambda_function=self._function,
            payload=sfn.TaskInput.from_object({"step": name.lower(), "work": work, **arguments}),
            outputs=outputs,
            task_timeout=sfn.Timeout.duration(CALL_TIMEOUT),
            retry_on_service_exceptions=False,
        )
        # The first entry that names the error counts. `States.ALL` must be in the last one.
        for errors, attempts in ((THROTTLED, MAX_THROTTLED_CALLS), (ANY_ERROR, MAX_FAILED_CALLS)):
            call.add_retry(
                errors=errors,
                interval=Duration.seconds(2),
                backoff_rate=2.5,
                max_delay=Duration.minutes(5),
                max_attempts=attempts,
                jitter_strategy=sfn.JitterType.FULL,
            )
        return call

    def _repeat_until_done(self, call: tasks.LambdaInvoke, *, then: sfn.IChainable, late: sfn.IChainable) -> None:
        """Repeats `call` until the work is done, and goes on to `then`; goes on to `late` once the time is up."""
        is_done = sfn.Choice.jsonata(self, f"{call.node.id}Done?")
        is_done.when(sfn.Condition.jsonata("{% $states.input.done %}"), then)
        is_done.when(sfn.Condition.jsonata(f"{{% {TOO_LATE} %}}"), late)
        is_done.otherwise(call)
        call.next(is_done)


class Workflows(Construct):
    """All state machines, each with the functions that may start it."""

    def __init__(self, scope: Construct, name: str, *, functions: Functions, shards: int) -> None:
        super().__init__(scope, name)
        api, intake = functions.api, functions.intake
        self.transfer = ShardWorkflow(
            self, "Transfer", function=functions.transfer, started_by=[api, intake], shards=shards
        )
        self.purge = ShardWorkflow(self, "Purge", function=functions.purge, started_by=[api], shards=shards)
        self.checkpoint = ShardWorkflow(
            self, "Checkpoint", function=functions.checkpoint, started_by=[api], shards=shards
        )
        self.all = [self.transfer, self.purge, self.checkpoint]
