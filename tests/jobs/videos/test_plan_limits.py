"""Limits and quotas of plans: what they allow, how much is used, and when they reset."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import ApiKey, Membership
from accounts.quota.effective_limits import effective_limits_of
from accounts.quota.models import LedgerEntry, Plan, PlanOverride, UsageDay, Wallet
from inference.models.catalogue import MODELS
from inference.models.settings import resolve_settings
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.queue.claim import claim_job
from jobs.storage.files import TEAMS_FOLDER
from jobs.videos.plan_limits import max_frames
from tests.support.api_client import ApiClient
from tests.support.people import Person
from tests.support.videos import claim_next, complete

pytestmark = pytest.mark.django_db


def finish(gpu_seconds: float = 1, result_bytes: int = 10) -> Job:
    return complete(claim_next(), gpu_seconds=gpu_seconds, result_bytes=result_bytes)


@pytest.mark.parametrize(
    ("limits", "changes", "param", "says"),
    [
        ({"max_pixels": 262_144}, {"resolution": "768p"}, "resolution", "262144 pixels, such as 512p"),
        ({"max_pixels": 262_144}, {"size": "520x512", "resolution": ...}, "size", "262144 pixels, such as 512x504"),
        ({"max_pixels": 4000}, {}, "resolution", "4000 pixels, and camera has no such resolution"),
        (
            {"max_pixels": 4000},
            {"size": "64x64", "resolution": ...},
            "size",
            "4000 pixels, and camera has no such size",
        ),
        ({"max_seconds": 2}, {"num_frames": 17}, "num_frames", "up to 2 s: 16 frames at 8 fps"),
        ({"max_seconds": 2}, {"seconds": "2.1", "num_frames": ...}, "seconds", "up to 2 s: 16 frames at 8 fps"),
        ({"max_seconds": 1.5}, {"num_frames": 16, "fps": 10}, "num_frames", "up to 1.5 s: 15 frames at 10 fps"),
        ({"max_seconds": 1}, {"preset": "standard", "num_frames": ...}, "num_frames", "8 frames at 8 fps"),
        ({"max_seconds": 0.5}, {}, "num_frames", "up to 0.5 s, and videos of camera at 8 fps are longer"),
        ({"max_seconds": 0}, {"seconds": "1", "num_frames": ...}, "seconds", "up to 0 s, and videos of camera"),
        ({"allowed_formats": ["mp4"]}, {"output_format": "gif"}, "output_format", "mp4"),
        ({"allowed_formats": ["gif"]}, {}, "output_format", "gif"),
        ({"allowed_priorities": ["low", "normal"]}, {"priority": "high"}, "priority", "low, normal"),
        ({"allowed_models": ["i2vgen-xl"]}, {}, "model", "i2vgen-xl"),
        ({"allowed_models": []}, {}, "model", "none"),
    ],
)
@pytest.mark.usefixtures("both_models")
def test_values_beyond_the_plan_are_rejected_by_field(
    limits: dict[str, Any],
    changes: dict[str, Any],
    param: str,
    says: str,
    as_alice: ApiClient,
    body: Callable[..., dict[str, Any]],
) -> None:
    Plan.objects.update(**limits)
    response = as_alice.post("/v1/videos", body(**changes))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "not_in_plan", param)
    assert says in error["message"]
    assert error["details"][0]["loc"] == [param]
    assert not Job.objects.exists()
    assert not UsageDay.objects.exists()


@pytest.mark.parametrize(
    ("limits", "changes"),
    [
        ({"max_pixels": 262_144}, {"size": "1024x256", "resolution": ...}),
        ({"max_pixels": 262_144}, {"resolution": "512p", "aspect_ratio": "16:9"}),
        ({"max_seconds": 2}, {"model": "i2vgen-xl", "num_frames": 16, "steps": 100}),
        ({"max_seconds": 1}, {"num_frames": 24, "fps": 24}),
        ({"max_seconds": 0.5}, {"num_frames": 8, "fps": 16}),
        ({"max_seconds": 1.3}, {"seconds": "1.3", "num_frames": ..., "fps": 9}),
        ({"allowed_models": ["camera"], "allowed_formats": ["gif"]}, {"output_format": "gif"}),
        ({"allowed_priorities": ["low"]}, {"preset": "batch"}),
    ],
)
@pytest.mark.usefixtures("both_models")
def test_values_at_the_limit_of_the_plan_are_accepted(
    limits: dict[str, Any], changes: dict[str, Any], as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(**limits)
    assert as_alice.post("/v1/videos", body(**changes)).status_code == 202


@pytest.mark.usefixtures("i2vgen_xl")
def test_all_exceeded_limits_are_listed_and_an_override_raises_them(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(max_seconds=1, max_pixels=4096)
    too_large = body(num_frames=9)
    details = as_alice.post("/v1/videos", too_large).json()["error"]["details"]
    assert [detail["loc"] for detail in details] == [["resolution"], ["num_frames"]]
    PlanOverride.objects.create(team=alice.team, max_seconds=1.125, max_pixels=65_536)
    assert as_alice.post("/v1/videos", too_large).status_code == 202


@pytest.mark.parametrize(
    ("limits", "changes", "nearest"),
    [
        ({"max_pixels": 300_000}, {"resolution": "1024p"}, ["512p"]),
        ({"max_pixels": 300_000}, {"size": "1024x512", "resolution": ...}, ["768x384"]),
        ({"max_pixels": 10_000}, {"size": "128x512", "resolution": ...}, ["64x152"]),
        ({"max_pixels": 4000}, {}, None),
        ({"max_seconds": 1.25}, {"num_frames": 16, "fps": 10}, [12]),
        ({"max_seconds": 1.25}, {"seconds": "2", "num_frames": ...}, ["1.25"]),
        ({"allowed_formats": ["mp4"]}, {"output_format": "gif"}, None),
        ({"max_seconds": 0.5}, {}, None),
    ],
)
def test_a_refusal_names_the_nearest_value_that_the_plan_allows(
    limits: dict[str, Any],
    changes: dict[str, Any],
    nearest: list[Any] | None,
    as_alice: ApiClient,
    body: Callable[..., dict[str, Any]],
) -> None:
    Plan.objects.update(**limits)
    too_large = body(**changes)
    [detail] = as_alice.post("/v1/videos", too_large).json()["error"]["details"]
    assert detail.get("nearest") == nearest
    if nearest:
        changed = {**too_large, detail["loc"][0]: nearest[0]}
        assert as_alice.post("/v1/videos", changed).status_code == 202


def test_a_size_is_named_where_no_resolution_is_small_enough(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(max_pixels=10_000)
    error = as_alice.post("/v1/videos", body(resolution="512p")).json()["error"]
    assert error["param"] == "resolution"
    assert "Send a size instead, such as 112x80." in error["message"]
    assert as_alice.post("/v1/videos", body(resolution=..., size="112x80")).status_code == 202


@pytest.mark.parametrize(
    ("max_seconds", "fps", "frames"),
    [
        (None, 24, None),
        (5, 24, 121),
        (4, 24, 97),
        (4.9, 24, 117),
        (60, 24, 121),
        (0.21, 24, 5),
        (0.1, 24, 2),
        (0, 8, 0),
    ],
)
def test_the_frames_that_a_plan_allows(max_seconds: float | None, fps: int, frames: int | None, alice: Person) -> None:
    """Wan makes 4n+1 frames, at least 5 and at most 121."""
    Plan.objects.update(max_seconds=max_seconds)
    assert max_frames(MODELS["wan-ti2v-5b"], effective_limits_of(alice.team), fps) == frames


@pytest.mark.parametrize("model", ["wan-ti2v-5b", "camera"])
@pytest.mark.parametrize(("seconds", "fps"), [("1", 24), ("1.3", 9), ("1.01", 24), ("1.333333", 24), ("0.33333", 24)])
def test_a_request_for_the_seconds_of_the_plan_is_allowed(model: str, seconds: str, fps: int, alice: Person) -> None:
    Plan.objects.update(max_seconds=float(seconds))
    chosen = resolve_settings(MODELS[model], {"seconds": seconds, "fps": fps}, None)
    assert chosen.num_frames == max_frames(MODELS[model], effective_limits_of(alice.team), fps)


@pytest.mark.parametrize("path", ["/v1/videos", "/generate"])
def test_quotas_are_separate_by_team_and_member(
    path: str, as_alice: ApiClient, as_charlie: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    Membership.objects.filter(user=alice.user).update(videos_per_day=0)
    refused = as_alice.post(path, body())
    assert refused.status_code == 429
    assert "You have reached your daily limit of videos (0)." in refused.content.decode()
    assert as_charlie.post("/v1/videos", body()).status_code == 202


def refusal(response: Any) -> tuple[Any, ...]:
    assert response.status_code == 429, response.content
    error = response.json()["error"]
    assert response["Retry-After"] == str(error["reset"] or 3600)
    return error["code"], error["scope"], error["quota"], error["limit"], error["remaining"], error["reset"]


@pytest.mark.parametrize("scope", ["team", "member", "key"])
def test_daily_quotas_reset_at_midnight_utc(
    scope: str, as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    rows = {"team": Plan.objects, "member": Membership.objects, "key": ApiKey.objects}[scope]
    rows.update(videos_per_day=1)
    with time_machine.travel(datetime(2026, 12, 31, 22, 0, tzinfo=UTC), tick=False) as clock:
        assert as_alice.post("/v1/videos", body()).status_code == 202
        response = as_alice.post("/v1/videos", body())
        assert refusal(response) == ("quota_exceeded", scope, "videos_per_day", 1, 0, 2 * 3600)
        clock.shift(timedelta(hours=2))
        assert as_alice.post("/v1/videos", body()).status_code == 202


@pytest.mark.parametrize("scope", ["member", "key"])
def test_monthly_quotas_reset_at_the_start_of_the_month(
    scope: str, as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    rows = {"member": Membership.objects, "key": ApiKey.objects}[scope]
    rows.update(credits_per_month=1)
    with time_machine.travel(datetime(2027, 1, 30, tzinfo=UTC), tick=False) as clock:
        assert as_alice.post("/v1/videos", body()).status_code == 202
        clock.shift(timedelta(days=1))
        response = as_alice.post("/v1/videos", body())
        assert refusal(response) == ("quota_exceeded", scope, "credits_per_month", 1, 0, 24 * 3600)
        clock.shift(timedelta(days=1))
        assert as_alice.post("/v1/videos", body()).status_code == 202


def test_the_message_contains_remaining_and_needed_credits_of_a_cap(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    ApiKey.objects.update(credits_per_month=2)
    assert as_alice.post("/v1/videos", body()).status_code == 202
    response = as_alice.post("/v1/videos", body(resolution="1024p", num_frames=32))
    assert refusal(response)[:5] == ("quota_exceeded", "key", "credits_per_month", 2, 1)
    assert "has 1 left. This video needs" in response.json()["error"]["message"]
    assert as_alice.post("/v1/videos", body()).status_code == 202


def test_canceled_videos_do_not_count_against_the_quota(
    as_alice: ApiClient, alice: Person, submit: Callable[..., Job], body: Callable[..., dict[str, Any]]
) -> None:
    ApiKey.objects.update(videos_per_day=1)
    cancel_job(job=submit())
    submit()
    assert refusal(as_alice.post("/v1/videos", body()))[1] == "key"


def test_the_error_contains_the_time_of_the_next_monthly_credits(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    Wallet.objects.update(balance=0)
    response = as_alice.post("/v1/videos", body())
    assert response.json()["error"]["needed"] == 1
    assert refusal(response) == ("quota_exceeded", "team", "credits", None, 0, None)
    Plan.objects.update(monthly_credits=10)
    with time_machine.travel(datetime(2026, 2, 28, tzinfo=UTC), tick=False):
        assert refusal(as_alice.post("/v1/videos", body()))[3:] == (10, 0, 24 * 3600)


def test_gpu_seconds_count_reserved_then_used_seconds(
    as_alice: ApiClient, submit: Callable[..., Job], body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(gpu_seconds_per_month=3)
    submit()
    submit()
    finish(gpu_seconds=2)
    assert refusal(as_alice.post("/v1/videos", body()))[1:5] == ("team", "gpu_seconds_per_month", 3, 0)
    UsageDay.objects.update(day=timezone.now().date() - timedelta(days=40))
    submit()


def test_no_video_is_accepted_after_the_storage_is_full(
    as_alice: ApiClient, submit: Callable[..., Job], body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(storage_bytes=100)
    submit()
    finish(result_bytes=99)
    submit()
    finish(result_bytes=99)
    response = as_alice.post("/v1/videos", body())
    assert refusal(response) == ("quota_exceeded", "team", "storage_bytes", 100, 0, None)
    assert "Delete videos" in response.json()["error"]["message"]


def test_a_rejected_submit_writes_nothing(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]], settings: Settings
) -> None:
    ApiKey.objects.update(videos_per_day=0)
    before = alice.wallet.balance
    assert as_alice.post("/v1/videos", body()).status_code == 429
    assert (alice.wallet.balance, alice.wallet.reserved) == (before, 0)
    assert not LedgerEntry.objects.filter(kind="reserve").exists()
    assert not UsageDay.objects.exists()
    folder = f"{settings.STORAGES['default']['OPTIONS']['location']}/{TEAMS_FOLDER}/{alice.team.pk}/videos"
    assert not [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("plan", "override", "site", "days"),
    [(None, None, 0, None), (None, None, 5, 5), (7, None, 0, 7), (7, None, 5, 5), (7, 3, 5, 3), (None, 9, 0, 9)],
)
def test_a_video_is_kept_for_the_shorter_of_plan_and_site(
    plan: Any, override: Any, site: Any, days: Any, alice: Person, submit: Callable[..., Job], settings: Settings
) -> None:
    settings.RETENTION_DAYS = site
    Plan.objects.update(retention_days=plan)
    PlanOverride.objects.create(team=alice.team, retention_days=override)
    submit()
    job = finish()
    assert job.finished_at is not None
    assert (job.expires_at and round((job.expires_at - job.finished_at) / timedelta(days=1), 3)) == days


def test_an_override_sets_the_running_limit_and_the_weight(
    alice: Person,
    charlie: Person,
    submit: Callable[..., Job],
    as_charlie: ApiClient,
    body: Callable[..., dict[str, Any]],
) -> None:
    Plan.objects.update(max_running=1)
    PlanOverride.objects.create(team=alice.team, max_running=2, weight=3)
    for _ in range(3):
        submit()
        assert as_charlie.post("/v1/videos", body()).status_code == 202
    claimed = [claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0) for _ in range(4)]
    assert sorted(job.team_id for job in claimed if job) == sorted([alice.team.pk] * 2 + [charlie.team.pk])
    waiting = Job.objects.filter(team=alice.team, state="queued").get()
    assert ApiClient(alice.headers).get(f"/v1/videos/{waiting.public_id}").json()["queue"]["wait_reason"] == (
        "team_concurrency"
    )
    assert charlie.wallet.plan.max_running == 1


def test_weights_of_overrides_share_the_gpus(
    alice: Person,
    charlie: Person,
    submit: Callable[..., Job],
    as_charlie: ApiClient,
    body: Callable[..., dict[str, Any]],
) -> None:
    Plan.objects.update(max_running=100)
    PlanOverride.objects.create(team=alice.team, weight=3)
    for _ in range(8):
        submit()
        as_charlie.post("/v1/videos", body())
    claimed = [claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0) for _ in range(8)]
    assert sum(job.team_id == alice.team.pk for job in claimed if job) == 6
