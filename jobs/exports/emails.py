"""The email about a completed export."""

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from common.emails import send_email


def send_export_ready(user: User) -> None:
    """Send the email. A failure is only logged: the page shows the export, too."""
    context = {"link": f"{settings.SITE_URL}{reverse('account_data')}", "days": settings.EXPORT_RETENTION_DAYS}
    send_email("exports/email/ready", context, to=user.email, language=user.language)
