"""Emails about webhooks."""

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
    """Inform the owners and administrators of the team. If the email cannot be sent, this is only logged."""
    recipients = User.objects.filter(
        is_active=True, memberships__team=endpoint.team_id, memberships__role__in=(Role.OWNER, Role.ADMIN)
    )
    context = {"endpoint": endpoint, "reason": reason.label, "page": f"{settings.SITE_URL}{reverse('webhooks')}"}
    message = EmailMessage(
        subject=f"Mutoscope disabled a webhook of {endpoint.team.name}".replace("\n", " "),
        body=render_to_string("webhooks/email/endpoint_disabled.txt", context),
        bcc=[user.email for user in recipients],
    )
    try:
        message.send()
    except OSError as error:
        log.error("email_send_failed", mail="webhooks/endpoint_disabled", kind=type(error).__name__)
