"""`client.videos`: methods for single videos."""

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

# Upper limit of the server for `wait`.
MAX_LONG_POLL_SECONDS = 30.0
MIN_POLL_INTERVAL_SECONDS = 0.5


class Videos:
    """Methods for the videos of the team. A video can be passed as an object or as its id."""

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
        """Creates a video and returns without waiting for it.

        image: a path, bytes, an open file, a VideoFrame, or a URL if the server allows image URLs.
        cancel_after: cancel the video if it has not started after this many seconds.
        fields: other fields of the API, such as preset, resolution and num_frames. `last_image` is like `image`.
        """
        spec = api_requests.create(
            image, prompt, idempotency_key=idempotency_key, cancel_after=cancel_after, options=fields
        )
        return Video.from_json(self._transport.json(spec))

    def quote(self, image: ImageInput, prompt: str, **fields: Any) -> Quote:
        """Returns the price of a video without creating it."""
        return Quote.from_json(self._transport.json(api_requests.quote(image, prompt, options=fields)))

    def retrieve(self, video: str | Video, *, wait: float = 0) -> Video:
        """Returns the current state of a video.

        wait: seconds for which the server may delay the response until the status changes.
        """
        return Video.from_json(self._transport.json(api_requests.get(get_id(video), wait=wait)))

    def events(self, video: str | Video, *, last_event_id: str | None = None) -> Iterator[Event]:
        """Yields the events of a video until it is finished: StatusEvent, ProgressEvent and PreviewEvent.

        Reconnects after a lost connection. If the server offers no stream, the video is polled, without PreviewEvent.
        last_event_id: the `id` of the last event that was received; the events after it follow.
        """
        follower = self._follower(get_id(video), last_event_id)
        try:
            yield from self._stream_events(follower)
        except StreamUnavailable:
            while not follower.is_finished:
                started = time.monotonic()
                yield from follower.new_events(self.retrieve(follower.video_id, wait=follower.long_poll_seconds))
                _sleep_until_next_poll(started)

    def wait(
        self,
        video: str | Video,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Video], None] | None = None,
    ) -> Video:
        """Waits until a video is finished and returns it.

        Raises VideoFailed if it is not completed. Raises WaitTimeout after `timeout` seconds; the video continues.
        on_progress: called with the updated video at each change.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        current = self.retrieve(video)
        if on_progress and not current.is_finished:
            on_progress(current)
            # The last seconds are polled: a long poll ends in time, but a stream can only be left when data arrives.
            current = self._wait_on_stream(
                current, on_progress, until=None if deadline is None else deadline - MAX_LONG_POLL_SECONDS
            )
        long_poll_seconds = PROGRESS_LONG_POLL_SECONDS if on_progress else MAX_LONG_POLL_SECONDS
        while not current.is_finished:
            remaining = math.inf if deadline is None else deadline - time.monotonic()
            if remaining <= 0:
                raise WaitTimeout(
                    f"{current.id} is {current.status} at {current.progress} %. Call wait() again to continue."
                )
            started = time.monotonic()
            current = self.retrieve(video, wait=min(long_poll_seconds, remaining))
            _sleep_until_next_poll(started, remaining)
            if on_progress and not current.is_finished:
                on_progress(current)
        if on_progress:
            on_progress(current)
        if not current.is_completed:
            raise VideoFailed(current)
        return current

    def list(self, **filters: Any) -> Iterator[Video]:
        """Yields all videos of the team, newest first.

        filters: status, model, q (text in the prompt), order, and limit (the size of a page).
        """
        return map(Video.from_json, self._transport.pages("/v1/videos", filters))

    def cancel(self, video: str | Video) -> Video:
        return Video.from_json(self._transport.json(api_requests.cancel(get_id(video))))

    def remix(self, video: str | Video, *, idempotency_key: str | None = None, **changes: Any) -> Video:
        """Creates a new video from the same image with some fields changed."""
        spec = api_requests.remix(get_id(video), changes, idempotency_key=idempotency_key)
        return Video.from_json(self._transport.json(spec))

    def extend(self, video: str | Video, *, idempotency_key: str | None = None, **changes: Any) -> Video:
        """Creates a video that begins with the last frame of this one. With `join=True` the file contains both."""
        spec = api_requests.extend(get_id(video), changes, idempotency_key=idempotency_key)
        return Video.from_json(self._transport.json(spec))

    def delete(self, video: str | Video) -> None:
        self._transport.json(api_requests.delete(get_id(video)))

    def download(
        self,
        video: str | Video,
        path: str | os.PathLike[str],
        *,
        variant: str = "video",
        at: str | float | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Path:
        """Downloads a video to a file, which is replaced only by a complete download. Resumes after a lost connection.

        variant: video, gif, thumbnail, spritesheet or frame. at: for a frame, `first`, `last` or a time in seconds.
        on_bytes: called with the number of bytes so far, and the total number or None.
        """
        return self._transport.download(api_requests.content(get_id(video), variant, at), path, on_bytes=on_bytes)

    def _follower(self, video_id: str, last_event_id: str | None = None) -> EventFollower:
        return EventFollower(video_id, last_event_id, max_failures=self._transport.max_retries)

    def _stream_events(self, follower: EventFollower, *, until: float | None = None) -> Iterator[Event]:
        """Yields the events of the stream and reconnects as necessary. Raises StreamUnavailable."""
        while not follower.is_finished and (until is None or time.monotonic() < until):
            error: Exception | None = None
            try:
                with self._transport.stream(follower.spec()) as response:
                    follower.read_headers(response)
                    for chunk in response.iter_bytes():
                        yield from follower.feed(chunk)
                        if follower.is_finished or (until is not None and time.monotonic() > until):
                            return
            except STREAM_ERRORS as stream_error:
                error = stream_error
            if not follower.is_finished:
                time.sleep(follower.retry_delay(error))

    def _wait_on_stream(self, current: Video, on_progress: Callable[[Video], None], *, until: float | None) -> Video:
        """Reports progress from the event stream and returns the video after the stream has ended."""
        follower = self._follower(current.id)
        with suppress(StreamUnavailable):
            for event in self._stream_events(follower, until=until):
                updated = current.apply_event(event)
                if updated != current and not updated.is_finished:
                    on_progress(updated)
                    current = updated
        return self.retrieve(current)


def _sleep_until_next_poll(started: float, remaining: float = MAX_LONG_POLL_SECONDS) -> None:
    """Keeps the minimum interval between two polls in case the server does not support long polling."""
    time.sleep(max(0.0, min(MIN_POLL_INTERVAL_SECONDS - (time.monotonic() - started), remaining)))
