"""From a job's event to a receiver: once per event and endpoint, signed, tried again until it is taken."""

import json
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.models import Membership
from accounts.roles import Role
from common.errors import Conflict
from jobs.models import Job, JobEvent
from jobs.queue.cancel import cancel_job
from jobs.webhooks.delivery import _RETRY_DELAYS_SECONDS, MAX_ATTEMPTS, Deliverer
from jobs.webhooks.models import Delivery, DeliveryAttempt, Endpoint
from jobs.webhooks.outbox import dispatch_outbox, per_job_endpoint
from jobs.webhooks.services import redeliver, rotate_secret, update_endpoint
from tests.support import videos
from tests.support.ports import own_port
from tests.support.videos import claim_next
from tests.support.webhook_receiver import drip, flood, say

pytestmark = pytest.mark.django_db(transaction=True)


def deliver() -> None:
    """One try of all that is due."""
    dispatch_outbox()
    deliverer = Deliverer()
    deliverer()
    deliverer.finish()


def complete(submit, **changes) -> Job:
    submit(**changes)
    return videos.complete(claim_next())


def due_again(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_a_finished_video_is_told_once_and_signed(submit, endpoint, receiver):
    hook = endpoint()
    job = complete(submit)
    deliver()
    deliver()
    [call] = receiver.calls
    told = call.verified(hook.secret)
    assert (told["type"], told["data"]["id"], told["data"]["status"]) == ("video.completed", job.public_id, "completed")
    assert call.headers["webhook-id"] == f"evt_{job.id.hex}_video_completed"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("delivered", 1)
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.response_excerpt) == (200, "thank you")


def test_a_changed_body_or_another_secret_is_seen(submit, endpoint, receiver):
    hook, other = endpoint(), endpoint("/other")
    complete(submit)
    deliver()
    call = next(call for call in receiver.calls if call.path == "/hook")
    with pytest.raises(WebhookVerificationError):
        call.verified(other.secret)
    call.body = call.body.replace(b"completed", b"canceled!")
    with pytest.raises(WebhookVerificationError):
        call.verified(hook.secret)


def test_only_what_was_asked_for_is_told(submit, endpoint, receiver):
    endpoint(kinds=("video.canceled",))
    complete(submit)
    cancel_job(job=submit())
    deliver()
    assert [json.loads(call.body)["type"] for call in receiver.calls] == ["video.canceled"]
    assert not JobEvent.objects.filter(dispatched_at=None).exists()


def test_another_team_hears_nothing(submit, endpoint, receiver, charlie):
    hook = endpoint()
    Endpoint.objects.filter(pk=hook.pk).update(team=charlie.team)
    complete(submit)
    deliver()
    assert not receiver.calls


def test_the_address_of_a_single_job_is_told_its_end(submit, receiver, alice):
    job = complete(submit, webhook_url=f"{receiver.url}/mine")
    deliver()
    [call] = receiver.calls
    assert call.path == "/mine"
    secret = per_job_endpoint(team_id=alice.team.pk).secret
    assert call.verified(secret)["data"]["id"] == job.public_id


def test_it_is_tried_again_with_growing_pauses_then_given_up(submit, endpoint, receiver):
    endpoint()
    receiver.answer = lambda handler: say(handler, 500, b"not now")
    complete(submit)
    least, most = [], []  # seconds until the next try, counted from after a try and from before it
    while True:
        before = timezone.now()
        deliver()
        after = timezone.now()
        delivery = Delivery.objects.get()
        if delivery.state != "pending":
            break
        least.append((delivery.next_try_at - after).total_seconds())
        most.append((delivery.next_try_at - before).total_seconds())
        due_again(delivery)
    assert len(receiver.calls) == MAX_ATTEMPTS == 10
    for at_least, at_most, planned in zip(least, most, _RETRY_DELAYS_SECONDS, strict=True):
        assert 0.8 * planned <= at_most  # each is jittered by a fifth
        assert at_least <= 1.2 * planned
    assert sum(most) > 5_000
    assert sum(least) < 9_000
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    assert len({call.body for call in receiver.calls}) == 1
    assert delivery.state == "failed"
    assert list(delivery.attempts.values_list("status", flat=True)) == [500] * 10


def test_a_receiver_that_recovers_gets_it_and_is_not_failing_any_more(submit, endpoint, receiver):
    hook = endpoint()
    receiver.answer = lambda handler: say(handler, 503)
    complete(submit)
    deliver()
    hook.refresh_from_db()
    assert hook.failing_since
    receiver.answer = lambda handler: say(handler, 204)
    due_again(Delivery.objects.get())
    deliver()
    hook.refresh_from_db()
    assert hook.failing_since is None
    assert Delivery.objects.get().state == "delivered"


def test_after_a_day_of_failing_it_is_switched_off_and_the_owners_are_told(submit, endpoint, receiver, alice, bob):
    Membership.objects.filter(user=bob.user).update(role=Role.MEMBER)
    hook = endpoint()
    receiver.answer = lambda handler: say(handler, 500)
    complete(submit)
    Endpoint.objects.filter(pk=hook.pk).update(failing_since=timezone.now() - timedelta(hours=25))
    deliver()
    hook.refresh_from_db()
    assert hook.disabled_at
    assert Delivery.objects.get().state == "failed"
    [message] = mail.outbox
    assert message.bcc == [alice.user.email]
    assert hook.url in message.body
    complete(submit)
    deliver()
    assert len(receiver.calls) == 1


