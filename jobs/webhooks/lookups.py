"""Endpoints and deliveries by their public ids, within a team."""

from accounts.models import Team
from common.errors import NotFound
from common.ids import parse_public_id
from jobs.webhooks.models import Delivery, Endpoint


def find_endpoint(team: Team, identifier: str) -> Endpoint:
    """A team's endpoint. Raises NotFound, for another team's exactly as for an absent one."""
    endpoint = Endpoint.objects.visible(team).filter(pk=parse_public_id("whk", identifier)).first()
    if endpoint is None:
        raise NotFound(f"No whk with the id {identifier!r}.")
    return endpoint


def find_delivery(endpoint: Endpoint, identifier: str) -> Delivery:
    """A delivery to an endpoint. Raises NotFound."""
    deliveries = endpoint.deliveries.select_related("endpoint", "job").prefetch_related("attempts")
    delivery = deliveries.filter(pk=parse_public_id("dlv", identifier)).first()
    if delivery is None:
        raise NotFound(f"No dlv with the id {identifier!r}.")
    return delivery
