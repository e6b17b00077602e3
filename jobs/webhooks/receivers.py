"""Signal receivers that disable the webhooks of members and teams that lost access."""

from collections.abc import Set as AbstractSet
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext

from accounts.models import Team, User
from accounts.roles import Scope
from jobs.webhooks.models import DisabledReason, Endpoint
from jobs.webhooks.services import disable_endpoints


def disable_endpoints_of_member(
    sender: object, *, team: Team, user: User, scopes: AbstractSet[Scope], **_: Any
) -> None:
    """Receive `access_revoked`: an endpoint receives the prompts of the whole team."""
    if Scope.WEBHOOKS_MANAGE not in scopes:
        disable_endpoints(_endpoints_of(team, user), reason=DisabledReason.CREATOR_LEFT)


def disable_endpoints_of_team(sender: object, *, team: Team, **_: Any) -> None:
    """Receive `team_deleted`."""
    disable_endpoints(Endpoint.objects.for_team(team), reason=DisabledReason.CREATOR_LEFT)


def preview_disabled_endpoints(sender: object, *, team: Team, user: User, **_: Any) -> str:
    """Receive `member_removal_preview`."""
    count = _endpoints_of(team, user).count()
    if not count:
        return ""
    return ngettext(
        "%(count)s webhook is disabled. An owner or admin can enable it again.",
        "%(count)s webhooks are disabled. An owner or admin can enable them again.",
        count,
    ) % {"count": count}


def _endpoints_of(team: Team, user: User) -> QuerySet[Endpoint]:
    return Endpoint.objects.visible(team).filter(creator=user, disabled_at=None)
