"""Closing an account: access ends at once and personal data is erased.

The user's row stays without personal data, since the ledger and the audit log refer to it.
"""

import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Invitation, Membership, Team, User
from accounts.roles import Role
from accounts.signals import account_deleted
from accounts.teams.access import delete_team, revoke_access_everywhere
from common.errors import Conflict

log = structlog.get_logger(__name__)


def teams_without_another_owner(user: User) -> QuerySet[Team]:
    """Return the teams with other members whose only owner is this user."""
    with_others = Membership.objects.exclude(user=user).values("team")
    return _solely_owned_teams(user).filter(pk__in=with_others)


@transaction.atomic
def delete_account(*, user: User) -> None:
    """Close the account permanently. Raises Conflict if a team with other members would have no owner."""
    # Concurrent changes to the memberships of these teams wait for these row locks, or this function waits for theirs.
    list(Team.objects.filter(memberships__user=user).order_by("pk").select_for_update(of=("self",)))
    if names := list(teams_without_another_owner(user).values_list("name", flat=True)):
        raise Conflict(
            "You are the only owner of %(teams)s. Make another member an owner, or delete the team, first.",
            {"teams": ", ".join(names)},
            code="only_owner",
        )
    revoke_access_everywhere(user=user)
    for team in _solely_owned_teams(user).order_by("pk"):
        delete_team(team=team)
    Membership.objects.filter(user=user).delete()
    # The name of the personal team was derived from the user's.
    Team.objects.filter(personal_of=user).update(name="closed")
    account_deleted.send(sender=User, user=user)
    _erase_personal_data(user)
    log.info("account_deleted", user=user.pk)


def _solely_owned_teams(user: User) -> QuerySet[Team]:
    owners = Membership.objects.filter(role=Role.OWNER)
    with_another_owner = owners.exclude(user=user).values("team")
    return Team.objects.filter(pk__in=owners.filter(user=user).values("team"), deleted_at=None).exclude(
        pk__in=with_another_owner
    )


def _erase_personal_data(user: User) -> None:
    emails = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    Invitation.objects.filter(Q(accepted_by=user) | Q(email__in=[*emails, user.email])).delete()
    Invitation.objects.filter(inviter=user, accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())
    for session in UserSession.objects.filter(user=user):
        session.end()
    for model in (EmailAddress, Authenticator, SocialAccount):
        model.objects.filter(user=user).delete()
    # Changing the password also ends sessions without a UserSession row.
    user.set_unusable_password()
    user.email, user.name, user.language = f"closed-{user.pk}@invalid", "", ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.save()
