"""From an event to the receiver: one signed delivery per event and endpoint, with retries."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.models import Membership, User
from accounts.roles import Role
from common.errors import Conflict
from common.tasks.registry import TASKS
from jobs.models import Job, JobEvent
from jobs.queue.cancel import cancel_job
from jobs.webhooks.delivery import _RETRY_DELAYS_SECONDS, MAX_ATTEMPTS, Deliverer
from jobs.webhooks.models import Delivery, DeliveryAttempt, Endpoint
from jobs.webhooks.outbox import dispatch_outbox, per_job_endpoint
from jobs.webhooks.services import redeliver, rotate_secret, update_endpoint
from tests.support import videos
from tests.support.people import Person
from tests.support.ports import own_port
from tests.support.videos import claim_next
from tests.support.webhook_receiver import Receiver, respond_with, send_a_gigabyte, send_slowly

pytestmark = pytest.mark.django_db(transaction=True)


def deliver() -> None:
    """Make one attempt of every due delivery."""
    dispatch_outbox()
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()


def complete(submit: Callable[..., Job], **changes: Any) -> Job:
    submit(**changes)
    return videos.complete(claim_next())


def make_due(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_a_finished_video_is_delivered_once_and_signed(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hook = endpoint()
    job = complete(submit)
    deliver()
    deliver()
    [received] = receiver.requests
    event = received.verified(hook.secret)
    assert (event["type"], event["data"]["id"], event["data"]["status"]) == (
        "video.completed",
        job.public_id,
        "completed",
    )
    assert received.headers["webhook-id"] == f"evt_{job.id.hex}_video_completed"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("delivered", 1)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.response_excerpt) == (200, "thank you")


def test_a_changed_body_or_another_secret_does_not_verify(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hook, other = endpoint(), endpoint("/other")
    complete(submit)
    deliver()
    received = next(received for received in receiver.requests if received.path == "/hook")
    with pytest.raises(WebhookVerificationError):
        received.verified(other.secret)
    received.body = received.body.replace(b"completed", b"canceled!")
    with pytest.raises(WebhookVerificationError):
        received.verified(hook.secret)


def test_only_subscribed_events_are_delivered(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    endpoint(kinds=("video.canceled",))
    complete(submit)
    cancel_job(job=submit())
    deliver()
    assert [json.loads(received.body)["type"] for received in receiver.requests] == ["video.canceled"]
    assert not JobEvent.objects.filter(dispatched_at=None).exists()


def test_another_team_receives_nothing(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver, charlie: Person
) -> None:
    hook = endpoint()
    Endpoint.objects.filter(pk=hook.pk).update(team=charlie.team)
    complete(submit)
    deliver()
    assert not receiver.requests


def test_the_webhook_url_of_a_job_receives_its_completion(
    submit: Callable[..., Job], receiver: Receiver, alice: Person
) -> None:
    job = complete(submit, webhook_url=f"{receiver.url}/mine")
    deliver()
    [received] = receiver.requests
    assert received.path == "/mine"
    secret = per_job_endpoint(team_id=alice.team.pk).secret
    assert received.verified(secret)["data"]["id"] == job.public_id


def test_attempts_have_growing_delays_until_the_last_one(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    endpoint()
    receiver.respond = lambda handler: respond_with(handler, 500, b"not now")
    complete(submit)
    # Seconds until the next attempt, measured after the attempt and before it.
    minimums: list[float] = []
    maximums: list[float] = []
    while True:
        before = timezone.now()
        deliver()
        after = timezone.now()
        delivery = Delivery.objects.get()
        if delivery.state != "pending":
            break
        assert delivery.next_try_at
        minimums.append((delivery.next_try_at - after).total_seconds())
        maximums.append((delivery.next_try_at - before).total_seconds())
        make_due(delivery)
    assert len(receiver.requests) == MAX_ATTEMPTS == 10
    for minimum, maximum, planned in zip(minimums, maximums, _RETRY_DELAYS_SECONDS, strict=True):
        assert 0.8 * planned <= maximum  # the jitter is a fifth
        assert minimum <= 1.2 * planned
    assert sum(maximums) > 5_000
    assert sum(minimums) < 9_000
    assert len({received.headers["webhook-id"] for received in receiver.requests}) == 1
    assert len({received.body for received in receiver.requests}) == 1
    assert delivery.state == "failed"
    assert list(delivery.attempts.values_list("status", flat=True)) == [500] * 10


def test_a_receiver_that_recovers_gets_the_event(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hook = endpoint()
    receiver.respond = lambda handler: respond_with(handler, 503)
    complete(submit)
    deliver()
    hook.refresh_from_db()
    assert hook.failing_since
    receiver.respond = lambda handler: respond_with(handler, 204)
    make_due(Delivery.objects.get())
    deliver()
    hook.refresh_from_db()
    assert hook.failing_since is None
    assert Delivery.objects.get().state == "delivered"


def test_an_endpoint_that_fails_for_a_day_is_disabled_and_its_owners_get_an_email(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver, alice: Person, bob: Person
) -> None:
    Membership.objects.filter(user=bob.user).update(role=Role.MEMBER)
    hook = endpoint()
    receiver.respond = lambda handler: respond_with(handler, 500)
    complete(submit)
    Endpoint.objects.filter(pk=hook.pk).update(failing_since=timezone.now() - timedelta(hours=25))
    deliver()
    hook.refresh_from_db()
    assert hook.disabled_at
    assert Delivery.objects.get().state == "failed"
    [message] = mail.outbox
    assert message.recipients() == [alice.user.email]
    assert hook.url in message.body
    complete(submit)
    deliver()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("hours_failing", [0, 23])
def test_an_endpoint_that_failed_for_less_than_a_day_stays_enabled(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver, hours_failing: int
) -> None:
    hook = endpoint()
    receiver.respond = lambda handler: respond_with(handler, 500)
    since = timezone.now() - timedelta(hours=hours_failing) if hours_failing else None
    Endpoint.objects.filter(pk=hook.pk).update(failing_since=since)
    complete(submit)
    deliver()
    hook.refresh_from_db()
    assert hook.failing_since
    assert hook.disabled_at is None
    assert Delivery.objects.get().state == "pending"


def test_each_manager_gets_the_email_in_their_language(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver, alice: Person, bob: Person
) -> None:
    Membership.objects.filter(user=bob.user).update(role=Role.ADMIN)
    User.objects.filter(pk=bob.user.pk).update(language="zh-hans")
    endpoint()
    receiver.respond = lambda handler: respond_with(handler, 410)
    complete(submit)
    deliver()
    emails = {message.to[0]: message for message in mail.outbox}
    assert emails.keys() == {alice.user.email, bob.user.email}
    english, chinese = emails[alice.user.email], emails[bob.user.email]
    assert english.subject == f"Mutoscope disabled a webhook of {alice.team.name}"
    assert "410 (Gone)" in english.body
    assert chinese.subject == f"Mutoscope 停用了 {alice.team.name} 的一个 Webhook"
    assert "事件不再向它投递" in chinese.body
    assert "The server" not in chinese.body


def test_an_unreachable_mail_server_does_not_break_the_delivery(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver, bob: Person, settings: Any
) -> None:
    Membership.objects.filter(user=bob.user).update(role=Role.ADMIN)
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    hook = endpoint()
    receiver.respond = lambda handler: respond_with(handler, 410)
    complete(submit)
    deliver()
    hook.refresh_from_db()
    assert hook.disabled_at


def test_an_endpoint_that_is_gone_is_disabled_immediately(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hook = endpoint()
    receiver.respond = lambda handler: respond_with(handler, 410)
    complete(submit)
    deliver()
    hook.refresh_from_db()
    assert hook.disabled_at


def test_during_a_rotation_both_secrets_verify(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hook = endpoint()
    former = hook.secret
    hook = rotate_secret(endpoint=hook, overlap=timedelta(hours=1))
    complete(submit)
    deliver()
    [received] = receiver.requests
    assert received.verified(former) == received.verified(hook.secret)
    Endpoint.objects.filter(pk=hook.pk).update(former_until=timezone.now() - timedelta(seconds=1))
    complete(submit)
    deliver()
    with pytest.raises(WebhookVerificationError):
        receiver.requests[1].verified(former)
    assert receiver.requests[1].verified(hook.secret)


def test_redirects_are_not_followed(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    endpoint()
    receiver.respond = lambda handler: respond_with(handler, 302, Location=f"{receiver.url}/elsewhere")
    complete(submit)
    deliver()
    assert [received.path for received in receiver.requests] == ["/hook"]
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.error.split(".")[0]) == (302, "Redirects are not followed")
    assert Delivery.objects.get().state == "pending"


def test_a_large_response_is_not_read_completely(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    endpoint()
    receiver.respond = send_a_gigabyte
    complete(submit)
    deliver()
    attempt = DeliveryAttempt.objects.get()
    assert attempt.status == 500
    assert attempt.response_excerpt == "x" * 1000


def test_a_slow_response_is_canceled(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.webhooks.transport._TOTAL_TIMEOUT_SECONDS", 1.0)
    endpoint()
    receiver.respond = send_slowly
    complete(submit)
    deliver()
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.error) == (None, "The server did not respond in time.")
    assert attempt.seconds < 60


def wait_for_the_quick_request(seen: list[str]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return a handler that responds to /slow when /quick has been requested, and appends both paths to the list."""
    quick = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/quick":
            quick.set()
        quick.wait(60)
        seen.append(handler.path)
        respond_with(handler, 200)

    return respond


