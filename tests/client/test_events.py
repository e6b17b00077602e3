"""Events of a video: over dropped connections, and by polling if there is no stream."""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import httpx
import pytest

from jobs.models import Job
from jobs.queue.cancel import cancel_job
from mutoscope import (
    AsyncMutoscope,
    AuthenticationError,
    Event,
    Mutoscope,
    NotFound,
    PreviewEvent,
    ProgressEvent,
    StatusEvent,
    Video,
    WaitTimeout,
)
from tests.client.conftest import CAT, SMALL
from tests.client.faulty_proxy import FaultyProxy
from tests.support.web_processes import LiveProcess, WebProcesses
from tests.support.workers import DelaySwitch

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("all_models")]
# 100 steps of 0.6 s, until the test calls `skip_delays`.
LONG = {**SMALL, "model": "scripted", "steps": 100}
AnyEvent = TypeVar("AnyEvent", StatusEvent, ProgressEvent, PreviewEvent)


@pytest.fixture
def live(live_process: Callable[..., LiveProcess]) -> LiveProcess:
    return live_process(MODELS_ENABLED="camera,scripted")


def select(events: Sequence[Event], event_type: type[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events if isinstance(event, event_type)]


def test_dropped_connections_lose_and_repeat_no_event(
    live: LiveProcess,
    key: str,
    start_worker: Callable[..., object],
    skip_delays: DelaySwitch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.01)
    with FaultyProxy(live.port, drop_after_bytes=4000) as proxy, Mutoscope(proxy.url, key) as client:
        video = client.videos.create(CAT, "delay=0.6", **LONG)
        stream = client.videos.events(video)
        events = [next(stream)]
        start_worker("--model", "scripted")
        for event in stream:
            events.append(event)
            if len(select(events, ProgressEvent)) >= 3 and select(events, PreviewEvent) and proxy.drops >= 2:
                skip_delays()
        # A client that resumes gets the events after its last one. After the final event there are none.
        resumed = list(client.videos.events(video, last_event_id=select(events, StatusEvent)[1].id))
        assert list(client.videos.events(video, last_event_id=events[-1].id)) == []
    assert proxy.drops >= 2
    assert [event.status for event in select(events, StatusEvent)] == ["queued", "in_progress", "completed"]
    steps = [event.step for event in select(events, ProgressEvent)]
    assert len(steps) >= 3
    assert steps == sorted(set(steps))
    previews = select(events, PreviewEvent)
    assert previews
    assert all(preview.image[:2] == b"\xff\xd8" for preview in previews)
    last = events[-1]
    assert isinstance(last, StatusEvent)
    assert last.is_finished
    assert len({event.id for event in events}) == len(events)
    assert resumed[-1] == last
    assert {event.id for event in resumed} <= {event.id for event in events}


def test_asynchronous_client_receives_the_same_events(
    live: LiveProcess, key: str, start_worker: Callable[..., object], skip_delays: DelaySwitch
) -> None:
    start_worker("--model", "scripted")

    async def follow() -> tuple[list[Event], list[Video]]:
        async with AsyncMutoscope(live.url, key) as client:
            video = await client.videos.create(CAT, "delay=0.6", **LONG)
            received: list[Event] = []
            async with aclosing(client.videos.events(video)) as events:
                async for event in events:
                    received.append(event)
                    if select(received, ProgressEvent):
                        skip_delays()
            states: list[Video] = []
            assert (await client.videos.wait(video, on_progress=states.append)).is_completed
            return received, states

    received, states = asyncio.run(follow())
    assert select(received, StatusEvent)[-1].status == "completed"
    assert select(received, ProgressEvent)
    assert [video.status for video in states] == ["completed"]


def test_wait_reports_progress_and_keeps_its_timeout(
    live: LiveProcess, key: str, start_worker: Callable[..., object], skip_delays: DelaySwitch
) -> None:
    with Mutoscope(live.url, key) as client:
        queued = client.videos.create(CAT, "delay=0.6", **LONG)
        states: list[Video] = []
        started = time.monotonic()
        with pytest.raises(WaitTimeout, match="queued"):
            client.videos.wait(queued, timeout=2, on_progress=states.append)
        assert time.monotonic() - started < 20
        start_worker("--model", "scripted")

        def progress() -> list[int]:
            return [state.progress for state in states if state.status == "in_progress"]

        def record(state: Video) -> None:
            states.append(state)
            if len(set(progress())) >= 3:
                skip_delays()

        video = client.videos.wait(queued, timeout=300, on_progress=record)
    assert video.is_completed
    assert states[-1] == video
    reported = progress()
    assert len(set(reported)) >= 3
    assert reported == sorted(reported)


@pytest.mark.parametrize("case", ["no stream", "no long polling"])
def test_without_a_stream_the_status_is_polled(
    case: str,
    live: LiveProcess,
    web_processes: Callable[..., WebProcesses],
    key: str,
    start_worker: Callable[..., object],
    skip_delays: DelaySwitch,
) -> None:
    """A server without the endpoint, and a process that has no streams and does not delay responses."""
    start_worker("--model", "scripted")

    def follow(client: Mutoscope) -> list[Event]:
        received: list[Event] = []
        for event in client.videos.events(client.videos.create(CAT, "delay=0.6", **LONG)):
            received.append(event)
            if select(received, ProgressEvent):
                skip_delays()
        return received

    if case == "no stream":
        with FaultyProxy(live.port, not_found=b"/events") as proxy, Mutoscope(proxy.url, key) as client:
            events = follow(client)
            assert not select(events, PreviewEvent)
    else:
        web = web_processes(1, MODELS_ENABLED="camera,scripted")
        http = httpx.Client(transport=httpx.HTTPTransport(uds=str(web.socket)))
        with Mutoscope("http://localhost", key, http_client=http) as client:
            events = follow(client)
    statuses = [event.status for event in select(events, StatusEvent)]
    assert statuses[-2:] == ["in_progress", "completed"]
    assert len(statuses) == len(set(statuses))
    assert select(events, ProgressEvent)


def test_canceled_videos_and_errors(live: LiveProcess, key: str) -> None:
    with Mutoscope(live.url, key) as client:
        video = client.videos.create(CAT, "x", **LONG)
        events = client.videos.events(video)
        first = next(events)
        assert isinstance(first, StatusEvent)
        assert first.status == "queued"
        cancel_job(job=Job.objects.get())
        last = list(itertools.chain(events))[-1]
        assert isinstance(last, StatusEvent)
        assert (last.status, last.is_finished) == ("canceled", True)
        with pytest.raises(NotFound):
            next(client.videos.events("vid_0197f00dcafe7000800000000000beef"))
    with Mutoscope(live.url, "mts_no_key") as unauthenticated, pytest.raises(AuthenticationError):
        next(unauthenticated.videos.events(video.id))
