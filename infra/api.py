"""The HTTP API: API Gateway passes each request that the authorizer admits to the api function.

Only the OpenAPI document needs no authorizer. The gateway has no routes of its own for other resources, so that the api
function also responds to unknown URL paths, in the API's error format.
"""

import json

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.review import accept
from infra.vended_logs import VendedLogs

BASE_PATH = "/api/v2"

REQUESTS_PER_SECOND = 2000
"""Most requests per second from all API keys together, counting those that the function refuses. It is twenty times the
limit of one API key, so that the function refuses a key that floods the API while the stage still has room for others.

At 50 to 100 ms a call, this many requests run 100 to 200 functions in parallel, far below an account's usual limit of
1,000; a refusal takes a few ms. The gateway refuses requests above the limit with a 429, which costs nothing and which
clients retry."""

BURST = 1000
"""Most requests that the gateway accepts at once: as many as an account usually may run functions in parallel."""

ACCESS_LOG = {
    "at": "requestTime",
    "request": "requestId",
    "actor": "authorizer.actor",
    "ip": "identity.sourceIp",
    "method": "httpMethod",
    "path": "path",
    "status": "status",
    "bytes": "responseLength",
    "ms": "responseLatency",
    "authorizer_error": "authorizer.error",
    "integration_error": "integrationErrorMessage",
}
"""Fields of an entry in the access log, and the API Gateway variable that each is filled from. The sender is logged by
name. Headers and bodies are not logged, and so no API key is."""


class Api(Construct):
    """An HTTP API with a single stage, which is throttled and writes an access log."""

    def __init__(
        self, scope: Construct, name: str, *, handler: lambda_.IFunction, authorizer: lambda_.IFunction
    ) -> None:
        super().__init__(scope, name)
        integration = integrations.HttpLambdaIntegration("Handler", handler)
        self.http_api = apigateway.HttpApi(
            self,
            "Http",
            description="Tidemark: versioned datasets",
            create_default_stage=False,
            default_integration=integration,
            default_authorizer=authorizers.HttpLambdaAuthorizer(
                "Authorizer",
                authorizer,
                response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
                # An API key is sent in one of two headers. The gateway's cache would need both headers as its cache key
                # and would refuse requests that lack either, so the authorizer has a cache of its own.
                identity_source=[],
                results_cache_ttl=Duration.seconds(0),
            ),
        )
        description = self.http_api.add_routes(
            path=f"{BASE_PATH}/openapi.json",
            methods=[apigateway.HttpMethod.GET],
            integration=integration,
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        for route in description:
            accept(route, "APIG4", reason="The API's description is the same for everyone and contains no user data.")
        self.access_logs = VendedLogs(
            self, "AccessLogs", service="apigateway", title="Access", retention=logs.RetentionDays.THREE_MONTHS
        )
        self.stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.http_api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=REQUESTS_PER_SECOND, burst_limit=BURST),
        )
        stage = self.stage.node.default_child
        assert isinstance(stage, apigateway.CfnStage)  # noqa: S101 - the CDK types a child as any construct
        stage.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=self.access_logs.log_group_arn,
            format=json.dumps({name: f"$context.{value}" for name, value in ACCESS_LOG.items()}),
        )

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"{self.http_api.api_endpoint}{BASE_PATH}"
