"""Signal receivers that revoke the share links of members who lost access."""

from collections.abc import Set as AbstractSet
from typing import Any

from django.utils import timezone
from django.utils.translation import ngettext

from accounts.models import Team, User
from accounts.roles import Scope
from jobs.galleries.models import ShareLink, ShareLinkQuerySet


def revoke_links_of_member(sender: object, *, team: Team, user: User, scopes: AbstractSet[Scope], **_: Any) -> None:
    """Receive `access_revoked`: a link of a collection would also show what is added to it later."""
    if Scope.GALLERY_WRITE not in scopes:
        _links_of(team, user).update(revoked_at=timezone.now())


def preview_revoked_links(sender: object, *, team: Team, user: User, **_: Any) -> str:
    """Receive `member_removal_preview`."""
    count = _links_of(team, user).count()
    if not count:
        return ""
    return ngettext("%(count)s share link is revoked.", "%(count)s share links are revoked.", count) % {"count": count}


def _links_of(team: Team, user: User) -> ShareLinkQuerySet:
    return ShareLink.objects.for_team(team).live().filter(creator=user)
