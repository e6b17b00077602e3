"""The client for programs that wait for each call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from mutoscope import calls
from mutoscope.calls import Picture
from mutoscope.downloads import partial_file
from mutoscope.errors import VideoNotMade, WaitTimeout
from mutoscope.models import Quote, Video, id_of
from mutoscope.options import options
from mutoscope.transport import Transport

# The server holds an answer back for this long at most.
LONGEST_HOLD_SECONDS = 30.0
SHORTEST_ROUND_SECONDS = 0.5


class Mutoscope:
    """A portal, seen with one API key. Calls are sent again after faults that pass, with growing, jittered pauses.

    Use it as a context manager, or call `close()`; it may be used by several threads.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 4,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._transport = Transport(
            options(base_url, api_key), timeout=timeout, max_retries=max_retries, http=http_client or httpx.Client()
        )

    def __enter__(self) -> Mutoscope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.http.close()

    def create(
        self,
        image: Picture,
        prompt: str,
        *,
        idempotency_key: str | None = None,
        cancel_after: int | None = None,
        **fields: Any,
    ) -> Video:
        """Asks for a video and returns at once. `fields` are those of the API: preset, resolution, num_frames, …

        image: a path, bytes, or an open file. cancel_after: seconds in which it has to have been started.
        """
        call = calls.create(image, prompt, idempotency_key=idempotency_key, cancel_after=cancel_after, options=fields)
        return Video.from_json(self._transport.json(call))

    def generate(
        self,
        image: Picture,
        prompt: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Video], None] | None = None,
        **fields: Any,
    ) -> Video:
        """Asks for a video and waits until it is made. Raises VideoNotMade or WaitTimeout."""
        return self.wait(self.create(image, prompt, **fields), timeout=timeout, on_progress=on_progress)

    def quote(self, image: Picture, prompt: str, **fields: Any) -> Quote:
        """What it would cost, without asking for it."""
        return Quote.from_json(self._transport.json(calls.quote(image, prompt, options=fields)))

    def get(self, video: str | Video, *, wait: float = 0) -> Video:
        """Where it stands. wait: seconds that the answer may be held back until that changes."""
        return Video.from_json(self._transport.json(calls.get(id_of(video), wait=wait)))

    def wait(
        self,
        video: str | Video,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Video], None] | None = None,
    ) -> Video:
        """The completed video. Raises VideoNotMade, or WaitTimeout after so many seconds; it then goes on."""
        end = None if timeout is None else time.monotonic() + timeout
        seen = self.get(video)
        while not seen.is_done:
            if on_progress:
                on_progress(seen)
            left = LONGEST_HOLD_SECONDS if end is None else end - time.monotonic()
            if left <= 0:
                raise WaitTimeout(f"{seen.id} is {seen.status} at {seen.progress} %. It goes on; wait again.")
            started = time.monotonic()
            seen = self.get(video, wait=min(LONGEST_HOLD_SECONDS, left))
            # A server that does not hold answers back must not be asked without pause.
            time.sleep(max(0.0, min(SHORTEST_ROUND_SECONDS - (time.monotonic() - started), left)))
        if on_progress:
            on_progress(seen)
        if not seen.is_completed:
            raise VideoNotMade(seen)
        return seen

    def videos(self, **filters: Any) -> Iterator[Video]:
        """All videos of the team, newest first, page after page. filters: status, model, q, order, limit of a page."""
        after = None
        while True:
            page = self._transport.json(calls.videos(after, filters))
            yield from map(Video.from_json, page["data"])
            if not page["has_more"]:
                return
            after = page["last_id"]

    def cancel(self, video: str | Video) -> Video:
        return Video.from_json(self._transport.json(calls.cancel(id_of(video))))

    def remix(self, video: str | Video, *, idempotency_key: str | None = None, **changes: Any) -> Video:
        """A new video from the same picture, with some fields changed."""
        return Video.from_json(
            self._transport.json(calls.remix(id_of(video), changes, idempotency_key=idempotency_key))
        )

    def delete(self, video: str | Video) -> None:
        self._transport.json(calls.delete(id_of(video)))

    def download(self, video: str | Video, path: str | os.PathLike[str], *, variant: str = "video") -> Path:
        """Writes a video into a file, which appears only when it is whole. variant: video or thumbnail."""
        call = calls.content(id_of(video), variant)
        with partial_file(path) as file, self._transport.stream(call) as response:
            for part in response.iter_bytes():
                file.write(part)
        return Path(path)

    def models(self) -> list[dict[str, Any]]:
        return list(self._transport.json(calls.catalogue("models"))["data"])

    def presets(self) -> list[dict[str, Any]]:
        return list(self._transport.json(calls.catalogue("presets"))["data"])

    def limits(self) -> dict[str, Any]:
        """What is allowed and left."""
        return dict(self._transport.json(calls.catalogue("limits")))

    def usage(
        self, *, since: str | None = None, until: str | None = None, group_by: str | None = None
    ) -> dict[str, Any]:
        """What was used. Dates as 2026-11-22; group_by: day, member, key, model."""
        return dict(
            self._transport.json(calls.catalogue("usage", **{"from": since, "to": until, "group_by": group_by}))
        )
