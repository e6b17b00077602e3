"""Endpoints and deliveries by their public ids, within a team."""

from accounts.models import Team
from common.ids import find_by_public_id
from jobs.webhooks.models import Delivery, Endpoint


def find_endpoint(team: Team, identifier: str) -> Endpoint:
    """A team's endpoint. Raises NotFound, for another team's exactly as for an absent one."""
    return find_by_public_id(Endpoint.objects.visible(team), "whk", identifier)


def find_delivery(endpoint: Endpoint, identifier: str) -> Delivery:
    """A delivery to an endpoint. Raises NotFound."""
    deliveries = endpoint.deliveries.select_related("endpoint", "job").prefetch_related("attempts")
    return find_by_public_id(deliveries, "dlv", identifier)
