"""Find a team's videos by their public ids."""

from accounts.models import Team
from common.ids import find_by_public_id
from jobs.models import Job


def find_video(team: Team, identifier: str, *, param: str | None = None) -> Job:
    """Return the team's video. Raise NotFound, with the same message for another team's video as for a missing one.

    param: the field that contains the id, unless it is in the URL.
    """
    return find_by_public_id(Job.objects.for_team(team), "vid", identifier, param=param)
