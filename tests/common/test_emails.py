"""`send_email`, and every email template in both languages."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Invitation, Team, User
from accounts.quota.credit_usage import CreditUsage
from accounts.roles import Role
from common.emails import EmailOutcome, send_email
from jobs.webhooks.models import DisabledReason, Endpoint
from tests.support.interpreter import ROOT

TEMPLATES = {
    path.relative_to(ROOT / "templates").as_posix().removesuffix("_message.txt")
    for path in (ROOT / "templates").glob("**/email/*_message.txt")
} - {"account/email/base"}
TEAM = Team(name="Studio Lumière\nBcc: thief@example.com")
SITE = {"current_site": SimpleNamespace(domain="mutoscope.example"), "email": "ana@example.com"}
URL = "https://mutoscope.example/a"
WARNING = {
    "team": TEAM.name,
    "credit_usage": CreditUsage(used=1840, balance=160, monthly=2000),
    "resets_on": timezone.now().date(),
    "url": URL,
    "site": URL,
}
INVITATION = Invitation(
    team=TEAM,
    inviter=User(email="ben@example.com"),
    email="ana@example.com",
    role=Role.ADMIN,
    expires_at=timezone.now() + timedelta(days=7),
)
# By template, the contexts that reach every branch of it.
CONTEXTS: dict[str, list[dict[str, Any]]] = {
    "account/email/account_already_exists": [{**SITE, "password_reset_url": URL}],
    "account/email/email_confirmation": [{**SITE, "code": "ABC123"}, {**SITE, "activate_url": URL}],
    "account/email/password_reset_key": [{**SITE, "password_reset_url": URL}],
    "account/email/unknown_account": [{**SITE, "signup_offered": True, "signup_url": URL}, SITE],
    "exports/email/ready": [{"link": URL, "days": days} for days in (1, 7)],
    "quota/email/warning": [
        {**WARNING, "warning": SimpleNamespace(percent=80)},
        {**WARNING, "warning": SimpleNamespace(percent=100), "credit_usage": CreditUsage(1, 1, None), "resets_on": ""},
    ],
    "teams/email/invitation": [{"invitation": INVITATION, "url": URL}],
    "webhooks/email/endpoint_disabled": [
        {"endpoint": Endpoint(team=TEAM, url="https://hooks.example/x"), "reason": reason.label, "page": URL}
        for reason in DisabledReason
    ],
}
# Lines that are the same in every language.
SAME = {"", "Mutoscope", "mutoscope.example", URL, "https://hooks.example/x", "    ABC123"}


def sent(template: str, context: dict[str, Any], language: str | None) -> Any:
    assert send_email(template, context, to="ana@example.com", language=language) is EmailOutcome.SENT
    return mail.outbox[-1]


def test_every_template_has_contexts_here() -> None:
    assert CONTEXTS.keys() == TEMPLATES


@pytest.mark.parametrize(
    ("template", "context"), [(template, context) for template in CONTEXTS for context in CONTEXTS[template]]
)
def test_every_template_is_translated(template: str, context: dict[str, Any]) -> None:
    english, chinese = (sent(template, context, language) for language in ("en", "zh-hans"))
    for message in (english, chinese):
        assert message.to == ["ana@example.com"]
        assert message.subject == message.subject.strip() != ""
        assert "\n" not in message.subject
        assert message.content_subtype == "plain"
        assert "&#" not in message.body
    assert english.subject.isascii() or "Lumière" in english.subject
    assert english.subject != chinese.subject
    assert not set(english.body.splitlines()) & set(chinese.body.splitlines()) - SAME


@pytest.mark.parametrize(("language", "subject"), [("", "Your"), (None, "Your"), ("en", "Your"), ("zh-hans", "你")])
def test_without_a_language_the_sites_is_used(language: str | None, subject: str) -> None:
    assert subject in sent("exports/email/ready", {"link": URL, "days": 7}, language).subject


def test_the_language_of_the_page_is_not_the_recipients() -> None:
    from django.utils.translation import get_language, override

    with override("zh-hans"):
        assert "Your" in sent("exports/email/ready", {"link": URL, "days": 7}, "en").subject
        assert get_language() == "zh-hans"


def test_no_value_adds_a_header_or_a_line() -> None:
    message = sent("teams/email/invitation", {"invitation": INVITATION, "url": URL}, "en")
    assert "Bcc" not in message.message()
    assert message.recipients() == ["ana@example.com"]
    assert "Studio Lumière Bcc: thief@example.com, with the role" in message.body


@pytest.mark.parametrize("to", ["ana@example.com\nBcc: thief@example.com", "no email address\r\nX: y"])
def test_an_invalid_email_address_is_rejected_and_not_logged(to: str, caplog: pytest.LogCaptureFixture) -> None:
    outcome = send_email("exports/email/ready", {"link": URL, "days": 7}, to=to, language="en")
    assert (outcome, mail.outbox) == (EmailOutcome.REJECTED, [])
    assert "email_rejected" in caplog.text
    assert "example.com" not in caplog.text
    assert "address" not in caplog.text


def test_an_unreachable_mail_server_is_logged(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    outcome = send_email("exports/email/ready", {"link": URL, "days": 7}, to="ana@example.com", language="en")
    assert outcome is EmailOutcome.FAILED
    assert "email_send_failed" in caplog.text
    assert "exports/email/ready" in caplog.text
    assert "ana@example.com" not in caplog.text


def test_emails_are_sent_in_one_place() -> None:
    """Everything else calls `send_email`."""
    senders = {
        path.relative_to(ROOT).as_posix()
        for folder in ("accounts", "jobs", "platform")
        for path in (ROOT / folder).rglob("*.py")
        if "EmailMessage(" in (text := path.read_text()) or "send_mail(" in text.replace("def send_mail(", "")
    }
    assert senders == {"platform/common/emails.py"}
