"""A receiver never gets the start of a video after its end, whatever it responds and however many workers deliver."""

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs.models import Job, JobEvent
from jobs.webhooks.delivery import Deliverer
from jobs.webhooks.models import Delivery, Endpoint
from jobs.webhooks.outbox import dispatch_outbox
from jobs.webhooks.services import redeliver
from tests.support import videos
from tests.support.videos import claim_next
from tests.support.webhook_receiver import Receiver, WebhookHandler, respond_with
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
STARTED, COMPLETED = "video.started", "video.completed"


@pytest.fixture
def hook(endpoint: Callable[..., Endpoint]) -> Endpoint:
    return endpoint(kinds=(STARTED, COMPLETED))


def deliver() -> None:
    """Make one attempt of every due delivery."""
    dispatch_outbox()
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()


def start_attempts() -> int:
    """Start the due attempts as another worker would, and wait for them. Return their number."""

    def run() -> int:
        deliverer = Deliverer()
        try:
            return deliverer()
        finally:
            deliverer.finish()
            connection.close()

    with ThreadPoolExecutor() as threads:
        return threads.submit(run).result(60)


def make_all_due() -> None:
    Delivery.objects.filter(state="pending").update(next_try_at=timezone.now() - timedelta(seconds=1))


def sent(receiver: Receiver) -> list[str]:
    return [kind_of(received.body) for received in receiver.requests]


def kind_of(body: bytes) -> str:
    event: dict[str, str] = json.loads(body)
    return event.get("type") or event["status"]  # the status in Replicate's format


def states() -> dict[str, str]:
    return dict(Delivery.objects.values_list("kind", "state"))


def refuse_starts(handler: WebhookHandler) -> None:
    is_start = kind_of(handler.received.body) in {STARTED, "processing"}
    respond_with(handler, 500 if is_start else 200)


@pytest.mark.parametrize("is_due_before_the_end", [False, True])
def test_a_refused_start_is_not_sent_again_after_the_end(
    submit: Callable[..., Job], hook: Endpoint, receiver: Receiver, is_due_before_the_end: bool
) -> None:
    receiver.respond = refuse_starts
    submit()
    job = claim_next()
    deliver()
    assert states() == {STARTED: "pending"}
    if is_due_before_the_end:
        make_all_due()
    videos.complete(job)
    deliver()
    make_all_due()
    deliver()
    assert sent(receiver) == [STARTED, COMPLETED]
    assert states() == {STARTED: "superseded", COMPLETED: "delivered"}


def test_replicates_webhook_gets_no_processing_after_succeeded(submit: Callable[..., Job], receiver: Receiver) -> None:
    receiver.respond = refuse_starts
    submit(webhook_url=f"{receiver.url}/mine")
    Job.objects.update(webhook_format="replicate")
    job = claim_next()
    deliver()
    videos.complete(job)
    deliver()
    make_all_due()
    deliver()
    assert sent(receiver) == ["processing", "succeeded"]


def test_a_refused_start_is_sent_again_while_the_video_is_in_progress(
    submit: Callable[..., Job], hook: Endpoint, receiver: Receiver
) -> None:
    receiver.respond = refuse_starts
    submit()
    job = claim_next()
    deliver()
    make_all_due()
    receiver.respond = lambda handler: respond_with(handler, 200)
    deliver()
    videos.complete(job)
    deliver()
    assert sent(receiver) == [STARTED, STARTED, COMPLETED]
    assert states() == {STARTED: "delivered", COMPLETED: "delivered"}


