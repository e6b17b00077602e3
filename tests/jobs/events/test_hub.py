"""Events of videos, read from a real `live` process while real workers make them."""

import itertools
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.db import connection

from accounts.keys.services import create_api_key, revoke_api_key
from accounts.models import ApiKey, Membership
from accounts.teams.services import provision_team
from common.clock import DatabaseNow
from jobs.events.event import EventId, preview_event
from jobs.events.publisher import publish
from jobs.models import Job
from jobs.queue.cancel import cancel_job, delete_job
from jobs.states import State
from tests.support.api_client import ApiClient
from tests.support.event_listener import Heard, Listener
from tests.support.workers import wait_for_state, wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.usefixtures("all_models")]

SCRIPTED = ("--model", "scripted")
# As long as the test needs it to be: then it is hurried.
LONG = {"model": "scripted", "prompt": "delay=0.6", "steps": 100}
NOISE = bytes(range(256)) * 58


def positions(events: list[Heard]) -> list[EventId]:
    return [EventId.parse(event.id) for event in events]


def test_from_queued_to_completed(submit, start_worker, hurry, live_process, alice):
    live = live_process()
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as heard:
        assert heard.headers["Content-Type"] == "text/event-stream"
        assert heard.headers["Cache-Control"] == "no-cache, no-transform"
        assert heard.headers["X-Accel-Buffering"] == "no"
        heard.wait(lambda it: it.statuses == ["queued"])
        start_worker(*SCRIPTED)
        heard.wait(lambda it: len(it.of("progress")) >= 3 and len(it.of("preview")) >= 3)
        hurry()
        heard.wait(lambda it: it.ended)
    assert heard.raw.startswith("retry: ")
    assert heard.statuses == ["queued", "in_progress", "completed"]
    assert [event.id for event in heard.of("status")] == ["1-0", "3-0", "5-0"]
    assert all(event.data["id"] == job.public_id for event in heard.events)
    steps = [event.data["step"] for event in heard.of("progress")]
    assert steps == sorted(set(steps))
    assert {event.data["steps"] for event in heard.of("progress")} == {100}
    previews = heard.of("preview")
    assert all(event.picture.format == "JPEG" and len(event.data["image_base64"]) <= 20_000 for event in previews)
    assert wait_for_state(job, State.COMPLETED).attempt == 1


def test_who_comes_back_in_mid_job_misses_nothing_and_hears_nothing_twice(
    submit, start_worker, hurry, live_process, alice
):
    live = live_process()
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as whole, Listener(live.url, job, alice.headers) as first:
        start_worker(*SCRIPTED)
        first.wait(lambda it: len(it.of("progress")) >= 2)
        first.close()
        before = first.events
        whole.wait(lambda it: len(it.events) >= len(before) + 4)
        with Listener(live.url, job, alice.headers, last=before[-1].id) as second:
            hurry()
            second.wait(lambda it: it.ended)
        whole.wait(lambda it: it.ended)
    assert before + second.events == whole.events
    assert len(whole.events) == len({event.id for event in whole.events})


def test_every_attempt_is_told(submit, start_worker, live_process, alice):
    """A crash, and the next attempt: seen by who was there, and by who comes later with an old id."""
    live = live_process()
    job = submit(model="scripted", prompt="fail_at=9 segfault_at=3 delay=0.1 chance=1", steps=10, num_frames=8)
    with Listener(live.url, job, alice.headers) as heard:
        start_worker(*SCRIPTED)
        heard.wait(lambda it: "queued" in it.statuses[1:])
        cancel_job(job=job)
        heard.wait(lambda it: it.ended)
    assert heard.statuses[:3] == ["queued", "in_progress", "queued"]
    assert heard.statuses[-1] == "canceled"
    with Listener(live.url, job, alice.headers, last="1-0") as late:
        late.wait(lambda it: it.ended)
    assert late.statuses == heard.statuses[1:]


def test_deletion_ends_it(submit, live_process, alice):
    live = live_process()
    Job.objects.update(deadline_at=None)
    job = submit()
    with Listener(live.url, job, alice.headers) as heard:
        heard.wait(lambda it: it.statuses)
        delete_job(job=job)
        heard.wait(lambda it: it.ended)
    with Listener(live.url, job, alice.headers) as again:
        assert again.status == 404


