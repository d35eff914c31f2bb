"""An OpenID Connect issuer is set by context values and changes nothing but the authorizer."""

from typing import Any

import pytest

from infra.oidc_settings import OidcSettings, from_context
from tests.infra.template import Template, without_hash


def authorizer(template: Template) -> dict[str, Any]:
    return template.properties("Lambda::Function", "FunctionsAuthorizer")


def test_without_an_issuer_the_authorizer_has_no_layer_and_no_word_of_one(template: Template) -> None:
    assert "Layers" not in authorizer(template)
    assert not [name for name in authorizer(template)["Environment"]["Variables"] if "OIDC" in name]
    assert [without_hash(name) for name in template.of_type("Lambda::LayerVersion")] == ["FunctionsParquet"]


def test_the_authorizer_is_told_of_the_issuer(template_with_issuer: Template) -> None:
    variables = authorizer(template_with_issuer)["Environment"]["Variables"]
    assert {name: value for name, value in variables.items() if "OIDC" in name} == {
        "TIDEMARK_OIDC_ISSUER": "https://issuer.example.com/people",
        "TIDEMARK_OIDC_AUDIENCE": "tidemark",
        "TIDEMARK_OIDC_CLAIM": "groups",
    }


def test_the_layer_is_the_authorizers_alone(template_with_issuer: Template) -> None:
    layer, _ = template_with_issuer.one("Lambda::LayerVersion", "FunctionsOidc")
    carrying = [
        without_hash(name)
        for name, function in template_with_issuer.of_type("Lambda::Function").items()
        if {"Ref": layer} in function["Properties"].get("Layers", [])
    ]
    assert carrying == ["FunctionsAuthorizer"]


def test_an_issuer_changes_nothing_but_the_authorizer_and_what_it_is_called_by(
    template: Template, template_with_issuer: Template
) -> None:
    before, after = template.document["Resources"], template_with_issuer.document["Resources"]
    changed = {without_hash(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {"FunctionsAuthorizer", "FunctionsOidc"}


def read(**values: object) -> OidcSettings | None:
    return from_context(values.get)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://issuer.example.com",
        "https://issuer.example.com/",
        "https://login.example.com:8443/realms/lab",
        "http://127.0.0.1:9000",
        "http://localhost:9000/realms/lab",
        "http://[::1]:9000",
    ],
)
def test_an_issuer_is_an_https_url_or_on_this_machine(issuer: str) -> None:
    assert read(oidc_issuer=issuer, oidc_audience="a", oidc_claim="roles") == OidcSettings(issuer, "a", "roles")


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "issuer.example.com",
        "http://issuer.example.com",
        "http://127.0.0.1.example.com",
        "https://",
        "https://issuer.example.com?tenant=1",
        "https://issuer.example.com#x",
        "https://user@issuer.example.com",
        "file:///etc/passwd",
        7,
    ],
)
def test_any_other_issuer_is_refused(issuer: object) -> None:
    with pytest.raises(ValueError, match="https URL"):
        read(oidc_issuer=issuer, oidc_audience="tidemark")


def test_no_issuer_is_none() -> None:
    assert read() is None


@pytest.mark.parametrize("audience", [None, "", 7])
def test_an_issuer_needs_an_audience(audience: object) -> None:
    with pytest.raises(ValueError, match="needs oidc_audience"):
        read(oidc_issuer="https://issuer.example.com", oidc_audience=audience)


@pytest.mark.parametrize("forgotten", ["oidc_audience", "oidc_claim"])
def test_the_other_values_are_refused_without_an_issuer(forgotten: str) -> None:
    with pytest.raises(ValueError, match="without oidc_issuer"):
        read(**{forgotten: "tidemark"})
