"""The API function's Lambda handler: routes API Gateway's events to the resources of `/api/v2`."""

from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.api import description
from functions.api.http import access, deployment, throttle
from functions.api.http.resolver import Resolver
from functions.api.http.router import BASE_PATH
from functions.api.resources import (
    assets,
    checkpoints,
    class_map,
    datasets,
    diffs,
    exports,
    frames,
    history,
    mutations,
    projects,
    rejected_files,
    retention,
    storage,
    transfers,
    uploads,
    versions,
)
from functions.runtime import IN_LAMBDA

RESOURCES = (
    description,
    projects,
    class_map,
    datasets,
    retention,
    storage,
    mutations,
    frames,
    history,
    versions,
    checkpoints,
    exports,
    diffs,
    transfers,
    uploads,
    assets,
    rejected_files,
)

logger = Logger()
tracer = Tracer()


def build() -> Resolver:
    """Returns a resolver with the routes of all resources. Raises RuntimeError if a route declares no role."""
    resolver = Resolver()
    for resource in RESOURCES:
        resolver.include_router(resource.router, prefix=BASE_PATH)
    access.require_declared(resolver.routes)
    return resolver


app = build()

if IN_LAMBDA:
    # Every request needs these clients. AWS advises to create clients while a function loads: it has more CPU then than
    # its memory buys (measured by many, not promised).
    deployment.backend()
    throttle.throttle()


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP, clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Returns the response to one HTTP request, in API Gateway's format."""
    return app.resolve(event, context)
