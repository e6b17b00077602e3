"""The pictures that requests of a batch share: each is read once and serves many."""

from functools import lru_cache
from io import SEEK_END
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage

from accounts.models import Team
from common.errors import Gone, InvalidField
from jobs.batches.bodies import BatchBody
from jobs.videos.selectors import find_video
from jobs.videos.source_images import decode_base64, fetch_image
from jobs.videos.submission import SourceImage, read_source_image

# Decoded pictures that are kept at a time: some megabytes each.
_CACHE_SIZE = 6


class BatchImages:
    """Gives the picture of each request that names one."""

    def __init__(self, batch_body: BatchBody, team: Team) -> None:
        self._uploaded, self._team = batch_body.images, team
        self._by_name = lru_cache(_CACHE_SIZE)(self._read_uploaded)
        self._by_video = lru_cache(_CACHE_SIZE)(self._read_source)
        self._disk_cache = TemporaryFile()  # noqa: SIM115 (see close)
        # Where on disk the picture of an address begins and ends, and its size.
        self._by_url: dict[str, tuple[int, int, tuple[int, int]]] = {}

    def close(self) -> None:
        """Gives back what lies on disk."""
        self._disk_cache.close()

    def for_request(self, values: dict[str, Any]) -> SourceImage | None:
        """None where the request brings its own. Raises what reading a picture does, NotFound and Gone."""
        if "image_url" in values:
            return self._fetch_once(values["image_url"])
        if "image_name" in values:
            return self._by_name(values["image_name"])
        return self._by_video(values["source_video"]) if "source_video" in values else None

    def _fetch_once(self, url: str) -> SourceImage:
        """However often it is named, and whether it was only checked before: a picture may change at its address.

        Kept on disk: as much as a batch may bring itself. What is more is fetched again.
        """
        if url in self._by_url:
            start, end, size = self._by_url[url]
            self._disk_cache.seek(start)
            return SourceImage(self._disk_cache.read(end - start), size)
        picture = read_source_image("image_url", fetch_image(url, team=self._team))
        start = self._disk_cache.seek(0, SEEK_END)
        end = start + len(picture.png)
        if end <= settings.MAX_BATCH_BODY_BYTES:
            self._disk_cache.write(picture.png)
            self._by_url[url] = start, end, picture.size
        return picture

    def _read_uploaded(self, name: str) -> SourceImage:
        uploaded = self._uploaded.get(name)
        if uploaded is None:
            known = ", ".join(sorted(self._uploaded))[:200] or "none"
            message = f"image_name: No picture {name!r} came with this batch. Pictures that came: {known}."
            raise InvalidField(message, code="unknown_picture", param="image_name")
        if isinstance(uploaded, str):
            return read_source_image("image_name", decode_base64("image_name", uploaded))
        uploaded.seek(0)
        return read_source_image("image_name", uploaded.read())

    def _read_source(self, video_id: str) -> SourceImage:
        video = find_video(self._team, video_id)
        gone = Gone("The picture of this video was deleted. Send it again.", param="source_video")
        if video.is_gone:
            raise gone
        try:
            with default_storage.open(video.source_key) as file:
                return read_source_image("source_video", file.read())
        except FileNotFoundError:
            raise gone from None
