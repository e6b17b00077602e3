"""A team's rows by their public ids. What is not the team's is as absent as what never was: NotFound, same words."""

from accounts.principals import Principal
from common.errors import NotFound
from common.ids import parse_public_id
from jobs.api.videos import find_video
from jobs.galleries.models import Collection, Publication
from jobs.models import Job


def find_publication(principal: Principal, identifier: str) -> Publication:
    """With its video, its publisher and whether it is the caller's favourite."""
    rows = Publication.objects.for_team(principal.team).with_marks_of(principal.user)
    publication = rows.filter(pk=parse_public_id("pub", identifier)).first()
    if publication is None:
        raise NotFound(f"No pub with the id {identifier!r}.")
    return publication


def find_collection(principal: Principal, identifier: str) -> Collection:
    collection = Collection.objects.for_team(principal.team).filter(pk=parse_public_id("col", identifier)).first()
    if collection is None:
        raise NotFound(f"No col with the id {identifier!r}.")
    return collection


def find_target(principal: Principal, identifier: str) -> Job | Collection:
    """What a link may lead to: the video behind `vid_…` or `pub_…`, or the collection `col_…`."""
    if identifier.startswith("col_"):
        return find_collection(principal, identifier)
    if identifier.startswith("pub_"):
        return find_publication(principal, identifier).job
    return find_video(principal.team, identifier)
