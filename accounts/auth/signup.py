"""Who may make an account."""

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Invitation

# The page behind an invitation's link puts the row's id here.
SESSION_KEY = "invitation"


def remember_invitation(request: HttpRequest, invitation: Invitation) -> None:
    """Whoever opened an invitation's link may see the sign-up page in this session."""
    request.session[SESSION_KEY] = invitation.pk


def is_open(request: HttpRequest) -> bool:
    """Whether this visitor gets the sign-up form. Which addresses are invited is told to nobody."""
    if settings.SIGNUP_MODE == "invite":
        invited = request.session.get(SESSION_KEY)
        return invited is not None and _pending().filter(pk=invited).exists()
    return bool(settings.SIGNUP_MODE in {"open", "domains"})


def may_sign_up(request: HttpRequest, email: str) -> bool:
    """Whether this address may become an account."""
    match settings.SIGNUP_MODE:
        case "open":
            return True
        case "domains":
            return email.rpartition("@")[2].lower() in settings.SIGNUP_DOMAINS
        case "invite":
            return _pending().filter(email__iexact=email).exists()
        case _:
            return False


def _pending() -> QuerySet[Invitation]:
    return Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
