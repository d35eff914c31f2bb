"""The routes of one resource, and what its endpoints may ask about the request they answer."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from tidemark.domain.api_keys import Grant

BASE_PATH = "/api/v2"


def path_of(*segments: str) -> str:
    """Where a resource is found. Projects, datasets and uploads have names that need no encoding."""
    return "/".join((BASE_PATH, *segments))


class Routes(APIGatewayHttpRouter):
    """Powertools' router, with typed answers to what endpoints ask."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools' carries no annotations

    @property
    def caller(self) -> Grant:
        """Whose key sent the request; there is one on every route but public ones."""
        grant: Grant = self.context["grant"]
        return grant

    @property
    def milliseconds_left(self) -> int:
        """Time until Lambda gives up on the request."""
        return int(self.lambda_context.get_remaining_time_in_millis())

    @property
    def request_id(self) -> str:
        """API Gateway's id of the request: the correlation id of everything that follows from it."""
        return str(self.current_event.request_context.request_id)