def test_the_end_is_told_once(submit, live_process, alice):
    live = live_process()
    job = submit()
    cancel_job(job=job)
    with Listener(live.url, job, alice.headers) as heard:
        heard.wait(lambda it: it.ended)
    assert (heard.statuses, heard.events[0].id) == (["canceled"], "2-0")
    with Listener(live.url, job, alice.headers, last="2-0") as again:
        again.wait(lambda it: it.ended)
    assert (again.status, again.raw) == (204, "")


def test_without_redis_the_states_come_from_postgres(
    submit, start_worker, hurry, live_process, alice, charlie, own_redis, body
):
    live = live_process(**own_redis.variables)
    foreign = ApiClient(charlie.headers).post("/v1/videos", body()).json()["id"]
    foreign_job = Job.objects.get(pk=foreign.removeprefix("vid_"))
    own_redis.freeze()
    job = submit(**LONG)
    with (
        Listener(live.url, job, alice.headers) as heard,
        Listener(live.url, foreign_job, charlie.headers) as other_team,
    ):
        start_worker(*SCRIPTED, REDIS_URL=own_redis.url)
        heard.wait(lambda it: it.of("progress"))
        hurry()
        cancel_job(job=foreign_job)
        other_team.wait(lambda it: it.ended)
        heard.wait(lambda it: it.ended)
    assert heard.statuses == ["queued", "in_progress", "completed"]
    assert other_team.statuses == ["queued", "canceled"]
    assert not heard.of("preview")
    assert positions(heard.events) == sorted(set(positions(heard.events)))


def test_redis_killed_with_its_data_in_mid_stream(submit, start_worker, hurry, live_process, alice, own_redis):
    live = live_process(**own_redis.variables)
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as heard:
        start_worker(*SCRIPTED, REDIS_URL=own_redis.url)
        heard.wait(lambda it: len(it.of("preview")) >= 2)
        own_redis.kill()
        at_loss = len(heard.events)
        heard.wait(lambda it: len(it.of("progress")) and it.events[at_loss + 1 :])
        own_redis.start()
        previews = len(heard.of("preview"))
        heard.wait(lambda it: len(it.of("preview")) > previews)
        hurry()
        heard.wait(lambda it: it.ended)
    assert heard.statuses == ["queued", "in_progress", "completed"]
    assert positions(heard.events) == sorted(set(positions(heard.events)))
    # What was lost with Redis is not missing for who comes back from before.
    with Listener(live.url, job, alice.headers, last="1-0") as again:
        again.wait(lambda it: it.ended)
    assert again.statuses == ["in_progress", "completed"]


def test_who_does_not_read_is_let_go_and_may_come_back(submit, live_process, alice):
    live = live_process(MAX_EVENT_STREAMS_PER_KEY=1)
    job = submit()
    Job.objects.filter(pk=job.pk).update(state="in_progress", attempt=1, lease_owner=job.pk, lease_until=DatabaseNow())
    request = f"GET /v1/videos/{job.public_id}/events HTTP/1.1\r\nHost: localhost\r\n"
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", live.port))
    slow.sendall(f"{request}Authorization: Bearer {alice.key}\r\n\r\n".encode())
    assert slow.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
    steps = itertools.count(1)

    def is_let_go() -> bool:
        for step in itertools.islice(steps, 40):
            publish(job.pk, preview_event(job.pk, attempt=1, step=step, jpeg=NOISE))
        wait_until(lambda: not publish_backlog())
        return "slow_stream_closed" in live.log.read_text()

    wait_until(is_let_go)
    wait_until(lambda: can_follow(live.url, job, alice))
    with Listener(live.url, job, alice.headers, last="3-1") as again:
        again.wait(lambda it: it.of("preview"))
    slow.close()


def publish_backlog() -> bool:
    from jobs.events.publisher import _publisher

    return not _publisher()._queue.empty()


