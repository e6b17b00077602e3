"""/v1/limits returns the limits that a submit checks."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import ApiKey, Membership
from accounts.quota.models import Plan, PlanOverride
from accounts.roles import Scope
from jobs.models import Job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job
from tests.support.api_client import ApiClient
from tests.support.people import Person

pytestmark = pytest.mark.django_db


def quotas(response: Any) -> dict[tuple[str, str], Any]:
    assert response.status_code == 200, response.content
    return {
        (row["scope"], row["name"]): (row["limit"], row["used"], row["remaining"], row["reset"])
        for row in response.json()["quotas"]
    }


def test_limits_used_and_remaining_amounts(
    as_alice: ApiClient, as_bob: ApiClient, as_charlie: ApiClient, alice: Person, submit: Callable[..., Job]
) -> None:
    Plan.objects.update(monthly_credits=500, videos_per_day=9, gpu_seconds_per_month=90, storage_bytes=100)
    PlanOverride.objects.create(team=alice.team, videos_per_day=5, max_seconds=2, allowed_formats=["mp4"])
    Membership.objects.filter(user=alice.user).update(credits_per_month=30)
    ApiKey.objects.filter(creator=alice.user).update(videos_per_day=1, requests_per_minute=70)
    with time_machine.travel(datetime(2026, 6, 30, 23, tzinfo=UTC), tick=False):
        submit()
        job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
        assert job is not None
        result = AttemptResult(result_key="r", poster_key="p", result_bytes=40, gpu_seconds=1.2)
        assert complete_job(fence=job.fence, result=result)
        response = as_alice.get("/v1/limits")
        hour = 3600
        assert quotas(response) == {
            ("team", "credits"): (500, 1, 999, hour),
            ("team", "videos_per_day"): (5, 1, 4, hour),
            ("team", "gpu_seconds_per_month"): (90, 1, 89, hour),
            ("team", "storage_bytes"): (100, 40, 60, None),
            ("team", "max_queued"): (1000, 0, 1000, None),
            ("member", "credits_per_month"): (30, 1, 29, hour),
            ("member", "videos_per_day"): (None, 1, None, hour),
            ("key", "credits_per_month"): (None, 1, None, hour),
            ("key", "videos_per_day"): (1, 1, 0, hour),
        }
        # Another member of the team has not used any personal limit; another team has not used anything.
        assert quotas(as_bob.get("/v1/limits"))["member", "videos_per_day"] == (None, 0, None, hour)
        assert quotas(as_bob.get("/v1/limits"))["team", "videos_per_day"] == (5, 1, 4, hour)
        assert quotas(as_charlie.get("/v1/limits"))["team", "videos_per_day"] == (9, 0, 9, hour)
    body = response.json()
    assert (body["plan"]["name"], body["plan"]["max_seconds"], body["plan"]["allowed_formats"]) == (
        "standard",
        2,
        ["mp4"],
    )
    assert body["rates"] == [
        {"scope": "team", "requests_per_minute": 600},
        {"scope": "key", "requests_per_minute": 70},
    ]


def test_a_browser_has_no_key_and_a_key_needs_the_scope(
    client: Client, alice: Person, limited_key: Callable[[Scope], ApiClient], as_nobody: ApiClient
) -> None:
    client.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    body = client.get("/v1/limits").json()
    assert {row["scope"] for row in body["quotas"]} == {"team", "member"}
    assert [row["scope"] for row in body["rates"]] == ["team"]
    assert limited_key(Scope.VIDEOS_READ).get("/v1/limits").status_code == 403
    assert limited_key(Scope.USAGE_READ).get("/v1/limits").status_code == 200
    assert as_nobody.get("/v1/limits").status_code == 401


@pytest.mark.parametrize(
    ("pixels", "seconds", "resolution", "frames"),
    [(None, None, None, None), (262_144, 1.5, 512, 12), (399_360, 5.05, 631, 40), (0, 0, 0, 0)],
)
def test_the_former_limits_follow_from_pixels_and_seconds(
    pixels: Any, seconds: Any, resolution: Any, frames: Any, as_alice: ApiClient
) -> None:
    Plan.objects.update(max_pixels=pixels, max_seconds=seconds)
    plan = as_alice.get("/v1/limits").json()["plan"]
    assert (plan["max_pixels"], plan["max_seconds"]) == (pixels, seconds)
    assert (plan["max_resolution"], plan["max_frames"], plan["max_steps"]) == (resolution, frames, None)


def test_models_contain_whether_the_plan_allows_them(as_alice: ApiClient) -> None:
    def allowed() -> dict[str, bool]:
        return {model["id"]: model["allowed"] for model in as_alice.get("/v1/models").json()["data"]}

    assert allowed() == {"camera": True}
    Plan.objects.update(allowed_models=["another"])
    assert allowed() == {"camera": False}


def test_the_example_matches_the_schema(client: Client, db: None) -> None:
    schema = client.get("/v1/openapi.json").json()
    response = schema["paths"]["/v1/limits"]["get"]["responses"]["200"]["content"]["application/json"]
    example = next(iter(response["examples"].values()))["value"]
    properties = schema["components"]["schemas"]["Limits"]["properties"]
    assert example.keys() == properties.keys()
    assert example["plan"].keys() == schema["components"]["schemas"]["Plan"]["properties"].keys()
