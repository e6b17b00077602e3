"""Revalidates the viewers of event streams: a stream is open for longer than the check of its request holds."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connections
from django.db.models import Q
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.auth.principals import Principal
from accounts.models import ApiKey, Membership, User
from accounts.roles import SCOPES_OF_ROLE, Scope
from common.clock import DatabaseNow

_ROLES = [role.value for role, scopes in SCOPES_OF_ROLE.items() if Scope.VIDEOS_READ in scopes]


@dataclass(frozen=True, slots=True)
class Viewer:
    """A member of a team, signed in by an API key or by a session; the other one is None."""

    team_id: int
    user_id: int
    key_id: int | None
    session_key: str | None

    @classmethod
    def of(cls, principal: Principal, request: HttpRequest) -> Self:
        key = principal.api_key
        if key is not None:
            return cls(principal.team.pk, principal.user.pk, key.pk, None)
        return cls(principal.team.pk, principal.user.pk, None, request.session.session_key)


def revalidate(viewers: Collection[Viewer]) -> set[Viewer]:
    """Return the viewers whose membership, account, and key or session are valid.

    At most four queries for all; closes its connection.
    """
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
        valid_sessions = _valid_sessions({viewer.session_key for viewer in viewers} - {None})
        return {
            viewer
            for viewer in viewers
            if (viewer.team_id, viewer.user_id) in valid_members
            and viewer.key_id in valid_keys
            and (viewer.key_id is not None or (viewer.session_key, viewer.user_id) in valid_sessions)
        }
    finally:
        connections.close_all()


def _valid_sessions(session_keys: Collection[str | None]) -> set[tuple[str | None, int]]:
    """Return the sessions that are signed in, with their users. A change of the password ends a user's others."""
    if not session_keys:
        return set()
    sessions = {
        session.session_key: session.get_decoded()
        for session in Session.objects.filter(session_key__in=session_keys, expire_date__gt=DatabaseNow())
    }
    users = User.objects.in_bulk({int(data[SESSION_KEY]) for data in sessions.values() if SESSION_KEY in data})
    return {
        (key, user.pk)
        for key, data in sessions.items()
        if (user := users.get(int(data.get(SESSION_KEY, 0)))) is not None
        and constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    }
