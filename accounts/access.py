"""Ends what a person may do in a team, at once."""

from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, Team, User
from accounts.signals import access_ended


@transaction.atomic
def end_access(*, team: Team, user: User) -> None:
    """Revokes the person's keys in the team and stops their work there. The membership is the caller's to end."""
    ApiKey.objects.filter(team=team, creator=user, revoked_at=None).update(revoked_at=timezone.now())
    access_ended.send(sender=Team, team=team, user=user)


@transaction.atomic
def end_access_everywhere(*, user: User) -> None:
    """The same in every team of a person whose account is closed or deactivated."""
    for team in Team.objects.filter(memberships__user=user).order_by("pk"):
        end_access(team=team, user=user)
