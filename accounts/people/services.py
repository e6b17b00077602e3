"""What an administrator does to people: deactivate, make staff, take a lost second factor off."""

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import User
from accounts.teams.access import revoke_access_everywhere


@transaction.atomic
def deactivate_user(*, user: User) -> bool:
    """Shuts a person out at once: sessions, keys and work in hand end. Returns False when they were out already."""
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return False
    revoke_access_everywhere(user=user)
    return True


def activate_user(*, user: User) -> bool:
    """Lets a person in again; their keys stay revoked. Returns False when they were in already."""
    return bool(User.objects.filter(pk=user.pk, is_active=False).update(is_active=True))


def set_staff(*, user: User, is_staff: bool) -> bool:
    """Opens the administrator's desk to a person, or shuts it. Returns False when it was so already."""
    columns = {"is_staff": True} if is_staff else {"is_staff": False, "is_superuser": False}
    return bool(User.objects.filter(pk=user.pk, is_staff=not is_staff).update(**columns))


@transaction.atomic
def reset_second_factor(*, user: User) -> bool:
    """Takes authenticator app, passkeys and recovery codes off an account. Returns False when there were none."""
    return bool(Authenticator.objects.filter(user=user).delete()[0])
