"""GET /v1/videos/{id}/events without long polling, and its permissions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import Scope
from common.clock import DatabaseNow
from common.redis_client import redis_client
from jobs.events.event import preview_event, progress_event
from jobs.events.publisher import stream_key
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from tests.support.api_client import ApiClient
from tests.support.event_listener import parse
from tests.support.people import Person

pytestmark = pytest.mark.usefixtures("all_models")


@pytest.fixture
def path(submit: Callable[..., Job]) -> Any:
    job = submit()
    return f"/v1/videos/{job.public_id}/events"


def running(path: str) -> Job:
    job = Job.objects.get(pk=path.split("/")[3].removeprefix("vid_"))
    Job.objects.filter(pk=job.pk).update(state="in_progress", attempt=1, lease_owner=job.pk, lease_until=DatabaseNow())
    return job


def record(job: Job, *events: Any) -> None:
    for event in events:
        fields: dict[Any, Any] = {"kind": event.kind, "data": event.data}
        redis_client().xadd(stream_key(job.pk), fields, id=str(event.event_id))


def test_a_video_has_the_url_of_its_events(as_alice: ApiClient, path: str) -> None:
    (video,) = as_alice.get("/v1/videos").json()["data"]
    url, _, query = video["urls"]["events"].partition("?")
    assert url.endswith(path)
    assert query.startswith("token=")


def event_url(as_alice: ApiClient) -> str:
    (video,) = as_alice.get("/v1/videos").json()["data"]
    url: str = video["urls"]["events"]
    return url


@pytest.mark.django_db(transaction=True)  # a check of the key closes its connection
def test_the_url_of_the_events_needs_no_headers(as_alice: ApiClient, client: Client, path: str) -> None:
    response = client.get(event_url(as_alice))
    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")


def test_the_url_of_the_events_stays_the_same(as_alice: ApiClient, path: str) -> None:
    with time_machine.travel(datetime(2026, 11, 30, 12, tzinfo=UTC), tick=False) as clock:
        first = event_url(as_alice)
        clock.shift(1799)
        assert event_url(as_alice) == first
        clock.shift(1)
        assert event_url(as_alice) != first


@pytest.mark.django_db(transaction=True)  # a check of the key closes its connection
@pytest.mark.parametrize("change", ["another video", "another key", "expired", "revoked"])
def test_urls_of_events_that_are_not_valid(
    as_alice: ApiClient, client: Client, alice: Person, path: str, submit: Callable[..., Job], change: str
) -> None:
    url = event_url(as_alice)
    if change == "another video":
        url = url.replace(path, f"/v1/videos/{submit().public_id}/events")
    elif change == "another key":
        team, user, _key, rest = url.partition("token=")[2].split(".", 3)
        url = f"{path}?token={team}.{user}.999.{rest}"
    elif change == "revoked":
        ApiKey.objects.filter(team=alice.team).update(revoked_at=timezone.now())
    with time_machine.travel(timezone.now() + timedelta(hours=change == "expired"), tick=False):
        response = client.get(url)
    code = "link_expired" if change in {"expired", "revoked"} else "link_invalid"
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)


def test_current_state_and_retry_interval(as_alice: ApiClient, path: str) -> None:
    response = as_alice.get(path, Accept="text/event-stream")
    assert (response.status_code, response["Content-Type"]) == (200, "text/event-stream")
    assert response["Cache-Control"] == "no-cache, no-transform"
    assert response["X-Accel-Buffering"] == "no"
    assert response.content.decode().startswith("retry: 2000\n\n")
    (event,) = parse(response.content.decode())
    assert (event.id, event.kind, event.data["status"]) == ("1-0", "status", "queued")


def test_repeated_requests_return_all_events(as_alice: ApiClient, path: str) -> None:
    job = running(path)
    first = parse(as_alice.get(path, **{"Last-Event-ID": "1-0"}).content.decode())
    assert [event.id for event in first] == ["3-0"]
    record(
        job,
        progress_event(job.pk, attempt=1, step=1, steps=50),
        preview_event(job.pk, attempt=1, step=1, jpeg=b"\xff\xd8"),
        progress_event(job.pk, attempt=1, step=2, steps=50),
    )
    second = parse(as_alice.get(path, **{"Last-Event-ID": "3-0"}).content.decode())
    assert [event.id for event in second] == ["3-2", "3-3", "3-4"]
    assert second[2].data["progress"] == 4
    assert [event.id for event in parse(as_alice.get(f"{path}?last_event_id=3-3").content.decode())] == ["3-4"]


@pytest.mark.parametrize("last", ["nonsense", "9-0", "1-0\N{SNOWMAN}".encode("utf-8").decode("latin1"), ""])
def test_an_impossible_id_is_treated_as_a_new_client(last: str, as_alice: ApiClient, path: str) -> None:
    response = as_alice.get(path, **{"Last-Event-ID": last})
    assert [event.id for event in parse(response.content.decode())] == ["1-0"]


def test_the_last_event_and_after_it(as_alice: ApiClient, path: str) -> None:
    job = Job.objects.get(pk=path.split("/")[3].removeprefix("vid_"))
    cancel_job(job=job)
    (end,) = parse(as_alice.get(path).content.decode())
    assert (end.id, end.data["status"]) == ("2-0", "canceled")
    over = as_alice.get(path, **{"Last-Event-ID": "2-0"})
    assert (over.status_code, over.content) == (204, b"")


def test_invalid_entries_in_redis_are_ignored(as_alice: ApiClient, path: str) -> None:
    job = running(path)
    entries: list[dict[Any, Any]] = [
        {"kind": "status\nevent: evil", "data": "{}"},
        {"kind": "progress", "data": "{}\n\nid: 9-9"},
        {"kind": b"\xff", "data": b"\xff\xfe"},
        {"nothing": "of ours"},
    ]
    for number, fields in enumerate(entries, start=1):
        redis_client().xadd(stream_key(job.pk), fields, id=f"3-{number}")
    assert [event.id for event in parse(as_alice.get(path).content.decode())] == ["3-0"]
    redis_client().set(stream_key(job.pk), "no stream at all")
    assert [event.id for event in parse(as_alice.get(path).content.decode())] == ["3-0"]


def test_unknown_parameters_are_rejected_as_json(as_alice: ApiClient, path: str) -> None:
    response = as_alice.get(f"{path}?since=3", Accept="text/event-stream")
    assert (response.status_code, response["Content-Type"]) == (422, "application/json")
    assert response.json()["error"]["param"] == "since"


def test_other_teams_revoked_keys_and_missing_scopes(
    as_alice: ApiClient,
    as_charlie: ApiClient,
    as_nobody: ApiClient,
    as_bob: ApiClient,
    alice: Person,
    limited_key: Callable[[Scope], ApiClient],
    path: str,
) -> None:
    assert as_bob.get(path).status_code == 200
    foreign, absent = as_charlie.get(path), as_charlie.get(f"/v1/videos/vid_{'0' * 32}/events")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    assert foreign.json()["error"]["code"] == absent.json()["error"]["code"] == "not_found"
    assert as_nobody.get(path).status_code == 401
    assert limited_key(Scope.USAGE_READ).get(path).status_code == 403
    ApiKey.objects.filter(creator=alice.user).update(revoked_at=timezone.now())
    assert as_alice.get(path).json()["error"]["code"] == "revoked_key"
