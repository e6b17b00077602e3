"""Create, update, disable and delete endpoints, rotate their secrets, and send events."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Team, User
from common.clock import DatabaseNow
from common.errors import Conflict
from common.ids import new_id
from common.tasks.queues import enqueue_on_commit
from jobs.webhooks.models import Delivery, DisabledReason, Endpoint, EventKind
from jobs.webhooks.payloads import encode_body, event_body
from jobs.webhooks.signing import new_secret

MAX_ENDPOINTS = 20


@transaction.atomic
def create_endpoint(*, team: Team, creator: User, url: str, kinds: Iterable[str], description: str = "") -> Endpoint:
    """Create an endpoint with a new secret. Raise Conflict if the team has MAX_ENDPOINTS already."""
    Team.objects.select_for_update().get(pk=team.pk)  # prevents that concurrent requests exceed the limit
    if Endpoint.objects.visible(team).count() >= MAX_ENDPOINTS:
        raise Conflict(
            "The team has the maximum of %(limit)s webhooks. Delete one that you no longer use.",
            {"limit": MAX_ENDPOINTS},
            code="too_many_webhooks",
        )
    return Endpoint.objects.create(
        team=team, creator=creator, url=url, kinds=sorted(set(kinds)), description=description, secret=new_secret()
    )


@transaction.atomic
def disable_endpoints(endpoints: QuerySet[Endpoint], *, reason: DisabledReason) -> int:
    """Disable those of the endpoints that are enabled, and fail their pending deliveries. Return their number."""
    ids = list(endpoints.filter(disabled_at=None).select_for_update().values_list("pk", flat=True))
    Endpoint.objects.filter(pk__in=ids).update(disabled_at=DatabaseNow(), disabled_reason=reason)
    fail_deliveries(Delivery.objects.filter(endpoint__in=ids))
    return len(ids)


def fail_deliveries(deliveries: QuerySet[Delivery]) -> None:
    """Fail those of the deliveries that are pending, so that they are not attempted again."""
    deliveries.filter(state=Delivery.State.PENDING).update(
        state=Delivery.State.FAILED, next_try_at=None, finished_at=DatabaseNow()
    )


@transaction.atomic
def update_endpoint(*, endpoint: Endpoint, changes: dict[str, object]) -> Endpoint:
    """Change url, kinds, description, or `enabled`. Enabling clears earlier failures."""
    enabled = changes.pop("enabled", None)
    if enabled is True:
        changes |= {"disabled_at": None, "disabled_reason": "", "failing_since": None}
    elif enabled is False and disable_endpoints(Endpoint.objects.filter(pk=endpoint.pk), reason=DisabledReason.BY_HAND):
        endpoint.refresh_from_db(fields=["disabled_at", "disabled_reason"])
    for name, value in changes.items():
        setattr(endpoint, name, value)
    endpoint.save(update_fields=list(changes))
    if "url" in changes:
        endpoint.deliveries.filter(state=Delivery.State.PENDING).update(url=endpoint.url)
    return endpoint


@transaction.atomic
def delete_endpoint(*, endpoint: Endpoint) -> None:
    """Delete an endpoint with its log. Endpoint and deliveries are locked in the same order as in `record_attempt`."""
    list(Endpoint.objects.filter(pk=endpoint.pk).select_for_update().values_list("pk", flat=True))
    list(endpoint.deliveries.order_by("pk").select_for_update().values_list("pk", flat=True))
    endpoint.delete()


@transaction.atomic
def rotate_secret(*, endpoint: Endpoint, overlap: timedelta) -> Endpoint:
    """Set a new secret. During the overlap, deliveries also have a signature by the former one."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    endpoint.former_secret, endpoint.former_until = endpoint.secret, timezone.now() + overlap
    endpoint.secret = new_secret()
    endpoint.save(update_fields=["secret", "former_secret", "former_until"])
    return endpoint


@transaction.atomic
def ping(*, endpoint: Endpoint) -> Delivery:
    """Send a test event without a video, to test a receiver. Raise Conflict if the endpoint is disabled."""
    _require_enabled(endpoint)
    identifier = new_id()
    delivery = Delivery.objects.create(
        id=identifier,
        team_id=endpoint.team_id,
        endpoint=endpoint,
        kind=EventKind.PING,
        event_id=f"evt_{identifier.hex}_ping",
        url=endpoint.url,
        body=encode_body(event_body(EventKind.PING, timezone.now().isoformat(), {})),
        next_try_at=DatabaseNow(),
    )
    enqueue_on_commit("deliver_webhooks")
    delivery.refresh_from_db()
    return delivery


@transaction.atomic
def redeliver(*, delivery: Delivery) -> Delivery:
    """Start a delivery again with the same event id; a pending one is attempted now. Raise Conflict."""
    _require_enabled(delivery.endpoint)
    # The URL of the endpoint may have changed since. The endpoint for `webhook_url` of jobs has none.
    url = delivery.endpoint.url or delivery.url
    rows = Delivery.objects.filter(pk=delivery.pk)
    rows.update(state=Delivery.State.PENDING, url=url, tries=0, next_try_at=DatabaseNow(), finished_at=None)
    enqueue_on_commit("deliver_webhooks")
    delivery.refresh_from_db()
    return delivery


def _require_enabled(endpoint: Endpoint) -> None:
    """Raise Conflict if the endpoint is disabled."""
    if endpoint.disabled_at is not None:
        raise Conflict("This webhook is disabled. Enable it first.", code="webhook_disabled")
