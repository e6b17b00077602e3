"""Who may create an account."""

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Invitation

# Session key of the id of the invitation whose link was opened.
SESSION_KEY = "invitation"


def remember_invitation(request: HttpRequest, invitation: Invitation) -> None:
    """Allow this session, which opened an invitation's link, to see the sign-up page."""
    request.session[SESSION_KEY] = invitation.pk


def is_open(request: HttpRequest) -> bool:
    """Return whether this visitor gets the sign-up form. It does not reveal which email addresses are invited."""
    if settings.SIGNUP_MODE == "invite":
        invitation_id = request.session.get(SESSION_KEY)
        return invitation_id is not None and _pending().filter(pk=invitation_id).exists()
    return bool(settings.SIGNUP_MODE in {"open", "domains"})


def may_sign_up(request: HttpRequest, email: str) -> bool:
    """Return whether an account with this email address may be created. It is in canonical form."""
    match settings.SIGNUP_MODE:
        case "open":
            return True
        case "domains":
            return email.rpartition("@")[2] in settings.SIGNUP_DOMAINS
        case "invite":
            return _pending().filter(email=email).exists()
        case _:
            return False


def _pending() -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
