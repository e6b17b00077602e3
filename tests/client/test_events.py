"""A video's events as the client hears them: over real lines, broken ones too, and where there is no stream."""

import asyncio
import itertools
import time
from contextlib import aclosing

import httpx
import pytest

from jobs.models import Job
from jobs.queue.cancel import cancel_job
from mutoscope import AsyncMutoscope, AuthenticationError, Mutoscope, NotFound, StatusEvent
from tests.client.faulty_proxy import FaultyProxy
from tests.client.test_client import CAT, SMALL

pytestmark = pytest.mark.xdist_group("processes")
# Until it is hurried.
LONG = {**SMALL, "model": "scripted", "steps": 100}


@pytest.fixture(autouse=True)
def _all_models(settings):
    settings.MODELS_ENABLED = ["camera", "scripted"]


@pytest.fixture
def live(live_process):
    return live_process(MODELS_ENABLED="camera,scripted")


def kinds(events, name):
    return [event for event in events if type(event).__name__ == f"{name}Event"]


def test_a_line_that_is_cut_again_and_again_loses_and_repeats_nothing(live, key, start_worker, hurry, monkeypatch):
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.01)
    with FaultyProxy(live.port, cut_after=4000) as relay, Mutoscope(relay.url, key) as client:
        video = client.videos.create(CAT, "delay=0.6", **LONG)
        listening = client.videos.events(video)
        events = [next(listening)]
        start_worker("--model", "scripted")
        for event in listening:
            events.append(event)
            if len(kinds(events, "Progress")) >= 3 and kinds(events, "Preview") and relay.cuts >= 2:
                hurry()
        # Who comes back later gets what followed; who saw the end gets nothing.
        again = list(client.videos.events(video, last_event_id=kinds(events, "Status")[1].id))
        assert list(client.videos.events(video, last_event_id=events[-1].id)) == []
    assert relay.cuts >= 2
    assert [event.status for event in kinds(events, "Status")] == ["queued", "in_progress", "completed"]
    steps = [event.step for event in kinds(events, "Progress")]
    assert len(steps) >= 3
    assert steps == sorted(set(steps))
    previews = kinds(events, "Preview")
    assert previews
    assert all(event.image[:2] == b"\xff\xd8" for event in previews)
    assert events[-1].is_finished
    assert len({event.id for event in events}) == len(events)
    assert again[-1] == events[-1]
    assert {event.id for event in again} <= {event.id for event in events}


def test_coroutines_hear_the_same(live, key, start_worker, hurry):
    start_worker("--model", "scripted")

    async def listen():
        async with AsyncMutoscope(live.url, key) as client:
            video = await client.videos.create(CAT, "delay=0.6", **LONG)
            heard = []
            async with aclosing(client.videos.events(video)) as events:
                async for event in events:
                    heard.append(event)
                    if kinds(heard, "Progress"):
                        hurry()
            shown = []
            assert (await client.videos.wait(video, on_progress=shown.append)).is_completed
            return heard, shown

    heard, shown = asyncio.run(listen())
    assert kinds(heard, "Status")[-1].status == "completed"
    assert kinds(heard, "Progress")
    assert [video.status for video in shown] == ["completed"]


def test_waiting_tells_of_every_step_and_still_ends_in_time(live, key, start_worker, hurry):
    with Mutoscope(live.url, key) as client:
        waiting = client.videos.create(CAT, "delay=0.6", **LONG)
        seen, started = [], time.monotonic()
        with pytest.raises(Exception, match="queued"):
            client.videos.wait(waiting, timeout=2, on_progress=seen.append)
        assert time.monotonic() - started < 20
        start_worker("--model", "scripted")

        def progress():
            return [now.progress for now in seen if now.status == "in_progress"]

        def see(now):
            seen.append(now)
            if len(set(progress())) >= 3:
                hurry()

        video = client.videos.wait(waiting, timeout=300, on_progress=see)
    assert video.is_completed
    assert seen[-1] == video
    shown = progress()
    assert len(set(shown)) >= 3
    assert shown == sorted(shown)


@pytest.mark.parametrize("stream", ["hidden", "of a process that answers at once"])
def test_without_a_stream_the_status_is_asked_for(stream, live, web_processes, key, start_worker, hurry):
    start_worker("--model", "scripted")

    def heard_by(client):
        heard = []
        for event in client.videos.events(client.videos.create(CAT, "delay=0.6", **LONG)):
            heard.append(event)
            if kinds(heard, "Progress"):
                hurry()
        return heard

    if stream == "hidden":
        with FaultyProxy(live.port, hidden=b"/events") as relay, Mutoscope(relay.url, key) as older:
            events = heard_by(older)
            assert not kinds(events, "Preview")
    else:
        web = web_processes(1, MODELS_ENABLED="camera,scripted")
        line = httpx.Client(transport=httpx.HTTPTransport(uds=str(web.socket)))
        with Mutoscope("http://localhost", key, http_client=line) as client:
            events = heard_by(client)
    statuses = [event.status for event in kinds(events, "Status")]
    assert statuses[-2:] == ["in_progress", "completed"]
    assert len(statuses) == len(set(statuses))
    assert kinds(events, "Progress")


def test_what_ends_without_a_video_says_why(live, key):
    with Mutoscope(live.url, key) as client:
        video = client.videos.create(CAT, "x", **LONG)
        events = client.videos.events(video)
        assert next(events).status == "queued"
        cancel_job(job=Job.objects.get())
        last = list(itertools.chain(events))[-1]
        assert isinstance(last, StatusEvent)
        assert (last.status, last.is_finished) == ("canceled", True)
        with pytest.raises(NotFound):
            next(client.videos.events("vid_0197f00dcafe7000800000000000beef"))
    with Mutoscope(live.url, "mts_no_key") as stranger, pytest.raises(AuthenticationError):
        next(stranger.videos.events(video.id))
