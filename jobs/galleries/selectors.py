"""Lookups of a team's rows by public id. Rows of another team raise the same NotFound as rows that do not exist."""

from accounts.auth.principals import Principal
from common.ids import find_by_public_id
from jobs.galleries.models import Collection, Publication
from jobs.models import Job
from jobs.videos.selectors import find_video


def find_publication(principal: Principal, identifier: str) -> Publication:
    """Return the publication with its video, its publisher and whether it is the caller's favourite."""
    rows = Publication.objects.for_team(principal.team).with_favourites_of(principal.user)
    return find_by_public_id(rows, "pub", identifier)


def find_collection(principal: Principal, identifier: str) -> Collection:
    return find_by_public_id(Collection.objects.for_team(principal.team), "col", identifier)


def find_target(principal: Principal, identifier: str) -> Job | Collection:
    """Return what a link shares: the video of `vid_…` or `pub_…`, or the collection `col_…`."""
    if identifier.startswith("col_"):
        return find_collection(principal, identifier)
    if identifier.startswith("pub_"):
        return find_publication(principal, identifier).job
    return find_video(principal.team, identifier)
