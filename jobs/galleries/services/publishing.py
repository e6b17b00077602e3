"""Services that publish completed videos to their team's gallery, edit the publications, and remove them."""

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
    """Return whether the principal may publish the video: members their own videos, curators every video."""
    if Scope.GALLERY_WRITE not in principal.scopes:
        return False
    return principal.may(Right.CURATE_GALLERY) or job.user_id == principal.user.pk


def may_edit(principal: Principal, publication: Publication) -> bool:
    """Return whether the principal may edit and remove it: the video's creator, its publisher, and curators."""
    own = Scope.GALLERY_WRITE in principal.scopes and publication.publisher_id == principal.user.pk
    return own or may_publish(principal, publication.job)


def publish_video(
    *, principal: Principal, job: Job, caption: str = "", tags: Iterable[str] = (), is_public: bool = False
) -> Publication:
    """Publish a video.

    Raise Forbidden for another member's video, and Conflict if the video has no file or is in the gallery already.
    """
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
            # The lock waits for a concurrent deletion, so that a deleted video is not published.
            if not Job.objects.for_team(principal.team).select_for_update().filter(pk=job.pk).exists():
                raise Conflict("The video was deleted.", code="not_ready")
            publication.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            "The video is in the gallery already. Update the existing publication instead.", code="already_published"
        ) from None
    return publication


def edit_publication(
    *,
    principal: Principal,
    publication: Publication,
    caption: str | None = None,
    tags: Iterable[str] | None = None,
    is_public: bool | None = None,
) -> None:
    """Update the fields that are not None. Raise Forbidden for another member's publication."""
    _require_edit(principal, publication)
    if caption is not None:
        publication.caption = caption
    if tags is not None:
        publication.tags = normalize_tags(tags)
    if is_public is not None:
        publication.is_public = is_public
    row = Publication.objects.for_team(principal.team).filter(pk=publication.pk)
    updated = row.update(
        caption=publication.caption,
        tags=publication.tags,
        is_public=publication.is_public,
        search_text=publication.build_search_text(),
    )
    if not updated:
        raise _not_found(publication)


@transaction.atomic
def unpublish(*, principal: Principal, publication: Publication) -> None:
    """Remove it from the gallery, its collections and everybody's favourites. Links to the video keep working."""
    _require_edit(principal, publication)
    rows = Publication.objects.filter(team=principal.team, pk=publication.pk)
    # Without the lock, a favourite that is added concurrently would make the commit fail. With it, the insert waits
    # and finds the publication deleted.
    if rows.select_for_update().first() is not None:
        rows.delete()


def set_favourite(*, principal: Principal, publication: Publication, value: bool) -> None:
    """Mark or unmark a publication as a favourite of this person. Idempotent."""
    own = {"team": principal.team, "user": principal.user, "publication": publication}
    if not value:
        Favourite.objects.filter(**own).delete()
        return
    try:
        with transaction.atomic():
            Favourite.objects.bulk_create([Favourite(**own)], ignore_conflicts=True)
    except IntegrityError:  # the publication was removed after it was found
        raise _not_found(publication) from None


def count_live_links(principal: Principal, job: Job) -> int:
    """Return the number of links that show this video to people outside the team, in the gallery or not."""
    return ShareLink.objects.for_team(principal.team).live().filter(job=job).count()


def normalize_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags in lower case with single spaces, without duplicates, in the given order.

    A filter by tag compares exactly, so all spellings of a tag are stored alike.
    """
    return list(dict.fromkeys(normalized for tag in tags if (normalized := " ".join(tag.lower().split()))))


def _require_edit(principal: Principal, publication: Publication) -> None:
    principal.require(Scope.GALLERY_WRITE)
    if not may_edit(principal, publication):
        raise _not_owner()


def _not_found(publication: Publication) -> NotFound:
    return not_found("pub", publication.public_id)


def _not_owner() -> Forbidden:
    return Forbidden(
        "The video belongs to another member. Ask an owner or admin of the team to publish, edit or remove it.",
        code="role_too_low",
    )
