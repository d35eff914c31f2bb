"""CloudWatch alarms, and a dashboard to find an alarm's cause.

Alarms have no actions. CloudWatch sends every change of an alarm's state to the account's event bus, where operators
add rules to be notified.
"""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.api import Api
from infra.data import Data
from infra.functions import Functions
from infra.lambda_function import METRICS
from infra.queues import Queues
from infra.workflows import ShardWorkflow, Workflows

MINUTE = Duration.minutes(1)
WORST, TOTAL, MOST = "Maximum", "Sum", "p95"

LATE_SECONDS = 300
"""Seconds after which a message counts as late. It has then failed again and again."""

WINDOWS_LATE_SECONDS = 3600
"""Seconds after which a window counts as late. A window may have to wait for all that is in flight: in a long load of
several datasets into a new table, for three quarters of an hour (docs/capacity.md). A window that holds up its shard is
given up much earlier, which has an alarm of its own."""

FILES_LATE_SECONDS = 600
"""Seconds after which a file counts as late. Two attempts, five minutes apart, have then failed, or other files were
read first."""

THROTTLED = ("too_many_requests", "too_many_rows_in_flight")
"""Error codes of the API's 429 responses. They have no alarm, because only the refused clients have to act."""


class Observability(Construct):
    """Alarms for problems that users would sooner or later notice, and a dashboard."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        api: Api,
        functions: Functions,
        queues: Queues,
        data: Data,
        workflows: Workflows,
    ) -> None:
        super().__init__(scope, name)
        self._parts = (api, functions, queues, data)
        self.alarms = [
            *self._queue_alarms(queues),
            *(alarm for function in functions.all for alarm in self._function_alarms(function)),
            *self._given_up_alarms(),
            *(alarm for workflow in workflows.all for alarm in self._workflow_alarms(workflow)),
            self._api_alarm(api),
            self._table_alarm(data),
        ]
        self._draw()

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, meaning: str, *, above: float = 0, minutes: int = 1
    ) -> cloudwatch.Alarm:
        """Creates an alarm that goes off when `metric` exceeds `above` for `minutes` in a row. Missing data never
        counts."""
        return cloudwatch.Alarm(
            self,
            name,
            alarm_description=meaning,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=minutes,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _queue_alarms(self, queues: Queues) -> list[cloudwatch.Alarm]:
        late = [
            self._alarm(
                f"{name}Late",
                queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=WORST),
                f"The oldest message of {name} has waited for more than {seconds} s: {meaning}",
                above=seconds,
            )
            for name, queue, seconds, meaning in (
                (
                    "Windows",
                    queues.windows,
                    WINDOWS_LATE_SECONDS,
                    "windows are applied late; is apply failing or throttled?",
                ),
                (
                    "Settled",
                    queues.settled,
                    LATE_SECONDS,
                    "versions come late; is publish failing or throttled?",
                ),
                ("Files", queues.files, FILES_LATE_SECONDS, "files are read late; is intake failing or throttled?"),
                (
                    "WindowsDead",
                    queues.windows_dead,
                    LATE_SECONDS,
                    "failed windows are not recorded; is dead_letter failing?",
                ),
            )
        ]
        set_aside = [
            self._alarm(
                f"{name}NotEmpty",
                queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=WORST),
                meaning,
            )
            for name, queue, meaning in (
                (
                    "SettledDead",
                    queues.settled_dead,
                    "Settled messages failed: their uploads wait for the sweep, or until the messages are sent again.",
                ),
                (
                    "FilesDead",
                    queues.files_dead,
                    "Intake tasks failed: their uploads wait for the sweep, or until the messages are sent again.",
                ),
            )
        ]
        return [*late, *set_aside]

    def _function_alarms(self, function: lambda_.Function) -> list[cloudwatch.Alarm]:
        name = function.node.id
        return [
            self._alarm(
                f"{name}Errors",
                function.metric_errors(period=MINUTE, statistic=TOTAL),
                f"{name} failed, timed out or ran out of memory; its log says why.",
            ),
            self._alarm(
                f"{name}Throttled",
                function.metric_throttles(period=MINUTE, statistic=TOTAL),
                f"{name} is throttled: the account's limit of concurrent executions is too low for the load.",
                minutes=3,
            ),
            self._alarm(
                f"{name}Looped",
                function.metric("RecursiveInvocationsDropped", period=MINUTE, statistic=TOTAL),
                f"Lambda dropped messages for {name}, because it took them for an endless loop; their uploads wait.",
            ),
        ]

    def _given_up_alarms(self) -> list[cloudwatch.Alarm]:
        """Creates an alarm for each function that gives windows up, on a metric: dead_letter empties its queue too fast
        for an alarm on that."""
        meaning = (
            "Windows could not be applied and were recorded as failed in their uploads; the log of apply says why."
        )
        return [
            self._alarm("WindowsGivenUp", _own("apply", "WindowsGivenUp"), meaning),
            self._alarm("DeadWindowsGivenUp", _own("dead_letter", "WindowsGivenUp"), meaning),
        ]

    def _workflow_alarms(self, workflow: ShardWorkflow) -> list[cloudwatch.Alarm]:
        name, machine = workflow.node.id, workflow.machine
        return [
            self._alarm(
                f"{name}Failed",
                machine.metric_failed(period=MINUTE, statistic=TOTAL),
                f"A {name.lower()} failed for good; its execution shows at which step and why.",
            ),
            self._alarm(
                f"{name}TimedOut",
                machine.metric_timed_out(period=MINUTE, statistic=TOTAL),
                f"Step Functions ended a {name.lower()}, whose failure is not recorded; start its execution again.",
            ),
        ]

    def _api_alarm(self, api: Api) -> cloudwatch.Alarm:
        return self._alarm(
            "ApiServerErrors",
            api.stage.metric_server_error(period=MINUTE, statistic=TOTAL),
            "The API responded with 5xx; the log of api says why.",
        )

    def _table_alarm(self, data: Data) -> cloudwatch.Alarm:
        return self._alarm(
            "TableThrottled",
            data.table.metric("WriteThrottleEvents", period=MINUTE, statistic=TOTAL),
            "The table throttles writes: shards need more than a partition's throughput. Windows are retried.",
            minutes=5,
        )

    def _draw(self) -> None:
        api, functions, queues, data = self._parts
        stack = Stack.of(self)
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=f"{stack.stack_name}-{stack.region}", default_interval=Duration.hours(3)
        )
        dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=self.alarms, width=24))
        dashboard.add_widgets(
            _graph("Requests a minute", [api.stage.metric_count(period=MINUTE, statistic=TOTAL)]),
            _graph(
                "Refused and failed requests",
                [
                    api.stage.metric_client_error(period=MINUTE, statistic=TOTAL),
                    api.stage.metric_server_error(period=MINUTE, statistic=TOTAL),
                ],
            ),
            _graph("Response time, ms", [api.stage.metric_latency(period=MINUTE, statistic=MOST)]),
        )
        dashboard.add_widgets(
            _graph(
                "Throttled requests",
                [
                    *(_own("api", "RequestsThrottled", reason=reason) for reason in THROTTLED),
                    _own("api", "RequestsUncounted"),
                ],
            ),
        )
        rows = [
            _own("api", "RowsAccepted"),
            _own("api", "RowsRejected"),
            *(_own("apply", name) for name in ("RowsApplied", "RowsDropped", "RowsFailed")),
        ]
        dashboard.add_widgets(
            _graph("Rows a minute", rows),
            _graph(
                "Files read and versions published a minute",
                [_own("intake", "FilesRead"), _own("publish", "VersionsPublished")],
            ),
            _graph(
                "Age of the oldest message, s",
                [_age(queues.files, "files"), _age(queues.windows, "windows"), _age(queues.settled, "settled")],
            ),
        )
        dashboard.add_widgets(
            _graph("Function duration, ms", [f.metric_duration(statistic=MOST, period=MINUTE) for f in functions.all]),
            _graph("Function errors", [f.metric_errors(statistic=TOTAL, period=MINUTE) for f in functions.all]),
            _graph(
                "Capacity units of the table",
                [
                    data.table.metric_consumed_write_capacity_units(period=MINUTE, statistic=TOTAL),
                    data.table.metric_consumed_read_capacity_units(period=MINUTE, statistic=TOTAL),
                ],
            ),
        )


def _own(service: str, name: str, **dimensions: str) -> cloudwatch.Metric:
    """Returns the sum per minute of a metric that the function `service` writes."""
    return cloudwatch.Metric(
        namespace=METRICS,
        metric_name=name,
        dimensions_map={"service": service, **dimensions},
        period=MINUTE,
        statistic=TOTAL,
    )


def _age(queue: sqs.Queue, label: str) -> cloudwatch.IMetric:
    return queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=WORST, label=label)


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=[*metrics], width=8)
