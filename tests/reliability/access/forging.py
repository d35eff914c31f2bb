"""Forges tokens: the right claims, but without a valid signature of the issuer."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.reliability.access.issuer import Issuer, ec_key, rsa_key, signed

Json = dict[str, Any]


def segment(content: Json) -> str:
    """Encodes a segment of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def hmac_token(claims: Json, secret: bytes) -> str:
    """Signs claims with HS256 and any secret, even a public key, which PyJWT refuses to do."""
    unsigned = f"{segment({'alg': 'HS256', 'kid': 'r1', 'typ': 'JWT'})}.{segment(claims)}"
    mac = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def public_pem(key: RSAPrivateKey) -> bytes:
    """Returns the public key in PEM, as it is often published."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def changed(good: str, head: Json | None = None, body: Json | None = None, signature: str | None = None) -> str:
    """Returns a valid token with some segments replaced."""
    parts = good.split(".")
    if head is not None:
        parts[0] = segment(head)
    if body is not None:
        parts[1] = segment(body)
    if signature is not None:
        parts[2] = signature
    return ".".join(parts)


FORGERIES: dict[str, Callable[[Issuer, Json, str], str]] = {
    "another key": lambda _issuer, claims, _good: signed(claims, rsa_key("stranger"), kid="r1"),
    "no signature": lambda _issuer, _claims, good: changed(good, signature=""),
    "none": lambda _issuer, _claims, good: changed(good, {"alg": "none", "kid": "r1"}, signature=""),
    "none with a signature": lambda _issuer, _claims, good: changed(good, {"alg": "None", "kid": "r1"}),
    "no algorithm": lambda _issuer, _claims, good: changed(good, {"kid": "r1"}),
    "the public key as a secret": lambda issuer, claims, _good: hmac_token(claims, public_pem(issuer.keys["r1"])),
    "other claims": lambda _issuer, claims, good: changed(good, body=claims | {"sub": "eve"}),
    "another algorithm": lambda issuer, claims, _good: signed(claims, issuer.keys["r1"], "RS512", kid="r1"),
    "the algorithm of another key": lambda issuer, claims, _good: signed(claims, issuer.keys["r1"], kid="e1"),
    "another curve": lambda _issuer, claims, _good: signed(claims, ec_key("p384", ec.SECP384R1), "ES384", kid="e1"),
    "no key id": lambda issuer, claims, _good: signed(claims, issuer.keys["r1"]),
    "unknown key id": lambda issuer, claims, _good: signed(claims, issuer.keys["r1"], kid="r2"),
    "key id that is no text": lambda _issuer, _claims, good: changed(good, {"alg": "RS256", "kid": ["r1"]}),
    "a key of its own": lambda _issuer, claims, _good: signed(
        claims, rsa_key("stranger"), kid="r1", jwk={"kty": "RSA"}
    ),
    "keys from elsewhere": lambda issuer, claims, _good: signed(claims, rsa_key("x"), kid="r1", jku=f"{issuer.url}/k"),
    "critical extension": lambda issuer, claims, _good: signed(claims, issuer.keys["r1"], kid="r1", crit=["e"], e=1),
    "encrypted": lambda _issuer, _claims, good: f"{good}.x.y",
    "padded": lambda _issuer, _claims, good: f"{good}=",
}
"""Ways to forge a token, by what is wrong with the result."""


def forged(issuer: Issuer, how: str) -> str:
    """Returns a forged token that claims the admin role for all projects."""
    return FORGERIES[how](issuer, issuer.claims("tidemark:admin:*"), issuer.token("tidemark:admin:*"))
