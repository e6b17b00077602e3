"""Who stands where in a team while something about it changes: read under the team's lock, so that it stays so."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import Membership, Team, User
from accounts.roles import RIGHTS_OF_ROLE, Right, Role
from common.errors import Conflict, Forbidden, NotFound


@dataclass(frozen=True)
class LockedMembership:
    """A locked team, and the membership of who acts on it. Use it up in the transaction that made it."""

    team: Team
    actor: Membership

    @property
    def role(self) -> Role:
        return Role(self.actor.role)

    def require(self, right: Right) -> None:
        """Raises Forbidden when the actor's role lacks the right."""
        if right not in RIGHTS_OF_ROLE[self.role]:
            raise _role_too_low()

    def require_role_covers(self, role: str) -> None:
        """Raises Forbidden when the role stands above the actor's own."""
        if not self.role.covers(Role(role)):
            raise _role_too_low()

    def member(self, user_id: int) -> Membership:
        """Raises NotFound for who is not in the team."""
        membership = Membership.objects.select_related("user").filter(team=self.team, user_id=user_id).first()
        if membership is None:
            raise NotFound("No such member.")
        return membership

    def require_another_owner(self, membership: Membership) -> None:
        """Raises Conflict when the team would be left without an owner, or its own person without that role."""
        if membership.role != Role.OWNER:
            return
        if self.team.personal_of_id == membership.user_id:
            raise Conflict(_("This is the person's own team: they stay its owner."), code="personal_team")
        owners = Membership.objects.filter(team=self.team, role=Role.OWNER)
        if not owners.exclude(pk=membership.pk).exists():
            raise Conflict(_("The team needs an owner. Make somebody else an owner first."), code="last_owner")


def lock_team(*, team: Team, actor: User) -> LockedMembership:
    """Locks the team's row until the transaction ends: changes to who is in it come one after the other.

    Submits of videos go on: they only share the row. Raises NotFound for an actor who is not in the team (any more).
    """
    locked = Team.objects.select_for_update(no_key=True).filter(pk=team.pk, deleted_at=None).first()
    membership = Membership.objects.filter(team=team, user=actor).first()
    if locked is None or membership is None:
        raise NotFound("No such team.")
    return LockedMembership(locked, membership)


def _role_too_low() -> Forbidden:
    return Forbidden("Your role in this team does not allow this.", code="role_too_low")