def test_a_slow_url_does_not_delay_another(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    endpoint("/slow")
    endpoint("/quick")
    seen: list[str] = []
    receiver.respond = wait_for_the_quick_request(seen)
    complete(submit)
    deliver()
    assert sorted(seen) == ["/quick", "/slow"]


NOT_PUBLIC = "private"
# As for a name that does not exist: a user must not learn which internal names do.
UNKNOWN_NAME = "The connection failed"


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("127.0.0.1", NOT_PUBLIC),
        ("[::1]", NOT_PUBLIC),
        ("[::ffff:127.0.0.1]", NOT_PUBLIC),
        ("169.254.169.254", NOT_PUBLIC),
        ("10.0.0.1", NOT_PUBLIC),
        ("localhost", UNKNOWN_NAME),
        ("0", UNKNOWN_NAME),
        ("2130706433", UNKNOWN_NAME),
        ("absent.invalid", UNKNOWN_NAME),
    ],
)
def test_private_ip_addresses_are_not_requested(
    submit: Callable[..., Job],
    endpoint: Callable[..., Endpoint],
    receiver: Receiver,
    settings: Any,
    host: str,
    error: str,
) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = False
    hook = endpoint()
    port = receiver.url.rpartition(":")[2]
    Endpoint.objects.filter(pk=hook.pk).update(url=f"http://{host}:{port}/hook")
    complete(submit)
    deliver()
    assert not receiver.requests
    assert error in DeliveryAttempt.objects.get().error


