"""The CloudFormation stack: connects its constructs, and outputs the names that clients and operators need."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.api import Api
from infra.bundle import Bundles
from infra.capacity import Capacity
from infra.data import Data
from infra.drop_folder import DropFolder
from infra.functions import Functions
from infra.observability import Observability
from infra.oidc_settings import OidcSettings
from infra.queues import Queues
from infra.workflows import Workflows


class Tidemark(Stack):
    """Everything that Tidemark deploys to an account."""

    def __init__(
        self, scope: Construct, name: str, *, bundles: Bundles, oidc: OidcSettings | None, capacity: Capacity
    ) -> None:
        super().__init__(scope, name, description="Tidemark: a versioned store for datasets that keep changing")
        self.data = Data(self, "Data", write_units=capacity.write_units)
        self.queues = Queues(self, "Ingest")
        self.drop_folder = DropFolder(self, "DropFolder", data=self.data, queues=self.queues)
        self.functions = Functions(
            self, "Functions", bundles=bundles, data=self.data, queues=self.queues, oidc=oidc, capacity=capacity
        )
        self.workflows = Workflows(self, "Workflows", functions=self.functions, shards=capacity.workflow_shards)
        self.api = Api(self, "Api", handler=self.functions.api, authorizer=self.functions.authorizer)
        Observability(
            self,
            "Observability",
            api=self.api,
            functions=self.functions,
            queues=self.queues,
            data=self.data,
            workflows=self.workflows,
        )
        self._output("ApiUrl", self.api.url)
        self._output("TableName", self.data.table.table_name)
        self._output("BucketName", self.data.bucket.bucket_name)
        self._output("KeysTableName", self.data.keys.table_name)
        self._output("WindowsQueueUrl", self.queues.windows.queue_url)
        self._output("SettledQueueUrl", self.queues.settled.queue_url)
        self._output("FilesQueueUrl", self.queues.files.queue_url)

    def _output(self, name: str, value: str) -> None:
        CfnOutput(self, name, value=value)
