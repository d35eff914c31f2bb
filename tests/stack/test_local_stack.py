"""The local stack behaves as on AWS, as far as a client can see."""

import httpx2

from infra.local.stack import LocalStack


def test_the_description_of_the_api_needs_no_key(stack: LocalStack) -> None:
    assert httpx2.get(f"{stack.api}/openapi.json", timeout=30).status_code == 200


def test_a_key_opens_the_api(stack: LocalStack) -> None:
    key = stack.make_key("read")
    assert httpx2.get(f"{stack.api}/projects", headers={"x-api-key": key}, timeout=30).status_code == 200


def test_a_body_above_the_gateways_limit_is_413(stack: LocalStack) -> None:
    answer = httpx2.post(f"{stack.api}/projects", content=b"{" + b" " * (11 << 20) + b"}", timeout=30)
    assert answer.status_code == 413
