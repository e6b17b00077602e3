"""The memberships of a team, read under a lock on the team so that they cannot change meanwhile."""

from dataclasses import dataclass

from accounts.models import Membership, Team, User
from accounts.roles import RIGHTS_OF_ROLE, Right, Role
from common.errors import Conflict, Forbidden, NotFound


@dataclass(frozen=True)
class LockedMembership:
    """A locked team and the membership of the acting user. Valid only in the transaction that created it."""

    team: Team
    actor: Membership

    @property
    def role(self) -> Role:
        return Role(self.actor.role)

    def require(self, right: Right) -> None:
        """Raise Forbidden if the actor's role lacks the right."""
        if right not in RIGHTS_OF_ROLE[self.role]:
            raise _role_too_low()

    def require_role_covers(self, role: str) -> None:
        """Raise Forbidden if the role is above the actor's own."""
        if not self.role.covers(Role(role)):
            raise _role_too_low()

    def member(self, user_id: int) -> Membership:
        """Return a member. Raises NotFound if the user is not in the team."""
        membership = Membership.objects.select_related("user").filter(team=self.team, user_id=user_id).first()
        if membership is None:
            raise NotFound("No such member.")
        return membership

    def require_another_owner(self, membership: Membership) -> None:
        """Raise Conflict if without this owner the team has none, or if it is this user's personal team."""
        if membership.role != Role.OWNER:
            return
        if self.team.personal_of_id == membership.user_id:
            raise Conflict("This is the personal team of this member. Its owner cannot change.", code="personal_team")
        owners = Membership.objects.filter(team=self.team, role=Role.OWNER)
        if not owners.exclude(pk=membership.pk).exists():
            raise Conflict("The team needs at least one owner. Make another member an owner first.", code="last_owner")


def lock_team(*, team: Team, actor: User) -> LockedMembership:
    """Lock the team's row until the transaction ends, so that changes to its memberships are serialized.

    Submitting videos is not blocked, since that takes a weaker lock. Raises NotFound if the actor is not in the team.
    """
    locked = Team.objects.select_for_update(no_key=True).filter(pk=team.pk, deleted_at=None).first()
    membership = Membership.objects.filter(team=team, user=actor).first()
    if locked is None or membership is None:
        raise NotFound("No such team.")
    return LockedMembership(locked, membership)


def _role_too_low() -> Forbidden:
    return Forbidden("Your role in this team does not allow this.", code="role_too_low")
