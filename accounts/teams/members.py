"""Changes to the members of a team and their roles."""

import structlog
from django.db import transaction
from django.utils import timezone

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
    """Change a member's role and caps. A lower role takes effect at once.

    Raises Forbidden for roles above the actor's own, Conflict for the last owner, NotFound if there is no such member.
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
    """Remove a member; their API keys, unfinished jobs and open invitations in the team end at once.

    Raises Forbidden for a role above the actor's own, Conflict for the last owner, NotFound if there is no such member.
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
    """Remove the acting user from the team. Raises Conflict for the last owner."""
    remove_member(team=team, actor=user, user_id=user.pk)


@transaction.atomic
def transfer_ownership(*, team: Team, actor: User, user_id: int) -> None:
    """Make a member the owner instead of the actor, who becomes an admin.

    Raises Forbidden unless the actor is an owner, Conflict for a personal team or an inactive user, NotFound if there
    is no such member.
    """
    locked = lock_team(team=team, actor=actor)
    locked.require(Right.OWN_TEAM)
    new_owner = locked.member(user_id)
    if locked.team.personal_of_id is not None:
        raise Conflict(
            "The ownership of a personal team cannot be transferred. The team belongs to its account.",
            code="personal_team",
        )
    if user_id == actor.pk or not new_owner.user.is_active:
        raise Conflict("Choose another member of the team.", code="new_owner_not_member")
    Membership.objects.filter(pk=new_owner.pk).update(role=Role.OWNER)
    Membership.objects.filter(pk=locked.actor.pk).update(role=Role.ADMIN)
    downgrade_access(team=team, user=actor, role=Role.ADMIN)
    _revoke_invitations_by(team=team, user=actor, role=Role.ADMIN)
    log.info("team_ownership_transferred", team=team.pk, user=user_id)


def _revoke_invitations_by(*, team: Team, user: User, role: Role | None) -> None:
    """Withdraw the user's open invitations that their new role (None: no role) does not allow them to send."""
    beyond = Invitation.objects.filter(team=team, inviter=user, accepted_at=None, revoked_at=None)
    if role is not None and Right.MANAGE_MEMBERS in RIGHTS_OF_ROLE[role]:
        beyond = beyond.exclude(role__in=[other for other in Role if role.covers(other)])
    beyond.update(revoked_at=timezone.now())
