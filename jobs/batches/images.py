"""The images that requests of a batch share: each one is read once for many requests."""

from functools import lru_cache
from io import SEEK_END
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings

from accounts.models import Team
from common.errors import Detail, invalid_fields
from common.messages import Message
from inference.image_decoding.pool import DecodedImage
from jobs.batches.bodies import BatchBody
from jobs.storage.files import load_source_image
from jobs.videos.selectors import find_video
from jobs.videos.source_images import decode_base64, fetch_image, read_video_frame
from jobs.videos.submission import RequestImage, read_source_image

# The number of decoded images that are kept in memory, of some megabytes each.
_CACHE_SIZE = 6


class BatchImages:
    """Reads the images that requests refer to by name, URL or video."""

    def __init__(self, batch_body: BatchBody, team: Team) -> None:
        self._uploaded, self._team = batch_body.images, team
        self._by_name = lru_cache(_CACHE_SIZE)(self._read_uploaded)
        self._by_video = lru_cache(_CACHE_SIZE)(self._read_source)
        self._by_frame = lru_cache(_CACHE_SIZE)(self._read_frame)
        self._disk_cache = TemporaryFile()  # noqa: SIM115 (see close)
        # By URL: start and end in the file, and the size of the image.
        self._by_url: dict[str, tuple[int, int, tuple[int, int]]] = {}

    def close(self) -> None:
        """Delete the file."""
        self._disk_cache.close()

    def image_of(self, values: dict[str, Any]) -> RequestImage | None:
        """Return the image; None if the request contains its own. Reading it raises NotFound, Gone or its error."""
        if "source_video" in values:
            return RequestImage("source_video", lambda: self._by_video(values["source_video"]))
        return self._shared_image(values, "image")

    def last_image_of(self, values: dict[str, Any]) -> RequestImage | None:
        """Do the same for the last image."""
        return self._shared_image(values, "last_image")

    def _shared_image(self, values: dict[str, Any], image: str) -> RequestImage | None:
        by_url, by_name, by_frame = f"{image}_url", f"{image}_name", f"{image}_video"
        if by_url in values:
            return RequestImage(by_url, lambda: self._fetch_once(by_url, values[by_url]))
        if by_name in values:
            return RequestImage(by_name, lambda: self._by_name(by_name, values[by_name]))
        if by_frame in values:
            return RequestImage(by_frame, lambda: self._by_frame(by_frame, **values[by_frame]))
        return None

    def _fetch_once(self, field: str, url: str) -> DecodedImage:
        """Return the image at the URL. It is fetched once for validation and all requests, because it may change.

        Images are kept on disk, up to the size limit of a batch's body. The images beyond that are fetched again.
        """
        if url in self._by_url:
            start, end, size = self._by_url[url]
            self._disk_cache.seek(start)
            return DecodedImage(self._disk_cache.read(end - start), size)
        image = read_source_image(field, fetch_image(field, url, team=self._team), team=self._team)
        start = self._disk_cache.seek(0, SEEK_END)
        end = start + len(image.png)
        if end <= settings.MAX_BATCH_BODY_BYTES:
            self._disk_cache.write(image.png)
            self._by_url[url] = start, end, image.size
        return image

    def _read_uploaded(self, field: str, name: str) -> DecodedImage:
        uploaded = self._uploaded.get(name)
        if uploaded is None:
            message = Message("This batch was sent without images. Send the image '%(name)s' with it.", {"name": name})
            if self._uploaded:
                message = Message(
                    "No image '%(name)s' was sent with this batch. Send it, or use one of: %(known)s.",
                    {"name": name, "known": ", ".join(sorted(self._uploaded))[:200]},
                )
            raise invalid_fields(Detail((field,), message, "unknown_picture"), code="unknown_picture")
        if isinstance(uploaded, str):
            return read_source_image(field, decode_base64(field, uploaded), team=self._team)
        uploaded.seek(0)
        return read_source_image(field, uploaded.read(), team=self._team)

    def _read_frame(self, field: str, *, id: str, at: str) -> DecodedImage:  # noqa: A002 (the name of the field)
        return read_video_frame(field, {"id": id, "at": at}, team=self._team)

    def _read_source(self, video_id: str) -> DecodedImage:
        video = find_video(self._team, video_id)
        return read_source_image("source_video", load_source_image(video, param="source_video"), team=self._team)
