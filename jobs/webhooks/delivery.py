"""Deliver events: up to ten attempts in two hours. An endpoint whose deliveries fail for a day is disabled.

Delivery is at least once: an attempt whose result was lost with its process is repeated with the same event id.

An endpoint gets the events of a video in their order: the end of the video waits for the first attempt of
`video.started` and for one in progress, and there is no attempt of `video.started` afterwards.
"""

import random
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.roles import Scope
from accounts.teams.access import has_scope
from common.clock import DatabaseNow
from jobs.events.counters import count_delivery
from jobs.models import JobEvent
from jobs.webhooks.emails import send_endpoint_disabled_email
from jobs.webhooks.models import FINISHED_KINDS, Delivery, DeliveryAttempt, DisabledReason, Endpoint, EventKind
from jobs.webhooks.services import disable_endpoints, fail_deliveries
from jobs.webhooks.signing import signed_headers
from jobs.webhooks.transport import DeliveryResult, post

log = structlog.get_logger(__name__)

# The delays after the first nine attempts; the tenth is the last. About two hours in total.
_RETRY_DELAYS_SECONDS = (5, 15, 60, 180, 420, 900, 1200, 1800, 2700)
MAX_ATTEMPTS = len(_RETRY_DELAYS_SECONDS) + 1
_JITTER = 0.2
# Longer than an attempt can take. Afterwards a claimed delivery is due again.
_CLAIM_LEASE = timedelta(seconds=30)
_ENDPOINT_FAILURE_TIMEOUT = timedelta(days=1)
_MAX_CONCURRENCY, _MAX_CONCURRENCY_PER_TEAM = 24, 4
_HTTP_GONE = 410
# Short, since the outbox waits meanwhile.
_WAIT_TIMEOUT_SECONDS = 0.25
_WAITS_FOR_RETRY = Q(tries__gt=0) & (Q(lease_until=None) | Q(lease_until__lte=DatabaseNow()))


