"""The fast path of the status poll returns the same as the normal view, with one statement."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.auth.fast_path import authenticate_and_fetch, key_statement
from accounts.models import ApiKey, Membership, User
from accounts.quota.models import Plan
from accounts.roles import Role, Scope
from jobs.models import Job
from tests.support.api_client import ApiClient
from tests.support.people import Person

_LEFT_BY_ITSELF = ("X-Request-Id", "RateLimit", "Allow", "Vary", "Content-Language", "Content-Security-Policy")


@pytest.fixture
def warm(alice: Person, submit: Callable[..., Job]) -> Job:
    """A running video. Alice's key was used a moment ago."""
    job = submit()
    Job.objects.filter(pk=job.pk).update(
        state="in_progress", lease_owner=job.pk, lease_until=timezone.now(), steps_done=3, metadata={"ключ": "值"}
    )
    return job


def test_it_uses_one_statement_and_returns_the_same(
    warm: Job, as_alice: ApiClient, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        quick = as_alice.get(f"/v1/videos/{warm.public_id}")
    slow = as_alice.get(f"/v1/videos/{warm.public_id}?wait=0")
    assert quick.status_code == slow.status_code == 200
    assert quick.content == slow.content
    assert quick.json()["metadata"] == {"ключ": "值"}
    assert "RateLimit" in quick.headers
    headers = [
        {name: value for name, value in response.items() if name not in _LEFT_BY_ITSELF} for response in (quick, slow)
    ]
    assert headers[0] == headers[1]
    again = as_alice.get(f"/v1/videos/{warm.public_id}", **{"If-None-Match": quick["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_each_poll_counts_once(warm: Job, as_alice: ApiClient) -> None:
    Plan.objects.update(requests_per_minute=5)
    statuses = [as_alice.get(f"/v1/videos/{warm.public_id}").status_code for _ in range(7)]
    assert statuses == [*[200] * 5, 429, 429]


def test_no_condition_reads_another_team(warm: Job, alice: Person, charlie: Person, as_charlie: ApiClient) -> None:
    assert as_charlie.get(f"/v1/videos/{warm.public_id}").status_code == 404
    everything = key_statement(columns=["prompt"], table="jobs_job", condition="true")
    ApiKey.objects.all().update(last_used_at=timezone.now())
    asked = {"statement": everything, "parameters": {}, "scope": Scope.VIDEOS_READ}
    assert authenticate_and_fetch(charlie.key, **asked) is None  # type: ignore[arg-type]
    found = authenticate_and_fetch(alice.key, **asked)  # type: ignore[arg-type]
    assert found is not None
    assert (found[0].team_id, found[1]) == (alice.team.pk, (warm.prompt,))


@pytest.mark.django_db(transaction=True)
def test_a_terminated_database_session_is_replaced(warm: Job, as_alice: ApiClient) -> None:
    """Without a health check of the connection before each request."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
    assert as_alice.get(f"/v1/videos/{warm.public_id}").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() != (pid,)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"revoked_at": timezone.now()}, 401),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, 401),
        ({"allowed_networks": ["192.0.2.0/24"]}, 401),
        ({"allowed_networks": ["127.0.0.0/8"]}, 200),
        ({"scopes": ["usage:read"]}, 403),
        ({"prefix": "another"}, 401),
        ({"secret_sha256": b"\0" * 32}, 401),
        ({"last_used_at": None}, 200),
    ],
)
def test_an_invalid_key_uses_the_normal_view(
    change: dict[str, Any], status: int, warm: Job, as_alice: ApiClient
) -> None:
    ApiKey.objects.update(**change)
    response = as_alice.get(f"/v1/videos/{warm.public_id}")
    assert response.status_code == status
    if status == 200:
        last_used_at = ApiKey.objects.get().last_used_at
        assert last_used_at is not None
        assert last_used_at > timezone.now() - timedelta(seconds=60)
    else:
        assert response.json()["error"]["code"]


def test_former_members_and_deactivated_users_get_401(warm: Job, alice: Person, as_alice: ApiClient) -> None:
    address = f"/v1/videos/{warm.public_id}"
    Membership.objects.update(role=Role.VIEWER)
    assert as_alice.get(address).status_code == 200
    User.objects.update(is_active=False)
    assert as_alice.get(address).status_code == 401
    User.objects.update(is_active=True)
    Membership.objects.all().delete()
    assert as_alice.get(address).status_code == 401


@pytest.mark.parametrize("identifier", ["vid_1", "vid_" + "0" * 32, "nonsense", "%00", "vid_" + "g" * 32])
def test_missing_videos_get_the_error_envelope(identifier: str, warm: Job, as_alice: ApiClient) -> None:
    response = as_alice.get(f"/v1/videos/{identifier}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_a_deleted_video_gets_404(warm: Job, as_alice: ApiClient) -> None:
    Job.objects.filter(pk=warm.pk).update(deleted_at=timezone.now())
    assert as_alice.get(f"/v1/videos/{warm.public_id}").status_code == 404


@pytest.mark.parametrize("key", ["", "mts_", "mts_a", "mts_a_b", "mts_\x01_x", "mts_é_x", "x"])
def test_a_malformed_key_is_rejected(key: str, warm: Job) -> None:
    response = Client().get(f"/v1/videos/{warm.public_id}", headers={"X-API-Key": key})
    assert response.status_code == 401


@pytest.mark.parametrize("params", [None, {"device": "cuda:0"}])
def test_a_failed_video_reads_its_error(params: dict[str, str] | None, warm: Job, as_alice: ApiClient) -> None:
    """The column with the parameters is null for jobs without an error, and for those of earlier releases."""
    Job.objects.filter(pk=warm.pk).update(
        state="failed",
        lease_owner=None,
        lease_until=None,
        finished_at=timezone.now(),
        error_code="gpu_failed",
        error_message="%(device)s failed." if params else "The GPU failed.",
        error_params=params,
    )
    fast = as_alice.get(f"/v1/videos/{warm.public_id}")
    normal = as_alice.get(f"/v1/videos/{warm.public_id}?wait=0")
    assert fast.json()["error"]["message"] == ("cuda:0 failed." if params else "The GPU failed.")
    assert fast.content == normal.content
