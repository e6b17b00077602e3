"""What a plan allows, what is used up, and when it is whole again."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from accounts.models import ApiKey, Membership
from accounts.quota.models import LedgerEntry, Plan, PlanOverride, UsageDay, Wallet
from jobs.models import Job
from jobs.queue.cancel import cancel_job
from jobs.queue.claim import claim_job
from jobs.storage.files import TEAMS_FOLDER
from tests.support.api_client import ApiClient
from tests.support.videos import claim_next, complete

pytestmark = pytest.mark.django_db


def finish(gpu_seconds: float = 1, result_bytes: int = 10) -> Job:
    return complete(claim_next(), gpu_seconds=gpu_seconds, result_bytes=result_bytes)


@pytest.mark.parametrize(
    ("limits", "changes", "param", "says"),
    [
        ({"max_resolution": 512}, {"resolution": "768p"}, "resolution", "262144 pixels, the size of 512x512"),
        ({"max_resolution": 512}, {"size": "520x512", "resolution": ...}, "resolution", "512x512"),
        ({"max_frames": 16}, {"num_frames": 17}, "num_frames", "up to 16 frames"),
        ({"max_steps": 50}, {"steps": 51}, "steps", "up to 50 steps"),
        ({"allowed_formats": ["mp4"]}, {"output_format": "gif"}, "output_format", "mp4"),
        ({"allowed_formats": ["gif"]}, {}, "output_format", "gif"),
        ({"allowed_priorities": ["low", "normal"]}, {"priority": "high"}, "priority", "low, normal"),
        ({"allowed_models": ["i2vgen-xl"]}, {}, "model", "i2vgen-xl"),
        ({"allowed_models": []}, {}, "model", "none"),
    ],
)
def test_what_the_plan_does_not_allow_is_refused_by_field(limits, changes, param, says, as_alice, body):
    Plan.objects.update(**limits)
    answer = as_alice.post("/v1/videos", body(**changes))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (422, "not_in_plan", param)
    assert says in error["message"]
    assert error["details"][0]["loc"] == [param]
    assert not Job.objects.exists()
    assert not UsageDay.objects.exists()


@pytest.mark.parametrize(
    ("limits", "changes"),
    [
        ({"max_resolution": 512}, {"size": "1024x256", "resolution": ...}),
        ({"max_resolution": 512}, {"resolution": "512p", "aspect_ratio": "16:9"}),
        ({"max_frames": 16, "max_steps": 50}, {"num_frames": 16, "steps": 50}),
        ({"allowed_models": ["camera"], "allowed_formats": ["gif"]}, {"output_format": "gif"}),
        ({"allowed_priorities": ["low"]}, {"preset": "batch"}),
    ],
)
def test_what_the_plan_just_allows_is_taken(limits, changes, as_alice, body):
    Plan.objects.update(**limits)
    assert as_alice.post("/v1/videos", body(**changes)).status_code == 202


def test_everything_beyond_the_plan_is_named_at_once_and_an_override_allows_it(as_alice, alice, body):
    Plan.objects.update(max_frames=8, max_steps=10)
    wanted = body(num_frames=9, steps=11)
    details = as_alice.post("/v1/videos", wanted).json()["error"]["details"]
    assert [detail["loc"] for detail in details] == [["num_frames"], ["steps"]]
    PlanOverride.objects.create(team=alice.team, max_frames=9, max_steps=11)
    assert as_alice.post("/v1/videos", wanted).status_code == 202


@pytest.mark.parametrize("path", ["/v1/videos", "/generate"])
def test_other_teams_and_members_have_quotas_of_their_own(path, as_alice, as_charlie, alice, body):
    Membership.objects.filter(user=alice.user).update(videos_per_day=0)
    refused = as_alice.post(path, body())
    assert refused.status_code == 429
    assert "An admin of your team allows you 0 videos a day" in refused.content.decode()
    assert as_charlie.post("/v1/videos", body()).status_code == 202


def refusal(answer) -> tuple:
    assert answer.status_code == 429, answer.content
    error = answer.json()["error"]
    assert answer["Retry-After"] == str(error["reset"] or 3600)
    return error["code"], error["scope"], error["quota"], error["limit"], error["remaining"], error["reset"]


@pytest.mark.parametrize("scope", ["team", "member", "key"])
def test_the_day_turns(scope, as_alice, alice, body):
    rows = {"team": Plan.objects, "member": Membership.objects, "key": ApiKey.objects}[scope]
    rows.update(videos_per_day=1)
    with time_machine.travel(datetime(2026, 12, 31, 22, 0, tzinfo=UTC), tick=False) as clock:
        assert as_alice.post("/v1/videos", body()).status_code == 202
        answer = as_alice.post("/v1/videos", body())
        assert refusal(answer) == ("quota_exceeded", scope, "videos_per_day", 1, 0, 2 * 3600)
        clock.shift(timedelta(hours=2))
        assert as_alice.post("/v1/videos", body()).status_code == 202


@pytest.mark.parametrize("scope", ["member", "key"])
def test_the_month_turns(scope, as_alice, body):
    rows = {"member": Membership.objects, "key": ApiKey.objects}[scope]
    rows.update(credits_per_month=1)
    with time_machine.travel(datetime(2027, 1, 30, tzinfo=UTC), tick=False) as clock:
        assert as_alice.post("/v1/videos", body()).status_code == 202
        clock.shift(timedelta(days=1))
        answer = as_alice.post("/v1/videos", body())
        assert refusal(answer) == ("quota_exceeded", scope, "credits_per_month", 1, 0, 24 * 3600)
        clock.shift(timedelta(days=1))
        assert as_alice.post("/v1/videos", body()).status_code == 202


def test_a_video_that_costs_more_than_is_left_of_a_cap_is_told_both(as_alice, body):
    ApiKey.objects.update(credits_per_month=2)
    assert as_alice.post("/v1/videos", body()).status_code == 202
    answer = as_alice.post("/v1/videos", body(resolution="1024p", num_frames=32))
    assert refusal(answer)[:5] == ("quota_exceeded", "key", "credits_per_month", 2, 1)
    assert "1 are left and this video needs" in answer.json()["error"]["message"]
    assert as_alice.post("/v1/videos", body()).status_code == 202


def test_what_is_canceled_or_made_cheaper_gives_the_quota_back(as_alice, alice, submit, body):
    ApiKey.objects.update(videos_per_day=1)
    cancel_job(job=submit())
    submit()
    assert refusal(as_alice.post("/v1/videos", body()))[1] == "key"


def test_credits_that_are_granted_monthly_say_when(as_alice, alice, body):
    Wallet.objects.update(balance=0)
    answer = as_alice.post("/v1/videos", body())
    assert answer.json()["error"]["needed"] == 1
    assert refusal(answer) == ("quota_exceeded", "team", "credits", None, 0, None)
    Plan.objects.update(monthly_credits=10)
    with time_machine.travel(datetime(2026, 2, 28, tzinfo=UTC), tick=False):
        assert refusal(as_alice.post("/v1/videos", body()))[3:] == (10, 0, 24 * 3600)


def test_gpu_seconds_count_what_is_promised_and_then_what_was_spent(as_alice, submit, body):
    Plan.objects.update(gpu_seconds_per_month=3)
    submit()
    submit()
    finish(gpu_seconds=2)
    assert refusal(as_alice.post("/v1/videos", body()))[1:5] == ("team", "gpu_seconds_per_month", 3, 0)
    UsageDay.objects.update(day=timezone.now().date() - timedelta(days=40))
    submit()


def test_the_video_that_fills_the_storage_is_the_last(as_alice, submit, body):
    Plan.objects.update(storage_bytes=100)
    submit()
    finish(result_bytes=99)
    submit()
    finish(result_bytes=99)
    answer = as_alice.post("/v1/videos", body())
    assert refusal(answer) == ("quota_exceeded", "team", "storage_bytes", 100, 0, None)
    assert "Delete videos" in answer.json()["error"]["message"]


def test_a_refusal_leaves_nothing_behind(as_alice, alice, body, settings):
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
def test_a_video_is_kept_for_the_shorter_of_plan_and_site(plan, override, site, days, alice, submit, settings):
    settings.RETENTION_DAYS = site
    Plan.objects.update(retention_days=plan)
    PlanOverride.objects.create(team=alice.team, retention_days=override)
    submit()
    job = finish()
    assert (job.expires_at and round((job.expires_at - job.finished_at) / timedelta(days=1), 3)) == days


def test_an_override_decides_how_many_run_at_once_and_how_heavy_the_team_is(alice, charlie, submit, as_charlie, body):
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


def test_weights_of_overrides_share_the_gpus(alice, charlie, submit, as_charlie, body):
    Plan.objects.update(max_running=100)
    PlanOverride.objects.create(team=alice.team, weight=3)
    for _ in range(8):
        submit()
        as_charlie.post("/v1/videos", body())
    claimed = [claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0) for _ in range(8)]
    assert sum(job.team_id == alice.team.pk for job in claimed) == 6