class Deliverer:
    """Runs up to 24 attempts at a time.

    At most one of them is for the same URL and at most four for the same team, so that slow receivers do not delay the
    deliveries to others.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_MAX_CONCURRENCY, thread_name_prefix="webhook")
        self._in_flight: dict[Future[None], Delivery] = {}

    def __call__(self) -> int:
        """Start an attempt for each due delivery within the limits, without waiting for it. Return their number."""
        self._collect_finished()
        started = 0
        while len(self._in_flight) < _MAX_CONCURRENCY and (delivery := self._claim()) is not None:
            self._in_flight[self._threads.submit(_deliver, delivery)] = delivery
            started += 1
        return started

    def run_once(self) -> bool:
        """Start what is due, or wait a moment for a running attempt. Return whether another run is needed."""
        if self() == 0 and self._in_flight:
            wait(self._in_flight, timeout=_WAIT_TIMEOUT_SECONDS, return_when=FIRST_COMPLETED)
        return bool(self._in_flight)

    def finish(self) -> None:
        """Wait until the started attempts have finished."""
        self._threads.shutdown(wait=True)
        self._collect_finished()

    def _collect_finished(self) -> None:
        for future in [future for future in self._in_flight if future.done()]:
            delivery = self._in_flight.pop(future)
            if (error := future.exception()) is not None:
                # When its lease expires, the delivery is due again.
                log.error("webhook_attempt_lost", delivery=delivery.public_id, reason=repr(error))

    @transaction.atomic
    def _claim(self) -> Delivery | None:
        """Claim the delivery that has been due for longest, within the limits per URL and team and in their order."""
        in_flight = list(self._in_flight.values())
        per_team = Counter(delivery.team_id for delivery in in_flight)
        due = (
            Delivery.objects.filter(state=Delivery.State.PENDING, next_try_at__lte=DatabaseNow())
            .exclude(url__in={delivery.url for delivery in in_flight})
            .exclude(team__in=[team for team, count in per_team.items() if count >= _MAX_CONCURRENCY_PER_TEAM])
            .exclude(_is_after_started())
            .order_by("next_try_at")
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("endpoint", "job")
        )
        while (delivery := due.first()) is not None and not _is_next(delivery):
            due = due.exclude(pk=delivery.pk)
        if delivery is not None:
            delivery.tries += 1
            lease_until = DatabaseNow() + _CLAIM_LEASE
            Delivery.objects.filter(pk=delivery.pk).update(
                next_try_at=lease_until, lease_until=lease_until, tries=delivery.tries
            )
        return delivery


def _is_after_started() -> Q:
    """Return the condition for the end of a video whose start has to be delivered first."""
    started = Delivery.objects.filter(
        job=OuterRef("job"), endpoint=OuterRef("endpoint"), kind=EventKind.STARTED, state=Delivery.State.PENDING
    )
    # Another process may be dispatching the start.
    undispatched = JobEvent.objects.filter(job=OuterRef("job"), kind="started", dispatched_at=None)
    return Q(kind__in=FINISHED_KINDS) & (Q(Exists(started.exclude(_WAITS_FOR_RETRY))) | Q(Exists(undispatched)))


def _is_next(delivery: Delivery) -> bool:
    """Supersede the start of a video if its end is to be delivered. Return whether the locked delivery may be sent now.

    Another process may be claiming the start at the same time as this one claims the end. Each of them has locked its
    delivery before it looks for the other one, so at least one of them finds it.
    """
    siblings = Delivery.objects.filter(job=delivery.job_id, endpoint=delivery.endpoint_id)
    if delivery.kind == EventKind.STARTED and delivery.tries and siblings.filter(kind__in=FINISHED_KINDS).exists():
        _supersede(siblings.filter(pk=delivery.pk))
        return False
    if delivery.kind in FINISHED_KINDS:
        started = siblings.filter(kind=EventKind.STARTED, state=Delivery.State.PENDING)
        _supersede(started.filter(_WAITS_FOR_RETRY))
        return not started.exists()
    return True


def _supersede(deliveries: QuerySet[Delivery]) -> None:
    unlocked = deliveries.select_for_update(skip_locked=True).values_list("pk", flat=True)
    Delivery.objects.filter(pk__in=list(unlocked)).update(
        state=Delivery.State.SUPERSEDED, next_try_at=None, lease_until=None, finished_at=DatabaseNow()
    )


def _deliver(delivery: Delivery) -> None:
    try:
        if _fail_if_not_entitled(delivery):
            return
        headers = signed_headers(delivery.endpoint, event_id=delivery.event_id, body=delivery.body)
        record_attempt(delivery=delivery, result=post(delivery.url, body=delivery.body, headers=headers))
    finally:
        connection.close()  # the connection of this thread


def _fail_if_not_entitled(delivery: Delivery) -> bool:
    """Fail a delivery whose endpoint is disabled, or whose `webhook_url` belongs to a user who may not create videos.

    Return whether the delivery failed.

    The check belongs to the attempt: the event may have been dispatched while the access was being revoked.
    """
    endpoint = delivery.endpoint
    job = delivery.job if endpoint.is_per_job else None
    if endpoint.disabled_at is None and (
        job is None or has_scope(team_id=job.team_id, user_id=job.user_id, scope=Scope.VIDEOS_WRITE)
    ):
        return False
    fail_deliveries(Delivery.objects.filter(pk=delivery.pk, tries=delivery.tries))
    return True


@transaction.atomic
def record_attempt(*, delivery: Delivery, result: DeliveryResult) -> None:
    """Log an attempt, and mark the delivery as delivered or failed or schedule the next attempt.

    The endpoint is locked before its deliveries, as in the functions that change or delete it. Otherwise a deadlock is
    possible.
    """
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
    if endpoint is None:  # deleted in the meantime, with its log
        return
    DeliveryAttempt.objects.create(
        delivery=delivery,
        number=delivery.tries,
        seconds=round(result.seconds, 3),
        status=result.status,
        response_excerpt=result.excerpt,
        error=result.error.template,
        error_params=result.error.params_as_json(),
    )
    current = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING, tries=delivery.tries)
    if result.is_success:
        current.update(state=Delivery.State.DELIVERED, next_try_at=None, lease_until=None, finished_at=DatabaseNow())
        Endpoint.objects.filter(pk=delivery.endpoint_id).exclude(failing_since=None).update(failing_since=None)
        _count_after_commit("delivered", result)
        return
    is_last = result.status == _HTTP_GONE or delivery.tries >= MAX_ATTEMPTS
    _count_after_commit("given_up" if is_last else "retried", result)
    if is_last:
        current.update(state=Delivery.State.FAILED, next_try_at=None, lease_until=None, finished_at=DatabaseNow())
    else:
        delay = _RETRY_DELAYS_SECONDS[delivery.tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        current.update(next_try_at=DatabaseNow() + timedelta(seconds=delay), lease_until=None)
    log.info("webhook_rejected", delivery=delivery.public_id, status=result.status, error=str(result.error))
    _record_failure(endpoint, gone=result.status == _HTTP_GONE)


def _count_after_commit(outcome: str, result: DeliveryResult) -> None:
    transaction.on_commit(lambda: count_delivery(outcome=outcome, seconds=result.seconds))


def _record_failure(endpoint: Endpoint, *, gone: bool) -> None:
    """Disable an endpoint that responded with 410, or has failed for a day, and send its team an email."""
    rows = Endpoint.objects.filter(pk=endpoint.pk, disabled_at=None, is_per_job=False)
    rows.filter(failing_since=None).update(failing_since=DatabaseNow())
    if gone:
        reason, to_disable = DisabledReason.GONE, rows
    else:
        reason, to_disable = (
            DisabledReason.FAILING,
            rows.filter(failing_since__lte=DatabaseNow() - _ENDPOINT_FAILURE_TIMEOUT),
        )
    if disable_endpoints(to_disable, reason=reason):
        transaction.on_commit(lambda: send_endpoint_disabled_email(endpoint, reason))
