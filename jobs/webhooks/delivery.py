"""Delivers what is due: ten tries over two hours, then it is given up; an address that fails for a day is switched off.

At least once: a try whose outcome was lost with its process is made again, under the same event id.
"""

import random
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.utils import timezone

from common.clock import DatabaseNow
from jobs.events.counters import count_delivery
from jobs.webhooks.emails import send_endpoint_disabled_email
from jobs.webhooks.models import Delivery, DeliveryAttempt, DisabledReason, Endpoint
from jobs.webhooks.services import disable_endpoints
from jobs.webhooks.signing import signed_headers
from jobs.webhooks.transport import AttemptResult, post

log = structlog.get_logger(__name__)

# After the first nine tries; the tenth is the last. About two hours in all.
_RETRY_DELAYS_SECONDS = (5, 15, 60, 180, 420, 900, 1200, 1800, 2700)
MAX_ATTEMPTS = len(_RETRY_DELAYS_SECONDS) + 1
_JITTER = 0.2
# Longer than a try can last: after it a claimed delivery is due again.
_CLAIM_LEASE = timedelta(seconds=30)
_ENDPOINT_FAILURE_TIMEOUT = timedelta(days=1)
_MAX_CONCURRENCY, _MAX_CONCURRENCY_PER_TEAM = 24, 4
_HTTP_GONE = 410


class Deliverer:
    """Keeps up to 24 tries on their way.

    One address is tried once at a time, and no team holds more than four places: who answers slowly delays nobody else.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_MAX_CONCURRENCY, thread_name_prefix="webhook")
        self._in_flight: dict[Future[None], Delivery] = {}

    def __call__(self) -> int:
        """Starts a try of what is due and has a place; returns how many. Waits for none of them."""
        self._collect_finished()
        started = 0
        while len(self._in_flight) < _MAX_CONCURRENCY and (delivery := self._claim()) is not None:
            self._in_flight[self._threads.submit(_deliver, delivery)] = delivery
            started += 1
        return started

    def finish(self) -> None:
        """Waits for the tries that are on their way."""
        self._threads.shutdown(wait=True)
        self._collect_finished()

    def _collect_finished(self) -> None:
        for future in [future for future in self._in_flight if future.done()]:
            delivery = self._in_flight.pop(future)
            if (error := future.exception()) is not None:
                # The claim runs out, and it is due again.
                log.error("webhook_attempt_lost", delivery=delivery.public_id, reason=repr(error))

    @transaction.atomic
    def _claim(self) -> Delivery | None:
        """The delivery that has been due for longest among those with a place."""
        in_flight = list(self._in_flight.values())
        per_team = Counter(delivery.team_id for delivery in in_flight)
        due = (
            Delivery.objects.filter(state=Delivery.State.PENDING, next_try_at__lte=DatabaseNow())
            .exclude(url__in={delivery.url for delivery in in_flight})
            .exclude(team__in=[team for team, count in per_team.items() if count >= _MAX_CONCURRENCY_PER_TEAM])
            .order_by("next_try_at")
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("endpoint")
        )
        delivery = due.first()
        if delivery is not None:
            delivery.tries += 1
            Delivery.objects.filter(pk=delivery.pk).update(
                next_try_at=DatabaseNow() + _CLAIM_LEASE, tries=delivery.tries
            )
        return delivery


def _deliver(delivery: Delivery) -> None:
    now = timezone.now()
    try:
        headers = signed_headers(delivery.endpoint, event_id=delivery.event_id, body=delivery.body, now=now)
        record_attempt(delivery=delivery, result=post(delivery.url, body=delivery.body, headers=headers), now=now)
    finally:
        connection.close()  # this thread's own


@transaction.atomic
def record_attempt(*, delivery: Delivery, result: AttemptResult, now: datetime) -> None:
    """Writes a try into the log and decides what follows: done, another try, or given up.

    The endpoint is locked before its deliveries, as by whoever changes or deletes it: or each would block the other.
    """
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
    if endpoint is None:  # deleted meanwhile, with its log
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
        current.update(state=Delivery.State.DELIVERED, next_try_at=None, finished_at=DatabaseNow())
        Endpoint.objects.filter(pk=delivery.endpoint_id).exclude(failing_since=None).update(failing_since=None)
        _count_after_commit("delivered", result)
        return
    is_last = result.status == _HTTP_GONE or delivery.tries >= MAX_ATTEMPTS
    _count_after_commit("given_up" if is_last else "retried", result)
    if is_last:
        current.update(state=Delivery.State.FAILED, next_try_at=None, finished_at=DatabaseNow())
    else:
        delay = _RETRY_DELAYS_SECONDS[delivery.tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        current.update(next_try_at=DatabaseNow() + timedelta(seconds=delay))
    log.info("webhook_rejected", delivery=delivery.public_id, status=result.status, error=str(result.error))
    _record_failure(endpoint, gone=result.status == _HTTP_GONE, now=now)


def _count_after_commit(outcome: str, result: AttemptResult) -> None:
    transaction.on_commit(lambda: count_delivery(outcome=outcome, seconds=result.seconds))


def _record_failure(endpoint: Endpoint, *, gone: bool, now: datetime) -> None:
    """Switches an endpoint off that says it is gone, or took nothing for a day; its team is told."""
    rows = Endpoint.objects.filter(pk=endpoint.pk, disabled_at=None, is_per_job=False)
    rows.filter(failing_since=None).update(failing_since=now)
    if gone:
        reason, to_disable = DisabledReason.GONE, rows
    else:
        reason, to_disable = DisabledReason.FAILING, rows.filter(failing_since__lte=now - _ENDPOINT_FAILURE_TIMEOUT)
    if disable_endpoints(to_disable, reason=reason):
        transaction.on_commit(lambda: send_endpoint_disabled_email(endpoint, reason))
