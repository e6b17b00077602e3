"""The Python client against real web processes and a real worker."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mutoscope
from jobs.models import Job
from mutoscope import (
    AsyncMutoscope,
    AuthenticationError,
    Conflict,
    InvalidRequest,
    Mutoscope,
    MutoscopeError,
    NotFound,
    Quote,
    Video,
    VideoFailed,
    VideoFrame,
    WaitTimeout,
)
from tests.client.conftest import CAT, SMALL
from tests.support.web_processes import WebProcesses


def test_generate_and_download(client: Mutoscope, start_worker: Callable[..., object], tmp_path: Path) -> None:
    start_worker()
    states: list[Video] = []
    video = client.generate(CAT, "the camera pans left", timeout=120, on_progress=states.append, **SMALL)
    assert video.is_completed
    assert states[-1] == video
    path = client.download(video, tmp_path / "cat.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"
    poster = client.download(video, tmp_path / "cat.jpg", variant="thumbnail")
    assert poster.read_bytes()[:2] == b"\xff\xd8"
    assert sorted(path.name for path in tmp_path.glob("*cat*")) == ["cat.jpg", "cat.mp4"]
    frame = client.download(video, tmp_path / "last.png", variant="frame", at="last")
    assert frame.read_bytes()[1:4] == b"PNG"
    continued = client.videos.create(VideoFrame(video.id, 0), "the camera zooms in", **SMALL)
    assert (continued.status, continued.raw["extends"]) == ("queued", None)
    assert client.videos.extend(video, join=True).raw["extends"] == video.id


def test_image_can_be_a_url(client: Mutoscope) -> None:
    with pytest.raises(InvalidRequest, match=r"^image_url: ") as refused:
        client.videos.create("https://example.com/cat.jpg", "x", metadata={"order": "7"})
    assert (refused.value.param, refused.value.details[0]["type"]) == ("image_url", "not_allowed")
    with pytest.raises(InvalidRequest, match=r"^image_url: "):
        client.videos.quote("http://example.com/cat.jpg", "x")


def test_generate_and_download_asynchronously(
    async_client: Callable[..., AsyncMutoscope], start_worker: Callable[..., object], tmp_path: Path
) -> None:
    start_worker()

    async def generate() -> bytes:
        async with async_client() as client:
            video = await client.generate(CAT.read_bytes(), "the camera pans left", timeout=120, **SMALL)
            await client.download(video, tmp_path / "cat.mp4")
            assert [listed.id async for listed in client.videos.list()] == [video.id]
            return (tmp_path / "cat.mp4").read_bytes()

    assert asyncio.run(generate())[4:8] == b"ftyp"


def test_other_methods_asynchronously(async_client: Callable[..., AsyncMutoscope]) -> None:
    async def request() -> tuple[Quote, list[Any], list[Any], dict[str, Any], dict[str, Any]]:
        async with async_client() as client:
            first = await client.videos.create(CAT, "x", **SMALL)
            quote = await client.videos.quote(CAT, "x", **SMALL)
            second = await client.videos.remix(await client.videos.cancel(first), prompt="y")
            await client.videos.delete(second)
            return quote, await client.models(), await client.presets(), await client.limits(), await client.usage()

    quote, models, presets, limits, usage = asyncio.run(request())
    assert quote.fits
    assert models and presets and limits and usage


def test_list_cancel_remix_wait_and_delete(client: Mutoscope) -> None:
    with CAT.open("rb") as file:
        first = client.videos.create(file, "first", metadata={"order": "7"}, **SMALL)
    assert first.metadata == {"order": "7"}
    second = client.videos.remix(first, prompt="second")
    assert [video.prompt for video in client.videos.list(limit=1)] == ["second", "first"]
    assert [video.id for video in client.videos.list(q="first")] == [first.id]
    assert client.videos.cancel(first).status == "canceled"
    with pytest.raises(VideoFailed) as caught:
        client.videos.wait(first.id)
    assert caught.value.video.id == first.id
    with pytest.raises(WaitTimeout):
        client.videos.wait(second, timeout=0.2)
    with pytest.raises(Conflict):
        client.download(second, "nowhere.mp4")
    assert not Path("nowhere.mp4").exists()
    client.videos.delete(second)
    with pytest.raises(NotFound):
        client.videos.retrieve(second)


def test_quote_models_presets_limits_and_usage(client: Mutoscope) -> None:
    quote = client.videos.quote(CAT, "how much", **SMALL)
    assert quote.fits
    assert quote.credits == client.videos.create(CAT, "how much", **SMALL).credits_reserved
    assert [model["id"] for model in client.models()]
    assert client.presets()
    assert client.limits()
    assert client.usage(group_by="model")["data"]


def test_idempotency_key_creates_one_video(client: Mutoscope) -> None:
    video = client.videos.create(CAT, "x", idempotency_key="order-7", **SMALL)
    assert client.videos.create(CAT, "x", idempotency_key="order-7", **SMALL).id == video.id
    assert client.videos.create(CAT, "x", **SMALL).id != video.id
    assert Job.objects.count() == 2


def test_errors_name_the_cause(client: Mutoscope, web: WebProcesses, key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.videos.create(CAT, "x", fps=99)
    assert (caught.value.status, caught.value.param) == (422, "fps")
    assert caught.value.request_id
    with pytest.raises(MutoscopeError, match="Cannot read the image"):
        client.videos.create("no-such-file.jpg", "x")
    unauthenticated = Mutoscope("http://localhost", "mts_x_y", http_client=client._transport.http)
    with pytest.raises(AuthenticationError):
        unauthenticated.limits()


def test_missing_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUTOSCOPE_API_KEY", raising=False)
    with pytest.raises(MutoscopeError, match="MUTOSCOPE_API_KEY"):
        Mutoscope("http://localhost")


def test_former_names_still_work() -> None:
    assert mutoscope.VideoNotMade is mutoscope.VideoFailed
    body = {
        "id": "vid_1",
        "status": "queued",
        "progress": 0,
        "model": "camera",
        "prompt": "x",
        "size": "256x256",
        "seconds": "1",
        "seed": 7,
        "created_at": 0,
    }
    video = Video.from_json(body)
    failed = video.after(mutoscope.StatusEvent("1-0", "vid_1", "failed", 1))
    assert (failed.status, failed.is_done, video.is_done) == ("failed", True, False)
    assert mutoscope.StatusEvent("1-0", "vid_1", "failed", 1).is_done
