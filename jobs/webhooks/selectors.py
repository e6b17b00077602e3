"""Queries for the endpoints and deliveries of a team."""

from accounts.models import Team
from common.ids import find_by_public_id
from jobs.webhooks.models import Delivery, Endpoint


def find_endpoint(team: Team, identifier: str) -> Endpoint:
    """Return the endpoint. Raise NotFound, with the same message for another team's endpoint as for a missing one."""
    return find_by_public_id(Endpoint.objects.visible(team), "whk", identifier)


def find_delivery(endpoint: Endpoint, identifier: str) -> Delivery:
    """Return the delivery to this endpoint. Raise NotFound."""
    deliveries = endpoint.deliveries.select_related("endpoint", "job").prefetch_related("attempts")
    return find_by_public_id(deliveries, "dlv", identifier)
