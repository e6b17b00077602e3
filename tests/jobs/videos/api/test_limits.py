"""/v1/limits tells what the checks refuse by."""

import uuid
from datetime import UTC, datetime

import pytest
import time_machine

from accounts.models import ApiKey, Membership
from accounts.quota.models import Plan, PlanOverride
from accounts.roles import Scope
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job

pytestmark = pytest.mark.django_db


def quotas(answer) -> dict:
    assert answer.status_code == 200, answer.content
    return {
        (row["scope"], row["name"]): (row["limit"], row["used"], row["remaining"], row["reset"])
        for row in answer.json()["quotas"]
    }


def test_what_is_allowed_used_and_left(as_alice, as_bob, as_charlie, alice, submit):
    Plan.objects.update(monthly_credits=500, videos_per_day=9, gpu_seconds_per_month=90, storage_bytes=100)
    PlanOverride.objects.create(team=alice.team, videos_per_day=5, max_frames=16, allowed_formats=["mp4"])
    Membership.objects.filter(user=alice.user).update(credits_per_month=30)
    ApiKey.objects.filter(creator=alice.user).update(videos_per_day=1, requests_per_minute=70)
    with time_machine.travel(datetime(2026, 6, 30, 23, tzinfo=UTC), tick=False):
        submit()
        job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
        result = AttemptResult(result_key="r", poster_key="p", result_bytes=40, gpu_seconds=1.2)
        assert complete_job(fence=job.fence, result=result)
        answer = as_alice.get("/v1/limits")
        hour = 3600
        assert quotas(answer) == {
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
        # Another member of the team has used nothing of what is theirs alone; another team nothing at all.
        assert quotas(as_bob.get("/v1/limits"))["member", "videos_per_day"] == (None, 0, None, hour)
        assert quotas(as_bob.get("/v1/limits"))["team", "videos_per_day"] == (5, 1, 4, hour)
        assert quotas(as_charlie.get("/v1/limits"))["team", "videos_per_day"] == (9, 0, 9, hour)
    body = answer.json()
    assert (body["plan"]["name"], body["plan"]["max_frames"], body["plan"]["allowed_formats"]) == (
        "standard",
        16,
        ["mp4"],
    )
    assert body["rates"] == [
        {"scope": "team", "requests_per_minute": 600},
        {"scope": "key", "requests_per_minute": 70},
    ]


def test_a_browser_has_no_key_and_a_key_needs_the_scope(client, alice, limited_key, as_nobody):
    client.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    body = client.get("/v1/limits").json()
    assert {row["scope"] for row in body["quotas"]} == {"team", "member"}
    assert [row["scope"] for row in body["rates"]] == ["team"]
    assert limited_key(Scope.VIDEOS_READ).get("/v1/limits").status_code == 403
    assert limited_key(Scope.USAGE_READ).get("/v1/limits").status_code == 200
    assert as_nobody.get("/v1/limits").status_code == 401


def test_the_models_say_whether_the_plan_has_them(as_alice):
    def allowed() -> dict[str, bool]:
        return {model["id"]: model["allowed"] for model in as_alice.get("/v1/models").json()["data"]}

    assert allowed() == {"camera": True}
    Plan.objects.update(allowed_models=["another"])
    assert allowed() == {"camera": False}


def test_the_description_has_an_example_that_fits(client, db):
    schema = client.get("/v1/openapi.json").json()
    answer = schema["paths"]["/v1/limits"]["get"]["responses"]["200"]["content"]["application/json"]
    example = next(iter(answer["examples"].values()))["value"]
    properties = schema["components"]["schemas"]["Limits"]["properties"]
    assert example.keys() == properties.keys()
    assert example["plan"].keys() == schema["components"]["schemas"]["Plan"]["properties"].keys()
