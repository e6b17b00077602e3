"""Revokes access to teams, and deletes teams, with immediate effect."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import ngettext

from accounts import tenancy
from accounts.models import ApiKey, Invitation, Membership, Team, User
from accounts.roles import SCOPES_OF_ROLE, Role, Scope
from accounts.signals import access_revoked, member_removal_preview, team_deleted
from accounts.tenancy.postgres.prepared import fetch_one
from common.clock import DatabaseNow
from common.errors import Forbidden

# The name may contain a person's name, so it is erased with the team.
DELETED_TEAM_NAME = "(closed)"


_LOCK_MEMBERSHIP = """
SELECT member.role FROM accounts_membership member JOIN accounts_user person ON person.id = member.user_id
WHERE member.team_id = %(team)s::bigint AND member.user_id = %(user)s::bigint AND person.is_active
FOR NO KEY UPDATE OF member
"""


def lock_membership(*, team: Team, user: User, scope: Scope) -> None:
    """Lock the user's membership until the transaction ends. Raises Forbidden if it does not grant the scope.

    Revoking access and using it are thus serialized: no job can be submitted after `revoke_access` canceled the jobs.
    """
    row = fetch_one(_LOCK_MEMBERSHIP, {"team": team.pk, "user": user.pk})
    if row is None or scope not in SCOPES_OF_ROLE[Role(row[0])]:
        raise Forbidden("Your role in this team does not allow this.", code="role_too_low")


def has_scope(*, team_id: int, user_id: int | None, scope: Scope, api_key_id: int | None = None) -> bool:
    """Return whether the user's role in the team includes the scope, and neither account nor API key has ended."""
    roles = [role for role, scopes in SCOPES_OF_ROLE.items() if scope in scopes]
    members = Membership.objects.filter(team=team_id, user=user_id, role__in=roles, user__is_active=True)
    if api_key_id is not None:
        is_valid = Q(expires_at=None) | Q(expires_at__gt=DatabaseNow())
        keys = ApiKey.objects.filter(is_valid, pk=api_key_id, revoked_at=None)
        members = members.filter(Exists(keys.filter(team=OuterRef("team"), creator=OuterRef("user"))))
    return members.exists()


@tenancy.unscoped()  # the team may not be the request's
@transaction.atomic
def revoke_access(*, team: Team, user: User) -> None:
    """End everything that the user made in the team and that gives access to it. The caller deletes the membership."""
    Membership.objects.select_for_update(no_key=True).filter(team=team, user=user).first()  # see lock_membership
    _keys_of(team, user).update(revoked_at=timezone.now())
    access_revoked.send(sender=Team, team=team, user=user, scopes=frozenset())


@tenancy.unscoped()
@transaction.atomic
def downgrade_access(*, team: Team, user: User, role: Role) -> None:
    """Apply a lower role: revoke API keys with scopes that it does not include, and end what it may not make."""
    allowed = SCOPES_OF_ROLE[role]
    _keys_of(team, user).exclude(scopes__contained_by=sorted(allowed)).update(revoked_at=timezone.now())
    access_revoked.send(sender=Team, team=team, user=user, scopes=allowed)


def preview_removal(*, team: Team, user: User) -> list[str]:
    """Return one sentence for each kind of thing that ends when the user leaves the team."""
    keys = _keys_of(team, user).count()
    sentences: list[str | None] = [
        ngettext("%(count)s API key is revoked.", "%(count)s API keys are revoked.", keys) % {"count": keys}
        if keys
        else ""
    ]
    sentences += [sentence for _, sentence in member_removal_preview.send(sender=Team, team=team, user=user)]
    return [sentence for sentence in sentences if sentence]


def _keys_of(team: Team, user: User) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(team=team, creator=user, revoked_at=None)


@transaction.atomic
def revoke_access_everywhere(*, user: User) -> None:
    """Revoke a user's access to all teams, when the account is closed or deactivated."""
    for team in Team.objects.filter(memberships__user=user).order_by("pk"):
        revoke_access(team=team, user=user)


@tenancy.unscoped()
@transaction.atomic
def delete_team(*, team: Team) -> bool:
    """Delete a team permanently: members, API keys, invitations and content. The row stays for the ledger.

    Returns False if the team was already deleted.
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