def test_limits_of_key_and_team(submit, live_process, alice, bob):
    live = live_process(MAX_EVENT_STREAMS_PER_KEY=2, MAX_EVENT_STREAMS_PER_TEAM=3)
    job = submit()
    address = f"{live.url}/v1/videos/{job.public_id}/events"
    with Listener(live.url, job, alice.headers), Listener(live.url, job, alice.headers) as second:
        refused = httpx.get(address, headers=alice.headers, timeout=60)
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert (error["code"], error["scope"], error["limit"]) == ("rate_limited", "key", 2)
        assert refused.headers["Retry-After"]
        with Listener(live.url, job, bob.headers) as third:
            assert third.status == 200
            assert httpx.get(address, headers=bob.headers, timeout=60).json()["error"]["scope"] == "team"
        second.close()
        wait_until(lambda: can_follow(live.url, job, alice))


def test_a_person_with_several_teams_is_one_person(submit, live_process, alice, bob, body):
    live = live_process(MAX_EVENT_STREAMS_PER_PERSON=2)
    job = submit()
    own_team = provision_team(owner=bob.user, name="Bob's second")
    _, key = create_api_key(team=own_team, creator=bob.user, name="test")
    second = ApiClient({"Authorization": f"Bearer {key}"})
    answer = second.post("/v1/videos", body())
    assert answer.status_code == 202, answer.content
    bobs = Job.objects.get(team=own_team)
    with Listener(live.url, job, bob.headers), Listener(live.url, bobs, second.headers) as other:
        assert other.status == 200
        for video, headers in ((job, bob.headers), (bobs, second.headers)):
            refused = httpx.get(f"{live.url}/v1/videos/{video.public_id}/events", headers=headers, timeout=60)
            error = refused.json()["error"]
            assert (refused.status_code, error["scope"], error["limit"]) == (429, "user", 2)
        assert can_follow(live.url, job, alice)
        other.close()
        wait_until(lambda: can_follow(live.url, job, bob))


def can_follow(url, job, person) -> bool:
    with Listener(url, job, person.headers) as listener:
        return listener.status == 200


@pytest.mark.parametrize("end", ["revoked", "removed"])
def test_who_may_not_see_it_any_more_is_let_go(end, submit, live_process, alice):
    live = live_process(EVENT_REAUTH_INTERVAL_SECONDS=0.2)
    key = ApiKey.objects.get(team=alice.team)
    with Listener(live.url, submit(), alice.headers) as heard:
        heard.wait(lambda it: it.statuses)
        assert not heard.ended
        if end == "revoked":
            revoke_api_key(key=key)
        else:
            Membership.objects.filter(team=alice.team).delete()
        heard.wait(lambda it: it.ended)
    assert heard.statuses == ["queued"]


def test_a_full_process_says_so(submit, live_process, alice):
    live = live_process(MAX_EVENT_STREAMS=1)
    job = submit()
    with Listener(live.url, job, alice.headers):
        refused = httpx.get(f"{live.url}/v1/videos/{job.public_id}/events", headers=alice.headers, timeout=60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    wait_until(lambda: can_follow(live.url, job, alice))


def test_a_quiet_stream_shows_that_it_stands(submit, live_process, alice):
    live = live_process(EVENT_HEARTBEAT_INTERVAL_SECONDS=0.2)
    with Listener(live.url, submit(), alice.headers) as heard:
        heard.wait(lambda it: it.raw.count("\n: ") >= 3)
        assert not heard.ended
    assert heard.statuses == ["queued"]


def test_a_stream_does_not_last_for_ever(submit, live_process, alice):
    live = live_process(EVENT_HEARTBEAT_INTERVAL_SECONDS=0.2, EVENT_STREAM_MAX_SECONDS=1)
    with Listener(live.url, submit(), alice.headers) as heard:
        heard.wait(lambda it: it.ended)
    assert heard.statuses == ["queued"]


def test_streams_hold_no_connection_to_the_database(submit, live_process, alice):
    live = live_process(DATABASE_POOL_SIZE=3, PGAPPNAME="thirty-streams")
    job = submit()
    listeners = [Listener(live.url, job, alice.headers) for _ in range(30)]
    with ThreadPoolExecutor(30) as threads:
        list(threads.map(Listener.__enter__, listeners))
    for listener in listeners:
        listener.wait(lambda it: it.statuses)
    assert httpx.get(f"{live.url}/v1/videos", headers=alice.headers, timeout=120).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'thirty-streams'")
        (connections,) = cursor.fetchone()
    assert 1 <= connections <= 3
    threads_of_live = live.process.num_threads()
    assert threads_of_live < 30
    for listener in listeners:
        listener.close()
