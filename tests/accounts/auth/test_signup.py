"""Who may create an account, by setting, and that rejections reveal nothing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.auth.signup import SESSION_KEY, may_sign_up, remember_invitation
from accounts.models import Invitation, User
from accounts.teams.services import provision_team
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db

EMAIL = "nora@example.com"


@pytest.fixture
def invitation() -> Invitation:
    owner = make_user("owner@example.com")
    return Invitation.objects.create(
        team=provision_team(name="Reel", owner=owner),
        email="Nora@Example.com",
        inviter=owner,
        secret_sha256=b"1" * 32,
        expires_at=timezone.now() + timedelta(days=1),
    )


def sign_up(client: Client, email: str = EMAIL) -> Any:
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD}, follow=True)


def opened(client: Client, invitation: Invitation) -> Client:
    """A browser that opened the invitation's link."""
    request = RequestFactory().get("/")
    request.session = client.session
    remember_invitation(request, invitation)
    request.session.save()
    assert request.session.session_key is not None
    client.cookies["sessionid"] = request.session.session_key
    return client


def test_open_signup(client: Client) -> None:
    sign_up(client)
    assert User.objects.filter(email=EMAIL).exists()


def test_closed_signup(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE = "closed"
    assert "Sign-up is closed" in client.get("/accounts/signup/").content.decode()
    assert "Sign-up is closed" in sign_up(client).content.decode()
    assert not User.objects.exists()
    assert "Create account" not in client.get("/accounts/login/").content.decode()


def test_only_email_addresses_of_the_domains(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE, settings.SIGNUP_DOMAINS = "domains", ["example.com", "example.org"]
    assert "example.com, example.org" in client.get("/accounts/signup/").content.decode()
    for email in ("nora@evil.com", "nora@example.com.evil.com", "nora@notexample.com", "nora@sub.example.com"):
        response = sign_up(client, email).content.decode()
        assert "An account with this email address cannot be created here." in response
    assert not User.objects.exists()
    sign_up(client, "nora@EXAMPLE.org")
    assert User.objects.get().email == "nora@example.org"


def test_a_rejected_domain_does_not_reveal_accounts(client: Client, settings: Any) -> None:
    settings.SIGNUP_MODE, settings.SIGNUP_DOMAINS = "domains", ["example.com"]
    make_user("known@other.com")

    def page_for(email: str) -> str:
        page = sign_up(Client(), email).content.decode().replace(email, "")
        return re.sub(r'[\w=-]{64}|nonce="[^"]+"', "", page)  # CSRF tokens and nonces differ

    assert page_for("known@other.com") == page_for("other@other.com")
    assert not mail.outbox


def test_without_an_invitation_there_is_no_form(client: Client, settings: Any, invitation: Invitation) -> None:
    settings.SIGNUP_MODE = "invite"
    assert "By invitation only" in client.get("/accounts/signup/").content.decode()
    assert "By invitation only" in sign_up(client).content.decode()
    assert not User.objects.filter(email=EMAIL).exists()


def test_an_invitation_allows_its_own_email_address(client: Client, settings: Any, invitation: Invitation) -> None:
    settings.SIGNUP_MODE = "invite"
    opened(client, invitation)
    assert "password1" in client.get("/accounts/signup/").content.decode()
    refused = sign_up(client, "charlie@example.com").content.decode()
    assert "An account with this email address cannot be created here." in refused
    sign_up(client)
    assert User.objects.filter(email=EMAIL).exists()
    assert not User.objects.filter(email="charlie@example.com").exists()


@pytest.mark.parametrize(
    "ended",
    [
        {"revoked_at": timezone.now()},
        {"accepted_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
    ids=lambda ended: next(iter(ended)),
)
def test_an_invalid_invitation_allows_nothing(
    ended: dict[str, Any], client: Client, settings: Any, invitation: Invitation
) -> None:
    settings.SIGNUP_MODE = "invite"
    opened(client, invitation)
    Invitation.objects.update(**ended)
    assert "By invitation only" in client.get("/accounts/signup/").content.decode()
    request: Any = RequestFactory().get("/")
    request.session = {SESSION_KEY: invitation.pk}
    assert not may_sign_up(request, EMAIL)
