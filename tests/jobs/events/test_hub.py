"""Events of videos, read from a real `live` process while real workers generate the videos."""

import itertools
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
from tests.support.event_listener import Listener, ReceivedEvent
from tests.support.outages import OwnRedis
from tests.support.people import Person
from tests.support.web_processes import LiveProcess
from tests.support.workers import DelaySwitch, WorkerProcess, wait_for_state, wait_until

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("all_models")]

SCRIPTED = ("--model", "scripted")
# Takes longer than the test needs. The test then skips the rest of the delays with `skip_delays`.
LONG: dict[str, Any] = {"model": "scripted", "prompt": "delay=0.6", "steps": 100}
NOISE = bytes(range(256)) * 58


def event_ids(events: list[ReceivedEvent]) -> list[EventId]:
    ids = [EventId.parse(event.id) for event in events]
    assert all(ids)
    return [event_id for event_id in ids if event_id]


def test_from_queued_to_completed(
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    skip_delays: DelaySwitch,
    live_process: Callable[..., LiveProcess],
    alice: Person,
) -> None:
    live = live_process()
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.headers["X-Accel-Buffering"] == "no"
        stream.wait(lambda listener: listener.statuses == ["queued"])
        start_worker(*SCRIPTED)
        stream.wait(lambda listener: len(listener.of_kind("progress")) >= 3 and len(listener.of_kind("preview")) >= 3)
        skip_delays()
        stream.wait(lambda listener: listener.ended)
    assert stream.raw.startswith("retry: ")
    assert stream.statuses == ["queued", "in_progress", "completed"]
    assert [event.id for event in stream.of_kind("status")] == ["1-0", "3-0", "5-0"]
    assert all(event.data["id"] == job.public_id for event in stream.events)
    steps = [event.data["step"] for event in stream.of_kind("progress")]
    assert steps == sorted(set(steps))
    assert {event.data["steps"] for event in stream.of_kind("progress")} == {100}
    previews = stream.of_kind("preview")
    assert all(event.image.format == "JPEG" and len(event.data["image_base64"]) <= 20_000 for event in previews)
    assert wait_for_state(job, State.COMPLETED).attempt == 1


def test_a_returning_client_misses_no_event_and_gets_none_twice(
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    skip_delays: DelaySwitch,
    live_process: Callable[..., LiveProcess],
    alice: Person,
) -> None:
    live = live_process()
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as whole, Listener(live.url, job, alice.headers) as first:
        start_worker(*SCRIPTED)
        first.wait(lambda listener: len(listener.of_kind("progress")) >= 2)
        first.close()
        before = first.events
        whole.wait(lambda listener: len(listener.events) >= len(before) + 4)
        with Listener(live.url, job, alice.headers, last=before[-1].id) as second:
            skip_delays()
            second.wait(lambda listener: listener.ended)
        whole.wait(lambda listener: listener.ended)
    assert before + second.events == whole.events
    assert len(whole.events) == len({event.id for event in whole.events})


def test_every_attempt_has_its_events(
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    live_process: Callable[..., LiveProcess],
    alice: Person,
) -> None:
    """A connected client and one that connects later with an old id get the events of a crash and the next attempt."""
    live = live_process()
    job = submit(model="scripted", prompt="fail_at=9 segfault_at=3 delay=0.1 chance=1", steps=10, num_frames=8)
    with Listener(live.url, job, alice.headers) as stream:
        start_worker(*SCRIPTED)
        stream.wait(lambda listener: "queued" in listener.statuses[1:])
        cancel_job(job=job)
        stream.wait(lambda listener: listener.ended)
    assert stream.statuses[:3] == ["queued", "in_progress", "queued"]
    assert stream.statuses[-1] == "canceled"
    with Listener(live.url, job, alice.headers, last="1-0") as late:
        late.wait(lambda listener: listener.ended)
    assert late.statuses == stream.statuses[1:]


