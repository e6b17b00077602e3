"""Revalidates the viewers of event streams: a stream is open for longer than the check of its request holds."""

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
    """A member of a team, signed in by a session or by an API key."""

    team_id: int
    user_id: int
    key_id: int | None

    @classmethod
    def of(cls, principal: Principal) -> Self:
        key = principal.api_key
        return cls(principal.team.pk, principal.user.pk, None if key is None else key.pk)


def revalidate(viewers: Collection[Viewer]) -> set[Viewer]:
    """Return the viewers whose membership, account and key are valid. Two queries for all; closes its connection."""
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
        valid_members = set(members.values_list("team_id", "user_id"))
        valid_keys = {None, *keys.values_list("pk", flat=True)}
        return {
            viewer
            for viewer in viewers
            if (viewer.team_id, viewer.user_id) in valid_members and viewer.key_id in valid_keys
        }
    finally:
        connections.close_all()
