"""Client IP addresses, limits on guessing, and failures of the mail server."""

import re
from typing import Any

import pytest
from django.contrib.auth import base_user
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from tests.support.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db

EMAIL = "nora@example.com"


def log_in(client: Client, password: str, *, ip: str) -> str:
    response = client.post("/accounts/login/", {"login": EMAIL, "password": password}, headers={"X-Forwarded-For": ip})
    return "in" if response.status_code == 302 else "too many" if "Too many" in response.content.decode() else "wrong"


def test_guessing_locks_out_only_its_own_ip_address(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    make_user(EMAIL)
    guesses = [log_in(Client(), f"guess number {n}", ip="6.6.6.6") for n in range(6)]

    assert guesses == ["wrong"] * 5 + ["too many"]
    assert log_in(Client(), PASSWORD, ip="6.6.6.6") == "too many"
    assert log_in(Client(), PASSWORD, ip="1.2.3.4") == "in"


def test_guesses_of_one_ipv6_network_count_together(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    make_user(EMAIL)
    assert [log_in(Client(), f"guess number {n}", ip=f"2001:db8::{n + 1}") for n in range(6)][-1] == "too many"


def sign_up(client: Client, email: str = EMAIL) -> Any:
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD}, follow=True)


def test_signup_hashes_a_password_for_known_email_addresses_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user(EMAIL)
    hashed: list[str] = []

    def make_and_record(word: str) -> str:
        hashed.append(word)
        return make_password(word)

    monkeypatch.setattr(base_user, "make_password", make_and_record)

    sign_up(Client(), "new@example.com")
    assert len(hashed) == 1
    sign_up(Client())
    assert len(hashed) == 2


@pytest.mark.parametrize("known", [True, False])
def test_an_unreachable_mail_server_is_reported_and_reveals_nothing(known: bool, client: Client, settings: Any) -> None:
    if known:
        make_user(EMAIL)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1

    for response in (sign_up(client), client.post("/accounts/password/reset/", {"email": EMAIL}, follow=True)):
        assert response.status_code == 200
        assert "The email could not be sent. Try again in a moment." in response.content.decode()
        assert "<form" in response.content.decode()


def test_an_account_whose_email_was_lost_is_confirmed_later(client: Client, settings: Any) -> None:
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    sign_up(client)
    assert User.objects.filter(email=EMAIL).exists()

    settings.EMAIL_BACKEND = backend
    cache.clear()  # ten seconds pass
    client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    match = re.search(r"^ {4}(\S+)$", str(mail.outbox[-1].body), re.MULTILINE)
    assert match
    assert client.post("/accounts/confirm-email/", {"code": match[1]}, follow=True).redirect_chain[-1][0] == "/"


@pytest.mark.parametrize("email", [EMAIL, "unknown@example.com"])
def test_urls_in_emails_start_with_the_url_of_the_site(email: str, settings: Any) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://video.example.com", ["video.example.com"]
    make_user(EMAIL)
    Client(headers={"Host": "video.example.com:6666"}).post("/accounts/password/reset/", {"email": email})
    [message] = mail.outbox
    assert "6666" not in message.subject + str(message.body)
    urls = re.findall(r"https?://\S+", str(message.body))
    assert urls or email != EMAIL
    assert all(url.startswith("https://video.example.com/") for url in urls)
