"""Grants from a token: the highest role that names a project, and no more than the values grant."""

from hypothesis import given
from hypothesis import strategies as st

from tidemark.access.oidc import TokenRefused, grant_of
from tidemark.domain.api_keys import Role

PROJECTS = ("a", "b", "c")
values = st.lists(st.tuples(st.sampled_from(list(Role)), st.sampled_from([*PROJECTS, "*"])), max_size=6)
RANKS = {role: rank for rank, role in enumerate(Role)}


def highest(roles: list[Role]) -> Role | None:
    return max(roles, key=RANKS.__getitem__, default=None)


@given(values)
def test_a_token_has_in_each_project_the_highest_role_of_the_values_that_name_it(held: list[tuple[Role, str]]) -> None:
    claims = {"sub": "ann", "groups": [f"tidemark:{role}:{project}" for role, project in held]}
    try:
        grant = grant_of(claims, "groups")
    except TokenRefused:
        assert not held
        return
    for project in PROJECTS:
        assert grant.role_in(project) == highest([role for role, named in held if named in {project, "*"}])
    assert grant.highest == highest([role for role, _ in held])


@given(values.filter(bool), st.sampled_from(list(Role)))
def test_the_projects_of_a_role_are_those_in_which_it_is_held(held: list[tuple[Role, str]], role: Role) -> None:
    grant = grant_of({"sub": "ann", "groups": [f"tidemark:{each}:{project}" for each, project in held]}, "groups")
    projects = grant.projects_with(role)
    for project in PROJECTS:
        role_in_project = grant.role_in(project)
        is_held = role_in_project is not None and role_in_project.includes(role)
        assert is_held == (projects is None or project in projects)


@given(st.lists(st.text(max_size=30)), st.text(max_size=60))
def test_other_values_give_nothing(others: list[str], text: str) -> None:
    named = {"sub": "ann", "groups": ["tidemark:read:a", *(f"x{other}" for other in others), f"tidemark:{text}:x:y"]}
    grant = grant_of(named, "groups")
    assert [(scope.role, scope.projects) for scope in grant.scopes] == [(Role.READ, ("a",))]
