"""Ends what a person may do in a team, and teams themselves, at once."""

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import ApiKey, Invitation, Membership, Team, User
from accounts.signals import access_ended, team_closed

# A name may be a person's: it goes with the team.
CLOSED_NAME = "(closed)"


@tenancy.outside()  # perhaps not the team for which this request runs
@transaction.atomic
def end_access(*, team: Team, user: User) -> None:
    """Revokes the person's keys in the team and stops their work there. The membership is the caller's to end."""
    ApiKey.objects.filter(team=team, creator=user, revoked_at=None).update(revoked_at=timezone.now())
    access_ended.send(sender=Team, team=team, user=user)


@tenancy.outside()
@transaction.atomic
def end_access_everywhere(*, user: User) -> None:
    """The same in every team of a person whose account is closed or deactivated."""
    for team in Team.objects.filter(memberships__user=user).order_by("pk"):
        end_access(team=team, user=user)


@tenancy.outside()
@transaction.atomic
def close_team(*, team: Team) -> bool:
    """Ends a team for good: nobody is in it, no key opens it, what it made is deleted. The row stays for the ledger.

    Returns False when it was closed already.
    """
    if not Team.objects.filter(pk=team.pk, closed_at=None).update(
        name=CLOSED_NAME, closed_at=timezone.now(), closing_at=None
    ):
        return False
    now = timezone.now()
    ApiKey.objects.filter(team=team, revoked_at=None).update(revoked_at=now)
    Invitation.objects.filter(team=team, accepted_at=None, revoked_at=None).update(revoked_at=now)
    team_closed.send(sender=Team, team=team)
    Membership.objects.filter(team=team).delete()
    return True
