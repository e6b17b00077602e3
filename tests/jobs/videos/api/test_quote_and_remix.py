"""Quotes, remixes, filters by time, conditional requests and long polling."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.quota.models import LedgerEntry, Plan
from inference.models.catalogue import MODELS
from jobs.models import Job, Worker
from jobs.states import State
from jobs.storage.files import source_key
from tests.support.api_client import ApiClient
from tests.support.people import Person


@pytest.mark.usefixtures("i2vgen_xl")
def test_a_quote_equals_the_reservation_and_writes_nothing(
    as_alice: ApiClient, alice: Person, body: Callable[..., dict[str, Any]]
) -> None:
    before = alice.wallet.balance
    quote = as_alice.post("/v1/videos/quote", body(steps=20)).json()
    assert not Job.objects.exists()
    assert not LedgerEntry.objects.filter(kind="reserve").exists()
    assert alice.wallet.balance == before
    video = as_alice.post("/v1/videos", body(steps=20)).json()
    assert quote["credits"] == video["usage"]["credits_reserved"]
    assert (quote["size"], quote["fits"], quote["suggestions"]) == (video["size"], True, [])


@pytest.mark.parametrize(("total_mb", "some"), [(16_000, True), (12_500, False)])
def test_a_quote_reports_missing_gpu_memory_with_or_without_suggestions(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], settings: Settings, total_mb: int, some: bool
) -> None:
    settings.MODELS_ENABLED = ["i2vgen-xl"]
    Worker.objects.create(
        name="w",
        pool="gpu",
        model="i2vgen-xl",
        state="ready",
        device="cuda:0",
        vram_total_mb=total_mb,
        last_heartbeat_at="2099-01-01T00:00:00Z",
    )
    request = body(model="i2vgen-xl", resolution="1024p", num_frames=32)
    quote = as_alice.post("/v1/videos/quote", request).json()
    assert quote["fits"] is False
    assert bool(quote["suggestions"]) is some
    assert as_alice.post("/v1/videos", request).json()["error"]["code"] == "gpu_memory_impossible"


@pytest.mark.parametrize(("prompt", "warned"), [("the cat sleeps", False), ("word " * 76, True), ("猫" * 114, True)])
def test_a_quote_warns_of_a_prompt_that_the_model_may_not_read_to_its_end(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], settings: Settings, prompt: str, warned: bool
) -> None:
    settings.MODELS_ENABLED = ["i2vgen-xl"]
    quote = as_alice.post("/v1/videos/quote", body(model="i2vgen-xl", prompt=prompt)).json()
    assert ["77 tokens" in each for each in quote["warnings"]] == [True] * warned


def test_a_quote_counts_queued_videos(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], submit: Callable[..., Job]
) -> None:
    Worker.objects.create(
        name="w", pool="cpu", model="camera", state="ready", device="cpu", last_heartbeat_at="2099-01-01T00:00:00Z"
    )
    first = as_alice.post("/v1/videos/quote", body()).json()
    submit()
    second = as_alice.post("/v1/videos/quote", body()).json()
    assert (first["position"], second["position"]) == (0, 1)
    assert second["eta_seconds"] > first["eta_seconds"] > 0


def test_estimates_use_the_measured_speed_of_workers(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]], submit: Callable[..., Job]
) -> None:
    Plan.objects.update(max_running=9)
    facts = {
        "pool": "cpu",
        "model": "camera",
        "state": "busy",
        "device": "cpu",
        "last_heartbeat_at": "2099-01-01T00:00:00Z",
    }
    fast = Worker.objects.create(name="fast", seconds_per_credit=0.25, **facts)
    big = body(resolution="1024p", num_frames=32)
    quote = as_alice.post("/v1/videos/quote", big).json()
    assert quote["eta_seconds"] == round(quote["credits"] * 0.25, 1)
    # A worker without a measurement counts as the reference: both process 5 credits per second, 2.5 each on average.
    slow = Worker.objects.create(name="new", **facts)
    assert as_alice.post("/v1/videos/quote", big).json()["eta_seconds"] == round(quote["credits"] / 2.5, 1)
    slow.delete()
    # If no worker is free, the running video finishes first.
    held = submit(resolution="1024p", num_frames=32)
    Job.objects.filter(pk=held.pk).update(
        state=State.IN_PROGRESS,
        attempt=1,
        steps_done=16,
        seconds_per_credit=0.25,
        lease_owner=fast.pk,
        lease_until="2099-01-01T00:00:00Z",
    )
    left = as_alice.get(f"/v1/videos/{held.public_id}").json()["queue"]["eta_seconds"]
    assert left == round(held.quoted_credits / 2 * 0.25, 1) > 0
    behind = as_alice.post("/v1/videos/quote", big).json()["eta_seconds"]
    assert behind == round((held.quoted_credits / 2 + quote["credits"]) * 0.25, 1)
    # Workers of another model in the same pool process it.
    Job.objects.filter(pk=held.pk).update(model="scripted", lease_owner=held.pk)
    assert as_alice.post("/v1/videos/quote", big).json() == quote


def test_a_quote_beyond_the_plan_is_rejected_like_a_submit(
    as_alice: ApiClient, body: Callable[..., dict[str, Any]]
) -> None:
    Plan.objects.update(max_seconds=1)
    response = as_alice.post("/v1/videos/quote", body(num_frames=16))
    assert (response.status_code, response.json()["error"]["param"]) == (422, "num_frames")


@pytest.mark.parametrize("path", ["/v1/videos/quote", "/v1/videos"])
def test_viewers_may_neither_submit_nor_quote(
    as_bob: ApiClient, body: Callable[..., dict[str, Any]], path: str
) -> None:
    assert as_bob.post(path, body()).status_code == 403


@pytest.mark.usefixtures("i2vgen_xl")
def test_a_remix_keeps_unchanged_fields(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    first = submit(prompt="first", steps=20, fps=10, seed=7, priority="low")
    response = as_alice.post(f"/v1/videos/{first.public_id}/remix", {"prompt": "second"})
    assert response.status_code == 202, response.content
    second = Job.objects.get(pk=response.json()["id"].removeprefix("vid_"))
    assert second.prompt == "second"
    for name in (
        "width",
        "height",
        "num_frames",
        "fps",
        "steps",
        "guidance_scale",
        "model",
        "output_format",
        "priority",
    ):
        assert getattr(second, name) == getattr(first, name), name
    assert second.seed != first.seed
    assert second.source_key == source_key(second.team_id, second.id)


@pytest.mark.usefixtures("i2vgen_xl")
def test_a_change_overrides_conflicting_fields(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    first = submit(num_frames=8, steps=20)
    path = f"/v1/videos/{first.public_id}/remix"
    changed = as_alice.post(path, {"resolution": "512p", "seconds": "2", "num_inference_steps": 30}).json()
    assert (changed["resolution"], changed["num_frames"], changed["steps"]) == ("512p", 16, 30)
    assert changed["prompt"] == first.prompt
    preset = as_alice.post(path, {"preset": "batch"}).json()
    assert (preset["steps"], preset["num_frames"], preset["resolution"]) == (50, 16, "512p")
    assert preset["priority"] == "low"


def test_a_remix_sent_twice_is_one_video(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    path = f"/v1/videos/{submit().public_id}/remix"
    once = as_alice.post(path, {"prompt": "x"}, **{"Idempotency-Key": "k"}).json()
    again = as_alice.post(path, {"prompt": "x"}, **{"Idempotency-Key": "k"}).json()
    assert once["id"] == again["id"]
    assert as_alice.post(path, {"prompt": "y"}, **{"Idempotency-Key": "k"}).status_code == 409


@pytest.mark.parametrize("change", [{"image_base64": "aaaa"}, {"color": "red"}, {"fps": 99}, {"prompt": ""}])
def test_a_remix_rejects_what_a_submit_rejects(
    as_alice: ApiClient, submit: Callable[..., Job], change: dict[str, Any]
) -> None:
    response = as_alice.post(f"/v1/videos/{submit().public_id}/remix", change)
    assert (response.status_code, response.json()["error"]["param"]) == (422, next(iter(change)))


def test_a_foreign_video_cannot_be_remixed(as_charlie: ApiClient, submit: Callable[..., Job]) -> None:
    video = submit().public_id
    absent = "vid_" + "0" * 32
    foreign, missing = (as_charlie.post(f"/v1/videos/{known}/remix", {"prompt": "x"}) for known in (video, absent))
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["error"]["message"].replace(video, absent) == missing.json()["error"]["message"]


def test_a_remix_of_an_expired_video_gets_410(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    first = submit()
    Job.objects.filter(pk=first.pk).update(expires_at="2026-01-01T00:00:00Z")
    assert as_alice.post(f"/v1/videos/{first.public_id}/remix", {"prompt": "x"}).status_code == 410


def test_the_list_is_filtered_by_time(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    first = submit()
    moment = int(first.created_at.timestamp())
    assert len(as_alice.get(f"/v1/videos?created_after={moment}").json()["data"]) == 1
    assert as_alice.get(f"/v1/videos?created_after={moment + 3600}").json()["data"] == []
    assert as_alice.get(f"/v1/videos?created_before={moment}").json()["data"] == []
    assert len(as_alice.get(f"/v1/videos?created_before={moment + 3600}").json()["data"]) == 1
    assert as_alice.get("/v1/videos?created_after=-1").status_code == 422
    assert as_alice.get(f"/v1/videos?created_before={2**63}").status_code == 422


def test_an_unchanged_video_gets_304(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    path = f"/v1/videos/{submit().public_id}"
    etag = as_alice.get(path)["ETag"]
    again = as_alice.get(path, **{"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert "Content-Type" not in again
    assert as_alice.get(path, **{"If-None-Match": "*"}).status_code == 304
    as_alice.post(f"{path}/cancel")
    assert as_alice.get(path, **{"If-None-Match": etag}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_response_waits_until_the_state_changes(as_alice: ApiClient, submit: Callable[..., Job]) -> None:
    job = submit()
    path = f"/v1/videos/{job.public_id}"
    started = time.monotonic()
    assert as_alice.get(f"{path}?wait=1").json()["status"] == "queued"
    assert time.monotonic() - started >= 1
    Job.objects.filter(pk=job.pk).update(state=State.CANCELED, finished_at=job.created_at)
    started = time.monotonic()
    assert as_alice.get(f"{path}?wait=60").json()["status"] == "canceled"
    assert time.monotonic() - started < 30
    assert as_alice.get(f"{path}?wait=61").status_code == 422
    assert as_alice.get(f"{path}?wiat=1").status_code == 422


def test_a_remix_may_name_an_alias(as_alice: ApiClient, submit: Callable[..., Job], settings: Any) -> None:
    settings.MODELS_ENABLED = ["i2vgen-xl", "camera"]
    settings.MODEL_ALIASES = {"sora-2": "camera"}
    first = submit(model="i2vgen-xl", steps=20)
    remixed = as_alice.post(f"/v1/videos/{first.public_id}/remix", {"model": "sora-2"})
    assert (remixed.status_code, remixed.json()["model"], remixed.json()["steps"]) == (202, "camera", None)


def test_a_remix_of_a_video_without_an_image(as_alice: ApiClient, submit: Callable[..., Job], settings: Any) -> None:
    settings.MODELS_ENABLED = ["wan-ti2v-5b", "i2vgen-xl"]
    portrait = {"model": "wan-ti2v-5b", "size": "480x832", "resolution": ..., "num_frames": 9, "image_base64": ...}
    path = f"/v1/videos/{submit(**portrait).public_id}/remix"
    assert as_alice.post(path, {"preset": "standard"}).json()["size"] == "704x1280"
    assert as_alice.post(path, {"resolution": "480p", "aspect_ratio": "16:9"}).json()["size"] == "832x480"
    refused = as_alice.post(path, {"model": "i2vgen-xl"}).json()["error"]
    assert refused["param"] == "model"
    assert "made without an image" in refused["message"]


def test_a_model_that_takes_no_image_gets_none(
    as_alice: ApiClient, submit: Callable[..., Job], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wan = MODELS["wan-ti2v-5b"]
    text_only = wan.model_copy(update={"inputs": wan.inputs.model_copy(update={"image": "none"})})
    monkeypatch.setitem(MODELS, "wan-ti2v-5b", text_only)
    settings.MODELS_ENABLED = ["camera", "wan-ti2v-5b"]
    first = submit()
    remixed = as_alice.post(f"/v1/videos/{first.public_id}/remix", {"model": "wan-ti2v-5b", "num_frames": 9})
    assert not Job.objects.get(pk=remixed.json()["id"].removeprefix("vid_")).has_image
    request = {"model": "wan-ti2v-5b", "prompt": "x", "source_video": first.public_id}
    batch = as_alice.post("/v1/batches", {"requests": [request]}).json()
    assert batch["counts"]["refused"] == 1
