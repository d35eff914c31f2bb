"""The router with which a resource declares its routes, and functions that return URL paths of resources."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from tidemark.domain.api_keys import Grant

BASE_PATH = "/api/v2"


def project_path(project: str, *segments: str) -> str:
    """Returns the URL path of a project, or of the resource in it that `segments` name. No name needs encoding."""
    return "/".join((BASE_PATH, "projects", project, *segments))


def dataset_path(project: str, dataset: str, *segments: str) -> str:
    """Returns the URL path of a dataset, or of the resource in it that `segments` name. No name needs encoding."""
    return project_path(project, "datasets", dataset, *segments)


class Router(APIGatewayHttpRouter):
    """Powertools' router, with typed properties of the current request."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools' carries no annotations

    @property
    def caller(self) -> Grant:
        """The grant of the API key or token sent with the current request. Not available on public routes."""
        grant: Grant = self.context["grant"]
        return grant

    @property
    def milliseconds_left(self) -> int:
        """Milliseconds until Lambda ends the current invocation."""
        return int(self.lambda_context.get_remaining_time_in_millis())

    @property
    def request_id(self) -> str:
        """API Gateway's id of the current request, which is also the correlation id in the function's logs."""
        return str(self.current_event.request_context.request_id)
