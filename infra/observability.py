"""What tells an operator that something is wrong, and a dashboard to see what.

Alarms have no action of their own: CloudWatch puts every change of state on the account's event bus, from where a rule
sends it where the operator wants it.
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
from infra.queues import Ingest
from infra.workflows import ShardWorkflow, Workflows

MINUTE = Duration.minutes(1)
WORST, TOTAL, MOST = "Maximum", "Sum", "p95"

LATE_SECONDS = 300
"""Age at which a message is late: it has been tried several times, and there are ten minutes left to mend the cause."""


THROTTLED = ("too_many_requests", "too_many_rows_in_flight")
"""Reasons for which the API answers 429. Their senders are told; nobody else has to do anything."""

FILES_LATE_SECONDS = 600
"""The same of a file, whose tries are five minutes apart: it was tried twice, or has waited for others as long."""


class Observability(Construct):
    """Alarms on what users would notice sooner or later, and a dashboard."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        api: Api,
        functions: Functions,
        ingest: Ingest,
        data: Data,
        workflows: Workflows,
    ) -> None:
        super().__init__(scope, name)
        self._parts = (api, functions, ingest, data)
        self.alarms = [
            *self._queue_alarms(ingest),
            *(alarm for function in functions.all for alarm in self._function_alarms(function)),
            self._given_up_alarm(),
            *(alarm for workflow in workflows.all for alarm in self._workflow_alarms(workflow)),
            self._api_alarm(api),
            self._table_alarm(data),
        ]
        self._draw()

    def _alarm(
        self, name: str, metric: cloudwatch.IMetric, meaning: str, *, above: float = 0, minutes: int = 1
    ) -> cloudwatch.Alarm:
        """Alarms when `metric` is above a value for `minutes` minutes on end. No data means that nothing happened."""
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

    def _queue_alarms(self, ingest: Ingest) -> list[cloudwatch.Alarm]:
        late = [
            self._alarm(
                f"{name}Late",
                queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=WORST),
                f"The oldest message of {name} waits for more than {seconds} s: {meaning}.",
                above=seconds,
            )
            for name, queue, seconds, meaning in (
                ("Windows", ingest.windows, LATE_SECONDS, "uploads are applied late; is apply failing or throttled?"),
                ("Settled", ingest.settled, LATE_SECONDS, "versions come late; is publish failing or throttled?"),
                ("Files", ingest.files, FILES_LATE_SECONDS, "files are read late; is intake failing or throttled?"),
                (
                    "WindowsDead",
                    ingest.windows_dead,
                    LATE_SECONDS,
                    "windows given up are not reported; is dead_letter failing?",
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
                    ingest.settled_dead,
                    "Settled messages were set aside: their uploads wait for the sweep, or for these to be sent again.",
                ),
                (
                    "FilesDead",
                    ingest.files_dead,
                    "Orders about files were set aside: the files wait for the sweep, or for these to be sent again.",
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
        ]

    def _given_up_alarm(self) -> cloudwatch.Alarm:
        """The dead letter queue is emptied as soon as it fills, so what it held is counted where it is read."""
        return self._alarm(
            "WindowsGivenUp",
            _own("dead_letter", "WindowsGivenUp"),
            "Windows could not be applied and were reported as failed in their uploads; the log of apply says why.",
        )

    def _workflow_alarms(self, workflow: ShardWorkflow) -> list[cloudwatch.Alarm]:
        name, machine = workflow.node.id, workflow.machine
        return [
            self._alarm(
                f"{name}Failed",
                machine.metric_failed(period=MINUTE, statistic=TOTAL),
                f"A {name.lower()} failed for good; its execution says at which step and why.",
            ),
            self._alarm(
                f"{name}TimedOut",
                machine.metric_timed_out(period=MINUTE, statistic=TOTAL),
                f"A {name.lower()} was ended by Step Functions, and nothing has recorded that; it has to be recorded.",
            ),
        ]

    def _api_alarm(self, api: Api) -> cloudwatch.Alarm:
        return self._alarm(
            "ApiServerErrors",
            api.stage.metric_server_error(period=MINUTE, statistic=TOTAL),
            "The API answered 5xx; the log of api says why.",
        )

    def _table_alarm(self, data: Data) -> cloudwatch.Alarm:
        return self._alarm(
            "TableThrottled",
            data.table.metric("WriteThrottleEvents", period=MINUTE, statistic=TOTAL),
            "The table throttles writes: shards take more than a partition's throughput. Windows are tried again.",
            minutes=5,
        )

    def _draw(self) -> None:
        api, functions, ingest, data = self._parts
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
            _graph("Answer time, ms", [api.stage.metric_latency(period=MINUTE, statistic=MOST)]),
        )
        dashboard.add_widgets(
            _graph(
                "Requests refused for being too many",
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
                [_age(ingest.files, "files"), _age(ingest.windows, "windows"), _age(ingest.settled, "settled")],
            ),
        )
        dashboard.add_widgets(
            _graph(
                "Duration of functions, ms", [f.metric_duration(statistic=MOST, period=MINUTE) for f in functions.all]
            ),
            _graph("Errors of functions", [f.metric_errors(statistic=TOTAL, period=MINUTE) for f in functions.all]),
            _graph(
                "Capacity units of the table",
                [
                    data.table.metric_consumed_write_capacity_units(period=MINUTE, statistic=TOTAL),
                    data.table.metric_consumed_read_capacity_units(period=MINUTE, statistic=TOTAL),
                ],
            ),
        )


def _own(service: str, name: str, **dimensions: str) -> cloudwatch.Metric:
    """A metric that a function counts itself."""
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
