"""An OpenID Connect issuer on this machine: serves its configuration and keys, and signs tokens."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "tidemark"
CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/keys"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Returns the RSA key of that name, created once per process, since that is slow."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(name: str, curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """Returns the elliptic-curve key of that name."""
    del name
    return ec.generate_private_key(curve())


class Issuer:
    """The issuer's keys and behaviour, which tests change."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[str, Any] = {"r1": rsa_key("r1"), "e1": ec_key("e1")}
        """Its private keys, by the id of the published public key."""
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        """Responses that replace the correct ones, by path: status, body, headers."""
        self.asked: list[str] = []
        """The requested paths."""
        self.seconds_a_byte = 0.0
        """Seconds before each response."""

    def configuration(self, **changes: Any) -> bytes:
        """Returns its configuration document."""
        return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"} | changes).encode()

    def published(self) -> bytes:
        """Returns its public keys. They have no `alg`, as with some issuers."""
        return json.dumps({"keys": [_public(kid, key) for kid, key in self.keys.items()]}).encode()

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Returns status, body and headers for a GET of a path."""
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        document = {CONFIGURATION: self.configuration, KEYS: self.published}.get(path)
        return (200, document(), {}) if document else (404, b"", {})

    def claims(self, *grants: str, **changes: Any) -> dict[str, Any]:
        """Returns the claims of a valid token with a lifetime of five minutes. A change to None removes a claim."""
        now = int(time.time())
        good = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, "groups": [*grants]}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, *grants: str, kid: str = "r1", **changes: Any) -> str:
        """Returns a token signed by the issuer."""
        return signed(self.claims(*grants, **changes), self.keys[kid], kid=kid)


def signed(claims: dict[str, Any], key: Any, algorithm: str | None = None, **header: Any) -> str:
    """Signs claims with any key."""
    usual = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return jwt.encode(claims, key, algorithm=algorithm or usual, headers=header)


def _public(kid: str, key: Any) -> dict[str, Any]:
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    document: dict[str, Any] = kind.to_jwk(key.public_key(), as_dict=True)
    return document | {"kid": kid, "use": "sig"}


@contextmanager
def serving() -> Iterator[Issuer]:
    """Yields an issuer that listens on a free port."""
    issuer: Issuer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = issuer.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for byte in body if issuer.seconds_a_byte else ():
                time.sleep(issuer.seconds_a_byte)
                self.wfile.write(bytes([byte]))
            self.wfile.write(b"" if issuer.seconds_a_byte else body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
