"""Making, naming and ending a team."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import tenancy
from accounts.models import Membership, Team, User
from accounts.quota.services import open_wallet
from accounts.roles import Right, Role
from accounts.teams import access
from accounts.teams.locking import lock_team
from common.errors import Conflict

log = structlog.get_logger(__name__)


@tenancy.unscoped()  # the new team is not the one for which this request runs
@transaction.atomic
def provision_team(*, name: str, owner: User, personal: bool = False) -> Team:
    """A team with its owner and an opened wallet."""
    team = Team.objects.create(name=name, personal_of=owner if personal else None)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    open_wallet(team=team)
    return team


def ensure_personal_team(*, user: User) -> Team:
    """The team that every user has from the first minute on; made if missing."""
    with transaction.atomic():
        # Two signups' first requests may come here together; the row lock lets the second find the first's team.
        User.objects.select_for_update().get(pk=user.pk)
        team = Team.objects.filter(personal_of=user).first()
        return team or provision_team(name=user.name or user.email.split("@")[0], owner=user, personal=True)


@transaction.atomic
def create_team(*, name: str, owner: User) -> Team:
    """A new team of a person's. Raises Conflict when they own as many as settings allow: each brings credits."""
    # The row's lock: two clicks must not both find the last free place.
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    owned = Membership.objects.filter(user=owner, role=Role.OWNER).count()
    if owned >= settings.MAX_TEAMS_OWNED:
        message = _("You own %(count)s teams already. Close one or hand one over first.") % {"count": owned}
        raise Conflict(message, code="too_many_teams")
    return provision_team(name=name, owner=owner)


@transaction.atomic
def change_settings(*, team: Team, actor: User, name: str, default_model: str) -> None:
    """The team's name, and the model of requests that name none (empty: the site's). Raises Forbidden."""
    lock_team(team=team, actor=actor).require(Right.MANAGE_TEAM)
    Team.objects.filter(pk=team.pk).update(name=name, default_model=default_model)


@transaction.atomic
def schedule_deletion(*, team: Team, actor: User) -> None:
    """Begins the days of grace: the team makes no more videos, and is closed for good when they are over.

    Raises Forbidden for who is no owner, Conflict for a personal team. Asked twice, the first date stands.
    """
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.OWN_TEAM)
    if locked.team.personal_of_id is not None:
        raise Conflict(_("A personal team cannot be closed alone. It goes with its account."), code="personal_team")
    ends = timezone.now() + timedelta(days=settings.TEAM_DELETION_GRACE_DAYS)
    if Team.objects.filter(pk=team.pk, deletion_due_at=None).update(deletion_due_at=ends):
        log.info("team_deletion_scheduled", team=team.pk, at=ends.isoformat())


@transaction.atomic
def cancel_deletion(*, team: Team, actor: User) -> None:
    """Ends the days of grace: the team goes on as it was. Raises Forbidden, and NotFound once it is closed."""
    lock_team(team=team, actor=actor).require(Right.OWN_TEAM)
    Team.objects.filter(pk=team.pk, deleted_at=None).update(deletion_due_at=None)


def delete_due_teams() -> int:
    """Closes teams whose days of grace are over; returns how many. Several processes may run it at once."""
    return sum(_delete_if_due(team) for team in _due())


def _due() -> QuerySet[Team]:
    return Team.objects.filter(deletion_due_at__lte=timezone.now(), deleted_at=None)


@transaction.atomic
def _delete_if_due(team: Team) -> bool:
    # Asked again under the lock: an owner may have kept it a moment ago.
    locked = _due().select_for_update(no_key=True, skip_locked=True).filter(pk=team.pk).first()
    return locked is not None and access.delete_team(team=locked)
