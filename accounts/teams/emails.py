"""The email with an invitation's link."""

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language, override

from accounts.models import Invitation, User

log = structlog.get_logger(__name__)


def send_invitation_email(*, invitation: Invitation, secret: str) -> bool:
    """Send the link, in the language of the invited user's account, else in the inviter's. Returns False on failure.

    Do not call this in a transaction: a mail server may be slow.
    """
    person = User.objects.filter(email=invitation.email).first()
    context = {"invitation": invitation, "url": settings.SITE_URL + reverse("join", args=[secret])}
    with override(person.language if person and person.language else get_language()):
        subject = render_to_string("teams/email/invitation_subject.txt", context).strip()
        body = render_to_string("teams/email/invitation_message.txt", context)
    try:
        # A name with a line break in it must not become a header.
        send_mail(" ".join(subject.split()), body, None, [invitation.email])
    except OSError as error:  # smtplib's errors are OSErrors
        log.error("email_send_failed", template="invitation", kind=type(error).__name__)
        return False
    return True
