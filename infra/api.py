"""The HTTPS door: every route asks the authorizer and is answered by the api function, but for the API's description.

The gateway knows no routes of its own, so that an unknown path is answered in the API's words too.
"""

import json

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.review import accept

BASE_PATH = "/api/v2"

REQUESTS_PER_SECOND = 2000
"""For all keys together, refused requests among them: twenty times what one key may send, so that one that floods is
refused by the function while the stage still has room for all others. At the 50 to 100 ms of a usual call these are 100
to 200 functions at once, far below an account's usual 1,000; a refusal takes a few ms. What is above is answered 429 by
the gateway, which clients retry, rather than paid for."""

BURST = 1000
"""Requests at one moment: no more than functions that an account usually runs at once."""

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
"""What is kept of each request: who sent it, by the name of the key, and no header and no body, so no key."""


class Api(Construct):
    """An HTTP API with one stage, throttled and with access logs."""

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
                # A key travels in either of two headers. The gateway would want both of them as its cache's key, and
                # refuse requests that lack one: the authorizer remembers answers itself.
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
            accept(route, "APIG4", reason="The API's description is the same for everyone and holds nobody's data.")
        self.access_logs = logs.LogGroup(
            self, "AccessLogs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
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
        """Where the API's resources begin."""
        return f"{self.http_api.api_endpoint}{BASE_PATH}"
