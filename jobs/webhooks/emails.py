"""Mails about webhooks."""

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from jobs.webhooks.models import DisabledReason, Endpoint

log = structlog.get_logger(__name__)


def send_endpoint_disabled_email(endpoint: Endpoint, reason: DisabledReason) -> None:
    """Tells the team's owners and admins that an endpoint was switched off. A mail server that is down is logged."""
    people = User.objects.filter(
        is_active=True, memberships__team=endpoint.team_id, memberships__role__in=(Role.OWNER, Role.ADMIN)
    )
    context = {"endpoint": endpoint, "reason": reason.label, "page": f"{settings.SITE_URL}{reverse('webhooks')}"}
    message = EmailMessage(
        subject=f"Mutoscope switched a webhook of {endpoint.team.name} off".replace("\n", " "),
        body=render_to_string("webhooks/email/switched_off.txt", context),
        bcc=[person.email for person in people],
    )
    try:
        message.send()
    except OSError as error:
        log.error("email_send_failed", mail="webhook_switched_off", kind=type(error).__name__)
