"""The HTTP API authorizes all requests but those for its description, is throttled, and logs no keys."""

from typing import Any

from tests.infra.template import Template


def _routes(template: Template) -> dict[str, dict[str, Any]]:
    routes = [each["Properties"] for each in template.of_type("ApiGatewayV2::Route").values()]
    return {route["RouteKey"]: route for route in routes}


def test_everything_goes_through_the_authorizer_but_the_description(template: Template) -> None:
    authorization = {key: route["AuthorizationType"] for key, route in _routes(template).items()}
    assert authorization == {"$default": "CUSTOM", "GET /api/v2/openapi.json": "NONE"}


def test_the_gateway_remembers_no_answer_of_the_authorizer(template: Template) -> None:
    (authorizer,) = template.of_type("ApiGatewayV2::Authorizer").values()
    properties = authorizer["Properties"]
    assert properties["AuthorizerResultTtlInSeconds"] == 0
    assert properties.get("IdentitySource", []) == []


def test_the_authorizer_answers_simply(template: Template) -> None:
    (authorizer,) = template.of_type("ApiGatewayV2::Authorizer").values()
    assert authorizer["Properties"]["EnableSimpleResponses"] is True
    assert authorizer["Properties"]["AuthorizerPayloadFormatVersion"] == "2.0"


def test_requests_are_throttled(template: Template) -> None:
    settings = template.properties("ApiGatewayV2::Stage", "ApiStage")["DefaultRouteSettings"]
    assert settings == {"ThrottlingRateLimit": 2000, "ThrottlingBurstLimit": 1000}


def test_access_logs_name_who_asked_and_hold_neither_headers_nor_bodies(template: Template) -> None:
    log_format: str = template.properties("ApiGatewayV2::Stage", "ApiStage")["AccessLogSettings"]["Format"]
    assert "$context.requestId" in log_format
    assert "$context.authorizer.actor" in log_format
    assert not any(word in log_format.lower() for word in ("header", "authorization", "body", "querystring"))
