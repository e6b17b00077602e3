"""The synchronous client."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from mutoscope import api_requests
from mutoscope.api_requests import ImageInput
from mutoscope.batches import Batches
from mutoscope.models import Video
from mutoscope.options import resolve_options
from mutoscope.proxies import sync_client
from mutoscope.transport import Transport
from mutoscope.videos import Videos


class Mutoscope:
    """Client of a Mutoscope server. Retries after transient errors with exponential backoff and jitter.

    Use it as a context manager or call `close()`. It is safe to use from several threads.
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
        options = resolve_options(base_url, api_key)
        self._transport = Transport(
            options,
            timeout=timeout,
            max_retries=max_retries,
            http=http_client or sync_client(options.base_url),
        )
        self.videos = Videos(self._transport)
        self.batches = Batches(self._transport)

    def __enter__(self) -> Mutoscope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        return self._transport.base_url

    def close(self) -> None:
        self._transport.http.close()

    def generate(
        self,
        image: ImageInput,
        prompt: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Video], None] | None = None,
        **fields: Any,
    ) -> Video:
        """Creates a video and waits until it is completed: `videos.create` and `videos.wait`."""
        return self.videos.wait(self.videos.create(image, prompt, **fields), timeout=timeout, on_progress=on_progress)

    def download(
        self,
        video: str | Video,
        path: str | os.PathLike[str],
        *,
        variant: str = "video",
        at: str | float | None = None,
    ) -> Path:
        """Downloads a completed video to a file. `videos.download` can report progress."""
        return self.videos.download(video, path, variant=variant, at=at)

    def models(self) -> list[dict[str, Any]]:
        return list(self._transport.json(api_requests.catalogue("models"))["data"])

    def presets(self) -> list[dict[str, Any]]:
        return list(self._transport.json(api_requests.catalogue("presets"))["data"])

    def limits(self) -> dict[str, Any]:
        """Returns the limits of the team's plan and what is left of its quotas."""
        return dict(self._transport.json(api_requests.catalogue("limits")))

    def usage(
        self, *, since: str | None = None, until: str | None = None, group_by: str | None = None
    ) -> dict[str, Any]:
        """Returns the usage of the team.

        since, until: dates such as 2026-11-22. group_by: day, member, key or model.
        """
        return dict(
            self._transport.json(api_requests.catalogue("usage", **{"from": since, "to": until, "group_by": group_by}))
        )
