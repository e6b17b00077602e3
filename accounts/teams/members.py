"""Changes to who is in a team and what they may do there."""

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Invitation, Membership, Team, User
from accounts.roles import RIGHTS_OF_ROLE, Right, Role
from accounts.teams.access import downgrade_access, revoke_access
from accounts.teams.locking import lock_team
from common.errors import Conflict

log = structlog.get_logger(__name__)


@transaction.atomic
def change_member(
    *, team: Team, actor: User, user_id: int, role: Role, credits_per_month: int | None, videos_per_day: int | None
) -> None:
    """A member's role and caps. What a lower role does not cover ends at once.

    Raises Forbidden beyond the actor's own role, Conflict for the last owner, NotFound for no member.
    """
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.MANAGE_MEMBERS)
    member = locked.member(user_id)
    locked.require_role_covers(member.role)
    locked.require_role_covers(role)
    if role != member.role:
        locked.require_another_owner(member)
    Membership.objects.filter(pk=member.pk).update(
        role=role, credits_per_month=credits_per_month, videos_per_day=videos_per_day
    )
    if not role.covers(Role(member.role)):
        downgrade_access(team=team, user=member.user, role=role)
        _revoke_invitations_by(team=team, user=member.user, role=role)
    log.info("member_changed", team=team.pk, user=user_id, role=role.value)


@transaction.atomic
def remove_member(*, team: Team, actor: User, user_id: int) -> None:
    """Takes a person out of the team: keys, queued and running jobs and open invitations of theirs end at once.

    Raises Forbidden for who stands above the actor, Conflict for the last owner, NotFound for no member.
    """
    locked = lock_team(team=team, actor=actor)
    member = locked.member(user_id)
    if user_id != actor.pk:
        locked.require(Right.MANAGE_MEMBERS)
        locked.require_role_covers(member.role)
    locked.require_another_owner(member)
    Membership.objects.filter(pk=member.pk).delete()
    revoke_access(team=team, user=member.user)
    _revoke_invitations_by(team=team, user=member.user, role=None)
    log.info("member_removed", team=team.pk, user=user_id)


def leave_team(*, team: Team, user: User) -> None:
    """Takes the person themselves out of the team. Raises Conflict for the last owner."""
    remove_member(team=team, actor=user, user_id=user.pk)


@transaction.atomic
def transfer_ownership(*, team: Team, actor: User, user_id: int) -> None:
    """Makes a member the owner in the actor's place, who stays as an admin.

    Raises Forbidden for who is no owner, Conflict for a personal team, NotFound for no (active) member.
    """
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.OWN_TEAM)
    new_owner = locked.member(user_id)
    if locked.team.personal_of_id is not None:
        raise Conflict(_("A personal team cannot be handed over. It goes with its account."), code="personal_team")
    if user_id == actor.pk or not new_owner.user.is_active:
        raise Conflict(_("Choose another member of the team."), code="new_owner_not_member")
    Membership.objects.filter(pk=new_owner.pk).update(role=Role.OWNER)
    Membership.objects.filter(pk=locked.actor.pk).update(role=Role.ADMIN)
    downgrade_access(team=team, user=actor, role=Role.ADMIN)
    _revoke_invitations_by(team=team, user=actor, role=Role.ADMIN)
    log.info("team_ownership_transferred", team=team.pk, user=user_id)


def _revoke_invitations_by(*, team: Team, user: User, role: Role | None) -> None:
    """Ends open invitations that the person could not send (any more): nobody leaves a door open behind them."""
    beyond = Invitation.objects.filter(team=team, inviter=user, accepted_at=None, revoked_at=None)
    if role is not None and Right.MANAGE_MEMBERS in RIGHTS_OF_ROLE[role]:
        beyond = beyond.exclude(role__in=[other for other in Role if role.covers(other)])
    beyond.update(revoked_at=timezone.now())
