"""The asynchronous client."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from mutoscope import api_requests
from mutoscope.api_requests import ImageInput
from mutoscope.async_batches import AsyncBatches
from mutoscope.async_videos import AsyncVideos
from mutoscope.models import Video
from mutoscope.options import resolve_options
from mutoscope.proxies import async_client
from mutoscope.transport import AsyncTransport


class AsyncMutoscope:
    """Asynchronous client with the methods of `Mutoscope`. Use it in `async with`, or await `close()`."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 4,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        options = resolve_options(base_url, api_key)
        self._transport = AsyncTransport(
            options,
            timeout=timeout,
            max_retries=max_retries,
            http=http_client or async_client(options.base_url),
        )
        self.videos = AsyncVideos(self._transport)
        self.batches = AsyncBatches(self._transport)

    async def __aenter__(self) -> AsyncMutoscope:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        return self._transport.base_url

    async def close(self) -> None:
        await self._transport.http.aclose()

    async def generate(
        self,
        image: ImageInput,
        prompt: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Video], None] | None = None,
        **fields: Any,
    ) -> Video:
        """Creates a video and waits until it is completed: `videos.create` and `videos.wait`."""
        return await self.videos.wait(
            await self.videos.create(image, prompt, **fields), timeout=timeout, on_progress=on_progress
        )

    async def download(
        self,
        video: str | Video,
        path: str | os.PathLike[str],
        *,
        variant: str = "video",
        at: str | float | None = None,
    ) -> Path:
        """Downloads a completed video to a file. `videos.download` can report progress."""
        return await self.videos.download(video, path, variant=variant, at=at)

    async def models(self) -> list[dict[str, Any]]:
        return list((await self._transport.json(api_requests.catalogue("models")))["data"])

    async def presets(self) -> list[dict[str, Any]]:
        return list((await self._transport.json(api_requests.catalogue("presets")))["data"])

    async def limits(self) -> dict[str, Any]:
        """Returns the limits of the team's plan and what is left of its quotas."""
        return dict(await self._transport.json(api_requests.catalogue("limits")))

    async def usage(
        self, *, since: str | None = None, until: str | None = None, group_by: str | None = None
    ) -> dict[str, Any]:
        """Returns the usage of the team.

        since, until: dates such as 2026-11-22. group_by: day, member, key or model.
        """
        return dict(
            await self._transport.json(
                api_requests.catalogue("usage", **{"from": since, "to": until, "group_by": group_by})
            )
        )
