"""Tells a team's owners and admins by mail that 80 or 100 % of the month's credits are used.

Two steps, so that none is lost and, as far as SMTP allows, none comes twice: `note_due_warnings` writes a row for each
month and level, `send_due_warnings` mails it, and tries again while the mail server is away.
"""

from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from accounts.models import User
from accounts.quota.credit_usage import WARNING_LEVELS_PERCENT, CreditUsage, credit_usage_by_team
from accounts.quota.models import QuotaWarning
from accounts.quota.months import month_of
from accounts.roles import Role

log = structlog.get_logger(__name__)

# Who sends a warning has so long for each mail; a mail server that is away is asked again as seldom.
_RETRY_INTERVAL = timedelta(minutes=5)
_BATCH_SIZE = 50


def create_due_warnings(*, now: datetime | None = None) -> int:
    """Writes down which teams are to be warned. Returns how many mails that makes due."""
    now = now or timezone.now()
    month = month_of(now)
    known = set(QuotaWarning.objects.filter(period=month).values_list("team_id", "percent"))
    rows: list[QuotaWarning] = []
    for team_id, credit_usage in credit_usage_by_team(month).items():
        new = [
            level for level in WARNING_LEVELS_PERCENT if credit_usage.percent >= level and (team_id, level) not in known
        ]
        for level in new:
            # Who is told of 100 % need not hear of 80 % in the same minute.
            finished_at = None if level == new[-1] else now
            rows.append(QuotaWarning(team_id=team_id, period=month, percent=level, finished_at=finished_at))
    # Another process may note the same: the first one's rows stand.
    QuotaWarning.objects.bulk_create(rows, ignore_conflicts=True)
    return sum(row.finished_at is None for row in rows)


def send_due_warnings(*, now: datetime | None = None) -> int:
    """Sends what is noted and not sent. Returns how many warnings are done with."""
    now = now or timezone.now()
    # What the month's end overtook tells nobody anything.
    QuotaWarning.objects.filter(finished_at=None, period__lt=month_of(now)).update(finished_at=now)
    done = 0
    for warning in _due(now).select_related("team").order_by("id")[:_BATCH_SIZE]:
        if not _claim(warning, now):
            continue
        if not _send_warning(warning):
            # The mail server is away: asking it for each of them would hold up the other chores.
            _due(now).update(next_attempt_at=now + _RETRY_INTERVAL)
            break
        done += 1
    return done


def _due(now: datetime) -> QuerySet[QuotaWarning]:
    return QuotaWarning.objects.filter(Q(next_attempt_at=None) | Q(next_attempt_at__lte=now), finished_at=None)


def _claim(warning: QuotaWarning, now: datetime) -> bool:
    """Whether this process sends it, and no other for a while."""
    return bool(_due(now).filter(pk=warning.pk).update(next_attempt_at=now + _RETRY_INTERVAL))


def _send_warning(warning: QuotaWarning) -> bool:
    """False where the mail server is away; those who have their mail are remembered."""
    row = QuotaWarning.objects.filter(pk=warning.pk)
    credit_usage = credit_usage_by_team(warning.period, team_ids=[warning.team_id]).get(warning.team_id)
    if credit_usage is None or credit_usage.percent < warning.percent:
        row.delete()  # credits came in before the mail went out: it may become true again
        return True
    managers = User.objects.filter(
        memberships__team=warning.team, memberships__role__in=(Role.OWNER, Role.ADMIN), is_active=True
    )
    for user in list(managers.exclude(pk__in=warning.sent_to).order_by("pk")):
        if not _send_email(user, warning, credit_usage):
            return False
        warning.sent_to.append(user.pk)
        row.update(sent_to=warning.sent_to, next_attempt_at=timezone.now() + _RETRY_INTERVAL)
    row.update(finished_at=timezone.now())
    return True


def _send_email(user: User, warning: QuotaWarning, credit_usage: CreditUsage) -> bool:
    """Whether it is out of our hands: taken by the mail server, or refused for good."""
    message = EmailMessage(*_render_email(user, warning, credit_usage), to=[user.email])
    try:
        message.send()
    except (SMTPRecipientsRefused, ValueError) as error:  # no such address there, or none that could be
        log.warning("quota_warning_rejected", team=warning.team_id, user=user.pk, kind=type(error).__name__)
    except OSError as error:  # smtplib's errors are OSErrors; what they say may name the person
        log.error("email_send_failed", template="quota_warning", kind=type(error).__name__)
        return False
    return True


def _render_email(user: User, warning: QuotaWarning, credit_usage: CreditUsage) -> tuple[str, str]:
    """Subject and text, in the person's language."""
    context = {
        "team": warning.team.name,
        "warning": warning,
        "credit_usage": credit_usage,
        "resets_on": credit_usage.resets_on(warning.period),
        "url": f"{settings.SITE_URL}{reverse('usage')}",
        "site": settings.SITE_URL,
    }
    with override(user.language or settings.LANGUAGE_CODE):
        subject = render_to_string("quota/mail/warning_subject.txt", context)
        return " ".join(subject.split()), render_to_string("quota/mail/warning_message.txt", context)
