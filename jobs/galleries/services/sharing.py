"""Services for share links, which show a video or a collection to anyone who has the link."""

import secrets
from datetime import datetime

from django.contrib.auth.hashers import check_password, make_password
from django.db.models import F
from django.utils import timezone

from accounts.auth.principals import Principal
from accounts.roles import Right, Scope
from common.errors import Conflict, Forbidden
from jobs.galleries.models import Collection, Publication, ShareLink, ShareLinkQuerySet
from jobs.models import Job
from jobs.states import State

_TOKEN_BYTES = 24  # 192 bits


def may_share(principal: Principal, target: Job | Collection) -> bool:
    """Return whether the principal may share it: members their own videos and the gallery, curators every video."""
    if Scope.GALLERY_WRITE not in principal.scopes:
        return False
    if isinstance(target, Collection) or principal.may(Right.CURATE_GALLERY) or target.user_id == principal.user.pk:
        return True
    return Publication.objects.for_team(principal.team).filter(job=target).exists()


def visible_links(principal: Principal) -> ShareLinkQuerySet:
    """Return the links that the principal may see and revoke: their own, or all of the team for curators."""
    links = ShareLink.objects.for_team(principal.team)
    return links if principal.may(Right.CURATE_GALLERY) else links.filter(creator=principal.user)


def create_link(
    *, principal: Principal, target: Job | Collection, expires_at: datetime | None = None, password: str = ""
) -> ShareLink:
    """Create a link. Raise Forbidden for another member's unpublished video, and Conflict if there is no video file."""
    principal.require(Scope.GALLERY_WRITE)
    if not may_share(principal, target):
        raise Forbidden(
            "The video belongs to another member and is not in the gallery. Ask an owner or admin of the team to share"
            " it.",
            code="role_too_low",
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise Conflict("The expiry time of the link is in the past. Choose a later time.", code="already_over")
    if isinstance(target, Job) and (target.state != State.COMPLETED or target.is_gone):
        raise Conflict("Only a finished video whose file is still kept can be shared.", code="not_ready")
    return ShareLink.objects.create(
        team=principal.team,
        job=target if isinstance(target, Job) else None,
        collection=target if isinstance(target, Collection) else None,
        creator=principal.user,
        token=secrets.token_urlsafe(_TOKEN_BYTES),
        password=make_password(password) if password else "",
        expires_at=expires_at,
    )


def revoke_link(*, link: ShareLink) -> bool:
    """Revoke a link. Return False if it was revoked already."""
    return bool(ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()))


def find_link(token: str) -> ShareLink | None:
    """Return the live link of a token with its team and collection; None for any other token."""
    if "\0" in token:
        return None
    links = ShareLink.objects.live().filter(token=token, team__deleted_at=None)
    return links.select_related("team", "collection").first()


def password_matches(link: ShareLink, password: str) -> bool:
    return check_password(password, link.password)


def count_view(link: ShareLink) -> None:
    ShareLink.objects.filter(pk=link.pk).update(view_count=F("view_count") + 1)
