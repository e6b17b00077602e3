"""Closes an account: everything ends at once, and nothing personal remains.

The row of the user stays, without a name, since money and history point at it.
"""

import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Invitation, Membership, Team, User
from accounts.roles import Role
from accounts.signals import account_deleted
from accounts.teams.access import delete_team, revoke_access_everywhere
from common.errors import Conflict

log = structlog.get_logger(__name__)


def teams_without_another_owner(user: User) -> QuerySet[Team]:
    """Teams with other members whose only owner this person is."""
    with_others = Membership.objects.exclude(user=user).values("team")
    return _solely_owned_teams(user).filter(pk__in=with_others)


@transaction.atomic
def delete_account(*, user: User) -> None:
    """Closes it for good. Raises Conflict while a team of others would be left without an owner."""
    # Whoever joins one of these teams or changes a role in it meanwhile waits for these rows, or we for theirs.
    list(Team.objects.filter(memberships__user=user).order_by("pk").select_for_update(of=("self",)))
    if names := list(teams_without_another_owner(user).values_list("name", flat=True)):
        raise Conflict(
            _("You are the only owner of %(teams)s. Make another member an owner, or close the team, first.")
            % {"teams": ", ".join(names)},
            code="only_owner",
        )
    revoke_access_everywhere(user=user)
    for team in _solely_owned_teams(user).order_by("pk"):
        delete_team(team=team)
    Membership.objects.filter(user=user).delete()
    # The name of the personal team was made of the person's.
    Team.objects.filter(personal_of=user).update(name="closed")
    account_deleted.send(sender=User, user=user)
    _erase_personal_data(user)
    log.info("account_deleted", user=user.pk)


def _solely_owned_teams(user: User) -> QuerySet[Team]:
    owners = Membership.objects.filter(role=Role.OWNER)
    shared = owners.exclude(user=user).values("team")
    return Team.objects.filter(pk__in=owners.filter(user=user).values("team"), deleted_at=None).exclude(pk__in=shared)


def _erase_personal_data(user: User) -> None:
    addresses = EmailAddress.objects.filter(user=user).values_list(Lower("email"), flat=True)
    invited = Invitation.objects.annotate(address=Lower("email"))
    invited.filter(Q(accepted_by=user) | Q(address__in=[*addresses, user.email.lower()])).delete()
    Invitation.objects.filter(inviter=user, accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())
    for session in UserSession.objects.filter(user=user):
        session.end()
    for personal in (EmailAddress, Authenticator, SocialAccount):
        personal.objects.filter(user=user).delete()
    # A new password also ends sessions that the list did not know.
    user.set_unusable_password()
    user.email, user.name, user.language = f"closed-{user.pk}@invalid", "", ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.save()
