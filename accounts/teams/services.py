"""Creating, changing and deleting teams."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import tenancy
from accounts.models import Membership, Team, User
from accounts.quota.services import open_wallet
from accounts.roles import Right, Role
from accounts.teams import access
from accounts.teams.locking import lock_team
from common.errors import Conflict
from common.text import single_line

log = structlog.get_logger(__name__)


@tenancy.unscoped()  # the new team is not the request's
@transaction.atomic
def provision_team(*, name: str, owner: User, personal: bool = False) -> Team:
    """Create a team with its owner and wallet. Not limited by MAX_TEAMS_OWNED."""
    team = Team.objects.create(name=single_line(name), personal_of=owner if personal else None)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    open_wallet(team=team)
    return team


def ensure_personal_team(*, user: User) -> Team:
    """Return the user's personal team; create it if missing."""
    with transaction.atomic():
        # Two first requests may arrive together. The row lock lets the second one find the team of the first.
        User.objects.select_for_update().get(pk=user.pk)
        team = Team.objects.filter(personal_of=user).first()
        return team or provision_team(name=user.name or user.email.split("@")[0], owner=user, personal=True)


@transaction.atomic
def create_team(*, name: str, owner: User) -> Team:
    """Create a team for a user. Raises Conflict if they own MAX_TEAMS_OWNED teams: each team gets starting credits."""
    # The row lock keeps two concurrent requests from both passing the limit.
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    owned = Membership.objects.filter(user=owner, role=Role.OWNER).count()
    if owned >= settings.MAX_TEAMS_OWNED:
        raise Conflict(
            "You already own %(count)s teams, which is the limit. Delete a team or transfer its ownership first.",
            {"count": owned},
            code="too_many_teams",
        )
    return provision_team(name=name, owner=owner)


@transaction.atomic
def change_settings(*, team: Team, actor: User, name: str, default_model: str) -> None:
    """Change the team's name and the default model (empty: the site's). Raises Forbidden."""
    lock_team(team=team, actor=actor).require(Right.MANAGE_TEAM)
    Team.objects.filter(pk=team.pk).update(name=name, default_model=default_model)


@transaction.atomic
def schedule_deletion(*, team: Team, actor: User) -> None:
    """Start the grace period: the team cannot make videos, and is deleted when the period is over.

    Raises Forbidden unless the actor is an owner, Conflict for a personal team. A second call does not change the date.
    """
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.OWN_TEAM)
    if locked.team.personal_of_id is not None:
        raise Conflict(
            "A personal team cannot be deleted separately. It is deleted with its account.", code="personal_team"
        )
    due_at = timezone.now() + timedelta(days=settings.TEAM_DELETION_GRACE_DAYS)
    if Team.objects.filter(pk=team.pk, deletion_due_at=None).update(deletion_due_at=due_at):
        log.info("team_deletion_scheduled", team=team.pk, at=due_at.isoformat())


@transaction.atomic
def cancel_deletion(*, team: Team, actor: User) -> None:
    """Cancel the deletion of a team. Raises Forbidden, and NotFound if it is already deleted."""
    lock_team(team=team, actor=actor).require(Right.OWN_TEAM)
    Team.objects.filter(pk=team.pk, deleted_at=None).update(deletion_due_at=None)


def delete_due_teams() -> int:
    """Delete teams whose grace period is over. Returns their number. Several processes may run this at once."""
    return sum(_delete_if_due(team) for team in _due())


def _due() -> QuerySet[Team]:
    return Team.objects.filter(deletion_due_at__lte=timezone.now(), deleted_at=None)


@transaction.atomic
def _delete_if_due(team: Team) -> bool:
    # Checked again under the lock: an owner may have canceled the deletion in the meantime.
    locked = _due().select_for_update(no_key=True, skip_locked=True).filter(pk=team.pk).first()
    return locked is not None and access.delete_team(team=locked)