def test_one_that_is_gone_is_switched_off_at_once(submit, endpoint, receiver):
    hook = endpoint()
    receiver.answer = lambda handler: say(handler, 410)
    complete(submit)
    deliver()
    hook.refresh_from_db()
    assert hook.disabled_at


def test_during_a_rotation_both_secrets_verify(submit, endpoint, receiver):
    hook = endpoint()
    former = hook.secret
    hook = rotate_secret(endpoint=hook, overlap=timedelta(hours=1))
    complete(submit)
    deliver()
    [call] = receiver.calls
    assert call.verified(former) == call.verified(hook.secret)
    Endpoint.objects.filter(pk=hook.pk).update(former_until=timezone.now() - timedelta(seconds=1))
    complete(submit)
    deliver()
    with pytest.raises(WebhookVerificationError):
        receiver.calls[1].verified(former)
    assert receiver.calls[1].verified(hook.secret)


def test_redirects_are_not_followed(submit, endpoint, receiver):
    endpoint()
    receiver.answer = lambda handler: say(handler, 302, Location=f"{receiver.url}/elsewhere")
    complete(submit)
    deliver()
    assert [call.path for call in receiver.calls] == ["/hook"]
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.error.split(".")[0]) == (302, "Redirects are not followed")
    assert Delivery.objects.get().state == "pending"


def test_a_gigabyte_is_not_read(submit, endpoint, receiver):
    endpoint()
    receiver.answer = flood
    complete(submit)
    deliver()
    attempt = DeliveryAttempt.objects.get()
    assert attempt.status == 500
    assert attempt.response_excerpt == "x" * 1000


def test_an_answer_that_drips_is_cut_off(submit, endpoint, receiver, monkeypatch):
    monkeypatch.setattr("jobs.webhooks.transport._TOTAL_TIMEOUT_SECONDS", 1.0)
    endpoint()
    receiver.answer = drip
    complete(submit)
    deliver()
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.error) == (None, "No answer in time.")
    assert attempt.seconds < 15


def slow_until_the_quick_one_is_called(seen):
    """What answers /slow once /quick is called, and notes both."""
    quick = threading.Event()

    def answer(handler):
        if handler.path == "/quick":
            quick.set()
        quick.wait(60)
        seen.append(handler.path)
        say(handler, 200)

    return answer


def test_a_slow_address_does_not_delay_another(submit, endpoint, receiver):
    endpoint("/slow")
    endpoint("/quick")
    seen = []
    receiver.answer = slow_until_the_quick_one_is_called(seen)
    complete(submit)
    deliver()
    assert sorted(seen) == ["/quick", "/slow"]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"],
)
def test_private_addresses_are_not_called(submit, endpoint, receiver, settings, host):
    settings.WEBHOOKS_ALLOW_PRIVATE_IPS = False
    hook = endpoint()
    port = receiver.url.rpartition(":")[2]
    Endpoint.objects.filter(pk=hook.pk).update(url=f"http://{host}:{port}/hook")
    complete(submit)
    deliver()
    assert not receiver.calls
    assert "private" in DeliveryAttempt.objects.get().error


def test_nobody_listening_is_a_failed_try(submit, endpoint):
    hook = endpoint()
    Endpoint.objects.filter(pk=hook.pk).update(url=f"http://127.0.0.1:{own_port()}/")
    complete(submit)
    deliver()
    attempt = DeliveryAttempt.objects.get()
    assert attempt.status is None
    assert "No connection" in attempt.error


def test_two_outboxes_make_one_delivery(submit, endpoint):
    endpoint()
    complete(submit)
    JobEvent.objects.update(dispatched_at=None)
    dispatch_outbox()
    JobEvent.objects.update(dispatched_at=None)
    dispatch_outbox()
    assert Delivery.objects.count() == 1


def test_a_slow_address_of_one_job_does_not_delay_that_of_another(submit, receiver):
    seen = []
    receiver.answer = slow_until_the_quick_one_is_called(seen)
    for path in ("/slow", "/quick"):
        complete(submit, webhook_url=receiver.url + path)
    deliver()
    assert sorted(seen) == ["/quick", "/slow"]


def test_what_is_switched_off_gets_nothing_more(submit, endpoint, receiver):
    hook = endpoint()
    complete(submit)
    dispatch_outbox()
    update_endpoint(endpoint=hook, changes={"enabled": False})
    assert hook.disabled_at
    deliver()
    assert not receiver.calls
    assert Delivery.objects.get().state == "failed"
    with pytest.raises(Conflict):
        redeliver(delivery=Delivery.objects.get())
    update_endpoint(endpoint=hook, changes={"enabled": True})
    redeliver(delivery=Delivery.objects.get())
    deliver()
    assert len(receiver.calls) == 1


def test_addresses_of_many_jobs_cost_no_query_each(submit, receiver, django_assert_num_queries):
    for number in range(2):
        complete(submit, webhook_url=f"{receiver.url}/{number}")
    dispatch_outbox()
    JobEvent.objects.update(dispatched_at=None)
    # Begin, events with jobs, the team's secret, endpoints, deliveries, mark, count, commit.
    with django_assert_num_queries(8):
        dispatch_outbox()
