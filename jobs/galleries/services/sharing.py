"""Links that show a video or a collection to whoever has them."""

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
    """Members share what is in the gallery and what they made themselves; curators every video."""
    if Scope.GALLERY_WRITE not in principal.scopes:
        return False
    if isinstance(target, Collection) or principal.may(Right.CURATE_GALLERY) or target.user_id == principal.user.pk:
        return True
    return Publication.objects.for_team(principal.team).filter(job=target).exists()


def visible_links(principal: Principal) -> ShareLinkQuerySet:
    """The links that one may see and revoke: one's own; for curators the team's."""
    links = ShareLink.objects.for_team(principal.team)
    return links if principal.may(Right.CURATE_GALLERY) else links.filter(creator=principal.user)


def create_link(
    *, principal: Principal, target: Job | Collection, expires_at: datetime | None = None, password: str = ""
) -> ShareLink:
    """A new link. Raises Forbidden for another's unpublished video, Conflict where there is no film to show."""
    principal.require(Scope.GALLERY_WRITE)
    if not may_share(principal, target):
        raise Forbidden(
            "This video is another member's and not in the gallery. An owner or admin of the team may share it.",
            code="role_too_low",
        )
    if expires_at is not None and expires_at <= timezone.now():
        raise Conflict("The link would have ended before it begins. Choose a later time.", code="already_over")
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
    """Ends a link at once. Returns False when it was revoked already."""
    return bool(ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()))


def find_link(token: str) -> ShareLink | None:
    """The live link behind a token, with its team and its collection; None for all others alike."""
    if "\0" in token:
        return None
    links = ShareLink.objects.live().filter(token=token, team__deleted_at=None)
    return links.select_related("team", "collection").first()


def password_matches(link: ShareLink, password: str) -> bool:
    return check_password(password, link.password)


def count_view(link: ShareLink) -> None:
    ShareLink.objects.filter(pk=link.pk).update(view_count=F("view_count") + 1)
