"""The router of one resource, with the request's properties that endpoints read, and the paths of resources."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from tidemark.domain.api_keys import Grant

BASE_PATH = "/api/v2"


def project_path(project: str, *segments: str) -> str:
    """Returns the path of a project, or of what `segments` name in it. None of the names needs encoding."""
    return "/".join((BASE_PATH, "projects", project, *segments))


def dataset_path(project: str, dataset: str, *segments: str) -> str:
    """Returns the path of a dataset, or of what `segments` name in it. None of the names needs encoding."""
    return project_path(project, "datasets", dataset, *segments)


class Router(APIGatewayHttpRouter):
    """Powertools' router, with typed properties of the current request."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools' carries no annotations

    @property
    def caller(self) -> Grant:
        """The grant of the API key or token that sent the request. Public routes have none."""
        grant: Grant = self.context["grant"]
        return grant

    @property
    def milliseconds_left(self) -> int:
        """Time until Lambda ends the invocation."""
        return int(self.lambda_context.get_remaining_time_in_millis())

    @property
    def request_id(self) -> str:
        """API Gateway's id of the request, which everything that the request causes carries as correlation id."""
        return str(self.current_event.request_context.request_id)
