"""The email about a completed export."""

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from accounts.models import User

log = structlog.get_logger(__name__)


def send_export_ready(user: User) -> None:
    """Send the email in the person's language. Errors are only logged: the page shows the export, too."""
    context = {"link": f"{settings.SITE_URL}{reverse('account_data')}", "days": settings.EXPORT_RETENTION_DAYS}
    with override(user.language or settings.LANGUAGE_CODE):
        subject = render_to_string("exports/email/ready_subject.txt", context).strip()
        body = render_to_string("exports/email/ready_message.txt", context)
    try:
        send_mail(subject, body, None, [user.email])
    except OSError as error:  # smtplib's errors are OSErrors
        log.error("email_send_failed", mail="exports/ready", kind=type(error).__name__)