@pytest.mark.parametrize(("status", "state"), [(200, "delivered"), (500, "superseded")])
@pytest.mark.parametrize("attempts_before", [0, 1])
def test_the_end_waits_for_a_running_attempt_of_the_start_only(
    submit: Callable[..., Job], hook: Endpoint, receiver: Receiver, status: int, state: str, attempts_before: int
) -> None:
    submit()
    job = claim_next()
    receiver.respond = refuse_starts
    for _ in range(attempts_before):
        deliver()
        make_all_due()
    may_respond = threading.Event()

    def respond(handler: WebhookHandler) -> None:
        may_respond.wait(60)
        respond_with(handler, status if kind_of(handler.received.body) == STARTED else 200)

    receiver.respond = respond
    dispatch_outbox()
    first_worker = Deliverer()
    assert first_worker() == 1
    wait_until(lambda: len(receiver.requests) == attempts_before + 1)
    videos.complete(job)
    dispatch_outbox()
    assert start_attempts() == 0
    may_respond.set()
    first_worker.finish()
    assert start_attempts() == 1
    assert sent(receiver) == [STARTED] * (attempts_before + 1) + [COMPLETED]
    assert states() == {STARTED: state, COMPLETED: "delivered"}


def test_the_end_waits_for_a_start_that_is_being_claimed(
    submit: Callable[..., Job], hook: Endpoint, receiver: Receiver
) -> None:
    receiver.respond = refuse_starts
    submit()
    job = claim_next()
    deliver()
    videos.complete(job)
    dispatch_outbox()
    with transaction.atomic():
        Delivery.objects.select_for_update().get(kind=STARTED)  # as the claim of another worker does
        assert start_attempts() == 0
    assert start_attempts() == 1
    assert sent(receiver) == [STARTED, COMPLETED]


def test_the_end_waits_for_a_start_that_is_being_dispatched(
    submit: Callable[..., Job], hook: Endpoint, receiver: Receiver
) -> None:
    submit()
    videos.complete(claim_next())

    def dispatch() -> None:
        dispatch_outbox()
        connection.close()

    with transaction.atomic():
        JobEvent.objects.select_for_update().get(kind="started")  # as another dispatcher does
        with ThreadPoolExecutor() as threads:
            threads.submit(dispatch).result(60)
        assert states() == {COMPLETED: "pending"}
        assert start_attempts() == 0
    deliver()
    deliver()
    assert sent(receiver) == [STARTED, COMPLETED]


def test_a_superseded_delivery_can_be_sent_again_by_hand(
    submit: Callable[..., Job], hook: Endpoint, receiver: Receiver
) -> None:
    receiver.respond = refuse_starts
    submit()
    job = claim_next()
    deliver()
    videos.complete(job)
    deliver()
    redeliver(delivery=Delivery.objects.get(kind=STARTED))
    deliver()
    make_all_due()
    deliver()
    assert sent(receiver) == [STARTED, COMPLETED, STARTED]
    assert states() == {STARTED: "superseded", COMPLETED: "delivered"}


def test_two_workers_keep_the_order(
    submit: Callable[..., Job], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.webhooks.delivery._RETRY_DELAYS_SECONDS", (0.01,) * 9)
    receiver.respond = refuse_starts
    count = 8
    for number in range(count):
        submit(webhook_url=f"{receiver.url}/{number}")
    Job.objects.update(webhook_format="replicate")
    is_over = threading.Event()

    def work() -> None:
        deliverer = Deliverer()
        try:
            while not is_over.is_set():
                dispatch_outbox()
                deliverer.run_once()
        finally:
            deliverer.finish()
            connection.close()

    with ThreadPoolExecutor() as threads:
        workers = [threads.submit(work) for _ in range(2)]
        try:
            for number in range(count):
                job = claim_next()
                wait_until(lambda: len({received.path for received in receiver.requests}) > number)  # noqa: B023
                videos.complete(job)
            wait_until(lambda: Delivery.objects.filter(kind=COMPLETED, state="delivered").count() == count)
            wait_until(lambda: not Delivery.objects.filter(state="pending").exists())
        finally:
            is_over.set()
        for worker in workers:
            worker.result(60)
    per_video: dict[str, list[Any]] = defaultdict(list)
    for received in receiver.requests:
        per_video[received.path].append(kind_of(received.body))
    assert len(per_video) == count
    for kinds in per_video.values():
        assert kinds == ["processing"] * (len(kinds) - 1) + ["succeeded"]
