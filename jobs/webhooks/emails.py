"""Emails about webhooks."""

from django.conf import settings
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from common.emails import EmailOutcome, send_email
from jobs.webhooks.models import DisabledReason, Endpoint


def send_endpoint_disabled_email(endpoint: Endpoint, reason: DisabledReason) -> None:
    """Inform the owners and administrators of the team. A failure is only logged: the page shows the reason, too."""
    managers = User.objects.filter(
        is_active=True, memberships__team=endpoint.team_id, memberships__role__in=(Role.OWNER, Role.ADMIN)
    )
    context = {"endpoint": endpoint, "reason": reason.label, "page": f"{settings.SITE_URL}{reverse('webhooks')}"}
    for user in list(managers.order_by("pk")):
        outcome = send_email("webhooks/email/endpoint_disabled", context, to=user.email, language=user.language)
        if outcome is EmailOutcome.FAILED:
            return  # the mail server is unreachable: trying it for each person would delay the other deliveries
