"""API keys: what a token grants, and for how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tidemark.access.api_keys import authenticate, create_key, list_keys, revoke_key
from tidemark.access.key_records import KeysTable
from tidemark.domain.api_keys import Grant, Role, Token, parse_token
from tidemark.domain.errors import Conflict, NotFound


def test_a_token_proves_the_role_and_the_projects_of_its_key(keys_table: KeysTable) -> None:
    _, token = create_key(keys_table, name="trainer", role=Role.WRITE, projects=["street", "digits"])
    assert authenticate(keys_table, str(token)) == Grant(name="trainer", role=Role.WRITE, projects=("street", "digits"))


def test_a_key_for_all_projects_covers_any(keys_table: KeysTable) -> None:
    _, token = create_key(keys_table, name="root", role=Role.ADMIN, projects=None)
    grant = authenticate(keys_table, str(token))
    assert grant is not None
    assert grant.covers("anything")


def test_a_key_for_no_project_covers_none(keys_table: KeysTable) -> None:
    _, token = create_key(keys_table, name="nobody", role=Role.READ, projects=[])
    grant = authenticate(keys_table, str(token))
    assert grant is not None
    assert not grant.covers("anything")


def test_a_secret_is_not_kept(keys_table: KeysTable) -> None:
    _, token = create_key(keys_table, name="trainer", role=Role.READ, projects=None)
    assert token.secret not in str(keys_table.dynamodb.scan(TableName=keys_table.name))


def test_another_secret_proves_nothing(keys_table: KeysTable) -> None:
    _, token = create_key(keys_table, name="trainer", role=Role.READ, projects=None)
    assert authenticate(keys_table, str(Token("trainer", token.secret[::-1]))) is None


def test_a_key_that_never_was_proves_nothing(keys_table: KeysTable) -> None:
    assert authenticate(keys_table, str(Token("ghost", "x" * 43))) is None


def test_a_revoked_key_proves_nothing(keys_table: KeysTable) -> None:
    _, token = create_key(keys_table, name="trainer", role=Role.READ, projects=None)
    revoke_key(keys_table, "trainer")
    assert authenticate(keys_table, str(token)) is None


@pytest.mark.parametrize("name", ["trainer", "revoked", "ghost"])
def test_a_secret_is_compared_in_constant_time_whether_its_key_is_there_or_not(
    keys_table: KeysTable, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    for made in ("trainer", "revoked"):
        create_key(keys_table, name=made, role=Role.READ, projects=None)
    revoke_key(keys_table, "revoked")
    monkeypatch.setattr("hmac.compare_digest", compare)
    assert authenticate(keys_table, str(Token(name, "x" * 43))) is None
    assert compared == [(64, 64)]


def test_revoking_twice_keeps_the_first_time(keys_table: KeysTable) -> None:
    create_key(keys_table, name="trainer", role=Role.READ, projects=None)
    first = revoke_key(keys_table, "trainer")
    assert revoke_key(keys_table, "trainer").revoked_at == first.revoked_at


def test_revoking_an_unknown_key_is_refused(keys_table: KeysTable) -> None:
    with pytest.raises(NotFound, match="'ghost'"):
        revoke_key(keys_table, "ghost")


def test_the_name_of_a_revoked_key_is_not_used_again(keys_table: KeysTable) -> None:
    create_key(keys_table, name="trainer", role=Role.READ, projects=None)
    revoke_key(keys_table, "trainer")
    with pytest.raises(Conflict, match="has been used for a key before"):
        create_key(keys_table, name="trainer", role=Role.READ, projects=None)


@pytest.mark.parametrize("name", ["", "oidc:ann", "a.b", "a b", "ä", "x" * 65, "name\n"])
def test_a_name_that_could_not_be_told_from_a_secret_or_a_person_is_refused(keys_table: KeysTable, name: str) -> None:
    with pytest.raises(ValidationError):
        create_key(keys_table, name=name, role=Role.READ, projects=None)


def test_keys_are_listed_by_name(keys_table: KeysTable) -> None:
    for name in ("b", "a", "c"):
        create_key(keys_table, name=name, role=Role.READ, projects=["street"])
    assert [key.name for key in list_keys(keys_table)] == ["a", "b", "c"]


def test_each_role_includes_those_before_it() -> None:
    includes = {(role, other) for role in Role for other in Role if role.includes(other)}
    assert includes == {
        (Role.READ, Role.READ),
        (Role.WRITE, Role.READ),
        (Role.WRITE, Role.WRITE),
        (Role.ADMIN, Role.READ),
        (Role.ADMIN, Role.WRITE),
        (Role.ADMIN, Role.ADMIN),
    }


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True))
def test_a_token_is_read_back_as_written(name: str, secret: str) -> None:
    assert parse_token(str(Token(name, secret))) == Token(name, secret)


@given(st.text())
def test_any_other_text_is_no_token(text: str) -> None:
    assert parse_token(text) is None or text.startswith("tdm.")
