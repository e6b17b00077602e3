"""The Python client against real web processes and a real worker."""

import asyncio
from pathlib import Path

import pytest
from django.conf import settings

from jobs.models import Job
from mutoscope import (
    AuthenticationError,
    Conflict,
    InvalidRequest,
    Mutoscope,
    MutoscopeError,
    NotFound,
    VideoFailed,
    WaitTimeout,
)

CAT = Path(settings.ROOT) / "samples" / "cat.jpg"
SMALL = {"resolution": "256p", "num_frames": 8, "steps": 10}


def test_from_a_photograph_to_a_file(client, start_worker, tmp_path):
    start_worker()
    seen = []
    video = client.generate(CAT, "the camera pans left", timeout=120, on_progress=seen.append, **SMALL)
    assert video.is_completed
    assert seen[-1] == video
    path = client.download(video, tmp_path / "cat.mp4")
    assert path.read_bytes()[4:8] == b"ftyp"
    poster = client.download(video, tmp_path / "cat.jpg", variant="thumbnail")
    assert poster.read_bytes()[:2] == b"\xff\xd8"
    assert sorted(name.name for name in tmp_path.glob("*cat*")) == ["cat.jpg", "cat.mp4"]


def test_a_picture_may_lie_at_an_address(client):
    with pytest.raises(InvalidRequest, match=r"^image_url: ") as refused:
        client.videos.create("https://example.com/cat.jpg", "x", metadata={"order": "7"})
    assert (refused.value.param, refused.value.details[0]["type"]) == ("image_url", "not_allowed")
    with pytest.raises(InvalidRequest, match=r"^image_url: "):
        client.videos.quote("http://example.com/cat.jpg", "x")


def test_the_same_with_coroutines(async_client, start_worker, tmp_path):
    start_worker()

    async def make() -> bytes:
        async with async_client() as client:
            video = await client.generate(CAT.read_bytes(), "the camera pans left", timeout=120, **SMALL)
            await client.download(video, tmp_path / "cat.mp4")
            assert [found.id async for found in client.videos.list()] == [video.id]
            return (tmp_path / "cat.mp4").read_bytes()

    assert asyncio.run(make())[4:8] == b"ftyp"


def test_coroutines_ask_for_the_catalogue_and_the_limits_too(async_client):
    async def ask() -> tuple:
        async with async_client() as client:
            first = await client.videos.create(CAT, "x", **SMALL)
            quote = await client.videos.quote(CAT, "x", **SMALL)
            second = await client.videos.remix(await client.videos.cancel(first), prompt="y")
            await client.videos.delete(second)
            return quote, await client.models(), await client.presets(), await client.limits(), await client.usage()

    quote, models, presets, limits, usage = asyncio.run(ask())
    assert quote.fits
    assert models and presets and limits and usage


def test_look_list_cancel_remix_delete(client):
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


def test_prices_limits_and_the_catalogue(client):
    quote = client.videos.quote(CAT, "how much", **SMALL)
    assert quote.fits
    assert quote.credits == client.videos.create(CAT, "how much", **SMALL).credits_reserved
    assert [model["id"] for model in client.models()]
    assert client.presets()
    assert client.limits()
    assert client.usage(group_by="model")["data"]


def test_a_submit_sent_again_with_its_key_makes_one_video(client):
    once = client.videos.create(CAT, "x", idempotency_key="order-7", **SMALL)
    assert client.videos.create(CAT, "x", idempotency_key="order-7", **SMALL).id == once.id
    assert client.videos.create(CAT, "x", **SMALL).id != once.id
    assert Job.objects.count() == 2


def test_errors_say_what_to_change(client, web, key):
    with pytest.raises(InvalidRequest) as caught:
        client.videos.create(CAT, "x", fps=99)
    assert (caught.value.status, caught.value.param) == (422, "fps")
    assert caught.value.request_id
    with pytest.raises(MutoscopeError, match="Cannot read the image"):
        client.videos.create("no-such-file.jpg", "x")
    stranger = Mutoscope("http://localhost", "mts_x_y", http_client=client._transport.http)
    with pytest.raises(AuthenticationError):
        stranger.limits()


def test_without_a_key_one_is_asked_for(monkeypatch):
    monkeypatch.delenv("MUTOSCOPE_API_KEY", raising=False)
    with pytest.raises(MutoscopeError, match="MUTOSCOPE_API_KEY"):
        Mutoscope("http://localhost")
