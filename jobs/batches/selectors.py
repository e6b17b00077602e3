"""Queries for the batches of a team."""

from accounts.models import Team
from common.ids import find_by_public_id
from jobs.batches.models import Batch


def find_batch(team: Team, identifier: str) -> Batch:
    """Return the batch. Raise NotFound, with the same message for another team's batch as for a missing one."""
    return find_by_public_id(Batch.objects.for_team(team), "batch", identifier)