def test_deletion_ends_the_stream(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process()
    Job.objects.update(deadline_at=None)
    job = submit()
    with Listener(live.url, job, alice.headers) as stream:
        stream.wait(lambda listener: listener.statuses)
        delete_job(job=job)
        stream.wait(lambda listener: listener.ended)
    with Listener(live.url, job, alice.headers) as again:
        assert again.status == 404


def test_the_final_state_is_sent_once(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process()
    job = submit()
    cancel_job(job=job)
    with Listener(live.url, job, alice.headers) as stream:
        stream.wait(lambda listener: listener.ended)
    assert (stream.statuses, stream.events[0].id) == (["canceled"], "2-0")
    with Listener(live.url, job, alice.headers, last="2-0") as again:
        again.wait(lambda listener: listener.ended)
    assert (again.status, again.raw) == (204, "")


def test_without_redis_the_states_come_from_postgres(
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    skip_delays: DelaySwitch,
    live_process: Callable[..., LiveProcess],
    alice: Person,
    charlie: Person,
    own_redis: OwnRedis,
    body: Callable[..., dict[str, Any]],
) -> None:
    live = live_process(**own_redis.variables)
    charlies_id = ApiClient(charlie.headers).post("/v1/videos", body()).json()["id"]
    charlies_job = Job.objects.get(pk=charlies_id.removeprefix("vid_"))
    own_redis.freeze()
    job = submit(**LONG)
    with (
        Listener(live.url, job, alice.headers) as stream,
        Listener(live.url, charlies_job, charlie.headers) as other_team,
    ):
        start_worker(*SCRIPTED, REDIS_URL=own_redis.url)
        stream.wait(lambda listener: listener.of_kind("progress"))
        skip_delays()
        cancel_job(job=charlies_job)
        other_team.wait(lambda listener: listener.ended)
        stream.wait(lambda listener: listener.ended)
    assert stream.statuses == ["queued", "in_progress", "completed"]
    assert other_team.statuses == ["queued", "canceled"]
    assert not stream.of_kind("preview")
    assert event_ids(stream.events) == sorted(set(event_ids(stream.events)))


def test_redis_is_killed_with_its_data_during_a_stream(
    submit: Callable[..., Job],
    start_worker: Callable[..., WorkerProcess],
    skip_delays: DelaySwitch,
    live_process: Callable[..., LiveProcess],
    alice: Person,
    own_redis: OwnRedis,
) -> None:
    live = live_process(**own_redis.variables)
    job = submit(**LONG)
    with Listener(live.url, job, alice.headers) as stream:
        start_worker(*SCRIPTED, REDIS_URL=own_redis.url)
        stream.wait(lambda listener: len(listener.of_kind("preview")) >= 2)
        own_redis.kill()
        events_before_kill = len(stream.events)
        stream.wait(lambda listener: len(listener.of_kind("progress")) and listener.events[events_before_kill + 1 :])
        own_redis.start()
        previews = len(stream.of_kind("preview"))
        stream.wait(lambda listener: len(listener.of_kind("preview")) > previews)
        skip_delays()
        stream.wait(lambda listener: listener.ended)
    assert stream.statuses == ["queued", "in_progress", "completed"]
    assert event_ids(stream.events) == sorted(set(event_ids(stream.events)))
    # A client that reconnects with an earlier id gets all statuses, although Redis has lost its data.
    with Listener(live.url, job, alice.headers, last="1-0") as again:
        again.wait(lambda listener: listener.ended)
    assert again.statuses == ["in_progress", "completed"]


def test_a_client_that_does_not_read_is_disconnected_and_may_return(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
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

    def is_disconnected() -> bool:
        for step in itertools.islice(steps, 40):
            publish(job.pk, preview_event(job.pk, attempt=1, step=step, jpeg=NOISE))
        wait_until(lambda: not has_unpublished_events())
        return "slow_stream_closed" in live.log.read_text()

    wait_until(is_disconnected)
    wait_until(lambda: can_follow(live.url, job, alice))
    with Listener(live.url, job, alice.headers, last="3-1") as again:
        again.wait(lambda listener: listener.of_kind("preview"))
    slow.close()


def has_unpublished_events() -> bool:
    from jobs.events.publisher import _publisher

    return not _publisher()._queue.empty()


def test_limits_of_key_and_team(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person, bob: Person
) -> None:
    live = live_process(MAX_EVENT_STREAMS_PER_KEY=2, MAX_EVENT_STREAMS_PER_TEAM=3)
    job = submit()
    url = f"{live.url}/v1/videos/{job.public_id}/events"
    with Listener(live.url, job, alice.headers), Listener(live.url, job, alice.headers) as second:
        refused = httpx.get(url, headers=alice.headers, timeout=60)
        assert refused.status_code == 429
        error = refused.json()["error"]
        assert (error["code"], error["scope"], error["limit"]) == ("rate_limited", "key", 2)
        assert refused.headers["Retry-After"]
        with Listener(live.url, job, bob.headers) as third:
            assert third.status == 200
            assert httpx.get(url, headers=bob.headers, timeout=60).json()["error"]["scope"] == "team"
        second.close()
        wait_until(lambda: can_follow(live.url, job, alice))


def test_the_limit_of_a_person_counts_all_teams(
    submit: Callable[..., Job],
    live_process: Callable[..., LiveProcess],
    alice: Person,
    bob: Person,
    body: Callable[..., dict[str, Any]],
) -> None:
    live = live_process(MAX_EVENT_STREAMS_PER_PERSON=2)
    job = submit()
    own_team = provision_team(owner=bob.user, name="Bob's second")
    _, key = create_api_key(team=own_team, creator=bob.user, name="test")
    second = ApiClient({"Authorization": f"Bearer {key}"})
    response = second.post("/v1/videos", body())
    assert response.status_code == 202, response.content
    own_job = Job.objects.get(team=own_team)
    with Listener(live.url, job, bob.headers), Listener(live.url, own_job, second.headers) as other:
        assert other.status == 200
        for video, headers in ((job, bob.headers), (own_job, second.headers)):
            refused = httpx.get(f"{live.url}/v1/videos/{video.public_id}/events", headers=headers, timeout=60)
            error = refused.json()["error"]
            assert (refused.status_code, error["scope"], error["limit"]) == (429, "user", 2)
        assert can_follow(live.url, job, alice)
        other.close()
        wait_until(lambda: can_follow(live.url, job, bob))


def can_follow(url: str, job: Job, person: Person) -> bool:
    with Listener(url, job, person.headers) as listener:
        return listener.status == 200


@pytest.mark.parametrize("end", ["revoked", "removed"])
def test_a_client_that_loses_access_is_disconnected(
    end: Any, submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process(EVENT_REAUTH_INTERVAL_SECONDS=0.2)
    key = ApiKey.objects.get(team=alice.team)
    with Listener(live.url, submit(), alice.headers) as stream:
        stream.wait(lambda listener: listener.statuses)
        assert not stream.ended
        if end == "revoked":
            revoke_api_key(key=key)
        else:
            Membership.objects.filter(team=alice.team).delete()
        stream.wait(lambda listener: listener.ended)
    assert stream.statuses == ["queued"]


def test_a_full_process_refuses_streams(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process(MAX_EVENT_STREAMS=1)
    job = submit()
    with Listener(live.url, job, alice.headers):
        refused = httpx.get(f"{live.url}/v1/videos/{job.public_id}/events", headers=alice.headers, timeout=60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    wait_until(lambda: can_follow(live.url, job, alice))


def test_a_quiet_stream_sends_heartbeats(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process(EVENT_HEARTBEAT_INTERVAL_SECONDS=0.2)
    with Listener(live.url, submit(), alice.headers) as stream:
        stream.wait(lambda listener: listener.raw.count("\n: ") >= 3)
        assert not stream.ended
    assert stream.statuses == ["queued"]


def test_a_stream_has_a_maximum_duration(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process(EVENT_HEARTBEAT_INTERVAL_SECONDS=0.2, EVENT_STREAM_MAX_SECONDS=1)
    with Listener(live.url, submit(), alice.headers) as stream:
        stream.wait(lambda listener: listener.ended)
    assert stream.statuses == ["queued"]


def test_streams_hold_no_connection_to_the_database(
    submit: Callable[..., Job], live_process: Callable[..., LiveProcess], alice: Person
) -> None:
    live = live_process(DATABASE_POOL_SIZE=3, PGAPPNAME="thirty-streams")
    job = submit()
    listeners = [Listener(live.url, job, alice.headers) for _ in range(30)]
    with ThreadPoolExecutor(30) as threads:
        list(threads.map(Listener.__enter__, listeners))
    for listener in listeners:
        listener.wait(lambda listener: listener.statuses)
    assert httpx.get(f"{live.url}/v1/videos", headers=alice.headers, timeout=120).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'thirty-streams'")
        (connections,) = cursor.fetchone()
    assert 1 <= connections <= 3
    threads_of_live = live.process.num_threads()
    assert threads_of_live < 30
    for listener in listeners:
        listener.close()
