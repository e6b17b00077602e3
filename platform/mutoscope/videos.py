"""`client.videos`: one video after another, for programs that wait for each call."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mutoscope import api_requests
from mutoscope.api_requests import ImageInput
from mutoscope.downloads import OnBytes
from mutoscope.errors import VideoFailed, WaitTimeout
from mutoscope.event_follower import PROGRESS_LONG_POLL_SECONDS, STREAM_ERRORS, EventFollower, StreamUnavailable
from mutoscope.events import Event
from mutoscope.models import Quote, Video, get_id
from mutoscope.transport import Transport

# The server holds an answer back for this long at most.
MAX_LONG_POLL_SECONDS = 30.0
MIN_POLL_INTERVAL_SECONDS = 0.5


class Videos:
    """The team's videos. Every method takes a video or its id."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        image: ImageInput,
        prompt: str,
        *,
        idempotency_key: str | None = None,
        cancel_after: int | None = None,
        **fields: Any,
    ) -> Video:
        """Asks for a video and returns at once. `fields` are those of the API: preset, resolution, num_frames, …

        image: a path, bytes, an open file, or an address, where the portal fetches those.
        cancel_after: seconds in which it has to have been started.
        """
        spec = api_requests.create(
            image, prompt, idempotency_key=idempotency_key, cancel_after=cancel_after, options=fields
        )
        return Video.from_json(self._transport.json(spec))

    def quote(self, image: ImageInput, prompt: str, **fields: Any) -> Quote:
        """What it would cost, without asking for it."""
        return Quote.from_json(self._transport.json(api_requests.quote(image, prompt, options=fields)))

    def retrieve(self, video: str | Video, *, wait: float = 0) -> Video:
        """Where it stands. wait: seconds that the answer may be held back until that changes."""
        return Video.from_json(self._transport.json(api_requests.get(get_id(video), wait=wait)))

    def events(self, video: str | Video, *, last_event_id: str | None = None) -> Iterator[Event]:
        """What happens to it, as it happens, until its end: StatusEvent, ProgressEvent, PreviewEvent.

        Goes on by itself where the line breaks. Where the server has no stream for us, its status is asked for instead,
        which knows no previews. last_event_id: the `id` of the last event that was seen, to go on behind it.
        """
        following = self._follower(get_id(video), last_event_id)
        try:
            yield from self._stream_events(following)
        except StreamUnavailable:
            while not following.is_finished:
                started = time.monotonic()
                yield from following.new_events(self.retrieve(following.video_id, wait=following.long_poll_seconds))
                _sleep_until_next_poll(started)

    def wait(
        self,
        video: str | Video,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Video], None] | None = None,
    ) -> Video:
        """The completed video. Raises VideoNotMade, or WaitTimeout after so many seconds; it then goes on.

        on_progress: is called with the video as it stands, for each of its events.
        """
        end = None if timeout is None else time.monotonic() + timeout
        seen = self.retrieve(video)
        if on_progress and not seen.is_finished:
            on_progress(seen)
            # What is left then is asked for: such an answer ends in time, a stream when it has something to say.
            seen = self._wait_on_stream(seen, on_progress, until=None if end is None else end - MAX_LONG_POLL_SECONDS)
        long_poll_seconds = PROGRESS_LONG_POLL_SECONDS if on_progress else MAX_LONG_POLL_SECONDS
        while not seen.is_finished:
            left = math.inf if end is None else end - time.monotonic()
            if left <= 0:
                raise WaitTimeout(f"{seen.id} is {seen.status} at {seen.progress} %. It goes on; wait again.")
            started = time.monotonic()
            seen = self.retrieve(video, wait=min(long_poll_seconds, left))
            _sleep_until_next_poll(started, left)
            if on_progress and not seen.is_finished:
                on_progress(seen)
        if on_progress:
            on_progress(seen)
        if not seen.is_completed:
            raise VideoFailed(seen)
        return seen

    def list(self, **filters: Any) -> Iterator[Video]:
        """All videos of the team, newest first, page after page. filters: status, model, q, order, limit of a page."""
        return map(Video.from_json, self._transport.pages("/v1/videos", filters))

    def cancel(self, video: str | Video) -> Video:
        return Video.from_json(self._transport.json(api_requests.cancel(get_id(video))))

    def remix(self, video: str | Video, *, idempotency_key: str | None = None, **changes: Any) -> Video:
        """A new video from the same picture, with some fields changed."""
        spec = api_requests.remix(get_id(video), changes, idempotency_key=idempotency_key)
        return Video.from_json(self._transport.json(spec))

    def delete(self, video: str | Video) -> None:
        self._transport.json(api_requests.delete(get_id(video)))

    def download(
        self,
        video: str | Video,
        path: str | os.PathLike[str],
        *,
        variant: str = "video",
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Writes a video into a file, which appears only when it is whole. Goes on where the line breaks.

        variant: video, gif, thumbnail, spritesheet. on_bytes: is called with the bytes so far, and in all (or None).
        """
        return self._transport.download(api_requests.content(get_id(video), variant), path, on_bytes=on_bytes)

    def _follower(self, video_id: str, last_event_id: str | None = None) -> EventFollower:
        return EventFollower(video_id, last_event_id, max_failures=self._transport.max_retries)

    def _stream_events(self, following: EventFollower, *, until: float | None = None) -> Iterator[Event]:
        """The stream's events, over as many lines as it takes. Raises NoStream."""
        while not following.is_finished and (until is None or time.monotonic() < until):
            error: Exception | None = None
            try:
                with self._transport.stream(following.spec()) as response:
                    following.read_headers(response)
                    for piece in response.iter_bytes():
                        yield from following.feed(piece)
                        if following.is_finished or (until is not None and time.monotonic() > until):
                            return
            except STREAM_ERRORS as fault:
                error = fault
            if not following.is_finished:
                time.sleep(following.retry_delay(error))

    def _wait_on_stream(self, seen: Video, on_progress: Callable[[Video], None], *, until: float | None) -> Video:
        """The video as it stood when its stream ended."""
        following = self._follower(seen.id)
        with suppress(StreamUnavailable):
            for event in self._stream_events(following, until=until):
                now = seen.apply_event(event)
                if now != seen and not now.is_finished:
                    on_progress(now)
                    seen = now
        return self.retrieve(seen)


def _sleep_until_next_poll(started: float, left: float = MAX_LONG_POLL_SECONDS) -> None:
    """A server that does not hold answers back must not be asked without pause."""
    time.sleep(max(0.0, min(MIN_POLL_INTERVAL_SECONDS - (time.monotonic() - started), left)))
