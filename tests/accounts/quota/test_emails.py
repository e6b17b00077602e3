"""Emails at 80 and 100 %: once per month and level, in the user's language, and none lost in an outage."""

import threading
from datetime import UTC, date, datetime, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend as Memory
from django.db import connections

from accounts.models import Membership, Team, User
from accounts.quota.credit_usage import CreditUsage
from accounts.quota.emails import create_due_warnings, send_due_warnings
from accounts.quota.models import Plan, QuotaWarning, UsageDay, Wallet
from accounts.roles import Role
from accounts.teams.services import provision_team

NOW = datetime(2031, 3, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
UNREACHABLE_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class RejectingEmailBackend(Memory):
    """A mail server that rejects Ana's email address."""

    def send_messages(self, messages: Any) -> int:
        if messages[0].to == ["ana@example.com"]:
            raise SMTPRecipientsRefused({"ana@example.com": (550, b"unknown")})
        return super().send_messages(messages)


@pytest.fixture
def team(db: None) -> Team:
    """Ana is the owner, Ben an admin who reads Chinese, Mia a member; 1,000 credits per month."""
    ana, ben, mia = (User.objects.create_user(f"{name}@example.com") for name in ("ana", "ben", "mia"))
    team = provision_team(name="Studio", owner=ana)
    User.objects.filter(pk=ben.pk).update(language="zh-hans")
    Membership.objects.create(team=team, user=ben, role=Role.ADMIN)
    Membership.objects.create(team=team, user=mia, role=Role.MEMBER)
    plan = Plan.objects.create(name="monthly", monthly_credits=1000)
    Wallet.objects.filter(team=team).update(plan=plan)
    return team


def record_usage(team: Team, amount: int, day: date = TODAY) -> None:
    row, _ = UsageDay.objects.get_or_create(team=team, day=day, model="camera", user=None, api_key=None)
    UsageDay.objects.filter(pk=row.pk).update(credits=amount)


def run(now: datetime = NOW) -> list[tuple[str, str]]:
    """Return recipients and subjects of one run of both maintenance tasks."""
    mail.outbox.clear()
    create_due_warnings(clock=lambda: now)
    send_due_warnings(clock=lambda: now)
    return [(message.to[0], str(message.subject)) for message in mail.outbox]


def test_owners_and_admins_get_one_email_per_level_in_their_language(team: Team) -> None:
    record_usage(team, 799)
    assert run() == []
    record_usage(team, 830)
    assert run() == [
        ("ana@example.com", "Studio has used 83% of this month's credits"),
        ("ben@example.com", "Studio 本月的点数已用 83%"),
    ]
    record_usage(team, 999)
    assert run() == []
    record_usage(team, 1000)
    assert [subject for _to, subject in run()] == [
        "Studio has used all credits of this month",
        "Studio 本月的点数已用完",
    ]
    record_usage(team, 1500)
    assert run() == []


def test_the_email_contains_balance_and_url(team: Team) -> None:
    record_usage(team, 830)
    run()
    body = str(mail.outbox[0].body)
    assert "The team Studio has used 830 of 1,000 credits (83%)." in body
    assert "1,000 credits are left to spend. New credits are granted on April 1, 2031." in body
    assert "http://localhost:8000/usage" in body


def test_the_next_month_starts_at_zero(team: Team) -> None:
    record_usage(team, 1000)
    assert len(run()) == 2
    april = NOW + timedelta(days=31)
    assert run(april) == []
    record_usage(team, 800, april.date())
    assert len(run(april)) == 2


def test_reaching_both_levels_at_once_sends_one_email_each(team: Team) -> None:
    record_usage(team, 1000)
    assert len(run()) == 2
    assert sorted(QuotaWarning.objects.values_list("percent", flat=True)) == [80, 100]
    assert not QuotaWarning.objects.filter(finished_at=None).exists()


def test_without_monthly_credits_the_percentage_is_of_used_plus_balance(team: Team) -> None:
    Wallet.objects.filter(team=team).update(plan=Plan.objects.create(name="none"), balance=201)
    record_usage(team, 799)
    assert run() == []
    Wallet.objects.filter(team=team).update(balance=200)
    record_usage(team, 800)
    assert run()[0] == ("ana@example.com", "Studio has used 80% of this month's credits")
    assert "New credits" not in str(mail.outbox[0].body)
    assert CreditUsage(used=0, balance=0, monthly=None).percent == 0


def test_closed_accounts_and_deleted_teams_get_no_email(team: Team) -> None:
    record_usage(team, 1000)
    User.objects.filter(email="ana@example.com").update(is_active=False)
    assert [to for to, _subject in run()] == ["ben@example.com"]
    QuotaWarning.objects.all().delete()
    Team.objects.filter(pk=team.pk).update(deleted_at=NOW)
    assert run() == []


def test_an_unreachable_mail_server_delays_emails_and_loses_none(team: Team, settings: Any) -> None:
    memory = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = UNREACHABLE_BACKEND, 1
    record_usage(team, 830)
    assert run() == []
    settings.EMAIL_BACKEND = memory
    assert run(NOW + timedelta(minutes=1)) == []  # within the retry interval
    assert len(run(NOW + timedelta(minutes=6))) == 2
    assert run(NOW + timedelta(minutes=30)) == []


def test_an_unreachable_mail_server_is_tried_once_per_interval(
    team: Team, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = UNREACHABLE_BACKEND, 1
    other = provision_team(name="Other", owner=User.objects.create_user("otto@example.com"))
    for one in (team, other):
        record_usage(one, 5000)
    for minute in (0, 1, 2):
        run(NOW + timedelta(minutes=minute))
    assert sum("email_send_failed" in record.getMessage() for record in caplog.records) == 1


def test_a_user_who_got_the_email_does_not_get_it_again(team: Team) -> None:
    record_usage(team, 830)
    create_due_warnings(clock=lambda: NOW)
    ana = User.objects.get(email="ana@example.com")
    QuotaWarning.objects.update(
        sent_to=[ana.pk], next_attempt_at=NOW - timedelta(seconds=1)
    )  # then the process was killed
    assert [to for to, _subject in run()] == ["ben@example.com"]


def test_a_rejected_email_address_does_not_delay_others(team: Team, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.RejectingEmailBackend"
    record_usage(team, 830)
    assert [to for to, _subject in run()] == ["ben@example.com"]
    assert not QuotaWarning.objects.filter(finished_at=None).exists()


def test_a_warning_below_its_level_is_not_sent_but_may_recur(team: Team) -> None:
    record_usage(team, 830)
    create_due_warnings(clock=lambda: NOW)
    Plan.objects.filter(name="monthly").update(monthly_credits=2000)
    send_due_warnings(clock=lambda: NOW)
    assert mail.outbox == []
    assert not QuotaWarning.objects.exists()
    record_usage(team, 1600)
    assert len(run()) == 2


def test_warnings_of_past_months_are_dropped(team: Team) -> None:
    record_usage(team, 830)
    create_due_warnings(clock=lambda: NOW)
    assert send_due_warnings(clock=lambda: NOW + timedelta(days=31)) == 0
    assert QuotaWarning.objects.get().finished_at is not None


def test_a_line_break_in_a_name_does_not_break_the_header(team: Team) -> None:
    Team.objects.filter(pk=team.pk).update(name="Studio\r\nBcc: all@example.com")
    record_usage(team, 830)
    assert run()[0] == ("ana@example.com", "Studio Bcc: all@example.com has used 83% of this month's credits")


@pytest.mark.django_db(transaction=True)
def test_concurrent_processes_send_each_email_once(team: Team) -> None:
    record_usage(team, 1000)
    mail.outbox.clear()
    start = threading.Barrier(4)

    def run_both() -> None:
        start.wait()
        create_due_warnings(clock=lambda: NOW)
        send_due_warnings(clock=lambda: NOW)
        connections.close_all()

    for thread in (threads := [threading.Thread(target=run_both) for _ in range(4)]):
        thread.start()
    for thread in threads:
        thread.join()
    send_due_warnings(clock=lambda: NOW)
    assert sorted(message.to[0] for message in mail.outbox) == ["ana@example.com", "ben@example.com"]


def test_the_number_of_queries_does_not_grow_with_teams(team: Team, django_assert_num_queries: Any) -> None:
    for number in range(5):
        other = provision_team(name=f"team{number}", owner=User.objects.create_user(f"owner{number}@example.com"))
        record_usage(other, 10)
    with django_assert_num_queries(3):  # existing warnings, usage, wallets
        create_due_warnings(clock=lambda: NOW)
    with django_assert_num_queries(2):  # past months, due warnings
        send_due_warnings(clock=lambda: NOW)


def test_a_run_uses_one_clock(team: Team) -> None:
    record_usage(team, 1000)
    create_due_warnings(clock=lambda: NOW)
    assert send_due_warnings(clock=lambda: NOW) == 1
    assert {warning.finished_at for warning in QuotaWarning.objects.all()} == {NOW}
