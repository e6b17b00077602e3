"""Four people: Alice owns a team, Mia is a member of it, Bob is a viewer of it, Charlie has a team of his own.

Each has a user, a team, a browser that is signed in, and an API key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.keys.services import create_api_key
from accounts.models import Membership, Team, User
from accounts.quota.models import Wallet
from accounts.roles import Role, Scope
from accounts.teams.services import ensure_personal_team
from tests.support.api_client import ApiClient

PASSWORD = "reel-of-cards-1894"


@dataclass(frozen=True)
class Person:
    """A user of a team. `client` is a browser in which the user is signed in and the team is selected."""

    user: User
    team: Team
    client: Client

    @cached_property
    def key(self) -> str:
        """An API key with every scope of the person's role. It is created when it is first used."""
        return create_api_key(team=self.team, creator=self.user, name="test")[1]

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a request to the API."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def cookie(self) -> str:
        """The value of the session cookie."""
        return self.client.cookies["sessionid"].value

    @property
    def wallet(self) -> Wallet:
        return Wallet.objects.get(team=self.team)

    def new_browser(self) -> Client:
        """Another browser in which the user is signed in and the team is selected."""
        return sign_in(self.user, self.team).client

    def key_headers(self, *scopes: Scope) -> dict[str, str]:
        """Headers with a new API key that has these scopes, by default every scope."""
        _, key = create_api_key(team=self.team, creator=self.user, name="test", scopes=scopes or tuple(Scope))
        return {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def post(self, path: str, data: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.post(path, data or {}, headers=headers)

    def htmx(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """A request of htmx: POST with data, else GET."""
        headers = {"HX-Request": "true"}
        return self.client.get(path, headers=headers) if data is None else self.client.post(path, data, headers=headers)


def make_user(email: str, name: str = "") -> User:
    """A user whose email address is verified."""
    user = User.objects.create_user(email, PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def sign_in(user: User, team: Team) -> Person:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session["team"] = team.pk
    session.save()
    return Person(user, team, client)


def _owner(email: str) -> Person:
    user = make_user(email)
    return sign_in(user, ensure_personal_team(user=user))


def add_member(email: str, team: Team, role: Role) -> Person:
    user = make_user(email)
    Membership.objects.create(team=team, user=user, role=role)
    return sign_in(user, team)


@pytest.fixture
def alice(db: None) -> Person:
    return _owner("alice@example.com")


@pytest.fixture
def mia(alice: Person) -> Person:
    return add_member("mia@example.com", alice.team, Role.MEMBER)


@pytest.fixture
def bob(alice: Person) -> Person:
    return add_member("bob@example.com", alice.team, Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> Person:
    return _owner("charlie@example.com")


@pytest.fixture
def anonymous(db: None) -> Client:
    """A browser in which nobody is signed in."""
    return Client(raise_request_exception=False)


@pytest.fixture
def as_alice(alice: Person) -> ApiClient:
    return ApiClient(alice.headers)


@pytest.fixture
def as_mia(mia: Person) -> ApiClient:
    return ApiClient(mia.headers)


@pytest.fixture
def as_bob(bob: Person) -> ApiClient:
    return ApiClient(bob.headers)


@pytest.fixture
def as_charlie(charlie: Person) -> ApiClient:
    return ApiClient(charlie.headers)


@pytest.fixture
def as_nobody(db: None) -> ApiClient:
    """A client of the API without a key."""
    return ApiClient({})


@pytest.fixture
def limited_key(alice: Person) -> Callable[[Scope], ApiClient]:
    """Makes a client whose API key has one scope."""

    def make(scope: Scope) -> ApiClient:
        _, key = create_api_key(team=alice.team, creator=alice.user, name="limited", scopes=[scope])
        return ApiClient({"X-API-Key": key})

    return make
