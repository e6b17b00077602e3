"""Puts finished videos into their team's gallery, changes what is said of them, and takes them out."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from accounts.auth.principals import Principal
from accounts.roles import Right, Scope
from common.errors import Conflict, Forbidden, NotFound
from common.ids import not_found
from jobs.galleries.models import Favourite, Publication, ShareLink
from jobs.models import Job
from jobs.states import State


def may_publish(principal: Principal, job: Job) -> bool:
    """Members publish what they made; curators everything."""
    if Scope.GALLERY_WRITE not in principal.scopes:
        return False
    return principal.may(Right.CURATE_GALLERY) or job.user_id == principal.user.pk


def may_edit(principal: Principal, publication: Publication) -> bool:
    """Who made the video or published it may change and withdraw it; curators all."""
    own = Scope.GALLERY_WRITE in principal.scopes and publication.publisher_id == principal.user.pk
    return own or may_publish(principal, publication.job)


def publish_video(
    *, principal: Principal, job: Job, caption: str = "", tags: Iterable[str] = (), is_public: bool = False
) -> Publication:
    """Raises Forbidden for another's video, Conflict where there is nothing to show or it is in the gallery already."""
    principal.require(Scope.GALLERY_WRITE)
    if not may_publish(principal, job):
        raise _not_owner()
    if job.state != State.COMPLETED or job.is_gone:
        raise Conflict("Only a finished video whose file is still kept can be published.", code="not_ready")
    publication = Publication(
        team=principal.team,
        job=job,
        publisher=principal.user,
        caption=caption,
        tags=normalize_tags(tags),
        is_public=is_public,
        model=job.model,
    )
    publication.search_text = publication.build_search_text()
    try:
        with transaction.atomic():
            # The lock waits for a deletion that is under way: what it takes away must not be published behind its back.
            if not Job.objects.for_team(principal.team).select_for_update().filter(pk=job.pk).exists():
                raise Conflict("The video was deleted meanwhile.", code="not_ready")
            publication.save(force_insert=True)
    except IntegrityError:
        raise Conflict("The video is in the gallery already.", code="already_published") from None
    return publication


def edit_publication(
    *,
    principal: Principal,
    publication: Publication,
    caption: str | None = None,
    tags: Iterable[str] | None = None,
    is_public: bool | None = None,
) -> None:
    """Changes what is given. Raises Forbidden for another's."""
    _require_edit(principal, publication)
    if caption is not None:
        publication.caption = caption
    if tags is not None:
        publication.tags = normalize_tags(tags)
    if is_public is not None:
        publication.is_public = is_public
    row = Publication.objects.for_team(principal.team).filter(pk=publication.pk)
    changed = row.update(
        caption=publication.caption,
        tags=publication.tags,
        is_public=publication.is_public,
        search_text=publication.build_search_text(),
    )
    if not changed:
        raise _not_found(publication)


@transaction.atomic
def unpublish(*, principal: Principal, publication: Publication) -> None:
    """Takes it out of the gallery, its collections and everybody's favourites. Links to the video go on working."""
    _require_edit(principal, publication)
    rows = Publication.objects.filter(team=principal.team, pk=publication.pk)
    # Who is adding a mark waits, and finds it gone: or the commit would fail on that mark.
    if rows.select_for_update().first() is not None:
        rows.delete()


def set_favourite(*, principal: Principal, publication: Publication, value: bool) -> None:
    """Marks a publication for this person alone, or takes the mark away. Doing it twice changes nothing."""
    own = {"team": principal.team, "user": principal.user, "publication": publication}
    if not value:
        Favourite.objects.filter(**own).delete()
        return
    try:
        with transaction.atomic():
            Favourite.objects.bulk_create([Favourite(**own)], ignore_conflicts=True)
    except IntegrityError:  # it was withdrawn between the look and this
        raise _not_found(publication) from None


def count_live_links(principal: Principal, job: Job) -> int:
    """How many links show this video to people outside, whether it is in the gallery or not."""
    return ShareLink.objects.for_team(principal.team).live().filter(job=job).count()


def normalize_tags(tags: Iterable[str]) -> list[str]:
    """Small letters, single spaces, no tag twice, in the order given: a tag is looked for as it is written."""
    return list(dict.fromkeys(tidy for tag in tags if (tidy := " ".join(tag.lower().split()))))


def _require_edit(principal: Principal, publication: Publication) -> None:
    principal.require(Scope.GALLERY_WRITE)
    if not may_edit(principal, publication):
        raise _not_owner()


def _not_found(publication: Publication) -> NotFound:
    return not_found("pub", publication.public_id)


def _not_owner() -> Forbidden:
    return Forbidden(
        "This video is another member's. An owner or admin of the team may publish, change and withdraw it.",
        code="role_too_low",
    )
