"""Create deliveries for the events in the outbox."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from common.clock import DatabaseNow
from common.tasks.queues import enqueue_on_commit
from jobs.events.counters import count_events
from jobs.models import JobEvent
from jobs.states import TERMINAL
from jobs.webhooks.models import Delivery, Endpoint, event_id
from jobs.webhooks.payloads import PAYLOAD_FORMATS, PayloadFormat, encode_body, event_body
from jobs.webhooks.signing import new_secret

_BATCH_SIZE = 200


@transaction.atomic
def dispatch_outbox() -> bool:
    """Create the deliveries for up to 200 events that are not dispatched yet. Return whether there may be more.

    Several processes may run this at once: each locks different rows, and a delivery of an event exists only once.
    """
    events = list(
        JobEvent.objects.filter(dispatched_at=None)
        .order_by("id")
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("job")[:_BATCH_SIZE]
    )
    # Create missing endpoints for `webhook_url` of jobs first. They are then read with the others.
    for team_id in {event.job.team_id for event in events if event.job.webhook_url}:
        per_job_endpoint(team_id=team_id)
    endpoints: dict[int, list[Endpoint]] = defaultdict(list)
    teams = {event.job.team_id for event in events}
    for endpoint in Endpoint.objects.filter(team__in=teams, disabled_at=None):
        endpoints[endpoint.team_id].append(endpoint)
    deliveries = [row for event in events for row in _deliveries(event, endpoints[event.job.team_id])]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    dispatched = [event.pk for event in events]
    JobEvent.objects.filter(pk__in=dispatched).update(dispatched_at=DatabaseNow())
    count_events(dispatched)
    if deliveries:
        enqueue_on_commit("deliver_webhooks")
    if any(event.kind in TERMINAL for event in events):  # a batch finishes with its last video
        enqueue_on_commit("finish_due_batches")
    return len(events) == _BATCH_SIZE


def _deliveries(event: JobEvent, endpoints: list[Endpoint]) -> Iterator[Delivery]:
    kind = f"video.{event.kind}"
    for endpoint in endpoints:
        payload_format = PAYLOAD_FORMATS[event.job.webhook_format if endpoint.is_per_job else ""]
        if endpoint.is_per_job and event.job.webhook_url and kind in payload_format.kinds:
            yield _delivery(event, endpoint, event.job.webhook_url, payload_format)
        elif kind in endpoint.kinds:
            yield _delivery(event, endpoint, endpoint.url, payload_format)


def _delivery(event: JobEvent, endpoint: Endpoint, url: str, payload_format: PayloadFormat) -> Delivery:
    kind = f"video.{event.kind}"
    return Delivery(
        team_id=event.job.team_id,
        endpoint=endpoint,
        job=event.job,
        kind=kind,
        event_id=event_id(event.job_id, kind),
        url=url,
        body=encode_body(payload_format.body(kind, event.created_at.isoformat(), event.job)),
        next_try_at=DatabaseNow(),
    )


@transaction.atomic
def dispatch(*, team_id: int, kind: str, subject_id: uuid.UUID, data: Mapping[str, Any], extra_url: str = "") -> None:
    """Create the deliveries of an event that is not about a single video, in the transaction that causes it.

    subject_id: the id of the object that the event is about. extra_url: a URL that receives it in addition to the
    endpoints of the team; empty for none.
    """
    subscribed = Endpoint.objects.filter(team=team_id, disabled_at=None, kinds__contains=[kind])
    endpoints = [(endpoint, endpoint.url) for endpoint in subscribed]
    if extra_url:
        endpoints.append((per_job_endpoint(team_id=team_id), extra_url))
    body = encode_body(event_body(kind, timezone.now().isoformat(), data))
    deliveries = [
        Delivery(
            team_id=team_id,
            endpoint=endpoint,
            kind=kind,
            event_id=event_id(subject_id, kind),
            url=url,
            body=body,
            next_try_at=DatabaseNow(),
        )
        for endpoint, url in endpoints
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    enqueue_on_commit("deliver_webhooks")


def per_job_endpoint(*, team_id: int) -> Endpoint:
    """Return the endpoint whose secret signs the deliveries to `webhook_url` of single jobs. Create it if necessary."""
    endpoint, _ = Endpoint.objects.get_or_create(
        team_id=team_id, is_per_job=True, defaults={"url": "", "kinds": [], "secret": new_secret()}
    )
    return endpoint
