"""The email with an invitation's link."""

from django.conf import settings
from django.urls import reverse

from accounts.emails import send_to_address
from accounts.models import Invitation
from common.emails import EmailOutcome


def send_invitation_email(*, invitation: Invitation, secret: str) -> bool:
    """Send the link, in the language of the invited user's account, else in the inviter's. Returns False on failure."""
    context = {"invitation": invitation, "url": settings.SITE_URL + reverse("join", args=[secret])}
    return send_to_address("teams/email/invitation", context, email=invitation.email) is EmailOutcome.SENT
