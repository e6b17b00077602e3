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
from jobs.services.tally import count_delivery
from jobs.webhooks.models import Attempt, Delivery, DisabledReason, Endpoint
from jobs.webhooks.notices import tell_owners
from jobs.webhooks.services import switch_off
from jobs.webhooks.signing import signed_headers
from jobs.webhooks.transport import Answer, post

log = structlog.get_logger(__name__)

# After the first nine tries; the tenth is the last. About two hours in all.
_PAUSES_SECONDS = (5, 15, 60, 180, 420, 900, 1200, 1800, 2700)
MOST_TRIES = len(_PAUSES_SECONDS) + 1
_JITTER = 0.2
# Longer than a try can last: after it a claimed delivery is due again.
_CLAIM = timedelta(seconds=30)
_PATIENCE_WITH_ENDPOINT = timedelta(days=1)
_AT_ONCE, _AT_ONCE_OF_A_TEAM = 24, 4
_GONE = 410


class Deliverer:
    """Keeps up to 24 tries on their way.

    One address is tried once at a time, and no team holds more than four places: who answers slowly delays nobody else.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="webhook")
        self._trying: dict[Future[None], Delivery] = {}

    def __call__(self) -> int:
        """Starts a try of what is due and has a place; returns how many. Waits for none of them."""
        self._forget_finished()
        started = 0
        while len(self._trying) < _AT_ONCE and (delivery := self._claim()) is not None:
            self._trying[self._threads.submit(_try, delivery)] = delivery
            started += 1
        return started

    def finish(self) -> None:
        """Waits for the tries that are on their way."""
        self._threads.shutdown(wait=True)
        self._forget_finished()

    def _forget_finished(self) -> None:
        for future in [future for future in self._trying if future.done()]:
            delivery = self._trying.pop(future)
            if (error := future.exception()) is not None:
                # The claim runs out, and it is due again.
                log.error("webhook_try_lost", delivery=delivery.public_id, reason=repr(error))

    @transaction.atomic
    def _claim(self) -> Delivery | None:
        """The delivery that has been due for longest among those with a place."""
        held = list(self._trying.values())
        of_team = Counter(delivery.team_id for delivery in held)
        due = (
            Delivery.objects.filter(state=Delivery.State.PENDING, next_try_at__lte=DatabaseNow())
            .exclude(url__in={delivery.url for delivery in held})
            .exclude(team__in=[team for team, count in of_team.items() if count >= _AT_ONCE_OF_A_TEAM])
            .order_by("next_try_at")
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("endpoint")
        )
        delivery = due.first()
        if delivery is not None:
            delivery.tries += 1
            Delivery.objects.filter(pk=delivery.pk).update(next_try_at=DatabaseNow() + _CLAIM, tries=delivery.tries)
        return delivery


def _try(delivery: Delivery) -> None:
    now = timezone.now()
    try:
        headers = signed_headers(delivery.endpoint, event_id=delivery.event_id, body=delivery.body, now=now)
        note_answer(delivery=delivery, answer=post(delivery.url, body=delivery.body, headers=headers), now=now)
    finally:
        connection.close()  # this thread's own


@transaction.atomic
def note_answer(*, delivery: Delivery, answer: Answer, now: datetime) -> None:
    """Writes a try into the log and decides what follows: done, another try, or given up.

    The endpoint is locked before its deliveries, as by whoever changes or deletes it: or each would block the other.
    """
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=delivery.endpoint_id).first()
    if endpoint is None:  # deleted meanwhile, with its log
        return
    Attempt.objects.create(
        delivery=delivery,
        number=delivery.tries,
        seconds=round(answer.seconds, 3),
        status=answer.status,
        answer=answer.excerpt,
        trouble=answer.trouble,
    )
    mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING, tries=delivery.tries)
    if answer.taken:
        mine.update(state=Delivery.State.DELIVERED, next_try_at=None, finished_at=DatabaseNow())
        Endpoint.objects.filter(pk=delivery.endpoint_id).exclude(failing_since=None).update(failing_since=None)
        _count_after_commit("delivered", answer)
        return
    is_last = answer.status == _GONE or delivery.tries >= MOST_TRIES
    _count_after_commit("given_up" if is_last else "retried", answer)
    if is_last:
        mine.update(state=Delivery.State.FAILED, next_try_at=None, finished_at=DatabaseNow())
    else:
        pause = _PAUSES_SECONDS[delivery.tries - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        mine.update(next_try_at=DatabaseNow() + timedelta(seconds=pause))
    log.info("webhook_not_taken", delivery=delivery.public_id, status=answer.status, trouble=answer.trouble)
    _note_failure(endpoint, gone=answer.status == _GONE, now=now)


def _count_after_commit(outcome: str, answer: Answer) -> None:
    transaction.on_commit(lambda: count_delivery(outcome=outcome, seconds=answer.seconds))


def _note_failure(endpoint: Endpoint, *, gone: bool, now: datetime) -> None:
    """Switches an endpoint off that says it is gone, or took nothing for a day; its team is told."""
    rows = Endpoint.objects.filter(pk=endpoint.pk, disabled_at=None, of_jobs=False)
    rows.filter(failing_since=None).update(failing_since=now)
    if gone:
        reason, over = DisabledReason.GONE, rows
    else:
        reason, over = DisabledReason.FAILING, rows.filter(failing_since__lte=now - _PATIENCE_WITH_ENDPOINT)
    if switch_off(over, reason=reason):
        transaction.on_commit(lambda: tell_owners(endpoint, reason))
