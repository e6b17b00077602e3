"""Who follows, and whether they still may: a stream outlasts the call that opened it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from django.db import connections
from django.db.models import Q

from accounts.auth.principals import Principal
from accounts.models import ApiKey, Membership
from accounts.roles import SCOPES_OF_ROLE, Scope
from common.clock import DatabaseNow

_ROLES = [role.value for role, scopes in SCOPES_OF_ROLE.items() if Scope.VIDEOS_READ in scopes]


@dataclass(frozen=True, slots=True)
class Viewer:
    """A member of a team, at a browser or by a key."""

    team_id: int
    user_id: int
    key_id: int | None

    @classmethod
    def of(cls, principal: Principal) -> Self:
        key = principal.api_key
        return cls(principal.team.pk, principal.user.pk, None if key is None else key.pk)


def revalidate(viewers: Collection[Viewer]) -> set[Viewer]:
    """Those whose membership, account and key are in order; two queries for all. Gives its connection back."""
    try:
        members = Membership.objects.filter(
            team__in={viewer.team_id for viewer in viewers},
            user__in={viewer.user_id for viewer in viewers},
            user__is_active=True,
            role__in=_ROLES,
        )
        keys = ApiKey.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=DatabaseNow()),
            pk__in={viewer.key_id for viewer in viewers} - {None},
            revoked_at=None,
        )
        known = set(members.values_list("team_id", "user_id"))
        good = {None, *keys.values_list("pk", flat=True)}
        return {viewer for viewer in viewers if (viewer.team_id, viewer.user_id) in known and viewer.key_id in good}
    finally:
        connections.close_all()
