"""Ends what a person may do in a team, and teams themselves, at once."""

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import ApiKey, Invitation, Membership, Team, User
from accounts.roles import SCOPES_OF_ROLE, Role, Scope
from accounts.signals import access_revoked, team_deleted
from accounts.tenancy.postgres.prepared import fetch_one
from common.errors import Forbidden

# A name may be a person's: it goes with the team.
DELETED_TEAM_NAME = "(closed)"


_LOCK_MEMBERSHIP = """
SELECT member.role FROM accounts_membership member JOIN accounts_user person ON person.id = member.user_id
WHERE member.team_id = %(team)s::bigint AND member.user_id = %(user)s::bigint AND person.is_active
FOR NO KEY UPDATE OF member
"""


def lock_membership(*, team: Team, user: User, scope: Scope) -> None:
    """Keeps the person's membership as it is until the transaction ends. Raises Forbidden where it does not (any more)
    grant the scope.

    Who ends an access and who uses it thus come one after the other: no job slips in behind the sweep that cancels.
    """
    held = fetch_one(_LOCK_MEMBERSHIP, {"team": team.pk, "user": user.pk})
    if held is None or scope not in SCOPES_OF_ROLE[Role(held[0])]:
        raise Forbidden("Your role in this team does not allow this (any more).", code="role_too_low")


@tenancy.unscoped()  # perhaps not the team for which this request runs
@transaction.atomic
def revoke_access(*, team: Team, user: User) -> None:
    """Revokes the person's keys in the team and stops their work there. The membership is the caller's to end."""
    Membership.objects.select_for_update(no_key=True).filter(team=team, user=user).first()  # see hold_access
    ApiKey.objects.filter(team=team, creator=user, revoked_at=None).update(revoked_at=timezone.now())
    access_revoked.send(sender=Team, team=team, user=user)


@tenancy.unscoped()
@transaction.atomic
def downgrade_access(*, team: Team, user: User, role: Role) -> None:
    """After a role was lowered: ends keys that claim more than it allows, and work where it may make none."""
    allowed = SCOPES_OF_ROLE[role]
    keys = ApiKey.objects.filter(team=team, creator=user, revoked_at=None)
    keys.exclude(scopes__contained_by=sorted(allowed)).update(revoked_at=timezone.now())
    if Scope.VIDEOS_WRITE not in allowed:
        access_revoked.send(sender=Team, team=team, user=user)


@transaction.atomic
def revoke_access_everywhere(*, user: User) -> None:
    """The same in every team of a person whose account is closed or deactivated."""
    for team in Team.objects.filter(memberships__user=user).order_by("pk"):
        revoke_access(team=team, user=user)


@tenancy.unscoped()
@transaction.atomic
def delete_team(*, team: Team) -> bool:
    """Ends a team for good: nobody is in it, no key opens it, what it made is deleted. The row stays for the ledger.

    Returns False when it was closed already.
    """
    if not Team.objects.filter(pk=team.pk, deleted_at=None).update(
        name=DELETED_TEAM_NAME, deleted_at=timezone.now(), deletion_due_at=None
    ):
        return False
    now = timezone.now()
    ApiKey.objects.filter(team=team, revoked_at=None).update(revoked_at=now)
    Invitation.objects.filter(team=team, accepted_at=None, revoked_at=None).update(revoked_at=now)
    team_deleted.send(sender=Team, team=team)
    Membership.objects.filter(team=team).delete()
    return True
