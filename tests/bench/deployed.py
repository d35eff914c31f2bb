"""The deployed stack behind its HTTPS API: what `process` measures by the piece takes its time here as a whole."""

import httpx

from infra.local.stack import LocalStack
from tests.bench.door import Json
from tests.stack.client import SECONDS, wait_until


class Deployed:
    """The API of a stack, called under an API key: a `Door`."""

    def __init__(self, stack: LocalStack, key: str) -> None:
        self._http = httpx.Client(base_url=stack.api, headers={"x-api-key": key}, timeout=SECONDS)

    def post(self, path: str, document: Json) -> Json:
        """The answer to a POST of JSON."""
        return self._answer(self._http.post(path, json=document))

    def get(self, path: str) -> Json:
        """The answer to a GET."""
        return self._answer(self._http.get(path))

    def settle(self, upload: str) -> None:
        """Look at the upload at that path until it has settled."""
        wait_until(lambda: self.get(upload)["status"] != "PENDING", f"{upload} to settle")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @staticmethod
    def _answer(response: httpx.Response) -> Json:
        if response.is_error:
            raise AssertionError(f"{response.request.method} {response.request.url}: {response.text}")
        document: Json = response.json()
        return document
