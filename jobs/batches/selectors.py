"""A team's batches by their public ids."""

from accounts.models import Team
from common.ids import find_by_public_id
from jobs.batches.models import Batch


def find_batch(team: Team, identifier: str) -> Batch:
    """Raises NotFound, for another team's batch exactly as for an absent one."""
    return find_by_public_id(Batch.objects.for_team(team), "batch", identifier)
