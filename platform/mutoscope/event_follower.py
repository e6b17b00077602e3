"""Follows the events of one video across connections. Does not send anything itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from mutoscope import api_requests
from mutoscope.api_requests import RequestSpec
from mutoscope.errors import ApiError, AuthenticationError, ConnectionFailed, PermissionDenied, ServerError
from mutoscope.events import Event, PreviewEvent, ProgressEvent, StatusEvent, parse_event
from mutoscope.models import Video
from mutoscope.retries import backoff_delay
from mutoscope.sse import Parser

# A long poll returns at once when the status changes, but reports new progress only at its end.
PROGRESS_LONG_POLL_SECONDS = 2.0
_DEFAULT_RETRY_SECONDS = 2.0
_NO_CONTENT = 204


class StreamUnavailable(Exception):
    """The server offers no event stream for this client, which has to poll the status instead."""


class EventFollower:
    """State of one subscriber. Returns every event once, whether it comes from the stream or from polling."""

    def __init__(self, video_id: str, last_event_id: str | None = None, *, max_failures: int = 4) -> None:
        self.video_id, self.last_event_id = video_id, last_event_id or ""
        self.is_finished = False
        self._status: tuple[str, int] | None = None
        self._progress = 0
        self._seen_ids: set[str] = set()
        self._failures, self._max_failures = 0, max_failures
        self._retry_seconds = _DEFAULT_RETRY_SECONDS
        self._parser = Parser()

    def spec(self) -> RequestSpec:
        return api_requests.events(self.video_id, self.last_event_id)

    def read_headers(self, response: httpx.Response) -> None:
        """Processes the headers of a response. Raises StreamUnavailable if it is not an event stream."""
        self._parser = Parser(self.last_event_id)
        if response.status_code == _NO_CONTENT:
            self.is_finished = True
        elif not response.headers.get("Content-Type", "").startswith("text/event-stream"):
            raise StreamUnavailable

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yields the new events in a chunk of the stream."""
        for message in self._parser.feed(chunk):
            self._failures = 0
            self.last_event_id = message.id
            event = parse_event(message)
            if event is None or (message.id and message.id in self._seen_ids):
                continue
            self._seen_ids.add(message.id)
            self._record(event)
            yield event
        self._retry_seconds = self._parser.retry_seconds or self._retry_seconds

    def retry_delay(self, error: Exception | None) -> float:
        """Returns the seconds until the next connection. Without an error the server ended the stream and set them.

        Raises StreamUnavailable if another connection would fail too, and the error itself if polling would fail too.
        """
        if error is None:
            return self._retry_seconds
        if isinstance(error, AuthenticationError | PermissionDenied):
            raise error
        if not isinstance(error, httpx.TransportError | ConnectionFailed | ServerError):
            raise StreamUnavailable from error
        self._failures += 1
        if self._failures > self._max_failures:
            raise StreamUnavailable from error
        return backoff_delay(self._failures)

    @property
    def long_poll_seconds(self) -> float:
        """Seconds for which the server may delay the next poll; 0 for the first poll."""
        return PROGRESS_LONG_POLL_SECONDS if self._status else 0

    def new_events(self, video: Video) -> Iterator[Event]:
        """Yields the events that a polled video implies and that were not returned before."""
        attempt = int(video.raw.get("attempt", 0))
        # A model without steps counts frames.
        steps = int(video.raw.get("steps") or video.raw.get("num_frames") or 0)
        if (video.status, attempt) != self._status:
            status = StatusEvent("", video.id, video.status, attempt, video.error_code, video.error_message)
            self._record(status)
            yield status
        if video.status == "in_progress" and video.progress > self._progress:
            step = round(steps * video.progress / 100)
            progress = ProgressEvent("", video.id, attempt, video.progress, step, steps, video.eta_seconds)
            self._record(progress)
            yield progress

    def _record(self, event: Event) -> None:
        if isinstance(event, StatusEvent):
            if (event.status, event.attempt) != self._status:
                self._status, self._progress = (event.status, event.attempt), 0
            self.is_finished = event.is_finished
        elif not isinstance(event, PreviewEvent):
            self._progress = event.progress


# Errors of a stream, to be passed to `EventFollower.retry_delay`.
STREAM_ERRORS = (httpx.TransportError, ApiError, ConnectionFailed)
