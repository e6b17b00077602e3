"""Actions of administrators on users: deactivate, change staff status, reset the second factor."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import User
from accounts.teams.access import revoke_access_everywhere


@transaction.atomic
def deactivate_user(*, user: User) -> bool:
    """Deactivate a user: sessions, API keys and unfinished jobs end at once. Returns False if already inactive."""
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return False
    revoke_access_everywhere(user=user)
    return True


def activate_user(*, user: User) -> bool:
    """Activate a user again; their API keys stay revoked. Returns False if already active."""
    return bool(User.objects.filter(pk=user.pk, is_active=False).update(is_active=True))


def set_staff(*, user: User, is_staff: bool) -> bool:
    """Give or take access to the administration. Returns False if nothing changed."""
    columns = {"is_staff": True} if is_staff else {"is_staff": False, "is_superuser": False}
    return bool(User.objects.filter(pk=user.pk, is_staff=not is_staff).update(**columns))


@transaction.atomic
def reset_second_factor(*, user: User) -> bool:
    """Delete authenticator app, passkeys and recovery codes of a user. Returns False if there were none."""
    return bool(Authenticator.objects.filter(user=user).delete()[0])
