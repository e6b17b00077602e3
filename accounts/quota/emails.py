"""Emails to a team's owners and admins when 80 or 100 % of the month's credits are used.

Two steps, so that no email is lost and, as far as SMTP allows, none is sent twice: `create_due_warnings` writes a row
for each month and level, `send_due_warnings` sends it and retries while the mail server is unreachable.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.quota.credit_usage import WARNING_LEVELS_PERCENT, CreditUsage, credit_usage_by_team
from accounts.quota.models import QuotaWarning
from accounts.quota.months import month_of
from accounts.roles import Role
from common.emails import EmailOutcome, send_email

log = structlog.get_logger(__name__)

# One clock for a whole run: tests inject theirs.
Clock = Callable[[], datetime]
# The time that a process has to send one email, and the pause after the mail server was unreachable.
_RETRY_INTERVAL = timedelta(minutes=5)
_BATCH_SIZE = 50


def create_due_warnings(*, clock: Clock = timezone.now) -> int:
    """Write a row for each team to warn. Returns the number of emails that become due."""
    now = clock()
    month = month_of(now)
    existing = set(QuotaWarning.objects.filter(period=month).values_list("team_id", "percent"))
    rows: list[QuotaWarning] = []
    for team_id, credit_usage in credit_usage_by_team(month).items():
        new = [
            level
            for level in WARNING_LEVELS_PERCENT
            if credit_usage.percent >= level and (team_id, level) not in existing
        ]
        for level in new:
            # A team that reaches both levels at once gets one email, for the higher level.
            finished_at = None if level == new[-1] else now
            rows.append(QuotaWarning(team_id=team_id, period=month, percent=level, finished_at=finished_at))
    # Another process may insert the same rows; those of the first one stay.
    QuotaWarning.objects.bulk_create(rows, ignore_conflicts=True)
    return sum(row.finished_at is None for row in rows)


def send_due_warnings(*, clock: Clock = timezone.now) -> int:
    """Send the due warnings. Returns the number of warnings that are finished."""
    now = clock()
    # Warnings about an earlier month are of no use any longer.
    QuotaWarning.objects.filter(finished_at=None, period__lt=month_of(now)).update(finished_at=now)
    finished = 0
    for warning in _due(now).select_related("team").order_by("id")[:_BATCH_SIZE]:
        if not _claim(warning, clock()):
            continue
        if not _send_warning(warning, clock):
            # The mail server is unreachable. Trying it for each warning would delay the other maintenance tasks.
            _due(clock()).update(next_attempt_at=clock() + _RETRY_INTERVAL)
            break
        finished += 1
    return finished


def _due(now: datetime) -> QuerySet[QuotaWarning]:
    return QuotaWarning.objects.filter(Q(next_attempt_at=None) | Q(next_attempt_at__lte=now), finished_at=None)


def _claim(warning: QuotaWarning, now: datetime) -> bool:
    """Return whether this process got the warning; no other process does until the retry interval has passed."""
    return bool(_due(now).filter(pk=warning.pk).update(next_attempt_at=now + _RETRY_INTERVAL))


def _send_warning(warning: QuotaWarning, clock: Clock) -> bool:
    """Send one warning. Returns False if the mail server is unreachable; users who got their email are recorded."""
    row = QuotaWarning.objects.filter(pk=warning.pk)
    credit_usage = credit_usage_by_team(warning.period, team_ids=[warning.team_id]).get(warning.team_id)
    if credit_usage is None or credit_usage.percent < warning.percent:
        row.delete()  # credits were added before the email was sent; the level may be reached again
        return True
    managers = User.objects.filter(
        memberships__team=warning.team, memberships__role__in=(Role.OWNER, Role.ADMIN), is_active=True
    )
    for user in list(managers.exclude(pk__in=warning.sent_to).order_by("pk")):
        if not _send_email(user, warning, credit_usage):
            return False
        warning.sent_to.append(user.pk)
        row.update(sent_to=warning.sent_to, next_attempt_at=clock() + _RETRY_INTERVAL)
    row.update(finished_at=clock())
    return True


def _send_email(user: User, warning: QuotaWarning, credit_usage: CreditUsage) -> bool:
    """Return whether there is nothing left to do: the mail server accepted the email, or rejected it permanently."""
    context = {
        "team": warning.team.name,
        "warning": warning,
        "credit_usage": credit_usage,
        "resets_on": credit_usage.resets_on(warning.period),
        "url": f"{settings.SITE_URL}{reverse('usage')}",
        "site": settings.SITE_URL,
    }
    outcome = send_email("quota/email/warning", context, to=user.email, language=user.language)
    if outcome is EmailOutcome.REJECTED:
        log.warning("quota_warning_rejected", team=warning.team_id, user=user.pk)
    return outcome is not EmailOutcome.FAILED