def test_a_refused_connection_is_a_failed_attempt(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint]
) -> None:
    hook = endpoint()
    Endpoint.objects.filter(pk=hook.pk).update(url=f"http://127.0.0.1:{own_port()}/")
    complete(submit)
    deliver()
    attempt = DeliveryAttempt.objects.get()
    assert attempt.status is None
    assert "The connection failed" in attempt.error


def test_an_event_dispatched_twice_has_one_delivery(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint]
) -> None:
    endpoint()
    complete(submit)
    JobEvent.objects.update(dispatched_at=None)
    dispatch_outbox()
    JobEvent.objects.update(dispatched_at=None)
    dispatch_outbox()
    assert Delivery.objects.count() == 1


def test_a_slow_webhook_url_of_one_job_does_not_delay_another(submit: Callable[..., Job], receiver: Receiver) -> None:
    seen: list[str] = []
    receiver.respond = wait_for_the_quick_request(seen)
    for path in ("/slow", "/quick"):
        complete(submit, webhook_url=receiver.url + path)
    deliver()
    assert sorted(seen) == ["/quick", "/slow"]


def test_a_disabled_endpoint_receives_nothing(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], receiver: Receiver
) -> None:
    hook = endpoint()
    complete(submit)
    dispatch_outbox()
    update_endpoint(endpoint=hook, changes={"enabled": False})
    assert hook.disabled_at
    deliver()
    assert not receiver.requests
    assert Delivery.objects.get().state == "failed"
    with pytest.raises(Conflict):
        redeliver(delivery=Delivery.objects.get())
    update_endpoint(endpoint=hook, changes={"enabled": True})
    redeliver(delivery=Delivery.objects.get())
    deliver()
    assert len(receiver.requests) == 1


def test_more_events_than_one_batch_are_dispatched_without_a_pause(
    submit: Callable[..., Job], endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint()
    for _ in range(3):
        complete(submit)
    monkeypatch.setattr("jobs.webhooks.outbox._BATCH_SIZE", 4)
    task = TASKS["dispatch_outbox"]
    assert [task(), task(), task()] == [True, True, False]
    assert JobEvent.objects.filter(dispatched_at=None).count() == 0
    assert Delivery.objects.count() == 3


def test_the_number_of_queries_does_not_depend_on_the_number_of_jobs(
    submit: Callable[..., Job], receiver: Receiver, django_assert_num_queries: Any
) -> None:
    for number in range(2):
        complete(submit, webhook_url=f"{receiver.url}/{number}")
    dispatch_outbox()
    JobEvent.objects.update(dispatched_at=None)
    # Begin, events with jobs, the team's secret, endpoints, deliveries, mark, count, commit.
    with django_assert_num_queries(8):
        dispatch_outbox()
