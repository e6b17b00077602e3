"""Emails to an email address are in the language of its account."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils.translation import override

from accounts.emails import send_to_address
from accounts.models import User
from common.emails import EmailOutcome
from tests.support.people import make_user

EMAIL = "ana@example.com"
CHINESE, ENGLISH = "你", "Your"

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("account", "page", "subject"),
    [
        ("zh-hans", "en", CHINESE),
        ("en", "zh-hans", ENGLISH),
        ("", "zh-hans", CHINESE),
        ("", "en", ENGLISH),
        (None, "zh-hans", CHINESE),
    ],
)
def test_the_accounts_language_comes_before_the_pages(account: str | None, page: str, subject: str) -> None:
    if account is not None:
        User.objects.create_user(EMAIL, language=account)
    with override(page):
        outcome = send_to_address("exports/email/ready", {"link": "https://x.example", "days": 7}, email=EMAIL)
    assert outcome is EmailOutcome.SENT
    assert subject in mail.outbox[-1].subject


@pytest.mark.parametrize(("language", "subject"), [("zh-hans", "密码"), ("en", "Choose a new password")])
def test_a_new_password_is_offered_in_the_accounts_language(language: str, subject: str, client: Client) -> None:
    user = make_user(EMAIL)
    User.objects.filter(pk=user.pk).update(language=language)
    other = "en" if language == "zh-hans" else "zh-hans"
    client.post("/accounts/password/reset/", {"email": EMAIL}, headers={"Accept-Language": other})
    assert subject in mail.outbox[-1].subject
    assert "/accounts/password/reset/key/" in str(mail.outbox[-1].body)


def test_a_mail_server_that_rejects_the_address_does_not_break_the_page(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smtplib import SMTPRecipientsRefused

    from django.core.mail.backends.locmem import EmailBackend

    class RejectingEmailBackend(EmailBackend):
        def send_messages(self, messages: Any) -> int:
            raise SMTPRecipientsRefused({EMAIL: (550, b"no such mailbox")})

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend", RejectingEmailBackend)
    make_user(EMAIL)
    response = client.post("/accounts/password/reset/", {"email": EMAIL}, follow=True)
    assert "The email could not be sent. Try again in a moment." in response.content.decode()
