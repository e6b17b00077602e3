"""A team's videos by their public ids."""

from accounts.models import Team
from common.ids import find_by_public_id
from jobs.models import Job


def find_video(team: Team, identifier: str) -> Job:
    """Raises NotFound, for another team's video exactly as for an absent one."""
    return find_by_public_id(Job.objects.for_team(team), "vid", identifier)
